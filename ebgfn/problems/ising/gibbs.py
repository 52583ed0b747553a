"""Samples of any couplings and fields by sweeps of Gibbs sampling from random spins, many copies side by side.

For E(x) = -s^T J s - h^T s a spin is up with probability sigmoid(4 (J s)_i + 2 h_i), given all others. Copies are
independent; whether they have forgotten their start is for the caller to know: at weak coupling a few dozen sweeps do, in an
ordered phase none.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8
from scipy.special import expit

Square = Float[np.ndarray, "dim dim"]
Rows = UInt8[np.ndarray, "n dim"]
Vector = Float[np.ndarray, " dim"]

SWEEPS = 100


def sample(couplings: Square, fields: Vector, n: int, rng: np.random.Generator, *, sweeps: int = SWEEPS) -> Rows:
    """Where `n` copies stand after so many sweeps."""
    *_, last = walk(couplings, fields, n, rng, sweeps=sweeps)
    return last


def walk(
    couplings: Square, fields: Vector, n: int, rng: np.random.Generator, *, sweeps: int, start: Rows | None = None
) -> Iterator[Rows]:
    """Where `n` copies stand after each of so many sweeps, from `start` if that is given."""
    dim = len(fields)
    near = [np.flatnonzero(row) for row in couplings]
    pull = [4 * row[there].astype(np.float32) for row, there in zip(couplings, near, strict=True)]
    first = rng.integers(0, 2, (n, dim)) if start is None else start
    s = np.ascontiguousarray(2.0 * first.T - 1, dtype=np.float32)  # a spin of all copies lies together
    for _ in range(sweeps):
        chance = rng.random((dim, n), dtype=np.float32)
        for i in range(dim):
            up = expit(pull[i] @ s[near[i]] + np.float32(2 * fields[i]))
            s[i] = np.where(chance[i] < up, 1, -1)
        yield (s.T > 0).astype(np.uint8)
