"""An endless stream of fresh points of a density."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn import seeds
from ebgfn.problems.plane.densities import Density

BLOCK = 65_536


class Stream:
    """Independent points of a density, drawn in blocks because many small draws cost more than a large one."""

    def __init__(self, density: Density, *, bits: int, seed: int, place: tuple[int, ...] = ()):
        self._density, self._bits = density, bits
        self._rng = seeds.rng(seed, "data", *place)
        self._before = self._rng.bit_generator.state
        self._block = torch.empty(0, 2 * bits, dtype=torch.uint8)
        self._next = 0

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        """The next `n` points."""
        if self._next + n > len(self._block):
            self._fill(max(BLOCK, n))
            self._next = 0
        points = self._block[self._next : self._next + n]
        self._next += n
        return points.float()

    def _fill(self, n: int) -> None:
        self._before = self._rng.bit_generator.state
        self._block = torch.from_numpy(self._density.sample(n, self._rng, bits=self._bits))

    def state_dict(self) -> dict[str, Any]:
        """What the block in use is drawn from, rather than the block."""
        return {"rng": self._before, "block": len(self._block), "next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._rng.bit_generator.state = state["rng"]
        self._fill(state["block"])
        self._next = state["next"]
