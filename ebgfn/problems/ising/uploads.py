"""Binary samples from a file that may come from anywhere: CSV or NPZ, held to limits before anything is unpacked.

Values are 0 and 1, or -1 and 1. Nothing in a file is ever run: NPZ members are plain arrays, read without pickle, and the
shape in a member's header is looked at before its contents. No text of a file is repeated in a message. Names of columns are
kept, but short and without characters that cannot be printed.
"""

import csv
import io
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from numpy.lib import format as npy

MAX_BYTES = 5 * 2**20
MAX_DIM, MAX_ROWS, MIN_ROWS = 400, 100_000, 50
# Values in all: as double precision numbers, which a file may declare, they take 80 MB.
MAX_VALUES = 10_000_000
ARRAY, NAMES = "x", "names"
LONGEST_NAME = 40
ALLOWED = (
    f"allowed are CSV, or NPZ with one array or one named {ARRAY!r}, at most 5 MB, "
    f"{MIN_ROWS} to {MAX_ROWS} rows (samples) of 2 to {MAX_DIM} columns, each value 0 or 1 (or -1 or 1)"
)

Samples = UInt8[np.ndarray, "samples dim"]
Names = tuple[str, ...]


class Upload(NamedTuple):
    """Samples, and the names of their columns where the file has them."""

    x: Samples
    names: Names | None = None


def read(path: Path) -> Upload:
    """Contents of a file; ValueError says what is wrong and what is allowed."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"the file is larger than 5 MB; {ALLOWED}")
        return parse(path.read_bytes(), path.name)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def parse(data: bytes, name: str) -> Upload:
    """What a file's contents say; its name tells which kind it is."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"the file is larger than 5 MB; {ALLOWED}")
    if name.lower().endswith(".npz"):
        table, names = _from_npz(data)
        return _upload(table, names)
    if name.lower().endswith(".csv"):
        table, names = _from_csv(data)
        return _upload(table, names)
    raise ValueError(f"the file's name must end in .csv or .npz; {ALLOWED}")


def pack(x: Samples, names: Names | None = None) -> bytes:
    """Samples as an NPZ file that `read` takes: the same bytes for the same samples and names."""
    arrays = {ARRAY: np.ascontiguousarray(x, dtype=np.uint8)} | ({} if names is None else {NAMES: np.array(names)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            contents = io.BytesIO()
            npy.write_array(contents, array, allow_pickle=False)
            # A fixed date: by default the clock's time goes into the file.
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(2000, 1, 1, 0, 0, 0))
            archive.writestr(member, contents.getvalue(), zipfile.ZIP_DEFLATED)
    if len(buffer.getvalue()) > MAX_BYTES:
        raise ValueError("these samples take more than 5 MB to keep; give fewer rows")
    return buffer.getvalue()


def _upload(table: np.ndarray, names: list[str] | None) -> Upload:
    x = binary(table)
    return Upload(x, tidy(names) if names is not None and len(names) == x.shape[1] else None)


def tidy(names: list[str]) -> Names:
    """Names that can be shown: printable, short, none empty, no two alike."""
    seen: list[str] = []
    for number, name in enumerate(names, 1):
        kept = " ".join("".join(c if c.isprintable() else " " for c in name).split())[:LONGEST_NAME].rstrip()
        kept = kept or f"column {number}"
        seen.append(f"{kept} ({number})" if kept in seen else kept)
    return tuple(seen)


def binary(table: np.ndarray) -> Samples:
    """0 and 1 from a table of numbers; names the first column that is not binary, or that never changes."""
    _check_shape(table.shape)
    low = -1 if (table == -1).any() else 0
    allowed = (table == low) | (table == 1)
    if not allowed.all():
        # The first column in reading order, not the first row: people mend columns.
        column = int(np.flatnonzero(~allowed.all(0))[0])
        row = int(np.flatnonzero(~allowed[:, column])[0])
        mixed = "; 0 and -1 do not go together" if low == -1 and table[row, column] == 0 else ""
        value = float(table[row, column])
        raise ValueError(f"column {column + 1} is not binary: row {row + 1} has {value:g}{mixed}; {ALLOWED}")
    ones = table == 1
    constant = np.flatnonzero(ones.all(0) | ~ones.any(0))
    if len(constant):
        which, value = constant[0] + 1, float(table[0, constant[0]])
        raise ValueError(
            f"column {which} is constant: every row has {value:g}, which says nothing about couplings; leave it out"
        )
    return ones.astype(np.uint8)


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise ValueError(f"samples must be a table of rows and columns, got {len(shape)} dimensions; {ALLOWED}")
    if not MIN_ROWS <= shape[0] <= MAX_ROWS:
        raise ValueError(f"there must be {MIN_ROWS} to {MAX_ROWS} samples, got {shape[0]}; one a row")
    if not 2 <= shape[1] <= MAX_DIM:
        raise ValueError(f"samples must have 2 to {MAX_DIM} columns, got {shape[1]}")
    if shape[0] * shape[1] > MAX_VALUES:
        raise ValueError(f"rows times columns must be at most {MAX_VALUES:,}, got {shape[0] * shape[1]:,}")


def _from_csv(data: bytes) -> tuple[np.ndarray, list[str] | None]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"the CSV file is not text in UTF-8; {ALLOWED}") from None
    lines = [line for line in text.splitlines() if line.strip()]
    # The last line holds values, the first may hold names with any sign in them.
    separator = next((s for s in (",", ";", "\t") if lines and s in lines[-1]), None)
    rows = [line.replace('"', "").split(separator) for line in lines]  # some programs put numbers in quotes
    names = None
    if rows and not _number(rows[0][0]):
        rows, names = rows[1:], _names(lines[0], separator)
    if len({len(row) for row in rows}) > 1:
        width = len(rows[0])
        odd = next(i for i, row in enumerate(rows, 1) if len(row) != width)
        raise ValueError(f"row {odd} of the CSV file has {len(rows[odd - 1])} values, the first has {width}")
    _check_shape((len(rows), len(rows[0]) if rows else 0))
    try:
        return np.array(rows, dtype=np.float64), names
    except ValueError:
        column, row = next((j, i) for j in range(len(rows[0])) for i, r in enumerate(rows) if not _number(r[j]))
        raise ValueError(f"column {column + 1} is not binary: row {row + 1} is not a number; {ALLOWED}") from None


