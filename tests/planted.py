"""Energies whose distribution is a mixture known in closed form, samplers that are exact for a part of it, planted modes."""

import math

import torch
from torch import Tensor, nn

from ebgfn.core.policy import PolicyOutput
from ebgfn.evaluation.broad import mixture
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from tests.examples import neighbours


class MixtureEnergy(nn.Module):
    """E(x) = offset - log sum_i share_i p_i(x): log Z is -offset where the p_i are distributions and shares sum to one."""

    def __init__(self, dim: int, parts, shares, *, offset: float = 0.0):
        super().__init__()
        self.dim, self.parts, self.shares, self.offset = dim, parts, shares, offset

    def forward(self, x: Tensor) -> Tensor:
        terms = [math.log(share) + part(x) for share, part in zip(self.shares, self.parts, strict=True)]
        return self.offset - torch.stack(terms).logsumexp(0)

    def neighbours(self, x: Tensor) -> Tensor:
        return neighbours(self, x)


class MixturePolicy:
    """The exact sampler of a mixture of products: what the filled entries tell of the component decides the void ones.

    Exact one entry a step; of a single product in any number of steps, which `step_nats` allows.
    """

    learned_location = learned_erasure = False
    rows, order = 4096, None

    def __init__(self, known: BernoulliMixture):
        self.known, self.dim = known, known.log_odds.shape[1]
        self.step_nats = torch.ones(self.dim) if len(known.log_weight) == 1 else None

    def __call__(self, x: Tensor, mask: Tensor) -> PolicyOutput:
        one, zero = nn.functional.logsigmoid(self.known.log_odds), nn.functional.logsigmoid(-self.known.log_odds)
        filled = mask.to(x.dtype)
        joint = self.known.log_weight + (filled * x) @ one.T + (filled * (1 - x)) @ zero.T
        p = torch.softmax(joint, 1) @ torch.sigmoid(self.known.log_odds)
        return PolicyOutput(torch.logit(p, eps=1e-6), None, None)


def base(dim: int) -> BernoulliMixture:
    """One product, sharp like the pixels of an image: a quarter of the entries are mostly one, the others mostly zero."""
    rate = 0.02 if dim > 100 else 0.05
    return mixture(torch.where(torch.arange(dim) % 4 == 1, 1 - rate, rate)[None])


def hidden(dim: int, seed: int = 0) -> Tensor:
    """A random vector, as likely as any other."""
    return (torch.rand(dim, generator=torch.Generator().manual_seed(seed)) < 0.5).float()


def product(rates: Tensor):
    return mixture(rates[None]).log_prob


def ball(centre: Tensor, rate: float = 0.05):
    return product(centre * (1 - rate) + (1 - centre) * rate)


def needle(centre: Tensor):
    """One state, and nothing that leads to it."""
    return lambda x: torch.where((x == centre).all(1), 0.0, -torch.inf)


def tip(centre: Tensor, *, steep: float, flat: float, knee: int):
    """About all of the mass in one state; a slope leads to it from afar, as in a network, and is steep at the end."""

    def log_mass(x: Tensor) -> Tensor:
        away = (x - centre).abs().sum(1)
        return -steep * away.clamp(max=knee) - flat * (away - knee).clamp(min=0)

    return log_mass
