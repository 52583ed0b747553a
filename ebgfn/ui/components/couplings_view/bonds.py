"""Recovered couplings as bonds of the lattice: between neighbours, missing there, or reaching further.

Sites are numbered row by row from 0; people read them from 1.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Num

from ebgfn.nets.torus import adjacency
from ebgfn.problems.ising.export import Recovered

Square = Num[np.ndarray, "dim dim"]

STRONGEST = 20


@dataclass(frozen=True)
class Bonds:
    """How many pairs of neighbours are coupled and how many are not, and how many pairs further apart are coupled."""

    near: int
    missing: int
    long: int
    strongest_long: float


def count(couplings: Square, side: int) -> Bonds:
    """Bonds on the side x side lattice with periodic boundaries; a pair is coupled if its coupling is not zero."""
    neighbours = adjacency(side) > 0
    there, far = couplings != 0, _upper(~neighbours)
    near = int((there & _upper(neighbours)).sum())
    long = np.abs(couplings[there & far])
    return Bonds(near, 2 * side * side - near, len(long), float(long.max()) if len(long) else 0.0)


def strongest(found: Recovered, *, side: int, most: int = STRONGEST) -> dict[str, list]:
    """Columns of a table of the strongest couplings, largest magnitude first; those that are zero are left out."""
    i, j = np.triu_indices(len(found.couplings), 1)
    value = found.couplings[i, j]
    order = np.argsort(-np.abs(value), kind="stable")[:most]
    order = order[value[order] != 0]
    i, j, value = i[order], j[order], value[order]
    ends = [[found.name(k) for k in ends.tolist()] for ends in (i, j)]
    table = {"column i": ends[0], "column j": ends[1], "coupling": value.astype(float).tolist()}
    for name, known in (("±", found.coupling_errors), ("stability", found.stability)):
        if known is not None:
            table[name] = known[i, j].astype(float).tolist()
    if side:
        table["steps apart"] = steps_apart(i, j, side).tolist()
    return table


def steps_apart(i: np.ndarray, j: np.ndarray, side: int) -> np.ndarray:
    """Steps from site to site along the axes of the torus; neighbours are one step apart."""
    down, across = (np.abs(a - b) for a, b in zip(np.divmod(i, side), np.divmod(j, side), strict=True))
    return np.minimum(down, side - down) + np.minimum(across, side - across)


def _upper(table: Bool[np.ndarray, "dim dim"]) -> Bool[np.ndarray, "dim dim"]:
    return np.triu(table, 1)
