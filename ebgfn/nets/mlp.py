"""Residual multilayer perceptrons, for any binary data: trunk, energy, policy."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from ebgfn.core.batches import cached_rows
from ebgfn.core.policy import Locations, PolicyOutput, one_hot
from ebgfn.core.states import Batch, Masks, Vectors
from ebgfn.nets.sizes import MOST_STEPS, check_sizes


@dataclass(frozen=True)
class MLPSizes:
    """Of policy and energy; `hidden` and `depth` are the energy's too unless it has its own. `dropout` is the policy's.

    `varied`: the policy can be told which rows are data and which are variations of data. `pairwise`: beside the networks,
    policy and energy have weights for each pair of entries, which few rows are enough to learn. `refined`: steps of the
    density that the energy refines; 0: it is a network alone.
    """

    kind: ClassVar[str] = "mlp"

    hidden: int = 256
    depth: int = 3
    energy_hidden: int | None = None
    energy_depth: int | None = None
    learned_location: bool = False
    learned_erasure: bool = False
    dropout: float = 0.0
    varied: bool = False
    pairwise: bool = False
    refined: int = 0

    def __post_init__(self):
        choices = (self.learned_location, self.learned_erasure, self.varied, self.pairwise)
        if not all(isinstance(choice, bool) for choice in choices):
            raise ValueError("learned_location, learned_erasure, varied and pairwise must be true or false")
        if not (isinstance(self.dropout, int | float) and 0 <= self.dropout < 1):
            raise ValueError(f"dropout must be a number of at least 0 and below 1, got {self.dropout!r}")
        if not isinstance(self.refined, int) or not 0 <= self.refined <= MOST_STEPS:
            raise ValueError(f"refined must be in 0..{MOST_STEPS}, got {self.refined!r}")
        check_sizes(
            self,
            widths=(self.hidden, self.energy_hidden or 1),
            depths=(self.depth, self.energy_depth or 1),
        )

    def energy(self, dim: int) -> "MLPEnergy":
        depth = self.energy_depth or self.depth
        return MLPEnergy(dim, hidden=self.energy_hidden or self.hidden, depth=depth, pairwise=self.pairwise)

    def policy(self, dim: int, *, blocks: bool = False) -> "MLPPolicy":
        """`blocks`: with a curve of what entries cost, for schedules of few steps."""
        choices = {name: getattr(self, name) for name in ("learned_location", "learned_erasure", "varied", "pairwise")}
        return MLPPolicy(dim, hidden=self.hidden, depth=self.depth, blocks=blocks, dropout=self.dropout, **choices)


class ResidualMLP(nn.Module):
    """`depth` hidden layers of equal width with skip connections: h <- h + W silu(h).

    In training a share `dropout` of hidden activations is left out.

    `first` is kept apart from the rest (`after_first`) because a GFlowNet step changes one input only, so that its
    pre-activation can be updated by a single column instead of being computed again.
    """

    def __init__(self, inputs: int, outputs: int, *, hidden: int, depth: int, dropout: float = 0.0):
        super().__init__()
        self.dropout = dropout
        self.first = nn.Linear(inputs, hidden)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(depth - 1))
        self.last = nn.Linear(hidden, outputs)

    def features(self, pre: Float[Tensor, "batch hidden"]) -> Float[Tensor, "batch hidden"]:
        """Last hidden activations from the first layer's pre-activation."""
        for layer in self.hidden:
            pre = layer(self._thinned(F.silu(pre))).add_(pre)
        return self._thinned(F.silu(pre))

    def _thinned(self, h: Float[Tensor, "batch hidden"]) -> Float[Tensor, "batch hidden"]:
        return F.dropout(h, self.dropout, self.training) if self.dropout else h

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch outputs"]:
        return self.last(self.features(self.first(inputs)))


def zero_last(mlp: ResidualMLP) -> ResidualMLP:
    """Make the network's output zero: an energy starts flat, a policy starts uniform."""
    nn.init.zeros_(mlp.last.weight)
    nn.init.zeros_(mlp.last.bias)
    return mlp


