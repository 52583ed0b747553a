"""Acceptance and memory against K, measured on this machine beside a page that stays quick."""

import dataclasses
import json
from collections.abc import Callable
from functools import partial

import streamlit as st

from ebgfn.core.policy import Tractable
from ebgfn.model import Model
from ebgfn.problems.plane.mixing import BUDGET, BUDGETS, CHAINS, Mixing, compare, cost, dearest, ladder, peers
from ebgfn.ui.components import line_charts
from ebgfn.ui.components.line_charts import Axis, Chart, Line
from ebgfn.ui.shell import address, background, downloads, models
from ebgfn.ui.shell.background import Measurement
from ebgfn.ui.shell.models import StoredModel


@st.cache_resource(max_entries=64, show_spinner=False)
def measurement(source: StoredModel, budget: int) -> Measurement:
    """Started by the first visitor who asks, shared by all."""
    return Measurement(compare(models.load(source), budget=budget))


def show(source: StoredModel) -> None:
    """Draw what is known and come back until all is."""
    model = models.load(source)
    address.hold_choice("budget", BUDGETS, "The budget")
    label = f"Budget of a chain, in moves of {dearest(model)} network passes"
    moves = st.radio(label, BUDGETS, BUDGETS.index(BUDGET), horizontal=True, **address.bound("budget"))
    budget = address.choice(moves, BUDGETS, BUDGET) * dearest(model)
    state = measurement(source, budget)
    figure = partial(figure_json, model=source.name, passes=budget)
    expected = len(peers()) + len(ladder(model.dim))
    background.follow(state, lambda: _draw(state, expected, figure))
    st.markdown(costs(model))


def costs(model: Model) -> str:
    """What moves cost, in words."""
    text = f"One move costs {cost(model, 1)} passes at K = 1 and {cost(model, model.dim)} at K = {model.dim}"
    if isinstance(model.policy, Tractable):
        return f"{text}: every probability of this sampler is known, so it fills all K bits at once."
    return f"{text}: this sampler fills bit by bit."


def _draw(state: Measurement, expected: int, figure: Callable[[list[Mixing]], str]) -> None:
    rows = list(state.rows)
    background.progress(state, expected, "kernels", "a few seconds")
    charts = [chart(rows, "acceptance", "Acceptance", "share of proposals accepted")]
    charts.append(chart(rows, "memory", "Memory of the start", "1: never left the cell; 0: forgotten"))
    line_charts.draw(charts, key="kernel_comparison", tall=True)
    if rows and state.done:
        _table(rows, figure)


def chart(rows: list[Mixing], field: str, title: str, note: str) -> Chart:
    """One quantity against K: our moves as a line with standard errors, every other kernel as a level."""
    ours = [row for row in rows if row.k is not None]
    ks = [row.k or 0 for row in ours]
    largest = max((row.k or 1 for row in rows), default=1)
    errors = [getattr(row, f"{field}_se") for row in ours]
    values = [getattr(row, field) for row in ours]
    lines = [Line("Back-and-forth", ks, values, errors, points="full", bars=True)]
    others = [row for row in rows if row.k is None]
    strokes = line_charts.peers([row.kernel for row in others])
    for row, (role, dash) in zip(others, strokes, strict=True):
        lines.append(Line(row.kernel, [1, largest], [getattr(row, field)] * 2, role=role, dash=dash))
    most = max((row.memory + row.memory_se for row in rows), default=0)
    top = 1.0 if field == "acceptance" else max(0.3, 1.15 * most)
    axis = Axis(0.9, 1.1 * max(2, largest), "K, bits erased and filled", log=True, ticks=ks or None)
    return Chart(title, note, lines, axis, course=False, limits=(-0.06 * top, 1.06 * top), alt=words(rows, field))


def words(rows: list[Mixing], field: str) -> str:
    """The chart as a sentence."""
    parts = [f"{row.kernel}{f' K = {row.k}' if row.k else ''} {getattr(row, field):.2f}" for row in rows]
    return f"{field.capitalize()} of each kernel: {'; '.join(parts) or 'being measured'}."


def records(rows: list[Mixing]) -> list[dict]:
    """Rows as plain values, fields that do not apply left out."""
    return [{k: v for k, v in dataclasses.asdict(row).items() if v is not None} for row in rows]


def figure_json(rows: list[Mixing], model: str, passes: int) -> str:
    """What was measured, of which model, at how many network passes a chain."""
    return json.dumps(
        {"model": model, "passes": passes, "chains": CHAINS, "seed": 0, "kernels": records(rows)}, indent=1
    )


def _table(rows: list[Mixing], figure: Callable[[list[Mixing]], str]) -> None:
    with st.expander("The numbers"):
        st.dataframe(
            {
                "kernel": [f"{row.kernel}, K = {row.k}" if row.k else row.kernel for row in rows],
                "moves": [row.moves for row in rows],
                "network passes per chain": [row.passes for row in rows],
                "accepted": [f"{row.acceptance:.3f} ± {row.acceptance_se:.3f}" for row in rows],
                "memory": [f"{row.memory:.3f} ± {row.memory_se:.3f}" for row in rows],
                "seconds": [round(row.seconds, 3) for row in rows],
            },
            hide_index=True,
        )
        st.caption(
            f"{CHAINS} chains from data points, seed 0; ± one standard error over chains; seconds for all chains."
        )
    downloads.button("Figure data (JSON)", lambda: figure(rows), "mixing.json")
