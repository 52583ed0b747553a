"""An endless stream of fresh training points, drawn in blocks because many small draws cost more than a large one."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.data.toy2d import Density

BLOCK = 65_536


class Stream:
    """Independent points of a density as float bits; a stream begun at another `position` draws other points."""

    def __init__(self, density: Density, *, bits: int, seed: int, position: int = 0):
        self._density, self._bits = density, bits
        self._rng = np.random.default_rng([seed, position])
        self._block = torch.empty(0, 2 * bits, dtype=torch.uint8)
        self._next = 0

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        """The next `n` points."""
        if self._next + n > len(self._block):
            self._block = torch.from_numpy(self._density.sample(max(BLOCK, n), self._rng, bits=self._bits))
            self._next = 0
        points = self._block[self._next : self._next + n]
        self._next += n
        return points.float()
