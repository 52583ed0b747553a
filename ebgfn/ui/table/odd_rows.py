"""Odd rows: held-out or given ones, the least probable first, with the cells that surprise most."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from ebgfn.problems.table import answers, files
from ebgfn.problems.table.answers import SURPRISES, Scored
from ebgfn.ui.components import line_charts
from ebgfn.ui.components.line_charts import Axis, Chart, Line
from ebgfn.ui.shell import background, downloads, models
from ebgfn.ui.shell.frame import TEXT_WIDTH
from ebgfn.ui.shell.models import StoredModel
from ebgfn.ui.shell.text import rounded
from ebgfn.ui.table import given_rows, opened, scoring
from ebgfn.ui.table.scoring import Scoring

KEY = "odd"
SHOWN, BINS = 25, 30
# Cells are marked from this probability down, fully at the second.
FAINT, FULL = 0.1, 1e-3
ABOUT = """How probable the model holds each held-out row, **the least probable first**. In each the cells that surprise most
are marked, with their probability given all other cells of the row: there an error, or something rare, may be."""
HOW = f"""**log p** is the logarithm of a row's probability, in nats: a row with 2.3 less is ten times less
probable. A number by itself says little, its place among other rows more. **The histogram** shows all of them:
what lies far to the left of the rest is odd. A **cell's probability** is what the sampler gives to the value
that stands there, if all others are known. Of a number it is that of its bin; with 32 bins of equal share a
cell that nothing is known about has 3%. Up to {SURPRISES} cells of a row are marked, the stronger the less
probable, from {FAINT:.0%} down.

The **energy** tells log p too, where it holds up: its log Z is measured last, and an energy that has mass where
neither data nor sampler go is refuted and not shown."""


def show(folder: Path, *, seed: int) -> None:
    """Held-out rows, then a visitor's own."""
    source = opened.model_of(folder)
    if source is None:
        return
    st.markdown(ABOUT, width=TEXT_WIDTH)
    state = scoring.held_out(source, seed)
    background.follow(state, lambda: _draw(source, seed))
    with st.expander("Score rows of your own"):
        given_rows.show(source, seed=seed)


def _draw(source: StoredModel, seed: int) -> None:
    found = scoring.progress(scoring.held_out(source, seed), scoring.pieces(source))
    if found is None:
        return
    model = models.load(source)
    x = model.config.whole("test")[: len(found.rows.log_q)]
    rows = model.config.columns.decode(x, np.random.default_rng(seed))
    line_charts.draw([histogram(found.rows.log_q, len(model.config.whole("test")))], key=f"{KEY}_histogram", tall=True)
    st.caption(f"The {min(SHOWN, len(rows))} least probable of {len(rows):,} rows, numbered as held-out rows are.")
    st.dataframe(marked(rows, found), hide_index=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        downloads.button("Scores (CSV)", lambda: as_csv(rows, found), "scores.csv", key=f"{KEY}_csv")
        with st.popover("How to read this", icon=":material/help:"):
            st.markdown(HOW)
    st.caption(about_energy(found))


def histogram(log_q: np.ndarray, all_rows: int, own: np.ndarray | None = None) -> Chart:
    """log p of held-out rows under the sampler, and those of a visitor's own rows."""
    every = log_q if own is None else np.concatenate([log_q, own])
    low, high = float(every.min()), float(every.max())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    lines = [Line("held out", middle, np.histogram(log_q, edges)[0], role="data", area=True)]
    if own is not None:
        lines.append(Line("yours", middle, np.histogram(own, edges)[0], role="own", area=True))
    top = 1.1 * max(float(np.max(line.y)) for line in lines)
    mean = rounded(float(log_q.mean()), 1)
    words = f"Half of the held-out rows lie above {rounded(float(np.median(log_q)), 1)} nats; their mean is {mean}."
    return Chart(
        "log p of rows under the sampler", f"rows by nats; {len(log_q):,} of {all_rows:,} held-out rows", lines,
        Axis(float(edges[0]), float(edges[-1]), "log p, nats"), digits=0, course=False, limits=(0, top),
        words=words, alt=f"Histogram of log p, from {rounded(low, 1)} to {rounded(high, 1)} nats. {words}",
    )  # fmt: skip


def marked(rows: pd.DataFrame, found: Scoring):
    """The least probable rows; the cells that surprise most in colour, with their probabilities."""
    log_q, cells = found.rows.log_q, found.rows.cells
    order = np.argsort(log_q, kind="stable")[:SHOWN]
    told = rows.iloc[order].astype(object).reset_index(drop=True)
    colour = pd.DataFrame("", index=told.index, columns=told.columns)
    for place, row in enumerate(order):
        for name, p in surprising(cells, int(row)):
            told.loc[place, name] = f"{told.loc[place, name]} · {percent(p)}"
            colour.loc[place, name] = f"background-color: rgba(47, 134, 173, {strength(p):.2f})"
    first: dict[str, np.ndarray] = {"row": order + 1, "log p": log_q[order].round(1)}
    if found.log_z is not None and not found.log_z.refuted:
        first["log p, energy"] = (found.rows.minus_energy[order] - found.log_z.value).round(1)
    front = _surprising_first(told, colour)
    shown = pd.concat([pd.DataFrame(first), told.reindex(columns=front)], axis=1)
    look = colour.reindex(columns=shown.columns, fill_value="")
    numbers = [name for name in first if name != "row"]
    return shown.style.apply(lambda _: look, axis=None).format(precision=1, subset=numbers)


def _surprising_first(told: pd.DataFrame, colour: pd.DataFrame) -> list[str]:
    """Columns with the most marked cells first: of a wide table they would stand out of sight."""
    number = (colour != "").sum()
    return [str(name) for name in sorted(told.columns, key=lambda name: -number[name])]


def surprising(cells: pd.DataFrame | None, row: int) -> list[tuple[str, float]]:
    """The least probable cells of a row, as far as they are worth a mark."""
    if cells is None:
        return []
    least = cells.iloc[row].nsmallest(SURPRISES)
    return [(str(name), float(p)) for name, p in least.items() if p < FAINT]


def strength(p: float) -> float:
    """Of a mark, 0.15..0.75."""
    share = np.log(FAINT / max(p, FULL)) / np.log(FAINT / FULL)
    return float(0.15 + 0.6 * share)


def percent(p: float) -> str:
    """A small probability."""
    return f"{p:.0%}" if p >= 0.095 else f"{100 * p:.1g}%" if p >= 1e-3 else "< 0.1%"


def about_energy(found: Scoring) -> str:
    """Whether the energy says anything here."""
    if found.log_z is None:
        return "log Z of the energy is being measured: its log p follows, if it holds up."
    if found.log_z.refuted:
        return "This energy is refuted: it has mass where neither data nor sampler go. So only the sampler's log p is shown."
    return f"log Z of the energy is {rounded(found.log_z.value, 2)} ± {2 * found.log_z.se:.2f} nats."


def as_csv(rows: pd.DataFrame, found: Scoring, others: Scored | None = None) -> str:
    """Scores as `python -m ebgfn score` writes them, with the rows behind."""
    told = answers.score_table(found.rows, others=(others or found.rows).each, log_z=found.log_z)
    return files.to_csv(pd.concat([told, rows.reset_index(drop=True)], axis=1))
