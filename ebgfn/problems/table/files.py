"""Tables in files: read as texts, held to limits, and written so that no program runs what a cell says.

CSV, with or without a line of names, or Parquet, Arrow (Feather) or NPZ. A cell is missing where it is empty or says so
(NA, NaN, null, None, ?).
"""

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MAX_BYTES, MAX_ROWS, MAX_COLUMNS, MAX_CELLS, MIN_ROWS = 200 * 2**20, 2_000_000, 2000, 100_000_000, 2
MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "?")
SEPARATORS = ",;\t|"
LONGEST_NAME, LONGEST_CELL = 80, 200
ALLOWED = (
    f"allowed are CSV (UTF-8), Parquet, Feather and NPZ of one array, at most {MAX_BYTES >> 20} MB, "
    f"{MIN_ROWS} to {MAX_ROWS:,} rows of at most {MAX_COLUMNS} columns"
)
# Spreadsheets run what begins so.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
SUFFIXES = (".csv", ".data", ".tsv", ".txt", ".parquet", ".feather", ".arrow", ".npz")


def read(path: Path, *, header: bool | None = None) -> pd.DataFrame:
    """A table of texts, None where a cell is missing. Errors: ValueError says what is wrong and what is allowed."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"the file is larger than {MAX_BYTES >> 20} MB; {ALLOWED}")
        return parse(path.read_bytes(), path.name, header=header)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def parse(data: bytes, name: str, *, header: bool | None = None, most_cells: int = MAX_CELLS) -> pd.DataFrame:
    """What a file's contents say; its name tells which kind it is. `header`: whether a CSV begins with names, if known.

    A table of more than `most_cells` is refused before it is unpacked.
    """
    suffix = Path(name.lower()).suffix
    if suffix not in SUFFIXES:
        raise ValueError(f"the file's name must end in {', '.join(SUFFIXES)}; {ALLOWED}")
    if suffix in (".parquet", ".feather", ".arrow"):
        return _texts(_columnar(data, suffix, most_cells))
    return _texts(_npz(data, most_cells)) if suffix == ".npz" else _csv(data, header, most_cells)


def pack(table: pd.DataFrame) -> bytes:
    """A table of texts as a Parquet file, which `parse` reads as the same table."""
    buffer = io.BytesIO()
    table.astype("string").to_parquet(buffer, index=False)
    return buffer.getvalue()


def numbered(columns: int) -> list[str]:
    """Names of columns that have none."""
    return [f"column {number}" for number in range(1, columns + 1)]


def to_csv(table: pd.DataFrame) -> str:
    """A line of names, then the rows; what a spreadsheet would run is told as text."""
    safe = table.map(_harmless)
    safe.columns = [_harmless(str(name)) for name in table.columns]
    return safe.to_csv(index=False, lineterminator="\n")


def _harmless(cell: Any) -> Any:
    """A text that begins like a formula, but for numbers, behind an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULAS) and not _is_number(cell) else cell


