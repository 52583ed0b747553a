"""Binary samples from a file that may come from anywhere: CSV or NPZ, held to limits before anything is unpacked.

Values are 0 and 1, or -1 and 1. Nothing in a file is ever run: NPZ members are plain arrays, read without pickle, and the
shape in a member's header is looked at before its contents. No text of a file is repeated in a message.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.lib import format as npy

MAX_BYTES = 5 * 2**20
MAX_DIM, MAX_ROWS, MIN_ROWS = 400, 100_000, 50
# Values in all: as double precision numbers, which a file may declare, they take 80 MB.
MAX_VALUES = 10_000_000
ARRAY = "x"
ALLOWED = (
    f"allowed are CSV, or NPZ with one array or one named {ARRAY!r}, at most 5 MB, "
    f"{MIN_ROWS} to {MAX_ROWS} rows (samples) of 2 to {MAX_DIM} columns, each value 0 or 1 (or -1 or 1)"
)

Samples = UInt8[np.ndarray, "samples dim"]


def read(path: Path) -> Samples:
    """Samples of a file; ValueError says what is wrong and what is allowed."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"the file is larger than 5 MB; {ALLOWED}")
        return parse(path.read_bytes(), path.name)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def parse(data: bytes, name: str) -> Samples:
    """Samples of a file's contents; its name says which kind it is."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"the file is larger than 5 MB; {ALLOWED}")
    if name.lower().endswith(".npz"):
        return binary(_from_npz(data))
    if name.lower().endswith(".csv"):
        return binary(_from_csv(data))
    raise ValueError(f"the file must be called .csv or .npz; {ALLOWED}")


def pack(x: Samples) -> bytes:
    """Samples as an NPZ file that `read` takes: the same bytes for the same samples."""
    contents = io.BytesIO()
    npy.write_array(contents, np.ascontiguousarray(x, dtype=np.uint8), allow_pickle=False)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # A fixed date: by default the clock's time goes into the file.
        member = zipfile.ZipInfo(f"{ARRAY}.npy", date_time=(2000, 1, 1, 0, 0, 0))
        archive.writestr(member, contents.getvalue(), zipfile.ZIP_DEFLATED)
    if len(buffer.getvalue()) > MAX_BYTES:
        raise ValueError("these samples take more than 5 MB to keep; give fewer rows")
    return buffer.getvalue()


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
            f"column {which} is constant: every row has {value:g}, which says nothing of couplings; leave it out"
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


def _from_csv(data: bytes) -> np.ndarray:
    try:
        text = data.decode("utf-8-sig").replace('"', "")  # some programs put numbers in quotes
    except UnicodeDecodeError:
        raise ValueError(f"the CSV file is not text in UTF-8; {ALLOWED}") from None
    lines = [line for line in text.splitlines() if line.strip()]
    separator = next((s for s in (",", ";", "\t") if lines and s in lines[0]), None)
    rows = [line.split(separator) for line in lines]
    if rows and not _number(rows[0][0]):
        rows = rows[1:]  # a line of names
    if len({len(row) for row in rows}) > 1:
        width = len(rows[0])
        odd = next(i for i, row in enumerate(rows, 1) if len(row) != width)
        raise ValueError(f"row {odd} of the CSV file has {len(rows[odd - 1])} values, the first has {width}")
    _check_shape((len(rows), len(rows[0]) if rows else 0))
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError:
        column, row = next((j, i) for j in range(len(rows[0])) for i, r in enumerate(rows) if not _number(r[j]))
        raise ValueError(f"column {column + 1} is not binary: row {row + 1} holds no number; {ALLOWED}") from None


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _from_npz(data: bytes) -> np.ndarray:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            member = _member(archive)
            if member is not None:
                return _array(archive, member)
    except _Refused as refusal:
        raise ValueError(str(refusal)) from None
    except Exception:  # damaged bytes make zipfile, its decompressors and numpy raise a dozen different types
        raise ValueError(f"the NPZ file cannot be read; {ALLOWED}") from None
    raise ValueError(f"the NPZ file must hold one array, or one named {ARRAY!r}; {ALLOWED}")


class _Refused(Exception):
    """An array that can be read but is not taken; its text is for the one who sent it."""


def _member(archive: zipfile.ZipFile) -> str | None:
    names = [n for n in archive.namelist() if n.endswith(".npy")]
    return f"{ARRAY}.npy" if f"{ARRAY}.npy" in names else names[0] if len(names) == 1 else None


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
