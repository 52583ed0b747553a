"""What one column of a table holds: its values as codes, and codes as values again.

Two values take one bit. Categories have plain codes, by how frequent they are. Numbers and dates have the Gray codes of bins
that are about equally full, so that neighbours differ in one bit; a bin is given back as one of the values it held. A column
with one value has no bits and is given back as it is; so has one with texts too many to be categories, which is lost.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, UInt8

MOST_LEVELS = 64
FEWEST_BITS, MOST_BITS = 2, 6
# Rows that a bin should have at least, so that it can be learned; values that stand for those of a bin.
ROWS_OF_BIN, KEPT = 40, 16
# Days are told without the time.
DAY_S = 86_400.0
MOST_DECIMALS = 15
UNKNOWN = -1

Cells = Sequence[str | None]
Codes = Int[np.ndarray, " rows"]


@dataclass(frozen=True)
class Column:
    """`kind` tells it in a file; `levels`: number of its codes."""

    kind: ClassVar[str]
    name: str

    @classmethod
    def of(cls, name: str, cells: Cells) -> "Column":
        """A column that holds these cells. Errors: ValueError if it cannot be of this kind."""
        raise NotImplementedError

    @property
    def levels(self) -> int:
        return 1

    @property
    def bits(self) -> int:
        return math.ceil(math.log2(self.levels))

    @property
    def default(self) -> str | None:
        """What an empty cell of a column without bits must be, if that is known."""
        return None

    def codes(self, cells: Cells) -> Codes:
        """Code of each cell, UNKNOWN where there is none. Errors: ValueError for a value that the column cannot hold."""
        return np.full(len(cells), UNKNOWN)

    def cells(self, codes: Codes, rng: np.random.Generator) -> list[str | None]:
        """Inverse of `codes`: a value for each; None for UNKNOWN."""
        raise NotImplementedError

    def encode(self, codes: Codes) -> UInt8[np.ndarray, "rows bits"]:
        """Bits of codes, the most significant one first; of unknown ones zeros."""
        return (np.maximum(codes, 0)[:, None] >> np.arange(self.bits)[::-1] & 1).astype(np.uint8)

    def decode(self, x: UInt8[np.ndarray, "rows bits"]) -> Codes:
        """Inverse of `encode`; what is `levels` or more is a code that no value has."""
        return x.astype(np.int64) @ (1 << np.arange(self.bits)[::-1])


@dataclass(frozen=True)
class Constant(Column):
    """One value wherever there is one."""

    kind: ClassVar[str] = "constant"
    value: str | None = None

    @classmethod
    def of(cls, name: str, cells: Cells) -> "Column":
        values = _values(cells)
        if len(values) > 1:
            raise ValueError(f"column {name!r} has {len(values)} values: it is not constant")
        return cls(name, next(iter(values), None))

    @property
    def default(self) -> str | None:
        return self.value

    def cells(self, codes: Codes, rng: np.random.Generator) -> list[str | None]:
        return [self.value] * len(codes)


@dataclass(frozen=True)
class Text(Column):
    """Texts, nearly each another: names, numbers of records, notes."""

    kind: ClassVar[str] = "text"

    @classmethod
    def of(cls, name: str, cells: Cells) -> "Column":
        return cls(name)

    def cells(self, codes: Codes, rng: np.random.Generator) -> list[str | None]:
        return [None] * len(codes)


@dataclass(frozen=True)
class Category(Column):
    """Some of a few values."""

    kind: ClassVar[str] = "category"
    values: tuple[str, ...] = ()

    def __post_init__(self):
        if not all(isinstance(value, str) for value in self.values) or len(set(self.values)) != len(self.values):
            raise ValueError(f"the values of column {self.name!r} must be texts, no two alike")
        if not 2 <= self.levels <= MOST_LEVELS:
            raise ValueError(
                f"column {self.name!r} must have 2 to {MOST_LEVELS} values as a category, got {self.levels}"
            )

    @property
    def levels(self) -> int:
        return len(self.values)

    def codes(self, cells: Cells) -> Codes:
        known = {value: code for code, value in enumerate(self.values)} | {None: UNKNOWN}
        found = [known.get(cell) for cell in cells]
        if None in found:
            row = found.index(None)
            few = ", ".join(self.values[:5]) + (", ..." if self.levels > 5 else "")
            raise ValueError(f"row {row + 1} of column {self.name!r} has a value that it cannot have; it has {few}")
        return np.array(found, np.int64)

    def cells(self, codes: Codes, rng: np.random.Generator) -> list[str | None]:
        return [None if code == UNKNOWN else self.values[code] for code in codes.tolist()]

    @classmethod
    def of(cls, name: str, cells: Cells) -> "Column":
        """The most frequent first; of two the smaller, so that 0 and 1 are their own bits."""
        counts = Counter(cell for cell in cells if cell is not None)
        values = sorted(counts, key=_order) if len(counts) == 2 else sorted(counts, key=lambda v: (-counts[v], v))
        return cls(name, tuple(values))


@dataclass(frozen=True)
class Number(Column):
    """Numbers in bins: values that each held, ascending. `digits`: decimals that they are told with."""

    kind: ClassVar[str] = "number"
    bins: tuple[tuple[float, ...], ...] = ()
    digits: int = 0

    def __post_init__(self):
        ends = [value for held in self.bins for value in held]
        if not all(self.bins) or sorted(set(ends)) != ends or not all(map(math.isfinite, ends)):
            raise ValueError(f"the bins of column {self.name!r} must hold numbers, each larger than the one before")
        if not 2 <= self.levels <= 2**MOST_BITS or not 0 <= self.digits <= MOST_DECIMALS:
            raise ValueError(
                f"column {self.name!r} must have 2 to {2**MOST_BITS} bins and 0 to {MOST_DECIMALS} decimals"
            )

    @property
    def levels(self) -> int:
        return len(self.bins)

    @cached_property
    def _edges(self) -> Float[np.ndarray, " edges"]:
        """Halfway between the last value of a bin and the first of the next."""
        return np.array([(a[-1] + b[0]) / 2 for a, b in zip(self.bins, self.bins[1:], strict=False)])

    def codes(self, cells: Cells) -> Codes:
        values = self.read(cells)
        if values is None:
            row = next(i for i, cell in enumerate(cells) if self.read([cell]) is None)
            raise ValueError(f"row {row + 1} of column {self.name!r} must be a {self.kind}")
        return np.where(np.isnan(values), UNKNOWN, np.searchsorted(self._edges, values))

    def cells(self, codes: Codes, rng: np.random.Generator) -> list[str | None]:
        share = rng.random(len(codes))
        return [
            None if code == UNKNOWN else self.write(self.bins[code][int(u * len(self.bins[code]))])
            for code, u in zip(codes.tolist(), share, strict=True)
        ]

    def encode(self, codes: Codes) -> UInt8[np.ndarray, "rows bits"]:
        codes = np.maximum(codes, 0)
        return super().encode(codes ^ (codes >> 1))

    def decode(self, x: UInt8[np.ndarray, "rows bits"]) -> Codes:
        return super().decode(np.bitwise_xor.accumulate(x, axis=1))

    @classmethod
    def read(cls, cells: Cells) -> Float[np.ndarray, " rows"] | None:
        """Numbers, NaN where there is no cell; None if some cell is no finite number."""
        try:
            values = np.array([math.nan if cell is None else float(cell) for cell in cells])
        except ValueError:
            return None
        there = np.array([cell is not None for cell in cells])
        return values if np.isfinite(values[there]).all() else None

    def write(self, value: float) -> str:
        """A number as it stood in the table."""
        return f"{value:.{self.digits}f}"

    @classmethod
    def of(cls, name: str, cells: Cells) -> "Column":
        """As many bins as the rows can fill, each value in one."""
        return cls(
            name, binned(cls._all(name, cells)), min(max(map(_decimals, _values(cells)), default=0), MOST_DECIMALS)
        )

    @classmethod
    def _all(cls, name: str, cells: Cells) -> Float[np.ndarray, " rows"]:
        values = cls.read(cells)
        if values is None:
            raise ValueError(f"column {name!r} holds what is no {cls.kind}")
        return values[~np.isnan(values)]


@dataclass(frozen=True)
class Date(Number):
    """Days, or moments, as seconds since 1970."""

    kind: ClassVar[str] = "date"

    @classmethod
    def read(cls, cells: Cells) -> Float[np.ndarray, " rows"] | None:
        """Seconds, of texts as ISO 8601 has them."""
        try:
            dates = pd.to_datetime(pd.Series(list(cells), dtype="string"), format="ISO8601", utc=True)
        except (ValueError, OverflowError):
            return None
        seconds = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
        return seconds.to_numpy(np.float64, na_value=math.nan)

    def write(self, value: float) -> str:
        date = pd.Timestamp(round(value), unit="s")
        days = all(held[0] % DAY_S == 0 and held[-1] % DAY_S == 0 for held in self.bins)
        return date.strftime("%Y-%m-%d" if days else "%Y-%m-%dT%H:%M:%S")

    @classmethod
    def of(cls, name: str, cells: Cells) -> "Column":
        return cls(name, binned(cls._all(name, cells)))


KINDS: dict[str, type[Any]] = {one.kind: one for one in (Constant, Text, Category, Number, Date)}


def understood(name: str, cells: Cells) -> Column:
    """What a column seems to hold."""
    values = _values(cells)
    if len(values) <= 1:
        return Constant.of(name, cells)
    if len(values) == 2:
        return Category.of(name, cells)
    for kind in (Number, Date):
        if (read := kind.read(cells)) is not None and len(np.unique(read[~np.isnan(read)])) > 1:
            return kind.of(name, cells)
    return Category.of(name, cells) if len(values) <= MOST_LEVELS else Text(name)


def binned(values: Float[np.ndarray, " rows"]) -> tuple[tuple[float, ...], ...]:
    """Values that bins of about as many rows each hold; of many some, at equal ranks, both ends among them."""
    distinct, counts = np.unique(values, return_counts=True)
    room = int(math.log2(max(1, len(values) // ROWS_OF_BIN)))
    most = 2 ** max(FEWEST_BITS, min(MOST_BITS, room))
    if len(distinct) <= most:
        return tuple((float(value),) for value in distinct)
    # Each value's middle rank tells its bin.
    rank = (np.cumsum(counts) - counts / 2) / len(values)
    number = np.minimum((rank * most).astype(int), most - 1)
    held = (distinct[number == one] for one in np.unique(number))
    return tuple(
        tuple(map(float, part[np.unique(np.linspace(0, len(part) - 1, KEPT).round().astype(int))])) for part in held
    )


def _values(cells: Cells) -> set[str]:
    return {cell for cell in cells if cell is not None}


def _decimals(number: str) -> int:
    """Digits after the point, as many as tell the number."""
    return max(0, -int(Decimal(number.strip()).as_tuple().exponent))


def _order(value: str) -> tuple[bool, float, str]:
    """Numbers by size, then texts."""
    number = Number.read([value])
    return (True, 0.0, value) if number is None else (False, float(number[0]), value)
