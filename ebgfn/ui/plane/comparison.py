"""One run of the plane beside another: curves in one chart, the other's pictures below."""

import streamlit as st

from ebgfn import problems
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.runs import store
from ebgfn.runs.folder import DAMAGED, RunFolder
from ebgfn.ui.components import landscape_view
from ebgfn.ui.components.landscape_view import Landscape
from ebgfn.ui.components.line_charts import Marks
from ebgfn.ui.plane import PLANE, preview, run_pictures, training_curves
from ebgfn.ui.shell import address, history, run_bar, training
from ebgfn.ui.shell.history import Columns

NOTHING = "nothing"
ABSENT = "The run in the address to compare with does not exist, or has different data or bits; nothing is compared."


def candidates(shown: Toy2DConfig, *, but: str) -> dict[str, RunFolder]:
    """Runs of the same data and resolution that this visitor may see, newest first."""
    found = {}
    for run in store.list_runs():
        status = run.status
        if run.id == but or status.state == DAMAGED or not training.mine(status):
            continue
        if problems.of(run.config) is PLANE and _data(run.config) == _data(shown):
            found[run.id] = run
    return found


def _data(config: Toy2DConfig) -> tuple:
    return config.dataset, config.bits, config.weights


def short(config: Toy2DConfig) -> str:
    """A name for the legend."""
    return f"{config.preset} {config.budget_s:g} s" if config.steps is None else f"{config.preset} {config.steps} steps"


def chosen(config: Toy2DConfig, *, but: str) -> RunFolder | None:
    """The run to compare with, if there is one and the visitor wants it."""
    others = candidates(config, but=but)
    options = (NOTHING, *others)
    if "compare" not in st.session_state:
        address.hold("compare", options.__contains__, ABSENT)
    if not others:
        return None
    # The address holds an option as it is written here, so the names are the runs' own.
    return others.get(st.selectbox("Compare with", options, width=460, **address.bound("compare")))


def curves_and_other(
    shown: Landscape,
    name: str,
    columns: Columns,
    *,
    config: Toy2DConfig,
    but: str = "",
    end_s: float = 0.0,
    turned: Marks = (),
) -> None:
    """Curves of what is shown, with those of the run chosen for comparison, and that run's pictures."""
    other = chosen(config, but=but)
    runs = {name: columns} if columns else {}
    lines = [] if other is None else history.lines(other)
    if other is not None and lines:
        label = short(other.config)
        runs[label if label not in runs else f"{label} (other)"] = preview.curves(lines)
        end_s = max(end_s, other.config.budget_s if other.config.steps is None else 0.0)
    if runs:
        training_curves.draw(runs, floor=shown.floor, end_s=end_s, key="curves", turned=turned)
    if other is not None:
        _pictures(other, lines)


def _pictures(other: RunFolder, lines: list[history.Metrics]) -> None:
    st.header(f"Compared: {run_bar.describe(other.config)}", anchor=False)
    ended = other.status.finished
    seen = run_pictures.at_rest(other, lines) if ended else run_pictures.seen(other, lines, newest_only=False)
    if seen is None:
        st.caption("It has no pictures yet: it is waiting its turn, or has just begun.")
    else:
        landscape_view.draw(seen, key="landscape_other")
