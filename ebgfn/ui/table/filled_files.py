"""A visitor's table with empty cells, filled in piece by piece."""

import hashlib
from collections.abc import Iterator

import pandas as pd
import streamlit as st

from ebgfn.problems.table import answers, files
from ebgfn.problems.table.answers import Filled
from ebgfn.ui.shell import background, downloads, models, taken
from ebgfn.ui.shell.background import Measurement
from ebgfn.ui.shell.models import StoredModel
from ebgfn.ui.shell.text import plain
from ebgfn.ui.table.row_answers import Answered

KEY = "fill_file"
DRAWS, PIECE, MOST_ROWS = 100, 20, 5000
ABOUT = f"""A file with the columns of this table, some cells empty. You get it back with every empty cell filled: with the
likeliest value, of numbers the median, from {DRAWS} answers of the sampler; and a second file with the shares of all values
drawn for each cell. At most {MOST_ROWS:,} rows here; `python -m ebgfn fill` has no such limit."""


def show(source: StoredModel, *, seed: int) -> None:
    """Upload, progress, the filled table and its files."""
    st.markdown(ABOUT)
    kinds = [suffix.removeprefix(".") for suffix in files.SUFFIXES]
    file = taken.latest("A table with empty cells", kinds, key=KEY)
    if file is None:
        return
    try:
        table = read(hashlib.sha256(file.contents).hexdigest(), file.name.rsplit(".")[-1], _contents=file.contents)
        holes = len(gaps(source, table))
    except ValueError as error:
        st.error(f"{plain(file.name)}: {plain(str(error))}", icon=":material/error:")
        return
    if not holes:
        st.info(f"{plain(file.name)} has no empty cell in a column that can be filled.", icon=":material/check:")
        return
    digest = hashlib.sha256(file.contents).hexdigest()
    state = measurement(source, digest, seed, _table=table)
    background.follow(state, lambda: _answer(state, table, holes))


@st.cache_data(max_entries=4, show_spinner="Reading the file …")
def read(digest: str, kind: str, *, _contents: bytes) -> pd.DataFrame:
    """The rows of a file as texts. Errors: ValueError."""
    table = files.parse(_contents, f"upload.{kind}")
    if len(table) > MOST_ROWS:
        raise ValueError(f"there must be at most {MOST_ROWS:,} rows, got {len(table):,}")
    return table


def gaps(source: StoredModel, table: pd.DataFrame) -> list[int]:
    """Rows with an empty cell in a column that has bits. Errors: ValueError where the columns are others."""
    known = models.load(source).config.columns.encode(table).known
    return [row for row, whole in enumerate(known.all(1)) if not whole]


@st.cache_resource(max_entries=4, show_spinner=False)
def measurement(source: StoredModel, digest: str, seed: int, *, _table: pd.DataFrame) -> Measurement:
    """Pieces of the filled table, so many rows with gaps each."""
    return Measurement(_pieces(source, _table, seed))


def _pieces(source: StoredModel, table: pd.DataFrame, seed: int) -> Iterator[Filled]:
    model, rows = models.load(source), gaps(source, table)
    for begin in range(0, len(rows), PIECE):
        part = table.iloc[rows[begin : begin + PIECE]]
        found = answers.filled(model, part, draws=DRAWS, seed=seed + begin)
        numbers = part.index.to_numpy()[found.cells["row"].to_numpy() - 1] + 1
        yield Filled(found.table, found.cells.assign(row=numbers))


def joined(table: pd.DataFrame, parts: list[Filled]) -> Filled:
    """The whole table, and the distributions of all its empty cells."""
    told = table.copy()
    for part in parts:
        told.loc[part.table.index] = part.table
    return Filled(told, pd.concat([part.cells for part in parts], ignore_index=True))


def _answer(state: Measurement, table: pd.DataFrame, holes: int) -> None:
    background.progress(state, -(-holes // PIECE), "parts", "about a second each")
    if not state.done or not state.rows:
        return
    found = joined(table, list(state.rows))
    cells = found.cells.groupby(["row", "column"]).ngroups
    st.markdown(f"**{cells:,}** empty cells of **{holes:,}** rows are filled. The first rows that had some:")
    st.dataframe(_marked(table, found.table), hide_index=True)
    with st.container(horizontal=True):
        downloads.button("Filled table (CSV)", lambda: files.to_csv(found.table), "filled.csv", key=f"{KEY}_csv")
        downloads.button(
            "Distributions (CSV)", lambda: files.to_csv(found.cells), "cells.csv", key=f"{KEY}_cells",
            text="row, column, value, share: of each empty cell the values drawn",
        )  # fmt: skip


def _marked(table: pd.DataFrame, told: pd.DataFrame, most: int = 20):
    """Some of the rows that had gaps, what was filled in the sampler's colour."""
    rows = table.index[table.isna().any(axis=1)][:most]
    colour = table.loc[rows].isna().replace({True: "background-color: rgba(47, 134, 173, 0.28)", False: ""})
    return told.loc[rows].style.apply(lambda _: colour, axis=None)


def as_csv(found: Answered) -> str:
    """Of each void cell of one row the values with their shares."""
    told = [
        (cell.name, value, share)
        for cell in found.cells
        if cell.answer is not None
        for value, share in zip(cell.answer.values, cell.answer.shares, strict=True)
    ]
    return files.to_csv(pd.DataFrame(told, columns=["column", "value", "share"]))
