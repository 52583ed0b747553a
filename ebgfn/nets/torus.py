"""The square lattice with periodic boundaries: who is whose neighbour, and displacements, on which depends what is equal all
over it. Sites are numbered row by row."""

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Int, UInt8

CRITICAL_SIGMA = math.log(1 + math.sqrt(2)) / 4
MIN_SIDE = 3


def displacements(side: int) -> Int[np.ndarray, "dim dim"]:
    """Number of the displacement between two sites, the same there and back; -1 on the diagonal."""
    row, column = np.divmod(np.arange(side**2), side)
    forth = (row - row[:, None]) % side * side + (column - column[:, None]) % side
    _, numbers = np.unique(np.minimum(forth, forth.T), return_inverse=True)
    return numbers.reshape(forth.shape) - 1


@lru_cache(maxsize=32)
def neighbours(side: int) -> Int[np.ndarray, "dim 4"]:
    """Neighbours of each site: right, below, left, above."""
    sites = np.arange(side * side, dtype=np.int32).reshape(side, side)
    return np.stack([np.roll(sites, step, axis).ravel() for step, axis in ((-1, 1), (-1, 0), (1, 1), (1, 0))], axis=1)


def edges(side: int) -> Int[np.ndarray, "edges 2"]:
    """Pairs of neighbouring sites, each once; sites are numbered row by row."""
    near = neighbours(side)[:, :2]
    return np.stack([np.repeat(np.arange(side * side), 2), near.ravel()], axis=1)


def adjacency(side: int) -> UInt8[np.ndarray, "dim dim"]:
    """1 where two sites are neighbours."""
    if side < MIN_SIDE:
        raise ValueError(f"side must be at least {MIN_SIDE}, got {side}")
    a = np.zeros((side * side, side * side), dtype=np.uint8)
    i, j = edges(side).T
    a[i, j] = a[j, i] = 1
    return a
