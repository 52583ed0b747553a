"""A density of binary rows that is known: what the peers of tables have in common, and how one of several is chosen."""

import time
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

import torch

from ebgfn.core.states import Batch, Masks, Vectors

# Steps without a gain of so many nats on rows held out after which a fit is given up.
PATIENCE, LEAST_GAIN = 4, 3e-4


@runtime_checkable
class Density(Protocol):
    """What can be asked of a density; `generator` serves those that estimate an answer by chains."""

    def log_prob(self, x: Vectors) -> Batch:
        """log p(x) in nats."""
        ...

    def conditional(self, x: Vectors, mask: Masks, generator: torch.Generator) -> Vectors:
        """p(x_i = 1 | entries that `mask` fills), for every i; of a filled entry its value."""
        ...

    def sample(self, n: int, generator: torch.Generator) -> Vectors:
        """Independent rows."""
        ...


Fitted = TypeVar("Fitted", bound=Density)


def best(candidates: Iterable[Iterator[Fitted]], valid: Vectors, *, seconds: float) -> Fitted:
    """The density most probable on rows held out, of all that the fits, one after the other, pass through in time.

    A candidate is the way of a fit, a density after each step, without end. The first step of the first is always made.
    """
    end, found, highest = time.monotonic() + seconds, None, -float("inf")
    for way in candidates:
        own, idle = -float("inf"), 0
        for density in way:
            value = density.log_prob(valid).mean().item()
            if found is None or value > highest:
                found, highest = density, value
            idle = 0 if value > own + LEAST_GAIN else idle + 1
            own = max(own, value)
            if idle == PATIENCE or time.monotonic() >= end:
                break
        if time.monotonic() >= end:
            break
    assert found is not None
    return found
