"""Where training data come from: the protocol, the rows of a fixed set, or nowhere."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ebgfn import seeds


@runtime_checkable
class Source(Protocol):
    """Training data as float bits."""

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        """The next `n` points."""
        ...


@runtime_checkable
class Stored(Source, Protocol):
    """A source that a run can be resumed with; one that is begun at another place draws others. It lies in main memory."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@runtime_checkable
class FixedSet(Source, Protocol):
    """A source that draws from a set which can be had as a whole."""

    @property
    def all(self) -> Float[Tensor, "rows dim"]: ...


@runtime_checkable
class WithMeans(Source, Protocol):
    """A source that can tell the probabilities that its bits were drawn with."""

    def draw_with_means(self, n: int) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n dim"]]: ...


def with_means(source: Source, n: int) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n dim"]]:
    """The next `n` points, and what their bits were drawn with where the source can tell, else the points again."""
    if isinstance(source, WithMeans):
        return source.draw_with_means(n)
    x = source.draw(n)
    return x, x


class OnDevice:
    """A source whose points go to a device; whatever else it has (`all`, `draw_with_means`) goes there as well."""

    def __init__(self, source: Any, device: torch.device):
        self._source, self._device = source, device

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        return self._source.draw(n).to(self._device)

    def draw_with_means(self, n: int) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n dim"]]:
        x, means = self._source.draw_with_means(n)
        return x.to(self._device), means.to(self._device)

    def draw_varied(self, n: int) -> Float[Tensor, "n dim"]:
        return self._source.draw_varied(n).to(self._device)

    @property
    def all(self) -> Float[Tensor, "rows dim"]:
        return self._source.all.to(self._device)


class Rows:
    """Rows of a fixed set: all of them in random order, then again; `all` is the set itself."""

    def __init__(self, x: UInt8[np.ndarray, "rows dim"], *, seed: int, place: tuple[int, ...] = ()):
        self.all = torch.from_numpy(x).float()
        self._generator = seeds.generator(seed, "data", *place)
        self._order = torch.empty(0, dtype=torch.int64, device="cpu")

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        """The next `n` rows."""
        while len(self._order) < n:
            self._order = torch.cat(
                [self._order, torch.randperm(len(self.all), generator=self._generator, device="cpu")]
            )
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
