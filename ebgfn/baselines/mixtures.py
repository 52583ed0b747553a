"""Mixtures of Bernoulli products and of Chow-Liu trees by expectation maximisation; rows held out choose among them.

A tree mixture is p(x) = sum_k w_k p_k(x), each p_k a tree of its own. A step gives each row to the components by their
shares in it, and fits each tree anew to the rows so weighted.

Meilă and Jordan, "Learning with mixtures of trees", 2000.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.baselines import chow_liu, density
from ebgfn.baselines.chow_liu import ChowLiuTree
from ebgfn.core.states import Batch, Masks, Vectors
from ebgfn.nets import bernoulli_mixture
from ebgfn.nets.bernoulli_mixture import BernoulliMixture

COMPONENTS = (1, 5, 20, 50, 100, 200, 400)
# Rows thrown into each component, of products and of trees.
SMOOTHING, TREE_SMOOTHING = (0.2, 2.0), (1.0, 10.0)
# Steps of a mixture of products, in which components find their rows before they become trees.
BEGIN_STEPS = 5
# Rows of which messages are passed at once.
ROWS = 256

Shares = Float[Tensor, "batch components"]
HeldOut = Float[Tensor, "valid dim"]


@dataclass(frozen=True)
class TreeMixture:
    """log weights of the trees."""

    log_weight: Float[Tensor, " components"]
    trees: tuple[ChowLiuTree, ...]

    def joint(self, x: Vectors) -> Shares:
        """log p(x, component)."""
        return torch.stack([tree.log_prob(x) for tree in self.trees], dim=1) + self.log_weight

    def log_prob(self, x: Vectors) -> Batch:
        """log p(x) in nats."""
        return self.joint(x).logsumexp(1)

    def conditional(self, x: Vectors, mask: Masks, generator: torch.Generator) -> Vectors:
        """See `Density`; exact."""
        parts = zip(x.split(ROWS), mask.split(ROWS), strict=True)
        return torch.cat([self._conditional(*part) for part in parts])

    def _conditional(self, x: Vectors, mask: Masks) -> Vectors:
        evidence, one = zip(*(tree.posterior(x, mask) for tree in self.trees), strict=True)
        share = (torch.stack(evidence, dim=1) + self.log_weight).softmax(1)
        return (torch.stack(one, dim=1) * share[:, :, None]).sum(1)

    def sample(self, n: int, generator: torch.Generator) -> Vectors:
        """Independent rows."""
        chosen = torch.multinomial(self.log_weight.exp(), n, replacement=True, generator=generator)
        x = torch.empty(n, len(self.trees[0].parent))
        for component in chosen.unique().tolist():
            rows = chosen == component
            x[rows] = self.trees[component].sample(int(rows.sum()), generator)
        return x


def trees(x: Vectors, *, components: int, smoothing: float, seed: int = 0) -> Iterator[TreeMixture]:
    """Expectation maximisation, a mixture after each step, without end. The likelihood times the prior, `smoothing` uniform
    rows in each tree and one row more of each component, never falls. Errors: ValueError for too few rows."""
    begun = bernoulli_mixture.fit(x, components=components, seed=seed, iterations=BEGIN_STEPS)
    share = begun.joint(x).softmax(1)
    while True:
        mixture = from_shares(x, share, smoothing=smoothing)
        yield mixture
        share = mixture.joint(x).softmax(1)


def from_shares(x: Vectors, share: Shares, *, smoothing: float) -> TreeMixture:
    """The step of maximisation: trees of the rows by the shares of components in each."""
    log_weight = (share.sum(0) + 1).log() - math.log(len(x) + share.shape[1])
    return TreeMixture(log_weight, tuple(chow_liu.fit(x, one, pseudo_count=smoothing) for one in share.unbind(1)))


def products(x: Vectors, *, components: int, smoothing: float, seed: int = 0) -> Iterator[BernoulliMixture]:
    """As `trees`, of products."""
    mixture = bernoulli_mixture.around(x, components=components, seed=seed)
    while True:
        mixture = bernoulli_mixture.improved(mixture, x, smoothing / 2)
        yield mixture


def best_products(train: Vectors, valid: HeldOut, *, seconds: float, seed: int = 0) -> BernoulliMixture:
    """The mixture of products, its number of components and its smoothing, that is best on rows held out."""
    ways = (products(train, components=c, smoothing=s, seed=seed) for c, s in _grid(train, SMOOTHING))
    return density.best(ways, valid, seconds=seconds)


def best_trees(train: Vectors, valid: HeldOut, *, seconds: float, seed: int = 0) -> TreeMixture:
    """As `best_products`, of trees."""
    ways = (trees(train, components=c, smoothing=s, seed=seed) for c, s in _grid(train, TREE_SMOOTHING))
    return density.best(ways, valid, seconds=seconds)


def _grid(train: Vectors, smoothing: tuple[float, ...]) -> Iterator[tuple[int, float]]:
    """Small mixtures first."""
    return ((c, s) for c in COMPONENTS if c <= len(train) for s in smoothing)