def _plain(cell: str) -> str:
    """Inverse of `_harmless`."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULAS) else cell


def _csv(data: bytes, header: bool | None, most_cells: int) -> pd.DataFrame:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"the file is not text in UTF-8; {ALLOWED}") from None
    if "\0" in text:
        raise ValueError(f"the file holds bytes that are no text; {ALLOWED}")
    lines = [line for line in text.splitlines() if line.strip()][:100]
    # The separator that most often stands in each line alike.
    counts = {one: min((line.count(one) for line in lines), default=0) for one in SEPARATORS}
    separator = max(counts, key=lambda one: counts[one])
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if row]
    except csv.Error as error:
        raise ValueError(f"the CSV file cannot be read: {error}; {ALLOWED}") from None
    widths = [len(row) for row in rows]
    if odd := next((number for number, width in enumerate(widths, 1) if width != widths[0]), None):
        raise ValueError(f"line {odd} of the CSV file has {widths[odd - 1]} cells, the first has {widths[0]}")
    if header is None:
        header = _begins_with_names(rows[:100])
    names, rows = (rows[0], rows[1:]) if header and rows else ([], rows)
    _check_shape((len(rows), widths[0] if widths else 0), most_cells)
    columns = _names(names) if names else numbered(widths[0])
    return pd.DataFrame([[_cell(cell) for cell in row] for row in rows], columns=columns, dtype=object)


def _begins_with_names(rows: list[list[str]]) -> bool:
    """Whether none of the first line is a number, and numbers stand below, or other texts if no two names are alike."""
    if len(rows) < 2:
        return False
    first, *rest = ([cell.strip() for cell in row] for row in rows)
    if any(map(_is_number, first)):
        return False
    columns = list(zip(*rest, strict=True))
    numbers = any(all(cell in MISSING or _is_number(cell) for cell in column) for column in columns)
    alike = len(set(first)) < len(first)
    return numbers or not (alike or any(name in column for name, column in zip(first, columns, strict=True)))


def _columnar(data: bytes, suffix: str, most_cells: int) -> pd.DataFrame:
    try:
        if suffix == ".parquet":
            from pyarrow import parquet

            file = parquet.ParquetFile(io.BytesIO(data))
            shape, read = (file.metadata.num_rows, file.metadata.num_columns), file.read
        else:
            from pyarrow import feather

            found = feather.read_table(io.BytesIO(data))
            shape, read = found.shape, lambda: found
    except Exception:  # damaged bytes make pyarrow raise many different types
        raise ValueError(f"the file cannot be read as {suffix[1:]}; {ALLOWED}") from None
    _check_shape(shape, most_cells)
    return read().to_pandas()


def _npz(data: bytes, most_cells: int) -> pd.DataFrame:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.namelist() if member.endswith(".npy")]
            if len(members) != 1 and "x.npy" not in members:
                raise ValueError(f"the NPZ file must hold one array, or one named 'x'; {ALLOWED}")
            member = "x.npy" if "x.npy" in members else members[0]
            with archive.open(member) as file:
                np.lib.format.read_magic(file)
                shape, _, kind = np.lib.format.read_array_header_1_0(file)
            if len(shape) != 2 or kind.kind not in "biuf" or kind.itemsize > 8:
                raise ValueError(f"the NPZ file's array must be a table of numbers; {ALLOWED}")
            _check_shape(shape, most_cells)
            with archive.open(member) as file:
                x = np.lib.format.read_array(file, allow_pickle=False)
    except ValueError as error:
        raise ValueError(
            str(error) if "allowed are" in str(error) else f"the NPZ file cannot be read; {ALLOWED}"
        ) from None
    except Exception:  # damaged bytes make zipfile and numpy raise many different types
        raise ValueError(f"the NPZ file cannot be read; {ALLOWED}") from None
    return pd.DataFrame(x, columns=numbered(x.shape[1]))


def _texts(table: pd.DataFrame) -> pd.DataFrame:
    """A table of whatever as one of texts: whole numbers without a point, moments as ISO 8601 has them."""
    _check_shape(table.shape, MAX_CELLS)
    names = _names([str(name) for name in table.columns])
    columns = (_plainly(column) for _, column in table.items())
    return pd.DataFrame(
        {
            name: [None if pd.isna(cell) else _cell(str(cell)) for cell in column]
            for name, column in zip(names, columns, strict=True)
        },
        dtype=object,
    )


def _plainly(column: pd.Series) -> pd.Series:
    if pd.api.types.is_bool_dtype(column):
        return column.astype("Int8")
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.map(lambda moment: moment.isoformat(), na_action="ignore")
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        return column.astype("Int64")
    return column


def _cell(text: str) -> str | None:
    text = _plain(text.strip())[:LONGEST_CELL].rstrip()
    return None if text in MISSING else text


def _names(names: list[str]) -> list[str]:
    """Names that can be shown: printable, short, none empty. Errors: ValueError where two are alike."""
    kept = []
    for number, name in enumerate(names, 1):
        shown = " ".join("".join(c if c.isprintable() else " " for c in _plain(name.strip())).split())[:LONGEST_NAME]
        kept.append(shown or f"column {number}")
    twice = next((name for place, name in enumerate(kept) if name in kept[:place]), None)
    if twice is not None:
        raise ValueError(f"two columns have the name {twice!r}; each must have its own")
    return kept


def _check_shape(shape: tuple[int, ...], most_cells: int) -> None:
    rows, columns = shape
    if not MIN_ROWS <= rows <= MAX_ROWS:
        raise ValueError(f"there must be {MIN_ROWS} to {MAX_ROWS:,} rows, got {rows:,}; {ALLOWED}")
    if not 1 <= columns <= MAX_COLUMNS:
        raise ValueError(f"there must be 1 to {MAX_COLUMNS} columns, got {columns:,}; {ALLOWED}")
    if rows * columns > most_cells:
        raise ValueError(f"rows times columns must be at most {most_cells:,}, got {rows * columns:,}; {ALLOWED}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
