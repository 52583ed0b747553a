"""A spin glass on the lattice: neighbours are coupled as strongly as elsewhere on average, but no two alike and of any sign.

What an estimate gains by taking couplings to be equal is lost here, and it shows what finding them alone is worth.
"""

import numpy as np
from jaxtyping import Float

from ebgfn.nets.torus import adjacency

# Magnitudes are uniform in so many times sigma.
SPREAD = (0.5, 1.5)


def couplings(side: int, sigma: float, rng: np.random.Generator) -> Float[np.ndarray, "dim dim"]:
    """J of the side x side torus with magnitudes of mean `sigma` and random signs."""
    dim = side * side
    size = sigma * rng.uniform(*SPREAD, (dim, dim)) * rng.choice([-1.0, 1.0], (dim, dim))
    upper = np.triu(size * adjacency(side), 1)
    return upper + upper.T
