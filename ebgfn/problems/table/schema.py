"""All columns of a table: rows as vectors of bits, and vectors as rows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int, UInt8

from ebgfn.problems.table.columns import KINDS, UNKNOWN, Category, Column, understood
from ebgfn.problems.table.files import numbered

MOST_BITS_OF_ROW = 2000

Vectors = UInt8[np.ndarray, "rows dim"]
Codes = Int[np.ndarray, "rows columns"]


class Encoded(NamedTuple):
    """Bits, and which of them are known: those of a missing cell are not."""

    x: Vectors
    known: Bool[np.ndarray, "rows dim"]

    @property
    def whole(self) -> Bool[np.ndarray, " rows"]:
        """Which rows have no gaps."""
        return np.all(self.known, axis=1)

    def rows(self, chosen: np.ndarray | slice) -> "Encoded":
        return Encoded(self.x[chosen], self.known[chosen])


@dataclass(frozen=True)
class Schema:
    """Columns in the order of the table."""

    columns: tuple[Column, ...]

    def __post_init__(self):
        if len({column.name for column in self.columns}) != len(self.columns):
            raise ValueError("columns must have different names")
        if not 2 <= self.dim <= MOST_BITS_OF_ROW:
            raise ValueError(
                f"a row must take 2 to {MOST_BITS_OF_ROW} bits, got {self.dim}: too "
                + ("many columns" if self.dim > 2 else "few columns that change")
            )

    @classmethod
    def of(cls, table: pd.DataFrame, kinds: Mapping[str, str] | None = None) -> "Schema":
        """What a table of texts seems to hold; `kinds` of some columns by name, where that is known better."""
        kinds = dict(kinds or {})
        if unknown := sorted(set(kinds) - set(table.columns)):
            raise ValueError(f"there is no column {unknown[0]!r}; there are {', '.join(map(str, table.columns))}")
        return cls(tuple(_column(str(name), cells_of(table, name), kinds.get(str(name))) for name in table.columns))

    @property
    def dim(self) -> int:
        """Bits of a row."""
        return sum(column.bits for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def places(self) -> dict[str, slice]:
        """Where the bits of each column stand."""
        ends = np.cumsum([column.bits for column in self.columns]).tolist()
        return {column.name: slice(end - column.bits, end) for column, end in zip(self.columns, ends, strict=True)}

    def encode(self, table: pd.DataFrame) -> Encoded:
        """Rows of a table that has these columns, in any order. Errors: ValueError names the column and the row."""
        if missing := [name for name in self.names if name not in table.columns]:
            raise ValueError(f"the table has no column {missing[0]!r}; it must have {', '.join(self.names)}")
        x, known = np.zeros((len(table), self.dim), np.uint8), np.zeros((len(table), self.dim), bool)
        for column in self.columns:
            codes, place = column.codes(cells_of(table, column.name)), self.places[column.name]
            x[:, place], known[:, place] = column.encode(codes), (codes != UNKNOWN)[:, None]
        return Encoded(x, known)

    def codes(self, x: Vectors) -> Codes:
        """Code of each cell; of a column without bits zero."""
        return np.stack([column.decode(x[:, self.places[column.name]]) for column in self.columns], axis=1)

    def legal(self, x: Vectors) -> Bool[np.ndarray, " rows"]:
        """Whether all codes of a row are those of values."""
        return np.all(self.codes(x) < [column.levels for column in self.columns], axis=1)

    def decode(self, x: Vectors, rng: np.random.Generator) -> pd.DataFrame:
        """Rows of texts. Errors: ValueError if some are not legal."""
        if not self.legal(x).all():
            raise ValueError("a row has a code that no value has")
        cells = {
            column.name: column.cells(codes, rng) for column, codes in zip(self.columns, self.codes(x).T, strict=True)
        }
        return pd.DataFrame(cells, dtype=object)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"columns": [{"kind": column.kind, **asdict(column)} for column in self.columns]}

    @classmethod
    def from_json(cls, values: Any) -> "Schema":
        """Inverse of `to_json`. Errors: ValueError says what is allowed."""
        try:
            return cls(tuple(_from_json(dict(one)) for one in values["columns"]))
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"a schema must have columns, each of a name and a kind ({', '.join(KINDS)}): {error}"
            ) from None


def of_bits(columns: int) -> Schema:
    """Columns without names, of zeros and ones."""
    return Schema(tuple(Category(name, ("0", "1")) for name in numbered(columns)))


def cells_of(table: pd.DataFrame, name: Any) -> list[str | None]:
    """A column's texts, None where there is none."""
    return [None if pd.isna(cell) else str(cell) for cell in table[name]]


def _column(name: str, cells: list[str | None], kind: str | None) -> Column:
    if kind is None:
        return understood(name, cells)
    if kind not in KINDS:
        raise ValueError(f"column {name!r} must be one of {', '.join(KINDS)}, got {kind!r}")
    return KINDS[kind].of(name, cells)


def _from_json(values: dict[str, Any]) -> Column:
    kind = values.pop("kind")
    if kind not in KINDS:
        raise ValueError(f"a column must be one of {', '.join(KINDS)}, got {kind!r}")
    if not isinstance(values.get("name"), str):
        raise ValueError("the name of a column must be a text")
    if "values" in values:
        values["values"] = tuple(values["values"])
    if "bins" in values:
        values["bins"] = tuple(tuple(float(value) for value in held) for held in values["bins"])
    return KINDS[kind](**values)
