"""Where training data come from: an endless stream of fresh points, the rows of a fixed set, or nowhere."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ebgfn import seeds
from ebgfn.data.toy2d import Density

BLOCK = 65_536


@runtime_checkable
class Source(Protocol):
    """Training data as float bits."""

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        """The next `n` points."""
        ...


@runtime_checkable
class Stored(Source, Protocol):
    """A source that a run can be resumed with; one that is begun at another place draws others."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


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


class Rows:
    """Rows of a fixed set: all of them in random order, then again; `all` is the set itself."""

    def __init__(self, x: UInt8[np.ndarray, "rows dim"], *, seed: int, place: tuple[int, ...] = ()):
        self.all = torch.from_numpy(x).float()
        self._generator = seeds.generator(seed, "data", *place)
        self._order = torch.empty(0, dtype=torch.int64)

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        """The next `n` rows."""
        while len(self._order) < n:
            self._order = torch.cat([self._order, torch.randperm(len(self.all), generator=self._generator)])
        chosen, self._order = self._order[:n], self._order[n:]
        return self.all[chosen]

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state(), "order": self._order.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])
        self._order = state["order"]


class Nothing:
    """No data: the energy is given."""

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        raise ValueError("this training has no data")

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass
