"""One run beside another: curves in one chart, the other's pictures below."""

import streamlit as st

from ebgfn.config import Toy2DConfig
from ebgfn.runs import store
from ebgfn.runs.folder import RunFolder
from ebgfn.ui import curves, frame, landscape_view, plots, training_panel, watching

NOTHING = "nothing"


def candidates(dataset: str, bits: int, *, but: str) -> dict[str, RunFolder]:
    """Runs of the same data and resolution that this visitor may see, newest first."""
    found = {}
    for run in store.list_runs():
        status = run.status
        if run.id == but or status.state == "damaged" or not training_panel.mine(status):
            continue
        config = run.config
        if (config.dataset, config.bits) == (dataset, bits):
            found[run.id] = run
    return found


def short(config: Toy2DConfig) -> str:
    """A name for the legend."""
    return f"{config.preset} {config.budget_s:g} s" if config.steps is None else f"{config.preset} {config.steps} steps"


def curves_and_other(
    scene: plots.Scene, name: str, columns: dict[str, list[float]], *, bits: int, but: str = "", end_s: float = 0.0
) -> None:
    """Curves of what is shown, with those of the run chosen for comparison, and that run's pictures."""
    others = candidates(scene.name, bits, but=but)
    other = None
    if others:
        frame.hold_choice("compare", (NOTHING, *others), "The run to compare with")
        labels = {NOTHING: NOTHING} | {
            i: f"{short(run.config)} · seed {run.config.seed} · {i}" for i, run in others.items()
        }
        chosen = st.selectbox(
            "Compare with", list(labels), format_func=labels.__getitem__, key="compare", bind="query-params", width=460
        )
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
        view = watching.scene(other, watching.rows(other), newest_only=False)
        if view is None:
            st.caption("It has no pictures yet: it waits for its turn, or has just begun.")
        else:
            landscape_view.draw(view, key="landscape_other")
