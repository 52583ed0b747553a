"""A policy that is a mixture of products of Bernoulli distributions: it fills entries in any order by one density.

p(x) = sum_k w_k prod_i p_k(x_i). Of a partial state the components are weighted by what is filled, r_k being proportional to
w_k times the product of p_k(x_i) over the filled i, and a void entry becomes one with probability sum_k r_k p_k(1). So all
orders in which x may be filled have the probability p(x): the sampler's density is known, where that of a network has to be
estimated over orders.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ebgfn.core.policy import Locations, PolicyOutput, one_hot
from ebgfn.core.states import Batch, Masks, Vectors
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from ebgfn.nets.mlp import MLPEnergy
from ebgfn.nets.sizes import check_sizes

# Weights of this many components lie in cache with those of as many rows.
ROWS = 1024
# No value is certain, as far as float32 can tell.
LEAST = 1e-30


@dataclass(frozen=True)
class MixtureSizes:
    """Components of the policy, and sizes of the energy, a multilayer perceptron."""

    kind: ClassVar[str] = "mixture"

    components: int = 512
    energy_hidden: int = 128
    energy_depth: int = 6

    def __post_init__(self):
        check_sizes(self, widths=(self.components, self.energy_hidden), depths=(self.energy_depth,))

    def energy(self, dim: int) -> MLPEnergy:
        return MLPEnergy(dim, hidden=self.energy_hidden, depth=self.energy_depth)

    def policy(self, dim: int) -> "MixturePolicy":
        return MixturePolicy(dim, components=self.components)


class MixturePolicy(nn.Module):
    """Starts uniform. `carry`: log w_k plus the sum of log p_k over what is filled, of each component."""

    learned_location = False
    learned_erasure = False
    step_nats = order = None
    rows = ROWS

    def __init__(self, dim: int, *, components: int = 512):
        super().__init__()
        self.dim = dim
        self.log_weight = nn.Parameter(torch.full((components,), 1.0 / components).log())
        self.log_odds = nn.Parameter(torch.zeros(components, dim))

    @property
    def mixture(self) -> BernoulliMixture:
        """The density of its samples."""
        return BernoulliMixture(self.log_weight, self.log_odds)

    def log_prob(self, x: Vectors, mask: Masks | None = None) -> Batch:
        if mask is not None:
            return self.begin(x, mask).logsumexp(1)
        with torch.autocast(x.device.type, enabled=False):
            return self.mixture.log_prob(x)

    def fill_all(self, x: Vectors, mask: Masks, generator: torch.Generator) -> Vectors:
        component = torch.multinomial(self.begin(x, mask).softmax(1), 1, generator=generator).squeeze(1)
        noise = torch.rand(x.shape, generator=generator, device=x.device)
        return torch.where(mask, x, (noise < torch.sigmoid(self.log_odds[component])).to(x.dtype))

    def forward(self, x: Vectors, mask: Masks) -> PolicyOutput:
        return PolicyOutput(self._logits(self.begin(x, mask)), None, None)

    def begin(self, x: Vectors, mask: Masks) -> Float[Tensor, "batch components"]:
        # In half precision sums of many logarithms would lose their last nats.
        with torch.autocast(x.device.type, enabled=False):
            return torch.addmm(self.log_weight, one_hot(x, mask), self._columns())

    def value_logit(self, carry: Float[Tensor, "batch components"], location: Locations) -> Batch:
        return self._logits(carry).gather(1, location.unsqueeze(1)).squeeze(1)

    def fill(
        self, carry: Float[Tensor, "batch components"], location: Locations, value: Batch
    ) -> Float[Tensor, "batch components"]:
        return carry + F.embedding(torch.where(value > 0.5, location, location + self.dim), self._columns())

    def _logits(self, carry: Float[Tensor, "batch components"]) -> Vectors:
        with torch.autocast(carry.device.type, enabled=False):
            share = carry.softmax(1)
            one, zero = share @ torch.sigmoid(self.log_odds), share @ torch.sigmoid(-self.log_odds)
        return one.clamp(min=LEAST).log() - zero.clamp(min=LEAST).log()

    def _columns(self) -> Float[Tensor, "twice_dim components"]:
        """What filling an entry with 1 (first half) or 0 (second half) adds to the carry."""
        return torch.cat([F.logsigmoid(self.log_odds), F.logsigmoid(-self.log_odds)], dim=1).T.contiguous()
