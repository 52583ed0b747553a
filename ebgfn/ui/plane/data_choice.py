"""Which data: one of the seven sets, or a density that the visitor draws."""

import streamlit as st

from ebgfn.problems.plane.densities import DENSITIES, DRAWN
from ebgfn.ui.components import density_canvas
from ebgfn.ui.plane import PLANE
from ebgfn.ui.shell import address, training

DRAW = "draw your own"
SETS = (*DENSITIES, DRAW)
DEFAULT = "checkerboard"

Weights = tuple[tuple[float, ...], ...] | None


def choose() -> str:
    """The set's name, or DRAWN. Another choice leaves the run that was shown."""
    address.hold_choice("data", SETS, "The data set")
    # A default that changed later would change the widget: it is settled by the address a visit began with.
    if "data_default" not in st.session_state:
        st.session_state["data_default"] = _first()
    first = st.session_state["data_default"]
    name = st.segmented_control(
        "Data", SETS, default=first, required=True, on_change=_chosen, **address.bound("data", SETS)
    )
    return DRAWN if name == DRAW else address.choice(name, SETS, DEFAULT)


def drawing() -> Weights:
    """The visitor's own density; None as long as nothing is drawn."""
    st.markdown("**Draw a density**, then train on it: data are drawn from your strokes, more where they are strong.")
    return density_canvas.weights(density_canvas.canvas(key="canvas"))


def _first() -> str:
    """The set to begin with: that of the run in the address, if there is one."""
    return _of_run() or DEFAULT


def _of_run() -> str | None:
    run = training.current(PLANE, quiet=True)
    if run is None:
        return None
    return DRAW if run.config.dataset == DRAWN else run.config.dataset


def _chosen() -> None:
    """Another set than the run's. Coming back to the page the widget reports a change, too, when there is none."""
    if st.session_state.get("data") != _of_run():
        training.forget()
