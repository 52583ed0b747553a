"""One run beside another: curves in one chart, the other's pictures below."""

import streamlit as st

from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.runs import store
from ebgfn.runs.folder import RunFolder
from ebgfn.ui import curves, frame, landscape_view, plots, training_panel, watching

NOTHING = "nothing"
ABSENT = "The run to compare with, in the address, is not here or has other data or bits; comparing with nothing."


def candidates(shown: Toy2DConfig, *, but: str) -> dict[str, RunFolder]:
    """Runs of the same data and resolution that this visitor may see, newest first."""
    found = {}
    for run in store.list_runs():
        status = run.status
        if run.id == but or status.state == "damaged" or not training_panel.mine(status):
            continue
        config = run.config
        if config.kind == shown.kind and _data(config) == _data(shown):
            found[run.id] = run
    return found


def _data(config: Toy2DConfig) -> tuple:
    return config.dataset, config.bits, config.weights


def short(config: Toy2DConfig) -> str:
    """A name for the legend."""
    return f"{config.preset} {config.budget_s:g} s" if config.steps is None else f"{config.preset} {config.steps} steps"


def curves_and_other(
    scene: plots.Scene,
    name: str,
    columns: dict[str, list[float]],
    *,
    config: Toy2DConfig,
    but: str = "",
    end_s: float = 0.0,
) -> None:
    """Curves of what is shown, with those of the run chosen for comparison, and that run's pictures."""
    others = candidates(config, but=but)
    other = None
    if "compare" not in st.session_state:
        frame.hold("compare", (NOTHING, *others).__contains__, ABSENT)
    if others:
        # The address holds an option as it is written here, so the names are the runs' own.
        options = (NOTHING, *others)
        chosen = st.selectbox("Compare with", options, key="compare", bind="query-params", width=460)
        other = others.get(chosen)
    if not columns and other is None:
        return
    runs = {name: columns} if columns else {}
    if other is not None and (lines := watching.rows(other)):
        label = short(other.config)
        runs[label if label not in runs else f"{label} (other)"] = watching.columns(lines)
        end_s = max(end_s, other.config.budget_s if other.config.steps is None else 0.0)
    if runs:
        curves.draw(runs, floor=scene.floor, end_s=end_s, key="curves")
    if other is not None:
        st.header(f"Compared: {watching.describe(other.config)}", anchor=False)
        lines, ended = watching.rows(other), other.status.finished
        view = watching.at_rest(other, lines) if ended else watching.scene(other, lines, newest_only=False)
        if view is None:
            st.caption("It has no pictures yet: it waits for its turn, or has just begun.")
        else:
            landscape_view.draw(view, key="landscape_other")
