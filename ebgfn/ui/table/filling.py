"""Fill: cells of a row made void by hand, and files with empty cells."""

from pathlib import Path

import streamlit as st

from ebgfn.ui.components import row_cells
from ebgfn.ui.components.row_cells import Row
from ebgfn.ui.shell import downloads, models
from ebgfn.ui.shell.frame import TEXT_WIDTH
from ebgfn.ui.shell.models import StoredModel
from ebgfn.ui.shell.text import plain
from ebgfn.ui.table import filled_files, opened, row_answers

KEY = "fill"
# Cells that are void at first, spread over the row, the last one among them: often it is what people ask for.
FIRST_VOID = 3
ABOUT = """Press cells to make them **void**: below stands what the sampler would put there given all that is left,
cell by cell and as whole rows. Press a value to put it in, and see what else changes."""
HOW = f"""The sampler fills void cells in a random order, each given all that is known by then. It does so
{row_answers.DRAWS} times; a bar is the share of the answers that have this value, so it is off by up to 7
percent points by chance. Of numbers the bars are bins that hold about equally many training rows, so a flat
picture says "as always in this table"; the dashed line is the median. The row is one that training did not see:
an underlined value, or the grey mark below a histogram, is what stood there. A good model often, not always,
puts its highest bar on it."""


def show(folder: Path, *, seed: int) -> None:
    """A row, its void cells, and a file with empty cells."""
    source = opened.model_of(folder)
    if source is None:
        return
    st.markdown(ABOUT, width=TEXT_WIDTH)
    _row(source, seed)
    with st.expander("A file with empty cells"):
        filled_files.show(source, seed=seed)


@st.fragment
def _row(source: StoredModel, seed: int) -> None:
    _choose(source)
    stood, row = _current(source)
    found = row_answers.answered(source, row, stood, seed)
    if refused := st.session_state.pop(f"{KEY}_refused", None):
        st.warning(plain(refused), icon=":material/block:")
    turn = st.session_state.get(f"{KEY}_turn", 0)
    row_cells.draw(found.cells, key=f"{KEY}_cells", turn=turn, on_changed=lambda: _take(source, row))
    if not found.void:
        st.info("No cell is void: press one to see what the sampler would put there.", icon=":material/touch_app:")
        return
    st.caption(
        f"The likeliest value (of a number its bin) is what stood there in **{found.right} of {found.void}** void cells. "
        "Whole rows that the sampler answered most often, void cells first:"
    )
    st.dataframe(found.rows, hide_index=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        downloads.button("Distributions (CSV)", lambda: filled_files.as_csv(found), "cells.csv", key=f"{KEY}_csv")
        with st.popover("How to read this", icon=":material/help:"):
            st.markdown(HOW)


def _choose(source: StoredModel) -> None:
    """Which row, and what is done with all its cells."""
    rows = len(models.load(source).config.whole("test"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input(
            "Held-out row", 1, rows, 1, key=f"{KEY}_number", width=160, on_change=_begin, args=(source,),
            help=f"One of {rows:,} rows that training did not see.",
        )  # fmt: skip
        st.button("Restore the row", key=f"{KEY}_back", icon=":material/undo:", on_click=_restore, args=(source,))
        st.button("Erase all", key=f"{KEY}_all", icon=":material/ink_eraser:", on_click=_erase, args=(source,))


def _current(source: StoredModel) -> tuple[Row, Row]:
    """What stood in the row, and the row now."""
    kept = st.session_state.get(f"{KEY}_row")
    if kept is None or kept[0] != source:
        _begin(source)
    return st.session_state[f"{KEY}_row"][1:]


def _begin(source: StoredModel) -> None:
    """The chosen row with a few cells void."""
    rows, number = len(models.load(source).config.whole("test")), st.session_state.get(f"{KEY}_number", 1)
    stood = row_answers.held_out(source, number if isinstance(number, int) and 1 <= number <= rows else 1)
    void = {len(stood) - 1 - place * len(stood) // FIRST_VOID for place in range(FIRST_VOID)}
    row = tuple(None if place in void else value for place, value in enumerate(stood))
    st.session_state[f"{KEY}_row"] = source, stood, row


def _restore(source: StoredModel) -> None:
    stood, _ = _current(source)
    st.session_state[f"{KEY}_row"] = source, stood, stood


def _erase(source: StoredModel) -> None:
    stood, _ = _current(source)
    st.session_state[f"{KEY}_row"] = source, stood, (None,) * len(stood)


def _take(source: StoredModel, before: Row) -> None:
    """What the visitor did, if these columns can hold it."""
    stood, _ = _current(source)
    row = row_cells.changed(f"{KEY}_cells", len(before))
    if row is None:
        return
    schema = models.load(source).config.columns
    try:
        schema.encode(row_answers.as_table(schema, row))
    except ValueError as error:
        st.session_state[f"{KEY}_refused"] = str(error).removeprefix("row 1 of ")
        st.session_state[f"{KEY}_turn"] = st.session_state.get(f"{KEY}_turn", 0) + 1
        return
    st.session_state[f"{KEY}_row"] = source, stood, row
