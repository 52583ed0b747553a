"""Displacements on the square lattice with periodic boundaries: what is equal all over it depends on them alone."""

import numpy as np
from jaxtyping import Int


def displacements(side: int) -> Int[np.ndarray, "dim dim"]:
    """Number of the displacement between two sites, the same there and back; -1 on the diagonal."""
    row, column = np.divmod(np.arange(side**2), side)
    forth = (row - row[:, None]) % side * side + (column - column[:, None]) % side
    _, numbers = np.unique(np.minimum(forth, forth.T), return_inverse=True)
    return numbers.reshape(forth.shape) - 1
