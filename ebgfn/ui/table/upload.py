"""A visitor's own table: the file, how it was read, and why not."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from ebgfn.problems.table import files
from ebgfn.ui.shell import taken
from ebgfn.ui.shell.text import plain

KEY, READ = "table_upload", "table_read"
KINDS = [suffix.removeprefix(".") for suffix in files.SUFFIXES]
# Cells are texts in memory while a visitor looks at them; fewer rows say nothing about rows that were not seen.
MAX_MB, MAX_CELLS, FEWEST_ROWS = 5, 1_000_000, 20
ALLOWED = (
    f"Allowed are CSV or TSV (UTF-8), Parquet, Feather and NPZ of one array, at most {MAX_MB} MB, {FEWEST_ROWS} rows or "
    f"more of at most {files.MAX_COLUMNS:,} columns, {MAX_CELLS:,} cells in all."
)
HELP = f"{ALLOWED} The first line of a CSV may hold names. Cells may be empty, or say NA, NaN, null or ?."


@dataclass(frozen=True)
class Brought:
    """A table that a visitor brought: cells as texts, None where one is empty. `digest` tells it from others."""

    name: str
    digest: str
    table: pd.DataFrame


def show() -> Brought | None:
    """The field for a file, and what was read of it; of one that cannot be read a sentence says why, and the last stays."""
    file = taken.latest("Your table", KINDS, key=KEY, text=HELP)
    if file is None:
        return None
    found, complaint = _read(file)
    if complaint:
        st.error(f"{plain(file.name)}: {plain(complaint)}. {ALLOWED}", icon=":material/error:")
    return found


def brought() -> bool:
    """Whether this session holds a visitor's table."""
    return READ in st.session_state


def forget() -> None:
    """Nothing of a table stays in this session."""
    taken.forget(KEY)
    st.session_state.pop(READ, None)


def _read(file: taken.Taken) -> tuple[Brought | None, str]:
    """The newest table that could be read, kept for this session alone, and why the newest file could not."""
    digest = hashlib.sha256(file.name.encode(errors="replace") + b"\0" + file.contents).hexdigest()
    of, found, complaint = st.session_state.get(READ, ("", None, ""))
    if of != digest:
        try:
            with st.spinner("Reading the file …"):
                found, complaint = Brought(file.name, digest, read(file.name, file.contents)), ""
        except ValueError as error:
            complaint = str(error)
        st.session_state[READ] = digest, found, complaint
    return found, complaint


def read(name: str, contents: bytes) -> pd.DataFrame:
    """A file's table; of its name only the ending matters. Errors: ValueError, without what is allowed."""
    if len(contents) > MAX_MB << 20:
        raise ValueError(f"the file is larger than {MAX_MB} MB")
    try:
        table = files.parse(contents, f"table{Path(name.lower()).suffix}", most_cells=MAX_CELLS)
    except ValueError as error:
        raise ValueError(str(error).removesuffix(f"; {files.ALLOWED}")) from None
    if len(table) < FEWEST_ROWS:
        raise ValueError(f"there are {len(table)} rows, too few to learn from")
    return table