class MLPEnergy(nn.Module):
    """Residual multilayer perceptron on entries as -1 and 1; flat before training. `pairwise`: plus a quadratic energy."""

    def __init__(self, dim: int, *, hidden: int = 256, depth: int = 3, pairwise: bool = False):
        super().__init__()
        self.dim = dim
        self.net = zero_last(ResidualMLP(dim, 1, hidden=hidden, depth=depth))
        self.pairwise = nn.Bilinear(dim, dim, 1, bias=False) if pairwise else None
        if self.pairwise:
            nn.init.zeros_(self.pairwise.weight)

    def forward(self, x: Vectors) -> Batch:
        spins = 2.0 * x - 1.0
        energy = self.net(spins).squeeze(-1)
        return energy if self.pairwise is None else energy + ((spins @ self.pairwise.weight[0]) * spins).sum(1)

    def neighbours(self, x: Vectors) -> Vectors:
        """Energies of all D vectors that differ from `x` in one entry; one column of the first layer changes for each."""
        spins = 2.0 * x - 1.0
        columns = self.net.first.weight.T
        pre = self.net.first(spins).unsqueeze(1) - 2.0 * spins.unsqueeze(2) * columns
        energies = self.net.last(self.net.features(pre.flatten(0, 1))).view(x.shape)
        if self.pairwise is None:
            return energies
        weight = self.pairwise.weight[0]
        both = weight + weight.T
        turned = 4.0 * weight.diagonal() - 2.0 * spins * (spins @ both)
        return energies + turned + ((spins @ weight) * spins).sum(1, keepdim=True)

    @torch.no_grad()
    def start_from(self, policy: "MLPPolicy") -> None:
        """Take over all but the last layer of a policy's network of the same sizes; the energy stays flat.

        A policy reads (value is 1, value is 0). Of a complete vector these are (1 + s) / 2 and (1 - s) / 2, s the spins.
        """
        net = policy.net
        one, zero = net.first.weight.chunk(2, dim=1)
        self.net.first.weight.copy_((one - zero) / 2)
        self.net.first.bias.copy_(net.first.bias + (one + zero).sum(1) / 2)
        self.net.hidden.load_state_dict(net.hidden.state_dict())


class MLPPolicy(nn.Module):
    """Fully connected policy on the one-hot encoding of (value 1, value 0, void = neither).

    `pairwise`: each filled entry adds to the log-odds of each void one, beside what the network makes of all together.
    `carry` is the first layer's pre-activation, then what pairs add; filling an entry adds a column. `blocks`: with
    `step_nats`, log 2 before they are measured. `varied` is added to that of rows which are variations of data.
    """

    step_nats: Tensor | None
    order: Tensor | None
    varied: Tensor | None

    def __init__(
        self,
        dim: int,
        *,
        hidden: int = 256,
        depth: int = 3,
        learned_location: bool = False,
        learned_erasure: bool = False,
        blocks: bool = False,
        dropout: float = 0.0,
        varied: bool = False,
        pairwise: bool = False,
    ):
        super().__init__()
        self.dim, self.hidden = dim, hidden
        self.learned_location, self.learned_erasure = learned_location, learned_erasure
        heads = 1 + learned_location + learned_erasure
        self.net = zero_last(ResidualMLP(2 * dim, heads * dim, hidden=hidden, depth=depth, dropout=dropout))
        self.pairwise = nn.Linear(2 * dim, dim, bias=False) if pairwise else None
        if self.pairwise:
            nn.init.zeros_(self.pairwise.weight)
        self.register_parameter("varied", nn.Parameter(torch.zeros(hidden)) if varied else None)
        self.register_buffer("step_nats", torch.full((dim,), math.log(2)) if blocks else None)
        self.register_buffer("order", None, persistent=False)

    @property
    def rows(self) -> int:
        return cached_rows()

    def forward(self, x: Vectors, mask: Masks, *, varied: Bool[Tensor, " batch"] | None = None) -> PolicyOutput:
        carry = self.begin(x, mask)
        pre = carry[:, : self.hidden]
        if varied is not None:
            assert self.varied is not None, "networks of these sizes are not told"
            pre = pre + varied.unsqueeze(1) * self.varied
        values, *rest = self.net.last(self.net.features(pre)).split(self.dim, dim=1)
        values = values if self.pairwise is None else values + carry[:, self.hidden :]
        location = rest[0] if self.learned_location else None
        return PolicyOutput(values, location, rest[-1] if self.learned_erasure else None)

    def begin(self, x: Vectors, mask: Masks) -> Float[Tensor, "batch carry"]:
        filled = one_hot(x, mask)
        pre = self.net.first(filled)
        return pre if self.pairwise is None else torch.cat([pre, self.pairwise(filled)], dim=1)

    def value_logit(self, carry: Float[Tensor, "batch carry"], location: Locations) -> Batch:
        # All D values and then one of them: three times faster than to gather a row of weights for each example.
        values = slice(0, self.dim)
        features = self.net.features(carry[:, : self.hidden])
        logits = F.linear(features, self.net.last.weight[values], self.net.last.bias[values])
        logits = logits if self.pairwise is None else logits + carry[:, self.hidden :]
        return logits.gather(1, location.unsqueeze(1)).squeeze(1)

    def fill(
        self, carry: Float[Tensor, "batch carry"], location: Locations, value: Batch
    ) -> Float[Tensor, "batch carry"]:
        column = torch.where(value > 0.5, location, location + self.dim)
        weight = (
            self.net.first.weight if self.pairwise is None else torch.cat([self.net.first.weight, self.pairwise.weight])
        )
        return carry + F.embedding(column, weight.T.contiguous())
