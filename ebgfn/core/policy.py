"""Forward and backward policies of the GFlowNet.

A step of P_F fills one void entry: it chooses the location, then the value. A step of P_B voids one filled entry. Both read
the same partial state (x, mask) through one network. Location and erasure may each be learned or uniform.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from ebgfn.core.states import Batch, Masks, Vectors

Locations = Int[Tensor, " batch"]


class PolicyOutput(NamedTuple):
    """What the network says of a partial state; a missing part (None) means the uniform choice.

    `value_logits`: log-odds that an entry becomes 1 if it is filled next. `location_logits`: unnormalised log P_F of the
    entry to fill. `erase_logits`: unnormalised log P_B of the entry to void. Entries that are not allowed are not masked.
    """

    value_logits: Vectors
    location_logits: Vectors | None
    erase_logits: Vectors | None


@runtime_checkable
class Policy(Protocol):
    """A GFlowNet policy: one call tells what it would fill into every void entry.

    `order`: in which whole vectors are filled and voided; None: a random one. Moves that keep some entries void a random set
    in either case. `step_nats` holds, for t = 0..D-1, the mean nats of an entry that is filled after t others, where it was
    measured: from it follow the best sizes of blocks (`ebgfn.core.schedules`). `rows`: vectors whose activations stay in
    cache.
    """

    dim: int
    learned_location: bool
    learned_erasure: bool

    @property
    def rows(self) -> int:
        """How many vectors are best given at once."""
        ...

    @property
    def order(self) -> Tensor | None:
        """Of all entries, or None."""
        ...

    @property
    def step_nats(self) -> Tensor | None:
        """Mean nats of an entry filled at each step, or None."""
        ...

    def __call__(self, x: Vectors, mask: Masks) -> PolicyOutput: ...


@runtime_checkable
class Stepwise(Protocol):
    """A policy that is quicker where one entry is filled at a time, as its first layer changes by one input only.

    An optimisation and nothing else: `value_logit` must tell what the whole call tells of that entry.
    """

    def begin(self, x: Vectors, mask: Masks) -> Tensor:
        """What a walk carries with it from the state (x, mask) on; its form is the policy's own."""
        ...

    def value_logit(self, carry: Tensor, location: Locations) -> Batch:
        """Log-odds that the entry at `location`, one a row, becomes 1."""
        ...

    def fill(self, carry: Tensor, location: Locations, value: Batch) -> Tensor:
        """The same one step on: `location` now holds `value`, 0 or 1."""
        ...


@runtime_checkable
class Tractable(Protocol):
    """A policy that fills entries by one density whatever their order: how probable its samples are is known.

    Filling one entry a step is then the same as filling all at once, which costs one step.
    """

    def log_prob(self, x: Vectors, mask: Masks | None = None) -> Batch:
        """log q(x) in nats: log P_F - log P_B of every trajectory that ends in x; or of what is filled in (x, mask)."""
        ...

    def fill_all(self, x: Vectors, mask: Masks, generator: torch.Generator) -> Vectors:
        """All that is void, by q given what is filled."""
        ...


def bernoulli_log_prob(logits: Tensor, value: Tensor) -> Tensor:
    """log probability of binary values under log-odds."""
    return -F.softplus(torch.where(value > 0.5, -logits, logits))


def one_hot(x: Vectors, mask: Masks) -> Float[Tensor, "batch twice_dim"]:
    """(value is 1, value is 0) of the filled entries; both zero where void."""
    return torch.cat([mask * x, mask * (1.0 - x)], dim=1)
