"""Random graphs of couplings with fields, to draw samples of."""

import numpy as np


def sparse(dim: int, degree: int, *, seed: int, least: float = 0.1, most: float = 0.3, field: float = 0.5):
    """J of random signs, each variable coupled to `degree` others; fields uniform in +-`field`; and the generator."""
    rng = np.random.default_rng(seed)
    there = regular(dim, degree, rng)
    size = np.triu(rng.uniform(least, most, (dim, dim)) * rng.choice([-1, 1], (dim, dim)), 1) * there
    return size + size.T, rng.uniform(-field, field, dim), rng


def regular(dim: int, degree: int, rng: np.random.Generator) -> np.ndarray:
    """A random graph in which every node has `degree` neighbours: ends tied at random, until no two are doubled."""
    while True:
        ends = rng.permutation(np.repeat(np.arange(dim), degree)).reshape(-1, 2)
        there = np.zeros((dim, dim), bool)
        there[ends[:, 0], ends[:, 1]] = there[ends[:, 1], ends[:, 0]] = True
        if not there.diagonal().any() and there.sum() == dim * degree:
            return there
