"""How many states of an Ising lattice have each energy, exactly; hence log Z, mean energy and specific heat at any sigma.

On the torus of L x L sites let g(b) be the number of states with b unequal neighbours. With x = exp(-4 sigma), Kaufman's
four products over momenta ("Crystal statistics II", 1949) are polynomials of x,

    sum_b g(b) x^b = (-Q_00 + Q_01 + Q_10 + Q_11) / 2,    Q^2 = prod_{k,l} [(1 + x^2)^2 - x (1 - x^2) (2 cos k + 2 cos l)],

where k runs over the momenta of a ring with periodic (0) or antiperiodic (1) ends, l likewise. Expanding them in integers
(the idea of Beale, "Exact distribution of energies in the two-dimensional Ising model", 1996) leaves sums of positive terms
only: no cancellation, also for sigma < 0 on an odd side, where the four products nearly cancel.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import comb, log

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

Polynomial = np.ndarray  # integers of any size (dtype object), lowest power first

# Square roots of the factors in which k and l are 0 or pi, by 2 cos k + 2 cos l; positive at x = 1 (no coupling).
SINGLE = {4: (-1, 2, 1), 0: (1, 0, 1), -4: (1, 2, -1)}


def _polynomial(*coefficients: int) -> Polynomial:
    return np.array(coefficients, dtype=object)


def _ring_sums(side: int, twist: int, count: int) -> list[int]:
    """Sum over k of (2 cos k)^m for m < count: closed walks of m steps on a ring, times -1 for each turn if twisted."""
    sums = []
    for m in range(count):
        turns = (r for r in range(-(m // side), m // side + 1) if (m - r * side) % 2 == 0)
        sums.append(side * sum((-1) ** (abs(r) * twist) * comb(m, (m - r * side) // 2) for r in turns))
    return sums


def _single_sums(side: int, twist: int) -> list[int]:
    """2 cos k of the momenta 0 and pi, where a ring has them: all others come in pairs k, -k."""
    return [c for c, there in ((2, twist == 0), (-2, side % 2 == twist)) if there]


def _product(side: int, twists: tuple[int, int]) -> Polynomial:
    """Q for one choice of the two ends."""
    single = [a + b for a in _single_sums(side, twists[0]) for b in _single_sums(side, twists[1])]
    pairs = (side * side - len(single)) // 2
    one, other = (_ring_sums(side, twist, pairs + 1) for twist in twists)
    sums = [
        (sum(comb(m, j) * one[j] * other[m - j] for j in range(m + 1)) - sum(w**m for w in single)) // 2
        for m in range(pairs + 1)
    ]
    # Newton's identities: coefficients of prod over pairs of (1 - w y), y = x (1 - x^2) / (1 + x^2)^2.
    e = [1]
    for m in range(1, pairs + 1):
        e.append(-sum(sums[i] * e[m - i] for i in range(1, m + 1)) // m)
    # Horner's rule, with y's denominator multiplied out.
    q, above = _polynomial(0), _polynomial(0, 1, 0, -1)
    for m in range(pairs, -1, -1):
        q = np.convolve(q, above)
        power = 2 * (pairs - m)
        below = [comb(power, i) * e[m] for i in range(power + 1)]
        q = np.concatenate([q, _polynomial(*[0] * max(0, 2 * power + 1 - len(q)))])
        q[: 2 * power + 1 : 2] += _polynomial(*below)
    for w in single:
        q = np.convolve(q, _polynomial(*SINGLE[w]))
    return q[: 2 * side * side + 1]


@lru_cache(maxsize=32)
def counts(side: int) -> tuple[int, ...]:
    """g(b), b = 0..2 L^2: numbers of states with b unequal pairs of neighbours; they add up to 2^(L^2)."""
    if side < 3:
        raise ValueError(f"side must be at least 3, got {side}")
    mixed = _product(side, (0, 1))
    total = -_product(side, (0, 0)) + 2 * mixed + _product(side, (1, 1))
    return tuple(int(g) // 2 for g in total)


@lru_cache(maxsize=32)
def _levels(side: int) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
    """Energy at sigma = 1 of every level that has states, and the log of their number."""
    g = counts(side)
    there = [b for b, n in enumerate(g) if n]
    return 4.0 * (np.array(there) - side * side), np.array([log(g[b]) for b in there])


@dataclass(frozen=True)
class Curves:
    """Exact values at each sigma: log Z, mean of E and variance of E (the specific heat of the whole lattice), in nats."""

    log_z: Float[np.ndarray, " sigmas"]
    mean_energy: Float[np.ndarray, " sigmas"]
    specific_heat: Float[np.ndarray, " sigmas"]


def curves(side: int, sigmas: Float[np.ndarray, " sigmas"]) -> Curves:
    """log Z and the first two moments of E at many sigma."""
    levels, log_g = _levels(side)
    energies = sigmas[:, None] * levels
    log_z = np.asarray(logsumexp(log_g - energies, axis=1))
    p = np.exp(log_g - energies - log_z[:, None])
    mean = (p * energies).sum(1)
    return Curves(log_z, mean, (p * (energies - mean[:, None]) ** 2).sum(1))


def log_z(side: int, sigma: float) -> float:
    """log of the sum of exp(-E) over all states."""
    return float(curves(side, np.array([float(sigma)])).log_z[0])


def mean_energy(side: int, sigma: float) -> float:
    """Mean of E = -s^T J s, in nats: -sigma d log Z / d sigma."""
    return float(curves(side, np.array([float(sigma)])).mean_energy[0])


def specific_heat(side: int, sigma: float) -> float:
    """Variance of E: sigma^2 d^2 log Z / d sigma^2, of the whole lattice."""
    return float(curves(side, np.array([float(sigma)])).specific_heat[0])
