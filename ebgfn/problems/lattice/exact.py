"""Ising model on the side x side torus, E(x) = -s^T J s with spins s = 2x - 1 and J = sigma A, and exact samples of it.

Each pair counts twice in E, so neighbours are coupled by 2 sigma and the critical point is log(1 + sqrt 2) / 4 = 0.2203.

Samples come from independent copies that start from random spins and are moved side by side, in turn by clusters and by
single spins. Clusters (Swendsen and Wang, "Nonuniversal critical dynamics in Monte Carlo simulations", 1987): neighbours
that are as they like, equal for sigma > 0, are tied with probability 1 - exp(-4 |sigma|), and each connected piece is
flipped with probability 1/2. Single spins (Gibbs sampling) are needed for sigma < 0 on an odd side, where no state suits
all neighbours: a wall of those it does not suit winds round the torus, held fast by the clusters beside it.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int, Num, UInt8
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from ebgfn.nets.torus import MIN_SIDE, adjacency, neighbours

SIDES = (MIN_SIDE, 16)
SIGMAS = (-0.6, 0.6)

# Measured on 4000 copies from random spins and as many from an ordered state, in standard deviations of a single sample:
# how far apart are energy, |magnetisation| and correlations at distance 2, side / 2 and along the diagonal? At most
#   after           5     10    15 sweeps
#   16x16, 0.2203   0.22  0.06  0.02     15x15, -0.6  0.16  0.03  0.04 (0.56 after 2)
#   16x16, 0.25     0.26  0.03  0.01     15x15, -0.4  0.13  0.06  0.04
#   16x16, -0.6     0.21  0.04  0.02     15x15, -0.3  0.05  0.03  0.05
# with a standard error of 0.02: nothing to be seen from 15 on. Without single spins, 15x15 at -0.6 is 1.9 apart after 30.
SWEEPS = 30
GIBBS_SWEEPS = 5
# Sites moved at once: few enough to stay in the cache, enough to hide the cost of a call.
BLOCK = 40_000

Spins = Int[np.ndarray, "n dim"]


@dataclass(frozen=True)
class Lattice:
    """The model at one coupling."""

    side: int
    sigma: float

    def __post_init__(self):
        for name, (low, high) in (("side", SIDES), ("sigma", SIGMAS)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be in {low}..{high}, got {value}")

    @property
    def dim(self) -> int:
        """Number of sites."""
        return self.side**2

    def couplings(self) -> Float[np.ndarray, "dim dim"]:
        """J = sigma A."""
        return self.sigma * adjacency(self.side).astype(np.float64)

    def energy(self, x: Num[np.ndarray, "n dim"]) -> Float[np.ndarray, " n"]:
        """E(x) = -s^T J s, in nats."""
        if x.shape[1] != self.dim:
            raise ValueError(f"states of this lattice have {self.dim} sites, got {x.shape[1]}")
        s = 2.0 * x - 1.0
        right, below = neighbours(self.side)[:, :2].T
        return -2 * self.sigma * (s * (s[:, right] + s[:, below])).sum(1)

    def sample(self, n: int, rng: np.random.Generator, *, sweeps: int = SWEEPS) -> UInt8[np.ndarray, "n dim"]:
        """Draw `n` independent states; after the default number of sweeps their start is forgotten."""
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        s = 2 * rng.integers(0, 2, (n, self.dim), dtype=np.int8) - 1
        block = max(1, BLOCK // self.dim)
        for start in range(0, n, block):
            for _ in range(sweeps):
                self.sweep(s[start : start + block], rng)
        # s and -s are equally likely: a coin says which, so that a small step of sigma seldom turns the whole lattice over.
        return (s * s[:, :1] * rng.choice(np.array([-1, 1], dtype=np.int8), (n, 1)) > 0).astype(np.uint8)

    def sweep(self, s: Spins, rng: np.random.Generator) -> None:
        """Move each state in place by steps that leave its distribution as it is."""
        self._flip_clusters(s, rng)
        for _ in range(GIBBS_SWEEPS):
            self._gibbs(s, rng)

    def _flip_clusters(self, s: Spins, rng: np.random.Generator) -> None:
        """A move of Swendsen and Wang. How many random numbers it takes does not depend on sigma or s."""
        content = s[:, :, None] * s[:, neighbours(self.side)[:, :2]] == np.sign(self.sigma)
        tied = (rng.random(content.shape, dtype=np.float32) < -math.expm1(-4 * abs(self.sigma))) & content
        cluster = _pieces(tied, _ends(self.side, len(s)))
        # A cluster takes the coin of its first site: then a little more sigma with the same seed changes little.
        coin = 2 * rng.integers(0, 2, s.size, dtype=np.int8) - 1
        chosen = np.empty(s.size, dtype=np.int8)
        chosen[cluster[::-1]] = coin[::-1]
        s *= chosen[cluster].reshape(s.shape)

    def _gibbs(self, s: Spins, rng: np.random.Generator) -> None:
        """Draw each spin once given its neighbours: p(s_i = 1 | rest) = sigmoid(4 sigma sum of neighbours)."""
        chance = expit(4 * self.sigma * np.arange(-4, 5, 2)).astype(np.float32)
        for sites in _colours(self.side):
            field = s[:, neighbours(self.side)[sites]].sum(2, dtype=np.int8)
            u = rng.random(field.shape, dtype=np.float32)
            s[:, sites] = np.where(u < chance[field // 2 + 2], 1, -1)


@lru_cache(maxsize=32)
def _colours(side: int) -> list[Int[np.ndarray, " sites"]]:
    """Sites in groups without neighbours: two on an even side, three on an odd one."""
    ring = np.arange(side) % 2
    ring[-1] = 2 if side % 2 else 1
    colour = (ring[:, None] + ring) % (2 + side % 2)
    return [np.flatnonzero(colour == c) for c in range(2 + side % 2)]


@lru_cache(maxsize=4)
def _ends(side: int, n: int) -> Int[np.ndarray, " bonds"]:
    """Right and lower neighbour of each site, with the sites of `n` lattices numbered through."""
    first = np.arange(0, n * side * side, side * side, dtype=np.int32)
    return (first[:, None, None] + neighbours(side)[:, :2]).ravel()


def _pieces(tied: Bool[np.ndarray, "n dim 2"], ends: Int[np.ndarray, " bonds"]) -> Int[np.ndarray, " sites"]:
    """Number of the connected piece that each site belongs to, in the order of their first sites."""
    sites = tied.size // 2
    starts = np.zeros(sites + 1, dtype=np.int32)
    np.cumsum(np.add(tied[:, :, 0], tied[:, :, 1], dtype=np.int32), out=starts[1:])
    indices = ends[np.flatnonzero(tied)]
    graph = csr_array((np.ones(len(indices)), indices, starts), shape=(sites, sites))
    return connected_components(graph, directed=False)[1]
