"""Where training data come from: an endless stream of fresh points, the rows of a fixed set, or nowhere."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ebgfn.data.toy2d import Density

BLOCK = 65_536


@runtime_checkable
class Source(Protocol):
    """Training data as float bits; one that is begun at another position draws others."""

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        """The next `n` points."""
        ...


class Stream:
    """Independent points of a density, drawn in blocks because many small draws cost more than a large one."""

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


class Rows:
    """Rows of a fixed set: all of them in random order, then again; `all` is the set itself."""

    def __init__(self, x: UInt8[np.ndarray, "rows dim"], *, seed: int, position: int = 0):
        self.all = torch.from_numpy(x).float()
        self._generator = torch.Generator().manual_seed(seed + 1_000_003 * position)
        self._order = torch.empty(0, dtype=torch.int64)

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        """The next `n` rows."""
        while len(self._order) < n:
            self._order = torch.cat([self._order, torch.randperm(len(self.all), generator=self._generator)])
        chosen, self._order = self._order[:n], self._order[n:]
        return self.all[chosen]


class Nothing:
    """No data: the energy is given."""

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        raise ValueError("this training has no data")
