"""2D landscape: a density in the plane, the energy that models it and the GFlowNet that samples it; train them live."""

from pathlib import Path

import streamlit as st

from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.densities import DRAWN
from ebgfn.problems.plane.gray import FULL_BITS
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
REPLAY = "Load moments of its training, to play them or to scrub through them."


def show_shipped(dataset: str, bits: int, seed: int) -> None:
    """The shipped model of a set, or what to do where there is none."""
    folder = shipped.folder(dataset, bits) if dataset != DRAWN else None
    if folder is None:
        st.info(words.no_model(dataset, bits), icon=":material/model_training:")
        return
    if bits < FULL_BITS:
        scene, curves = exactly.scene(folder, source=dataset), {}
    else:
        seen = shipped.pictures(folder)
        replay = bool(seen.history) and st.toggle("Replay its training", key="replay", help=REPLAY)
        scene, curves = shipped.scene(dataset, seen, history=replay), seen.curves
    pictures(scene, folder, dataset, curves, seed, label="shipped", config=Toy2DConfig(dataset, bits=bits))
    words.provenance(shipped.card(dataset, bits))


def pictures(
    scene: Scene,
    folder: Path | None,
    name: str,
    columns: dict[str, list[float]],
    seed: int,
    *,
    label: str,
    config: Toy2DConfig,
) -> None:
    """Pictures, downloads and curves of what is at rest."""
    landscape_view.draw(scene, key="landscape")
    downloads.panel(folder, name, scene, columns, seed)
    comparing.curves_and_other(scene, label, columns, config=config, but=name)
    words.explain(scene)


def show_run(run: RunFolder, seed: int) -> None:
    """A run: looked at again and again while it goes on, else at rest."""
    ticking = training_panel.lively(run.status)
    st.session_state["whole"] = True
    st.fragment(watch, run_every=training_panel.TICK_S if ticking else None)(run, seed)


def watch(run: RunFolder, seed: int) -> None:
    """One look at a run. Ticks send only the newest picture: the view keeps those it has seen."""
    whole, status = st.session_state.pop("whole", False), run.status
    if not whole and training_panel.changed(status):
        st.rerun()
    training_panel.remember(status)
    training_panel.keep_alive(force=whole)
    training_panel.say_refusal()
    try:
        config, lines = run.config, watching.rows(run)
        st.caption(watching.describe(config))
        training_panel.bar(run, status)
        if status.state in training_panel.ACTIVE:
            moving(run, lines, newest_only=not whole)
        else:
            scene, folder = watching.at_rest(run, lines), run.checkpoint if run.has_checkpoint else None
            if scene is None:
                st.info("This run has no pictures: it ended before the first one.", icon=":material/hide_image:")
                return
            columns, label = watching.columns(lines), comparing.short(config)
            pictures(scene, folder, run.id, columns, seed, label=label, config=config)
    except ValueError as error:
        st.error(str(error), icon=":material/error:")


def moving(run: RunFolder, lines: list[dict[str, float]], *, newest_only: bool) -> None:
    """The newest picture of a run that goes on, and its curves so far."""
    scene, config = watching.scene(run, lines, newest_only=newest_only), run.config
    if scene is None:
        st.info("The first picture comes as soon as training has begun.", icon=":material/hourglass_top:")
        return
    landscape_view.draw(scene, key="landscape")
    end_s, columns = 0.0 if config.steps else config.budget_s, watching.columns(lines)
    comparing.curves_and_other(scene, comparing.short(config), columns, config=config, but=run.id, end_s=end_s)


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
