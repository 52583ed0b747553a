"""2D landscape: a density in the plane, the energy that models it and the GFlowNet that samples it; train them live."""

from pathlib import Path

import streamlit as st

from ebgfn.data.gray import FULL_BITS
from ebgfn.data.toy2d import DRAWN
from ebgfn.runs.folder import RunFolder
from ebgfn.ui import (
    comparing,
    data_choice,
    downloads,
    exactly,
    frame,
    landscape_view,
    shipped,
    training_panel,
    watching,
    words,
)
from ebgfn.ui.plots import Scene

LEAD = """Points of the plane become vectors of bits. An **energy** $E(x)$ learns how probable each vector is, and a
**GFlowNet** learns to draw vectors with that probability, bit by bit, without any Markov chain. Both are shown beside
the data: what they have not learned yet is what you can see differ."""


def show_shipped(dataset: str, bits: int, seed: int) -> None:
    """The shipped model of a set, or what to do where there is none."""
    folder = shipped.folder(dataset, bits) if dataset != DRAWN else None
    if folder is None:
        st.info(words.no_model(dataset, bits), icon=":material/model_training:")
        return
    seen = shipped.pictures(folder)
    replay = bool(seen.history) and st.toggle(
        "Replay its training", key="replay", help="Load its moments, to play or scrub."
    )
    scene = shipped.scene(dataset, seen, history=replay) if bits == FULL_BITS else exactly.scene(folder, source=dataset)
    pictures(scene, folder, dataset, seen.curves, seed, label="shipped", bits=bits)
    words.provenance(shipped.card(dataset, bits))


def pictures(
    scene: Scene, folder: Path | None, name: str, columns: dict[str, list[float]], seed: int, *, label: str, bits: int
) -> None:
    """Pictures, downloads and curves of what is at rest."""
    landscape_view.draw(scene, key="landscape")
    downloads.panel(folder, name, scene, columns, seed)
    comparing.curves_and_other(scene, label, columns, bits=bits, but=name)
    words.explain(scene)


def show_run(run: RunFolder, seed: int) -> None:
    """A run: polled while it goes on, else at rest."""
    active = run.status.state in training_panel.ACTIVE
    st.session_state["whole"] = True
    st.fragment(watch, run_every=training_panel.TICK_S if active else None)(run, seed)


def watch(run: RunFolder, seed: int) -> None:
    """One look at a run. Ticks send only the newest picture: the view keeps those it has seen."""
    whole, status = st.session_state.pop("whole", False), run.status
    lines, config = watching.rows(run), run.config
    training_panel.keep_alive(force=whole)
    training_panel.say_refusal()
    st.caption(watching.describe(config))
    training_panel.bar(run, status)
    active = status.state in training_panel.ACTIVE
    if not whole and status.state != st.session_state.get("state_seen"):
        st.rerun()
    st.session_state["state_seen"] = status.state
    scene = watching.scene(run, lines, newest_only=active and not whole)
    if scene is None:
        st.info("The first picture comes as soon as training has begun.", icon=":material/hourglass_top:")
    elif active:
        landscape_view.draw(scene, key="landscape")
        end_s = 0.0 if config.steps else config.budget_s
        comparing.curves_and_other(
            scene, comparing.short(config), watching.columns(lines), bits=config.bits, but=run.id, end_s=end_s
        )
    else:
        if run.has_checkpoint and config.bits <= exactly.MAX_BITS:
            scene = exactly.scene(run.checkpoint, source=run.id)
        folder = run.checkpoint if run.has_checkpoint else None
        pictures(scene, folder, run.id, watching.columns(lines), seed, label=comparing.short(config), bits=config.bits)


frame.page("2D landscape", LEAD)
dataset, weights = data_choice.choose()
chosen = training_panel.box(dataset, weights)
current = training_panel.current()
training_panel.say_refusal()
try:
    if current is None:
        show_shipped(dataset, chosen.bits, chosen.seed)
    else:
        show_run(current, chosen.seed)
except ValueError as problem:
    st.error(str(problem), icon=":material/error:")
