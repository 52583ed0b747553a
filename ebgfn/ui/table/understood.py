"""What was understood of a table, column by column, and what its visitor knows better."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
CHANGE = "Double-click, or press Enter, to change it."
OTHERWISE = "Choose another kind, or text to leave the column out"
SPOKEN = "Columns of the table: name, kind, what it becomes, examples, share of empty cells."


class Reading(NamedTuple):
    """One column as its kind has it; `column` is None and `complaint` a sentence where it cannot be of this kind."""

    kind: str
    column: Column | None
    complaint: str = ""


@dataclass
class Seen:
    """What this session knows of a table's columns: kinds that its visitor chose, and each column by name and kind."""

    digest: str
    chosen: dict[str, str] = field(default_factory=dict)
    readings: dict[tuple[str, str | None], Reading] = field(default_factory=dict)

    def of(self, table: pd.DataFrame) -> list[Reading]:
        """Each column by the kind that was chosen or seems right."""
        found = []
        for name in table.columns:
            at = (name, self.chosen.get(name))
            if at not in self.readings:
                self.readings[at] = reading(name, cells_of(table, name), at[1])
            found.append(self.readings[at])
        return found

    def choose(self, edits: Any, names: list[str]) -> None:
        """Take kinds from what an editor reports; a browser may send anything."""
        rows = edits.get("edited_rows", {}) if isinstance(edits, Mapping) else {}
        for row, change in rows.items():
            if 0 <= int(row) < len(names) and change.get("kind") in kinds.KINDS:
                self.chosen[names[int(row)]] = change["kind"]


def show(brought: Brought) -> Schema | None:
    """The columns, to be corrected; None with a sentence where they cannot be so."""
    table, seen = brought.table, _seen(brought.digest)
    st.markdown(f"{plain(brought.name)}: **{len(table):,} rows, {len(table.columns)} columns.**")
    st.caption(ABOUT)
    readings, key = seen.of(table), f"{EDITOR}{brought.digest[:16]}"
    # The editor forgets its edits when its data change, so that they are kept here.
    st.data_editor(
        _described(table, readings), key=key, hide_index=True, num_rows="fixed", column_config=_config(), alt=SPOKEN,
        disabled=["column", "becomes", "examples", "empty"], height=rows.height(len(readings), MOST_ROWS),
        on_change=lambda: seen.choose(st.session_state[key], list(table.columns)),
    )  # fmt: skip
    return _schema(readings)


def _seen(digest: str) -> Seen:
    known = st.session_state.get(SEEN)
    if known is None or known.digest != digest:
        known = st.session_state[SEEN] = Seen(digest)
    return known


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
        "kind": column.SelectboxColumn("kind (editable)", options=list(kinds.KINDS), required=True, help=CHANGE),
        "becomes": column.TextColumn("becomes"),
        "examples": column.TextColumn("examples"),
        "empty": column.NumberColumn("empty cells", format="percent"),
    }


def _schema(readings: list[Reading]) -> Schema | None:
    """All columns together; a sentence for each that does not fit."""
    complaints = [f"{one.complaint}. {OTHERWISE}" for one in readings if one.column is None]
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
