"""Binary samples from a file that may come from anywhere: CSV or NPZ, held to limits before anything is unpacked.

Values are 0 and 1, or -1 and 1. Nothing in a file is ever run: NPZ members are plain arrays, read without pickle, and the
shape in a member's header is looked at before its contents.
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


def binary(table: np.ndarray) -> Samples:
    """0 and 1 from a table of numbers; names the first column that is not binary, or that never changes."""
    _check_shape(table.shape)
    low = -1 if (table == -1).any() else 0
    allowed = (table == low) | (table == 1)
    if not allowed.all():
        row, column = np.argwhere(~allowed)[0]
        raise ValueError(f"column {column + 1} is not binary: row {row + 1} has {table[row, column]:g}; {ALLOWED}")
    ones = table == 1
    constant = np.flatnonzero(ones.all(0) | ~ones.any(0))
    if len(constant):
        value = table[0, constant[0]]
        raise ValueError(
            f"column {constant[0] + 1} is constant: every row has {value:g}, which says nothing of couplings; leave it out"
        )
    return ones.astype(np.uint8)


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise ValueError(f"samples must be a table of rows and columns, got {len(shape)} dimensions; {ALLOWED}")
    if not MIN_ROWS <= shape[0] <= MAX_ROWS:
        raise ValueError(f"there must be {MIN_ROWS} to {MAX_ROWS} samples, got {shape[0]}; one a row")
    if not 2 <= shape[1] <= MAX_DIM:
        raise ValueError(f"samples must have 2 to {MAX_DIM} columns, got {shape[1]}")


def _from_csv(data: bytes) -> np.ndarray:
    try:
        lines = [line for line in data.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise ValueError(f"the CSV file is not text in UTF-8; {ALLOWED}") from None
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
        row, column = next((i, j) for i, r in enumerate(rows) for j, value in enumerate(r) if not _number(value))
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
            names = [n for n in archive.namelist() if n.endswith(".npy")]
            chosen = f"{ARRAY}.npy" if f"{ARRAY}.npy" in names else names[0] if len(names) == 1 else None
            if chosen is None:
                raise ValueError(f"the NPZ file must hold one array, or one named {ARRAY!r}; {ALLOWED}")
            with archive.open(chosen) as member:
                _check_header(member)
            with archive.open(chosen) as member:
                return np.asarray(npy.read_array(member, allow_pickle=False))
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError):
        raise ValueError(f"the NPZ file cannot be read; {ALLOWED}") from None


def _check_header(member: Any) -> None:
    """Hold the declared shape and type of an array against the limits, before its contents are unpacked."""
    version = npy.read_magic(member)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"the NPZ file is of a version that is not read here; {ALLOWED}")
    shape, _, kind = readers[version](member)
    if kind.kind not in "biuf":
        raise ValueError(f"the NPZ file's array must hold numbers or truth values; {ALLOWED}")
    _check_shape(shape)
