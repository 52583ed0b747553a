"""Where training data come from: the protocol, the rows of a fixed set, or nowhere."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from ebgfn import seeds
from ebgfn.core.policy import Policy


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


def with_means(source: Source, n: int, *, whole: bool = False) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n dim"]]:
    """The next `n` points, and what their bits were drawn with where the source can tell, else the points again.

    Of an entry that nobody knows the mean is NaN, unless the points are to be `whole`.
    """
    if isinstance(source, WithMeans) and not (whole and isinstance(source, Completed)):
        return source.draw_with_means(n)
    x = source.draw(n)
    return x, x


class Completed:
    """A source with gaps whose unknown entries are a sampler's, drawn anew each time, given those that are known."""

    # A step fills this part of a row's void entries; more steps cost time, fewer lose what the entries share.
    STEPS = 8

    def __init__(self, source: Source, policy: Policy, generator: torch.Generator):
        self._source, self._policy, self._generator = source, policy, generator

    @torch.no_grad()
    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        x, means = with_means(self._source, n)
        mask, generator = ~means.isnan(), self._generator
        when = torch.randint(0, self.STEPS, x.shape, generator=generator, device=x.device)
        for step in range(self.STEPS):
            chosen = ~mask & (when == step)
            p = torch.sigmoid(self._policy(x, mask).value_logits)
            x = torch.where(chosen, torch.bernoulli(p, generator=generator), x)
            mask = mask | chosen
        return x

    def draw_with_means(self, n: int) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n dim"]]:
        return with_means(self._source, n)


def completed(source: Any, policy: Policy, generator: torch.Generator) -> Any:
    """The source itself if it has no gaps."""
    return Completed(source, policy, generator) if getattr(source, "gaps", False) else source


class OnDevice:
    """A source whose points go to a device; whatever else it has (`all`, `draw_with_means`) goes there as well."""

    def __init__(self, source: Any, device: torch.device):
        self._source, self._device = source, device

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        return self._source.draw(n).to(self._device)

    def draw_with_means(self, n: int) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n dim"]]:
        x, means = with_means(self._source, n)
        return x.to(self._device), means.to(self._device)

    @property
    def gaps(self) -> bool:
        return getattr(self._source, "gaps", False)

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
        return self.all[self._next(n)]

    def _next(self, n: int) -> Int[Tensor, " n"]:
        while len(self._order) < n:
            self._order = torch.cat(
                [self._order, torch.randperm(len(self.all), generator=self._generator, device="cpu")]
            )
        chosen, self._order = self._order[:n], self._order[n:]
        return chosen

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state(), "order": self._order.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])
        self._order = state["order"]


class RowsWithGaps(Rows):
    """Rows of which some entries are not `known`; there, means are NaN and points zero."""

    gaps = True

    def __init__(
        self,
        x: UInt8[np.ndarray, "rows dim"],
        known: Bool[np.ndarray, "rows dim"],
        *,
        seed: int,
        place: tuple[int, ...] = (),
    ):
        super().__init__(x, seed=seed, place=place)
        self._means = self.all.masked_fill(~torch.from_numpy(known), torch.nan)

    def draw_with_means(self, n: int) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n dim"]]:
        chosen = self._next(n)
        return self.all[chosen], self._means[chosen]


class Nothing:
    """No data: the energy is given."""

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        raise ValueError("this training has no data")

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass
