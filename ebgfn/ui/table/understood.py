"""What was understood of a table, column by column, and what its visitor knows better."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from ebgfn.problems.table import columns as kinds
from ebgfn.problems.table.columns import Column, Date, Number
from ebgfn.problems.table.schema import Schema, cells_of
from ebgfn.ui.shell.text import plain
from ebgfn.ui.table import rows
from ebgfn.ui.table.upload import Brought

SEEN, EDITOR = "table_columns", "table_kinds_"
ABOUT = """**This is how the table was understood.** Each column becomes a few bits: a **category** by its values, a
**number** or a **date** by bins that are about equally full. Correct a kind if you know better. A column of kind **text**
is left out: choose it for names, record numbers and notes."""
EXAMPLES, MOST_ROWS = 3, 12
SPOKEN = "Columns of the table: name, kind, what it becomes, examples, share of empty cells."


class Reading(NamedTuple):
    """One column as its kind has it; `column` is None and `complaint` a sentence where it cannot be of this kind."""

    kind: str
    column: Column | None
    complaint: str = ""


def show(brought: Brought) -> Schema | None:
    """The columns, to be corrected; None with a sentence where they cannot be so."""
    table = brought.table
    st.markdown(f"{plain(brought.name)}: **{len(table):,} rows, {len(table.columns)} columns.**")
    st.caption(ABOUT)
    key = f"{EDITOR}{brought.digest[:16]}"
    readings = _read(brought, _chosen(st.session_state.get(key), list(table.columns)))
    st.data_editor(
        _described(table, readings), key=key, hide_index=True, num_rows="fixed", column_config=_config(), alt=SPOKEN,
        disabled=["column", "becomes", "examples", "empty"], height=rows.height(len(readings), MOST_ROWS),
    )  # fmt: skip
    return _schema(readings)


def _chosen(edits: Any, names: list[str]) -> dict[str, str]:
    """Kinds that differ from what was understood, by column; a browser may send anything."""
    changed = edits.get("edited_rows", {}) if isinstance(edits, Mapping) else {}
    found = {names[int(row)]: change.get("kind") for row, change in changed.items() if 0 <= int(row) < len(names)}
    return {name: kind for name, kind in found.items() if kind in kinds.KINDS}


def _read(brought: Brought, chosen: dict[str, str]) -> list[Reading]:
    """Each column by the kind that was chosen or seems right; kept for this session, as it takes a second of many."""
    known = st.session_state.get(SEEN)
    if known is None or known[0] != brought.digest:
        known = st.session_state[SEEN] = brought.digest, {}
    for name in brought.table.columns:
        at = (name, chosen.get(name))
        if at not in known[1]:
            known[1][at] = reading(name, cells_of(brought.table, name), at[1])
    return [known[1][name, chosen.get(name)] for name in brought.table.columns]


def reading(name: str, cells: list[str | None], kind: str | None) -> Reading:
    """A column as it was understood, or as the given kind has it."""
    if kind is None:
        column = kinds.understood(name, cells)
        return Reading(column.kind, column)
    try:
        return Reading(kind, kinds.KINDS[kind].of(name, cells))
    except ValueError as error:
        return Reading(kind, None, str(error))


def _described(table: pd.DataFrame, readings: list[Reading]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "column": list(table.columns),
            "kind": [one.kind for one in readings],
            "becomes": [becomes(one) for one in readings],
            "examples": [", ".join(table[name].dropna().unique()[:EXAMPLES]) for name in table.columns],
            "empty": table.isna().mean().to_numpy(),
        }
    )


def becomes(one: Reading) -> str:
    """What stands for a column's cells, in a few words."""
    if one.column is None:
        return "does not fit"
    if not one.column.bits:
        return "left out" if one.kind == "text" else "always the same"
    things = "bins" if isinstance(one.column, Number | Date) else "values"
    return f"{one.column.levels} {things}, {one.column.bits} bit{'s' * (one.column.bits > 1)}"


def _config() -> dict[str, Any]:
    column = st.column_config
    return {
        "column": column.TextColumn("column", pinned=True),
        "kind": column.SelectboxColumn("kind (click to change)", options=list(kinds.KINDS), required=True),
        "becomes": column.TextColumn("becomes"),
        "examples": column.TextColumn("examples"),
        "empty": column.NumberColumn("empty cells", format="percent"),
    }


def _schema(readings: list[Reading]) -> Schema | None:
    """All columns together; a sentence for each that does not fit."""
    complaints = [one.complaint for one in readings if one.column is None]
    try:
        schema = None if complaints else Schema(tuple(one.column for one in readings if one.column is not None))
    except ValueError as error:
        schema, complaints = None, [str(error)]
    for complaint in complaints:
        st.error(f"{plain(complaint[0].upper() + complaint[1:])}.", icon=":material/error:")
    if schema is not None:
        used = sum(column.bits > 0 for column in schema.columns)
        st.caption(f"{used} of {len(readings)} columns are learned: a row is **{schema.dim} bits**.")
    return schema


def forget() -> None:
    """Nothing of a table stays in this session."""
    for key in [name for name in st.session_state if name == SEEN or str(name).startswith(EDITOR)]:
        del st.session_state[key]
