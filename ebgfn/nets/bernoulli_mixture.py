"""Mixture of products of Bernoulli distributions, fitted by expectation maximisation: the classical peer of image models.

One component is the product of the pixels' frequencies. Bishop, "Pattern Recognition and Machine Learning", 2006, 9.3.3.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

Batch = Float[Tensor, " n"]
Vectors = Float[Tensor, "n dim"]
Masks = Bool[Tensor, "n dim"]

COMPONENTS = (1, 10, 30, 100)


@dataclass(frozen=True)
class BernoulliMixture:
    """log weights of the components and log-odds of every entry in each."""

    log_weight: Float[Tensor, " components"]
    log_odds: Float[Tensor, "components dim"]

    def joint(self, x: Vectors) -> Float[Tensor, "n components"]:
        """log p(x, component); x may be means of independent entries, then the expectation of that."""
        none = -F.softplus(self.log_odds).sum(1)
        return x @ self.log_odds.T + none + self.log_weight

    def log_prob(self, x: Vectors) -> Batch:
        """log p(x) in nats."""
        return torch.cat([self.joint(part).logsumexp(1) for part in x.split(4096)])

    def conditional(self, x: Vectors, mask: Masks, generator: torch.Generator) -> Vectors:
        """p(x_i = 1 | entries that `mask` fills), exact; of a filled entry its value."""
        none = -mask.to(x.dtype) @ F.softplus(self.log_odds).T
        share = ((x * mask) @ self.log_odds.T + none + self.log_weight).softmax(1)
        return torch.where(mask, x, share @ torch.sigmoid(self.log_odds))

    def sample(self, n: int, generator: torch.Generator) -> Vectors:
        chosen = torch.multinomial(self.log_weight.exp(), n, replacement=True, generator=generator)
        p = torch.sigmoid(self.log_odds)[chosen]
        return (torch.rand(p.shape, generator=generator, device=p.device) < p).float()


def fit(
    x: Vectors, *, components: int, seed: int = 0, iterations: int = 40, pseudo_counts: float = 0.5
) -> BernoulliMixture:
    """Fit to binary vectors or to means of independent entries; never lowers the likelihood times the prior.

    Errors: ValueError for fewer vectors than components.
    """
    mixture = around(x, components=components, seed=seed)
    for _ in range(iterations if components > 1 else 1):
        mixture = improved(mixture, x, pseudo_counts)
    return mixture


def around(x: Vectors, *, components: int, seed: int = 0) -> BernoulliMixture:
    """Where a fit begins: components of equal weight around some of the vectors. Errors: ValueError for too few vectors."""
    if not 1 <= components <= len(x):
        raise ValueError(f"components must be in 1..{len(x)}, the number of vectors, got {components}")
    generator = torch.Generator().manual_seed(seed)
    seeds = x[torch.randperm(len(x), generator=generator, device="cpu")[:components].to(x.device)]
    # Half way between a data point and the mean of all: no component begins with a certainty.
    p = (0.5 * seeds + 0.5 * x.mean(0)).clamp(0.01, 0.99)
    return BernoulliMixture(x.new_full((components,), -math.log(components)), torch.logit(p))


def improved(mixture: BernoulliMixture, x: Vectors, pseudo_counts: float = 0.5) -> BernoulliMixture:
    """One step of expectation maximisation; `pseudo_counts` of either value keep probabilities inside."""
    weight = torch.zeros_like(mixture.log_weight)
    ones = torch.zeros_like(mixture.log_odds)
    for part in x.split(4096):
        share = torch.softmax(mixture.joint(part), 1)
        weight += share.sum(0)
        ones += share.T @ part
    zeros = weight.unsqueeze(1) - ones
    log_odds = (ones + pseudo_counts).log() - (zeros.clamp(min=0) + pseudo_counts).log()
    return BernoulliMixture((weight + 1).log() - math.log(len(x) + len(weight)), log_odds)


def best(
    train: Vectors, validation: Float[Tensor, "m dim"], *, components: tuple[int, ...] = COMPONENTS, seed: int = 0
) -> BernoulliMixture:
    """The number of components that does best on data held out."""
    fitted = [fit(train, components=c, seed=seed) for c in components if c <= len(train)]
    return max(fitted, key=lambda mixture: mixture.log_prob(validation).mean().item())
