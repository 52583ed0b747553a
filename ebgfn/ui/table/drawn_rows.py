"""Draw rows: beside real ones, column by column, pair by pair, and beside the rows that training saw."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from ebgfn.evaluation.dependence import agreement
from ebgfn.model import Model
from ebgfn.problems.drawn import Drawn
from ebgfn.problems.table import dependence, files
from ebgfn.ui.components import line_charts, split_matrix
from ebgfn.ui.components.split_matrix import Split
from ebgfn.ui.shell import downloads, models
from ebgfn.ui.shell.frame import TEXT_WIDTH
from ebgfn.ui.shell.models import StoredModel
from ebgfn.ui.table import marginals, memorised, row_samples, rows
from ebgfn.ui.table.marginals import Marginal

KEY = "draw"
SHOWN, WORST, COUNTS = 8, 6, (1000, 10_000)
ABOUT = """Rows that the sampler draws are new: they should look like real ones, but be none of them. Real rows here are
**held out**: training did not see them."""
COLUMNS = """Of each column the shares of its values. A perfect sampler would differ from the held-out rows by chance
alone, as training rows do."""
PAIRS = """How much two columns tell of each other, from 0 (nothing) to 1 (each tells the other). A good sampler makes both
halves mirror images."""


def show(folder: Path, *, seed: int) -> None:
    """Tables, columns, pairs, nearness, files."""
    row_samples.follow(folder, seed, ABOUT, _draw)


def _draw(source: StoredModel, seed: int) -> None:
    state = row_samples.measurement(source, seed)
    found = row_samples.progress(state)
    if found is None:
        return
    model = models.load(source)
    _tables(model, found, seed)
    columns = marginals.marginals(model.config.columns, model.config.whole("test"), found.x)
    _columns(model, columns)
    left, right = st.columns(2, gap="large")
    with left:
        pairs = _pairs(source, seed, found)
    with right:
        st.subheader("Is it memorising?", anchor=False)
        near = memorised.nearness(source, seed, _x=found.x[: memorised.COMPARED])
        line_charts.draw([memorised.chart(near)], key=f"{KEY}_near")
        st.markdown(memorised.sentence(near))
    if state.done:
        figures = {"real_dependence": pairs[0], "drawn_dependence": pairs[1]}
        _files(model, found, columns, figures | {"drawn_distance": near.drawn, "held_out_distance": near.held_out})


def _tables(model: Model, found: Drawn, seed: int) -> None:
    """Some of both, as they stand in the table."""
    real = np.random.default_rng(seed).permutation(model.config.whole("test"))
    for place, title, x in zip(st.columns(2), ("Drawn", "Real, held out"), (found.x, real), strict=True):
        with place:
            st.subheader(title, anchor=False)
            rows.draw(rows.told(model.config, x[:SHOWN]), alt=f"{title} rows.")
    again = f"; {found.again:,} more stood for no row and were drawn again" if found.again else ""
    st.caption(f"{len(found.x):,} rows drawn with seed {seed}{again}. {len(real):,} rows are held out.")


def _columns(model: Model, found: list[Marginal]) -> None:
    """Those columns that are furthest apart, or as chosen."""
    st.subheader("Column by column", anchor=False)
    config, schema = model.config, model.config.columns
    between = marginals.marginals(schema, config.whole("test"), config.whole("train"))
    usual = np.mean([one.distance for one in between])
    mean = np.mean([one.distance for one in found])
    st.markdown(
        f"{COLUMNS} On average **{mean:.1%}** of the drawn rows would have to move to another bar, of the "
        f"training rows {usual:.1%}.",
        width=TEXT_WIDTH,
    )
    names = [one.column for one in found]
    worst = [one.column for one in sorted(found, key=lambda one: -one.distance)[:WORST]]
    chosen = st.multiselect(
        "Columns", names, key=f"{KEY}_columns", placeholder=f"the {len(worst)} that are furthest apart"
    )
    by_name = dict(zip(names, found, strict=True))
    line_charts.draw([marginals.chart(by_name[name]) for name in chosen or worst], key=f"{KEY}_marginals")


def _pairs(source: StoredModel, seed: int, found: Drawn) -> tuple[np.ndarray, np.ndarray]:
    """Both halves, and how well they agree."""
    st.subheader("Pair by pair", anchor=False)
    drawn = row_samples.drawn_dependence(source, seed, len(found.x), _x=found.x).normalised
    real, training = (row_samples.real_dependence(source, part).normalised for part in ("test", "train"))
    names = [column.name for column in dependence.changing(models.load(source).config.columns)]
    alike, usual = agreement(real, drawn), agreement(real, training)
    said = (
        f"Their correlation is **{alike:.3f}**; of training with held-out rows it is {usual:.3f}, the best to expect."
    )
    alt = (
        f"Dependence of {len(names)} columns in real and in drawn rows, which agree with a correlation of {alike:.3f}."
    )
    split_matrix.draw(Split(names, real, drawn, alt), key=f"{KEY}_pairs")
    st.markdown(f"{PAIRS} {said}")
    return real, drawn


def _files(model: Model, found: Drawn, columns: list[Marginal], figures: dict[str, np.ndarray]) -> None:
    def rows(n: int) -> str:
        return files.to_csv(model.config.columns.decode(found.x[:n], np.random.default_rng(0)))

    with st.container(horizontal=True):
        for n in COUNTS:
            downloads.button(f"{n:,} rows (CSV)", lambda n=n: rows(n), f"drawn-{n}.csv", key=f"{KEY}_csv_{n}")
        downloads.button("Columns (CSV)", lambda: as_csv(columns), "columns.csv", key=f"{KEY}_columns_csv")
        downloads.button("Pairs and distances (NPZ)", lambda: downloads.npz(**figures), "figures.npz", key=f"{KEY}_npz")


def as_csv(columns: list[Marginal]) -> str:
    """Shares of all bars."""
    lines = [
        (one.column, bar, float(real), float(drawn))
        for one in columns
        for bar, real, drawn in zip(one.bars, one.real, one.drawn, strict=True)
    ]
    return files.to_csv(pd.DataFrame(lines, columns=["column", "value", "real", "drawn"]))
