"""What samples of a lattice look like beside the exact values; standard errors are for independent samples."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num

from ebgfn.core.weights import Estimate
from ebgfn.problems.lattice.exact import Lattice

Samples = Num[np.ndarray, "n dim"]


@dataclass(frozen=True)
class Correlation:
    """Mean of s_i s_j at distances 1, 2, .. along the axes, with standard errors."""

    value: Float[np.ndarray, " half"]
    se: Float[np.ndarray, " half"]


def _estimate(values: Float[np.ndarray, " n"]) -> Estimate:
    if len(values) < 2:
        raise ValueError(f"a standard error needs at least 2 samples, got {len(values)}")
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))


def mean_energy(x: Samples, lattice: Lattice) -> Estimate:
    """Mean of E over samples, in nats."""
    return _estimate(lattice.energy(x))


def _spins(x: Samples) -> Float[np.ndarray, "n side side"]:
    """Spins on the lattice."""
    side = math.isqrt(x.shape[1])
    if side**2 != x.shape[1]:
        raise ValueError(f"samples must have a square number of columns, got {x.shape[1]}")
    return (2.0 * x - 1.0).reshape(-1, side, side)


def abs_magnetisation(x: Samples, *, staggered: bool = False) -> Estimate:
    """Mean of |mean spin|, in 0..1; with every second spin flipped if `staggered`, for the order that sigma < 0 brings."""
    s = _spins(x)
    side = s.shape[1]
    if staggered:
        if side % 2 == 1:
            raise ValueError(f"the staggered magnetisation needs an even side, got {side}")
        s = s * (1 - 2 * (np.indices((side, side)).sum(0) % 2))
    return _estimate(np.abs(s.mean((1, 2))))


def correlation(x: Samples) -> Correlation:
    """Mean of s_i s_j over pairs of sites 1 .. side // 2 apart along an axis."""
    s = _spins(x)
    if len(s) < 2:
        raise ValueError(f"a standard error needs at least 2 samples, got {len(s)}")
    distances = range(1, s.shape[1] // 2 + 1)
    products = np.stack([(s * (np.roll(s, r, 1) + np.roll(s, r, 2))).mean((1, 2)) / 2 for r in distances], axis=1)
    return Correlation(products.mean(0), products.std(0, ddof=1) / math.sqrt(len(s)))
