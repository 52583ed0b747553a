"""How much two columns of codes tell of each other: mutual information, less what chance alone would show.

I(X; Y) = sum p(x, y) log p(x, y) / (p(x) p(y)), of shares of rows. Of n rows of independent columns with a and b values
2 n I follows a chi-squared distribution with f = (a - 1)(b - 1) degrees of freedom (Wilks, "The large-sample distribution
of the likelihood ratio", 1938), hence on average I is f / 2n too large: this is taken off.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import chi2

# Chance that of all pairs of independent columns even one passes for dependent.
ALPHA = 0.05
# Rows whose codes are unpacked at once: bounds memory.
PIECE = 4000

Codes = Int[np.ndarray, "rows columns"]
Square = Float[np.ndarray, "columns columns"]


class Dependence(NamedTuple):
    """Of each pair of columns, symmetric; of a column with itself zero.

    `nats`: mutual information, corrected, which chance may make negative. `noise`: what `nats` must exceed not to be chance.
    `normalised`: `nats` over the mean of both entropies, held to 0..1: 1 where each column tells the other.
    """

    nats: Square
    noise: Square
    normalised: Square
    rows: int

    @property
    def real(self) -> Bool[np.ndarray, "columns columns"]:
        """Pairs that chance does not explain."""
        return self.nats > self.noise


def dependence(codes: Codes, levels: list[int]) -> Dependence:
    """Of columns with codes 0 .. levels - 1. Errors: ValueError without rows."""
    rows, columns = codes.shape
    if not rows:
        raise ValueError("there must be at least one row")
    joint, starts = counts(codes, levels), np.cumsum([0, *levels])
    single = joint.diagonal()
    by_column = [single[a:b] for a, b in itertools.pairwise(starts)]
    entropy, seen = np.array([_entropy(part) for part in by_column]), np.array([(part > 0).sum() for part in by_column])
    # Of a block's entries -p log p is summed by columns, then by rows.
    share = joint / rows
    blocks = np.add.reduceat(np.add.reduceat(_p_log_p(share), starts[:-1], axis=0), starts[:-1], axis=1)
    free = np.outer(seen - 1, seen - 1).astype(float)
    nats = entropy[:, None] + entropy[None] - blocks - free / (2 * rows)
    pairs = max(1, columns * (columns - 1) // 2)
    noise = (chi2.isf(ALPHA / pairs, np.maximum(free, 1)) - free) / (2 * rows)
    mean = (entropy[:, None] + entropy[None]) / 2
    normalised = np.clip(nats / np.maximum(mean, 1e-12), 0, 1) * (free > 0)
    for table in (nats, normalised):
        np.fill_diagonal(table, 0.0)
    nats[free == 0] = 0.0
    return Dependence(nats, noise, normalised, rows)


def counts(codes: Codes, levels: list[int]) -> Float[np.ndarray, "values values"]:
    """How many rows hold two values together, of all values of all columns."""
    starts = np.cumsum([0, *levels])
    total = np.zeros((starts[-1], starts[-1]))
    for begin in range(0, len(codes), PIECE):
        part = codes[begin : begin + PIECE]
        told = np.zeros((len(part), starts[-1]), np.float32)
        np.put_along_axis(told, part + starts[:-1], 1.0, axis=1)
        total += told.T @ told
    return total


def agreement(first: Square, second: Square) -> float:
    """Correlation of two tables over all pairs; NaN where one of them is constant."""
    above = np.triu_indices(len(first), 1)
    a, b = (table[above] - table[above].mean() for table in (first, second))
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else float("nan")


def _entropy(number: Float[np.ndarray, " values"]) -> float:
    return float(_p_log_p(number / number.sum()).sum())


def _p_log_p(p: np.ndarray) -> np.ndarray:
    return -p * np.log(np.where(p > 0, p, 1.0))
