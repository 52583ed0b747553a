"""Samples in files: one form for what the pages and the command line write, and its reader.

NPZ: `x`, bytes 0 and 1 of shape (..., D), what else is known under its own name, and `about`, JSON: how it was made.
CSV: a line of names on top; either `bits` holds each vector as one word, beside what else is known of it, or every column is
an entry of the vectors.
"""

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

BITS, ABOUT = "bits", "about"
# Entries beyond which compression takes longer than drawing them.
MOST_COMPRESSED = 2**24


@dataclass(frozen=True)
class Samples:
    """`others`: what else is known of the vectors, by name; `names` of their entries, where the file has them."""

    x: UInt8[np.ndarray, "*rows dim"]
    others: dict[str, np.ndarray] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] | None = None


def to_npz(x: np.ndarray, /, *, about: Mapping[str, Any] | None = None, **others: Any) -> bytes:
    """A file of vectors; `about` says how they were made."""
    buffer = io.BytesIO()
    arrays = {name: np.asarray(value) for name, value in others.items()}
    told = np.array(json.dumps(dict(about or {})))
    write = np.savez_compressed if x.size <= MOST_COMPRESSED else np.savez
    write(buffer, allow_pickle=False, x=x.astype(np.uint8), **arrays, about=told)
    return buffer.getvalue()


def to_csv(x: UInt8[np.ndarray, "n dim"], /, **columns: Sequence[Any] | np.ndarray) -> str:
    """A line for each vector: the columns given, then its entries as one word."""
    lines = [",".join([*columns, BITS])]
    lines += [
        ",".join([*map(_text, row), _word(bits)]) for *row, bits in zip(*columns.values(), x.tolist(), strict=True)
    ]
    return "\n".join(lines) + "\n"


def to_table(x: UInt8[np.ndarray, "n dim"], names: Sequence[str] | None = None) -> str:
    """A line for each vector, a column for each entry; without names they are numbered from 1."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names or [f"x{i + 1}" for i in range(x.shape[1])])
    writer.writerows(x.tolist())
    return buffer.getvalue()


def load_samples(path: str | Path) -> Samples:
    """Read what `sample`, `chain` or a page wrote. Errors: ValueError for a file of another form, OSError."""
    path = Path(path)
    try:
        return _from_npz(path.read_bytes()) if path.suffix == ".npz" else _from_csv(path.read_text(encoding="utf-8"))
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile, csv.Error) as error:
        raise ValueError(f"{path.name} holds no samples as ebgfn writes them: {error}") from None


def _from_npz(data: bytes) -> Samples:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = dict(file)
    about = json.loads(str(arrays.pop(ABOUT))) if ABOUT in arrays else {}
    names = tuple(map(str, arrays.pop("names"))) if "names" in arrays else None
    return Samples(_binary(arrays.pop("x")), arrays, about, names)


def _from_csv(text: str) -> Samples:
    head, *rows = csv.reader(io.StringIO(text))
    if any(len(row) != len(head) for row in rows) or not rows:
        raise ValueError("every line must have as many cells as the first, and there must be at least two")
    columns = dict(zip(head, zip(*rows, strict=True), strict=True))
    if BITS in columns:
        words = columns.pop(BITS)
        return Samples(
            _binary([list(word) for word in words]), {name: _values(cells) for name, cells in columns.items()}
        )
    return Samples(_binary(rows), names=tuple(head))


def _binary(x: Any) -> UInt8[np.ndarray, "*rows dim"]:
    array = np.array(x)
    if array.ndim < 2 or not np.isin(array, ("0", "1") if array.dtype.kind == "U" else (0, 1)).all():
        raise ValueError("vectors must be rows of 0 and 1, all of one length")
    return array.astype(np.uint8)


def _values(cells: Sequence[str]) -> np.ndarray:
    """Numbers where all are, an empty cell being none; else text."""
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return np.array(cells)


def _word(bits: Sequence[int]) -> str:
    return "".join(map(str, bits))


def _text(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float | np.floating) else str(value)
