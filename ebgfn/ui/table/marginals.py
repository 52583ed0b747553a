"""Each column of drawn rows beside that of real ones: shares of its values, and how far apart they are."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ebgfn.problems.table.columns import Category, Column, Number
from ebgfn.problems.table.schema import Schema, Vectors
from ebgfn.ui.components.line_charts import Axis, Chart, Line

# Bars of a column; of more values neighbouring ones, or all but the most frequent, are joined.
BARS = 12
OTHERS = "others"


class Marginal(NamedTuple):
    """Shares of the bars of one column, of real and of drawn rows, and the `distance` between them: 0 alike, 1 disjoint."""

    column: str
    bars: tuple[str, ...]
    real: Float[np.ndarray, " bars"]
    drawn: Float[np.ndarray, " bars"]

    @property
    def distance(self) -> float:
        """Total variation: half the sum of the differences."""
        return float(np.abs(self.real - self.drawn).sum() / 2)


def marginals(schema: Schema, real: Vectors, drawn: Vectors) -> list[Marginal]:
    """Of the columns that have bits, in the order of the table."""
    return [_marginal(column, *(_codes(schema, column, x) for x in (real, drawn))) for column in _changing(schema)]


def _changing(schema: Schema) -> list[Column]:
    return [column for column in schema.columns if column.bits]


def _codes(schema: Schema, column: Column, x: Vectors) -> Int[np.ndarray, " rows"]:
    codes, levels = column.decode(x[:, schema.places[column.name]]), column.levels
    if levels <= BARS:
        return codes
    return np.minimum(codes, BARS - 1) if isinstance(column, Category) else codes * BARS // levels


def _marginal(column: Column, real: Int[np.ndarray, " rows"], drawn: Int[np.ndarray, " others"]) -> Marginal:
    names = _bars(column)
    shares = [np.bincount(codes, minlength=len(names)) / max(1, len(codes)) for codes in (real, drawn)]
    return Marginal(column.name, names, *shares)


def _bars(column: Column) -> tuple[str, ...]:
    """What stands below the bars: a value, or of joined bins the lowest one."""
    if isinstance(column, Number):
        groups = np.arange(column.levels) * min(BARS, column.levels) // column.levels
        first = np.unique(groups, return_index=True)[1]
        return tuple(column.write(column.bins[code][0]) for code in first)
    assert isinstance(column, Category)
    return column.values if column.levels <= BARS else (*column.values[: BARS - 1], OTHERS)


def chart(found: Marginal) -> Chart:
    """Bars of both, one over the other."""
    places = np.arange(1, len(found.bars) + 1)
    lines = [
        Line("real", places, found.real, role="data", area=True),
        Line("drawn", places, found.drawn, role="sampler", area=True),
    ]
    top = 1.1 * max(found.real.max(), found.drawn.max(), 0.01)
    return Chart(
        found.column,
        f"{found.distance:.1%} of the rows would have to move",
        lines,
        Axis(0.5, len(found.bars) + 0.5, names=found.bars),
        course=False,
        limits=(0, top),
        alt=f"{found.column}: shares of {len(found.bars)} values in real and drawn rows, {found.distance:.1%} apart.",
    )
