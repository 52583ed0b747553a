"""Which data: one of the seven sets, or a density that the visitor draws."""

import streamlit as st

from ebgfn.problems.plane.densities import DENSITIES, DRAWN
from ebgfn.ui import drawing, frame, training_panel

DRAW = "draw your own"
SETS = (*DENSITIES, DRAW)
DEFAULT = "checkerboard"

Weights = tuple[tuple[float, ...], ...] | None


def choose() -> tuple[str, Weights]:
    """The set's name, and the drawing if it is one. Another choice leaves the run that was shown."""
    frame.hold_choice("data", SETS, "The data set")
    # A default that changed later would change the widget: it is settled by the address a visit began with.
    if "data_default" not in st.session_state:
        st.session_state["data_default"] = _first()
    name = st.segmented_control(
        "Data",
        SETS,
        default=st.session_state["data_default"],
        required=True,
        key="data",
        bind="query-params",
        on_change=training_panel.forget,
    )
    if name != DRAW:
        return (name if name in SETS else DEFAULT), None
    with st.container(border=True):
        st.markdown(
            "**Draw a density**, then train on it: data are drawn from your strokes, more where they are strong."
        )
        return DRAWN, drawing.weights(drawing.canvas(key="canvas"))


def _first() -> str:
    """The set to begin with: that of the run in the address, if there is one."""
    run = training_panel.current(quiet=True)
    name = run.config.dataset if run else DEFAULT
    return DRAW if name == DRAWN else name
