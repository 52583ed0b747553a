"""The Ising page's second half: which spins are coupled, and how strongly, learned from samples alone."""

import streamlit as st

from ebgfn.problems.ising.config import IsingConfig
from ebgfn.runs.folder import RunFolder, Status
from ebgfn.ui.components import couplings_view
from ebgfn.ui.components.couplings_view import Recovery
from ebgfn.ui.ising import (
    COUPLINGS,
    FILE,
    LATTICE,
    SHIPPED,
    WAYS,
    couplings_files,
    couplings_scenes,
    estimate_scores,
    peer_estimates,
    recovery_form,
    reliability,
    upload,
    way_of,
)
from ebgfn.ui.shell import address, history, models, run_bar, training
from ebgfn.ui.shell.background import Measurement
from ebgfn.ui.shell.frame import TEXT_WIDTH
from ebgfn.ui.shell.history import Columns

LEAD = """Now the other way round: given samples only, **which spins are coupled, and how strongly?** EB-GFN learns an
energy $E(s) = -s^T J s - h^T s$ with unknown couplings $J$ and fields $h$ (what each spin prefers on its own), and a
GFlowNet that samples from it as it changes; where these samples differ from the given ones, $J$ and $h$ are corrected.
Nothing tells it which spins are neighbours. Fields are left out where a sample and its mirror image (every spin flipped)
are equally likely."""
HOW_TO_READ = """**Matrices:** entry (i, j) is the coupling of spins i and j, on one colour scale: orange where they like to
agree, blue where they like to differ, the background's colour where there is none. **log colours** brings out faint values.
{lattice} **Samples:** if the model is right, those of the GFlowNet look like the data. Point at a picture, or focus one and
use the arrow keys, to read both values; + and − zoom, 0 shows all."""
ON_LATTICE = """**On the lattice:** a line for each coupling that is not zero; lines at the border continue on the other
side. Arcs between spins that are not neighbours are mistakes, and a dotted line is a coupling that was missed."""
ON_CIRCLE = "**On a circle:** the columns of the file in their order, a line for each coupling that is not zero."
NOTHING_SHIPPED = (
    "No model of recovered couplings comes with the app. Choose **A lattice, live** and train one: a minute is enough."
)
FIRST_SIGMA = 0.2
PRESS = "Press **Recover**: the matrix appears here within seconds and sharpens while it is trained."


def show() -> None:
    """The section below its heading."""
    st.markdown(LEAD, width=TEXT_WIDTH)
    run = training.current(COUPLINGS)
    address.hold_choice("samples_of", WAYS, "The kind of samples")
    way = st.segmented_control("Samples from", WAYS, default=_first(run), required=True, **address.bound("samples_of"))
    training.say_refusal()
    try:
        if way not in (LATTICE, FILE):
            show_shipped()
            return
        with st.container(border=True):
            (recovery_form.lattice if way == LATTICE else upload.show)()
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
    found = couplings_scenes.shipped_recoveries()
    if not found:
        st.info(NOTHING_SHIPPED, icon=":material/model_training:")
        return
    address.hold_choice("recovered", found, "The true coupling")
    first = next((label for label, one in found.items() if one.sigma == FIRST_SIGMA), next(iter(found)))
    label = st.segmented_control(
        "True coupling σ", list(found), default=first, required=True, **address.bound("recovered")
    )
    one = found[address.choice(label, found, first)]
    scene, card = one.scene(), models.card(one.stored.folder)
    state = reliability.measurement(one.stored.folder, one.config)
    couplings_view.draw(scene, key="couplings")
    couplings_files.panel(scene, one.stored.folder, {}, seed=0, state=state)
    reliability.show(scene, state)
    score_table(scene, one.config, models.figures(card))
    how_to_read(scene)
    models.provenance(card)


def score_table(scene: Recovery, config: IsingConfig, others: dict[str, float], *, waiting: bool = False) -> None:
    """How good the newest couplings are, where the true ones are known."""
    if scene.truth is not None:
        ours = {estimate_scores.OURS: peer_estimates.score(scene.snapshots[-1].couplings, scene.truth)}
        estimate_scores.table(others | ours, config, waiting=waiting)


def how_to_read(scene: Recovery) -> None:
    """What the pictures say, in a few sentences."""
    st.markdown(HOW_TO_READ.format(lattice=ON_LATTICE if scene.side else ON_CIRCLE), width=TEXT_WIDTH)


def show_run(run: RunFolder) -> None:
    """A run: looked at again and again while it goes on or others are fitted beside it, else at rest."""
    ticking = training.lively(run.status) or peer_estimates.scores(run.config)[1]

    def look(run: RunFolder, status: Status, *, whole: bool) -> None:
        others, waiting = peer_estimates.scores(run.config)
        if not whole and ticking and not waiting and not training.lively(status):
            st.rerun()
        run_bar.bar(run, status)
        moving, lines = status.state in training.ACTIVE, history.lines(run)
        scene = couplings_scenes.scene(run, lines, newest_only=moving and not whole)
        if scene is None:
            run_bar.without_pictures(status)
            return
        run_pictures(run, scene, history.columns(lines, estimate_scores.FIGURES), others, moving=moving)
        score_table(scene, run.config, others, waiting=waiting)
        if moving:
            reliability.show(scene, None)
        how_to_read(scene)

    training.watch(run, look, ticking=ticking)
    if run.status.finished:
        at_rest(run)


def at_rest(run: RunFolder) -> None:
    """How far the couplings of a run that has ended may be trusted."""
    scene = couplings_scenes.scene(run, history.lines(run), newest_only=True)
    if scene is not None:
        reliability.show(scene, _measurement(run))


def _measurement(run: RunFolder) -> Measurement | None:
    done = run.status.finished and run.has_checkpoint
    return reliability.measurement(run.checkpoint, run.config) if done else None


def run_pictures(run: RunFolder, scene: Recovery, columns: Columns, others: dict[str, float], *, moving: bool) -> None:
    """A run's couplings and curves; its files once it is at rest."""
    config = run.config
    couplings_view.draw(scene, key="couplings")
    if not moving:
        folder = run.checkpoint if run.has_checkpoint else None
        couplings_files.panel(scene, folder, columns, seed=config.seed, state=_measurement(run))
    if columns:
        end_s = config.budget_s if moving and not config.steps else 0.0
        pairs = couplings_scenes.true_pairs(scene)
        ours = estimate_scores.TRAINERS[config.trainer]
        estimate_scores.draw(columns, others, ours=ours, pairs=pairs, end_s=end_s, key="scores")
