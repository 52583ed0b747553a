"""Acceptance and memory against K, measured on this machine beside a page that stays quick."""

import dataclasses
import json
from concurrent.futures import Future, ThreadPoolExecutor

import plotly.graph_objects as go
import streamlit as st

from ebgfn.model import Model
from ebgfn.problems.plane.mixing import BUDGETS, CHAINS, Mixing, compare
from ebgfn.ui import chain_source
from ebgfn.ui.chain_source import Source

# One measurement at a time, whoever asks: the processor belongs to the visitors' pictures.
_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mixing")
_OURS = "Back-and-forth"
# Strokes that can be told apart without colour.
_PEERS = {
    "Gibbs": ("#8a8f98", "dot"),
    "Gibbs-with-Gradients": ("#3b82c4", "dash"),
    "DMALA": ("#c77d0a", "dashdot"),
}
_NEWCOMER = ("#6b8f3d", "longdash")
_PICK = "#e0408a"


class Measurement:
    """Rows of a comparison as they come in."""

    def __init__(self, model: Model, budget: int):
        self.rows: list[Mixing] = []
        self.future: Future = _pool.submit(self._work, model, budget)

    def _work(self, model: Model, budget: int) -> None:
        for row in compare(model, budget=budget):
            self.rows.append(row)

    @property
    def done(self) -> bool:
        return self.future.done()


@st.cache_resource(max_entries=64, show_spinner=False)
def measurement(source: Source, budget: int) -> Measurement:
    """Started by the first visitor who asks, shared by all."""
    return Measurement(chain_source.model(source), budget)


def show(source: Source, budget: int) -> None:
    """Draw what is known and come back until all is."""
    state = measurement(source, budget)
    st.fragment(_draw, run_every=None if state.done else 0.5)(source, state, state.done)


def _draw(source: Source, state: Measurement, was_done: bool) -> None:
    if state.done and not was_done:
        st.rerun()  # once more as a whole, so that the polling ends
    rows = list(state.rows)
    expected = 3 + len(source_ladder(source))
    if not state.done:
        st.progress(
            len(rows) / expected,
            f"Measuring on this machine: {len(rows)} of {expected} kernels, a few seconds",
        )
    elif error := state.future.exception():
        st.error(f"The comparison stopped: {error}")
    left, right = st.columns(2)
    left.plotly_chart(
        figure(rows, "acceptance", "share of proposals accepted"),
        key="mixing_acceptance",
        alt=words(rows, "acceptance"),
    )
    right.plotly_chart(
        figure(rows, "memory", "memory of the start"),
        key="mixing_memory",
        alt=words(rows, "memory"),
    )
    if rows and state.done:
        _table(rows)


def source_ladder(source: Source) -> list[int]:
    from ebgfn.problems.plane.mixing import ladder

    return ladder(chain_source.model(source).dim)


def figure(rows: list[Mixing], field: str, title: str) -> go.Figure:
    """One quantity against K: our moves as a line with standard errors, every other kernel as a level."""
    ours = [row for row in rows if row.k is not None]
    largest = max((row.k or 1 for row in rows), default=1)
    drawing = go.Figure()
    drawing.add_scatter(
        x=[row.k for row in ours],
        y=[getattr(row, field) for row in ours],
        error_y={"array": [getattr(row, f"{field}_se") for row in ours], "thickness": 1.5, "width": 3},
        mode="lines+markers",
        name=_OURS,
        line={"color": _PICK, "width": 3},
        marker={"size": 9},
    )
    for row in (row for row in rows if row.k is None):
        colour, dash = _PEERS.get(row.kernel.split(",")[0], _NEWCOMER)
        level, line = [getattr(row, field)] * 2, {"color": colour, "dash": dash, "width": 2}
        drawing.add_scatter(x=[1, largest], y=level, mode="lines", name=row.kernel, line=line)
    top = (
        1.0 if field == "acceptance" else max(0.3, 1.15 * max((row.memory + row.memory_se for row in rows), default=0))
    )
    drawing.update_xaxes(
        title="K, bits voided and filled", type="log", tickvals=[row.k for row in ours], zeroline=False
    )
    drawing.update_yaxes(title=title, range=[-0.06 * top, 1.06 * top], zeroline=False)
    drawing.update_layout(
        height=380,
        margin={"t": 70, "b": 10, "l": 10, "r": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    return drawing


def words(rows: list[Mixing], field: str) -> str:
    """The figure as a sentence."""
    parts = [f"{row.kernel}{f' K = {row.k}' if row.k else ''} {getattr(row, field):.2f}" for row in rows]
    return f"{field.capitalize()} of each kernel: {'; '.join(parts) or 'being measured'}."


def records(rows: list[Mixing]) -> list[dict]:
    """Rows as plain values, fields that do not apply left out."""
    return [{k: v for k, v in dataclasses.asdict(row).items() if v is not None} for row in rows]


def _table(rows: list[Mixing]) -> None:
    with st.expander("The numbers"):
        st.dataframe(
            {
                "kernel": [f"{row.kernel}, K = {row.k}" if row.k else row.kernel for row in rows],
                "moves": [row.moves for row in rows],
                "network passes a chain": [row.passes for row in rows],
                "accepted": [f"{row.acceptance:.3f} ± {row.acceptance_se:.3f}" for row in rows],
                "memory": [f"{row.memory:.3f} ± {row.memory_se:.3f}" for row in rows],
                "seconds": [round(row.seconds, 3) for row in rows],
            },
            hide_index=True,
        )
        st.caption(
            f"{CHAINS} chains from data points, seed 0; ± one standard error over chains; seconds for all chains."
        )
    st.download_button(
        "Figure data (JSON)",
        lambda: json.dumps(records(rows), indent=1),
        file_name="mixing.json",
        mime="application/json",
        on_click="ignore",
        icon=":material/download:",
    )


__all__ = ["BUDGETS", "show"]
