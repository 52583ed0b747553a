"""Does a model fit rows that it has not seen? Shares of ones, pairs and triples of columns, held against drawn samples.

Statistics are means of products of one, two or three centred columns; z is the difference between rows and samples in
standard errors. Each of the three families has two tests: its largest |z|, for one thing that is wrong, and its mean z^2,
for many that are a little wrong. How large these are by chance the samples themselves say: they come in batches of as
many rows as are tested, and the test counts the batches that are further off than the rows (a Monte Carlo test: no normal
law is taken for granted, which rare columns do not follow). The six tests share the level (Bonferroni).

The model was fitted to other rows, whose noise it has. Standard errors allow for it: they are those of a difference between
two samples, as large as that noise can be if the fit is one of maximum likelihood.

Besag and Clifford, "Generalized Monte Carlo significance tests", Biometrika, 1989.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int, UInt8

Rows = UInt8[np.ndarray, "rows dim"]
Batches = UInt8[np.ndarray, "batches rows dim"]
Statistics = list[Float[np.ndarray, " statistics"]]

LEVEL = 0.05
FAMILIES = ("columns", "pairs", "triples")
TESTS = 2 * len(FAMILIES)
# With fewer batches no p-value could be below the level of a test.
BATCHES = 249
# Columns whose triples are looked at: 34,220 triples.
MOST_COLUMNS = 60


@dataclass(frozen=True)
class Family:
    """Statistics of one kind: the p-values of its two tests, and where rows and samples differ most.

    `worst` are the columns of the largest |z|, from 0; `excess` says by how much rows are above samples there, in the mean
    of the product of centred spins.
    """

    name: str
    p_largest: float
    p_mean: float
    worst: tuple[int, ...]
    z: float
    excess: float

    @property
    def p(self) -> float:
        """For all six tests."""
        return min(1.0, TESTS * min(self.p_largest, self.p_mean))


@dataclass(frozen=True)
class Misfit:
    """What a model was found to miss, by family."""

    families: tuple[Family, ...]
    rows: int

    @property
    def p(self) -> float:
        return min(family.p for family in self.families)

    @property
    def fits(self) -> bool:
        return self.p >= LEVEL

    @property
    def missed(self) -> list[Family]:
        """Families in which rows and samples differ by more than chance."""
        return [family for family in self.families if family.p < LEVEL]


def misfit(held_out: Rows, drawn: Batches, *, fitted: int, seed: int = 0) -> Misfit:
    """Hold rows against batches of as many samples of a model that was fitted to so many other rows.

    `seed` chooses columns for the triples, where there are more than MOST_COLUMNS. Errors: ValueError.
    """
    if len(drawn) < BATCHES:
        raise ValueError(f"drawn must hold at least {BATCHES} batches, got {len(drawn)}")
    rows, dim = held_out.shape
    few = np.sort(np.random.default_rng(seed).permutation(dim)[:MOST_COLUMNS])
    centre = (2 * drawn.mean((0, 1), dtype=np.float64) - 1).astype(np.float32)

    def centred(x: Rows) -> Float[np.ndarray, "rows dim"]:
        return 2 * x.astype(np.float32) - 1 - centre

    ours = _means(centred(held_out), few)
    chance = [np.stack(batches) for batches in zip(*(_means(centred(x), few) for x in drawn), strict=True)]
    squares = [np.mean(batches, 0) for batches in zip(*(_means(centred(x) ** 2, few) for x in drawn), strict=True)]
    where = (np.arange(dim)[:, None], _tuples(dim, 2), few[_tuples(len(few), 3)])
    more = math.sqrt(1 + rows / fitted)
    parts = zip(FAMILIES, ours, chance, squares, where, strict=True)
    return Misfit(tuple(_family(*part, rows, more) for part in parts if len(part[-1])), rows)


def _family(name: str, ours, chance, squares, where, rows: int, more: float) -> Family:
    """The tests of one family; the error of our rows' statistics is larger than that of a batch by the factor `more`."""
    mean = chance.mean(0)
    error = np.sqrt(np.maximum(squares - mean**2, 1e-12) / rows)
    z, by_chance = (ours - mean) / (more * error), (chance - mean) / error
    worst = int(np.abs(z).argmax())
    return Family(
        name,
        _p(float(np.abs(z).max()), np.abs(by_chance).max(1)),
        _p(float((z**2).mean()), (by_chance**2).mean(1)),
        tuple(int(column) for column in where[worst]),
        float(z[worst]),
        float((ours - mean)[worst]),
    )


def _p(ours: float, by_chance: Float[np.ndarray, " batches"]) -> float:
    return (1 + int((by_chance >= ours).sum())) / (1 + len(by_chance))


def _means(c: Float[np.ndarray, "rows dim"], few: Int[np.ndarray, " few"]) -> Statistics:
    """Mean over rows of each column, of the products of two columns, and of three of a few columns."""
    rows, dim = c.shape
    i, j = _tuples(dim, 2).T
    some = c[:, few]
    a, b = _tuples(len(few), 2).T
    of_three = (some[:, a] * some[:, b]).T @ some / rows
    number = np.zeros((len(few), len(few)), np.int64)
    number[a, b] = np.arange(len(a))
    first, second, third = _tuples(len(few), 3).T
    return [c.mean(0), (c.T @ c / rows)[i, j], of_three[number[first, second], third]]


@lru_cache(maxsize=8)
def _tuples(n: int, size: int) -> Int[np.ndarray, "tuples size"]:
    """All choices of `size` of `n` numbers, each in ascending order."""
    return np.array(list(combinations(range(n), size)), np.int64).reshape(-1, size)
