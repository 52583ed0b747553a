"""The Ising page's second half: which spins are coupled, and how strongly, learned from samples alone."""

from pathlib import Path

import numpy as np
import streamlit as st

from ebgfn.problems.ising.config import IsingConfig
from ebgfn.runs.folder import RunFolder
from ebgfn.ui import (
    bonds,
    couplings_files,
    couplings_view,
    frame,
    preview,
    recover_form,
    recovered,
    scores,
    shipped,
    training_panel,
    upload_panel,
    watching,
    words,
)
from ebgfn.ui.couplings_view import Scene
from ebgfn.ui.recover_form import FILE, LATTICE, SHIPPED, WAYS, way_of

LEAD = """Now the other way round: given samples only, **which spins are coupled, and how strongly?** EB-GFN learns an
energy $E(s) = -s^T J s$ with an unknown matrix $J$ of couplings, and a GFlowNet that samples from it as it changes; what
the samples of the two differ in says how to change $J$. Nothing tells it who is whose neighbour."""
HOW_TO_READ = """**Matrices:** entry (i, j) is the coupling of spins i and j, on one colour scale: orange where they like to
agree, blue where they like to differ, the background's colour where there is none. **log colours** lifts what is faint.
{lattice} **Samples:** if the model is right, those of the GFlowNet look like the data. Point at a picture, or focus one and
use the arrow keys, to read both values; + and − zoom, 0 shows all."""
ON_LATTICE = """**On the lattice:** a line for each coupling that is not zero; lines at the border go on at the other side.
Bows between spins that are no neighbours are mistakes, and a dotted line is a coupling that was missed."""
ON_CIRCLE = "**On a circle:** the columns of the file in their order, a line for each coupling that is not zero."
NOTHING_SHIPPED = (
    "No model of recovered couplings comes with the app. Choose **A lattice, live** and train one: a minute does."
)
PRESS = "Press **Recover**: the matrix appears here within seconds and sharpens while it is trained."


def show() -> None:
    """The section below its heading."""
    st.markdown(LEAD, width=860)
    run = training_panel.current(recovered.KINDS)
    frame.hold_choice("samples_of", WAYS, "The kind of samples")
    way = st.segmented_control(
        "Samples of", WAYS, default=_first(run), required=True, key="samples_of", bind="query-params"
    )
    training_panel.say_refusal()
    try:
        if way not in (LATTICE, FILE):
            show_shipped()
            return
        with st.container(border=True):
            (recover_form.lattice if way == LATTICE else upload_panel.show)()
        if run is not None and way_of(run.config) == way:
            show_run(run)
        elif way == LATTICE:
            st.info(PRESS, icon=":material/model_training:")
    except ValueError as error:
        st.error(str(error), icon=":material/error:")


def _first(run: RunFolder | None) -> str:
    """The kind of samples to begin with: that of the run in the address. Settled once, as it makes the widget."""
    if "samples_of_default" not in st.session_state:
        st.session_state["samples_of_default"] = SHIPPED if run is None else way_of(run.config)
    return st.session_state["samples_of_default"]


def show_shipped() -> None:
    """The shipped model of one true coupling, its score and where it comes from."""
    names = recovered.names()
    if not names:
        st.info(NOTHING_SHIPPED, icon=":material/model_training:")
        return
    labels = {recovered.label(name): name for name in names}
    frame.hold_choice("recovered", tuple(labels), "The true coupling")
    first = next((label for label, name in labels.items() if recovered.config(name).sigma == 0.2), next(iter(labels)))
    label = st.segmented_control(
        "True coupling σ", tuple(labels), default=first, required=True, key="recovered", bind="query-params"
    )
    name = labels.get(label or first, labels[first])
    scene, folder = recovered.shipped_scene(name), shipped.root() / name
    card, config = preview.read_card(folder), recovered.config(name)
    at_rest(scene, folder, {}, seed=0)
    score_table(scene, config, preview.numeric(card))
    how_to_read(scene)
    words.provenance(card)


def at_rest(scene: Scene, folder: Path | None, columns: scores.Columns, *, seed: int) -> None:
    """Pictures and files of what does not change."""
    couplings_view.draw(scene, key="couplings")
    couplings_files.panel(scene, folder, columns, seed=seed)


def score_table(scene: Scene, config: IsingConfig, others: dict[str, float], *, waiting: bool = False) -> None:
    """How good the newest couplings are; without a truth, the strongest of them."""
    found = scene.moments[-1].couplings
    if scene.truth is None:
        table = bonds.strongest(found, side=scene.side)
        if not table["coupling"]:
            st.caption("No two columns are coupled, as far as these samples can tell.")
            return
        st.markdown(f"**The strongest couplings**, of {np.count_nonzero(found) // 2:,} that are not zero")
        st.dataframe(table, hide_index=True, column_config={"coupling": st.column_config.NumberColumn(format="%+.4f")})
        return
    ours = {scores.OURS: recovered.score(found, scene.truth)}
    homogeneous = config.couplings == "homogeneous"
    scores.table(others | ours, estimate=config.estimate, homogeneous=homogeneous, waiting=waiting)


def how_to_read(scene: Scene) -> None:
    """What the pictures say, in a few sentences."""
    st.markdown(HOW_TO_READ.format(lattice=ON_LATTICE if scene.side else ON_CIRCLE), width=860)


def show_run(run: RunFolder) -> None:
    """A run: looked at again and again while it goes on, else at rest."""
    ticking = training_panel.lively(run.status) or recovered.beside(run.config)[1]
    st.session_state["whole_couplings"] = True
    st.fragment(watch, run_every=training_panel.TICK_S if ticking else None)(run, ticking)


def watch(run: RunFolder, ticking: bool) -> None:
    """One look at a run. Ticks send only the newest moment: the view keeps those it has seen."""
    whole, status = st.session_state.pop("whole_couplings", False), run.status
    others, waiting = recovered.beside(run.config)
    still = ticking and not waiting and not training_panel.lively(status)
    if not whole and (training_panel.changed(status) or still):
        st.rerun()
    training_panel.remember(status)
    training_panel.keep_alive(force=whole)
    try:
        st.caption(watching.describe(run.config))
        training_panel.bar(run, status)
        moving = status.state in training_panel.ACTIVE
        lines = watching.rows(run)
        scene = recovered.scene(run, lines, newest_only=moving and not whole)
        if scene is None:
            text = "The first picture comes as soon as training has begun." if moving else "This run has no pictures."
            st.info(text, icon=":material/hourglass_top:")
            return
        run_pictures(run, scene, scores.columns(lines), moving=moving)
        score_table(scene, run.config, others, waiting=waiting)
        how_to_read(scene)
    except ValueError as error:
        st.error(str(error), icon=":material/error:")


def run_pictures(run: RunFolder, scene: Scene, columns: scores.Columns, *, moving: bool) -> None:
    """A run's couplings and curves; its files once it is at rest."""
    config = run.config
    if moving:
        couplings_view.draw(scene, key="couplings")
    else:
        at_rest(scene, run.checkpoint if run.has_checkpoint else None, columns, seed=config.seed)
    if columns:
        others, _ = recovered.beside(config)
        end_s = config.budget_s if moving and not config.steps else 0.0
        scores.draw(columns, others, pairs=recovered.true_pairs(scene), end_s=end_s, key="scores")