def _names(line: str, separator: str | None) -> list[str]:
    try:
        return line.split() if separator is None else next(csv.reader([line], delimiter=separator))
    except csv.Error:  # a name of more than 131,072 characters
        return []


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _from_npz(data: bytes) -> tuple[np.ndarray, list[str] | None]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            member = _member(archive)
            if member is not None:
                return _array(archive, member), _stored_names(archive)
    except _Refused as refusal:
        raise ValueError(str(refusal)) from None
    except Exception:  # damaged bytes make zipfile, its decompressors and numpy raise a dozen different types
        raise ValueError(f"the NPZ file cannot be read; {ALLOWED}") from None
    raise ValueError(f"the NPZ file must hold one array, or one named {ARRAY!r}; {ALLOWED}")


class _Refused(Exception):
    """An array that can be read but is not taken; its text is for the one who sent it."""


def _member(archive: zipfile.ZipFile) -> str | None:
    names = [n for n in archive.namelist() if n.endswith(".npy") and n != f"{NAMES}.npy"]
    return f"{ARRAY}.npy" if f"{ARRAY}.npy" in names else names[0] if len(names) == 1 else None


def _stored_names(archive: zipfile.ZipFile) -> list[str] | None:
    """A plain list of short texts; anything else counts as no names."""
    if f"{NAMES}.npy" not in archive.namelist():
        return None
    with archive.open(f"{NAMES}.npy") as file:
        if npy.read_magic(file) != (1, 0):
            return None
        shape, _, kind = npy.read_array_header_1_0(file)
    if kind.kind != "U" or len(shape) != 1 or shape[0] > MAX_DIM or kind.itemsize > 4 * 1000:
        return None
    with archive.open(f"{NAMES}.npy") as file:
        return npy.read_array(file, allow_pickle=False).tolist()


def _array(archive: zipfile.ZipFile, member: str) -> np.ndarray:
    with archive.open(member) as file:
        _check_header(file)
    with archive.open(member) as file:
        return np.asarray(npy.read_array(file, allow_pickle=False))


def _check_header(file: Any) -> None:
    """Hold the declared shape and type of an array against the limits, before its contents are unpacked."""
    # In later versions a header may claim gigabytes for itself; numpy writes them for tables with named columns only.
    if npy.read_magic(file) != (1, 0):
        raise _Refused(f"the NPZ file's array must be a plain table; {ALLOWED}")
    shape, _, kind = npy.read_array_header_1_0(file)
    if kind.kind not in "biuf" or kind.itemsize > 8:
        raise _Refused(f"the NPZ file's array must hold numbers or truth values; {ALLOWED}")
    try:
        _check_shape(shape)
    except ValueError as error:
        raise _Refused(str(error)) from None
