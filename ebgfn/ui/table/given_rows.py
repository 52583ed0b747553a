"""A visitor's own rows, scored and ranked among those that were held out."""

import hashlib

import pandas as pd
import streamlit as st

from ebgfn.problems.table import files
from ebgfn.problems.table.schema import Encoded
from ebgfn.ui.components import line_charts
from ebgfn.ui.shell import background, downloads, models, taken
from ebgfn.ui.shell.models import StoredModel
from ebgfn.ui.shell.taken import Taken
from ebgfn.ui.shell.text import plain
from ebgfn.ui.table import odd_rows, scoring
from ebgfn.ui.table.scoring import Scoring

KEY = "odd_file"
ABOUT = """A file with the columns of this table, no cell empty. Each row gets its log p, its rank among the held-out rows
(0: less probable than all of them) and the cells that surprise most."""


def show(source: StoredModel, *, seed: int) -> None:
    """Upload, progress, the rows and their scores."""
    st.markdown(ABOUT)
    st.caption(f"At most {scoring.limit(source):,} rows here; `python -m ebgfn score` has no such limit.")
    file = taken.latest("Rows to score", [suffix.removeprefix(".") for suffix in files.SUFFIXES], key=KEY)
    if file is None:
        return
    try:
        table, rows = read(source, file)
    except ValueError as error:
        st.error(f"{plain(file.name)}: {plain(str(error))}", icon=":material/error:")
        return
    state = scoring.given(source, hashlib.sha256(file.contents).hexdigest(), seed, _rows=rows)
    background.follow(state, lambda: _draw(source, seed, state, table))


def read(source: StoredModel, file: Taken) -> tuple[pd.DataFrame, Encoded]:
    """Rows as texts and as bits. Errors: ValueError for other columns, unknown values and too many rows."""
    table, config = files.parse(file.contents, file.name), models.load(source).config
    if len(table) > scoring.limit(source):
        raise ValueError(f"there must be at most {scoring.limit(source):,} rows, got {len(table):,}")
    return table, config.columns.encode(table)


def _draw(source: StoredModel, seed: int, state: background.Measurement, table: pd.DataFrame) -> None:
    background.progress(state, -(-len(table) // scoring.PIECE), "parts", "a few seconds each")
    found, held_out = scoring.so_far(state), scoring.so_far(scoring.held_out(source, seed))
    if not state.done or found is None or held_out is None:
        return
    config = models.load(source).config
    rows = table.reindex(columns=list(config.columns.names))
    whole = Scoring(found.rows, held_out.log_z)
    chart = odd_rows.histogram(held_out.rows.log_q, len(config.whole("test")), found.rows.log_q)
    line_charts.draw([chart], key=f"{KEY}_histogram", tall=True)
    st.dataframe(odd_rows.marked(rows, whole), hide_index=True)
    downloads.button(
        "Scores (CSV)", lambda: odd_rows.as_csv(rows, whole, held_out.rows), "scores.csv", key=f"{KEY}_csv"
    )
