"""The tree that fits binary rows best: each entry depends on one other.

Chow and Liu, "Approximating discrete probability distributions with dependence trees", 1968. What is known of some entries
reaches all others by belief propagation, up to the root and down again: Pearl, "Reverend Bayes on inference engines", 1982.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from torch import Tensor

from ebgfn.core.states import Batch, Masks, Vectors

# Rows of each pair of values that are thrown in, all together one.
PSEUDO_COUNT = 1.0
# A row with a smaller share of itself in a weighted fit does not count.
LEAST_WEIGHT = 1e-6


@dataclass(frozen=True)
class ChowLiuTree:
    """`parent` of each entry, itself for the root; `one`: probability of a 1 where the parent is 0 and 1."""

    parent: Int[Tensor, " dim"]
    one: Float[Tensor, "dim 2"]

    @cached_property
    def levels(self) -> list[Tensor]:
        """Entries by their distance from the root, which is alone in the first."""
        depth, at = torch.zeros_like(self.parent), self.parent
        root = self.parent == torch.arange(len(self.parent))
        while not root[at].all():
            depth += (~root[at]).long()
            at = self.parent[at]
        depth += (~root).long()
        return [(depth == level).nonzero().squeeze(1) for level in range(int(depth.max()) + 1)]

    @cached_property
    def log_given(self) -> Float[Tensor, "dim 2 2"]:
        """Log-probability of each value (last) given each value of the parent; of the root both alike."""
        return torch.stack([1 - self.one, self.one], dim=2).log()

    def log_prob(self, x: Vectors) -> Batch:
        """Log-probabilities of rows, in nats."""
        value = x[:, self.parent].long()
        p = torch.where(value > 0, self.one[:, 1], self.one[:, 0])
        return torch.where(x > 0.5, p, 1 - p).log().sum(1)

    def posterior(self, x: Vectors, mask: Masks) -> tuple[Batch, Vectors]:
        """Log-probability of the filled entries of each row, and p(x_i = 1 | those) of every entry."""
        values = torch.arange(2)
        possible = ~mask[:, :, None] | (x[:, :, None].long() == values)
        belief = torch.zeros(possible.shape).masked_fill(~possible, -torch.inf)
        upward = torch.zeros_like(belief)
        for level in self.levels[:0:-1]:
            message = (self.log_given[level] + belief[:, level, None]).logsumexp(3)
            upward[:, level] = message
            belief.index_add_(1, self.parent[level], message)
        told = torch.empty_like(belief)
        root = self.levels[0]
        told[:, root] = self.log_given[root, 0] + belief[:, root]
        evidence = told[:, root].logsumexp(2).squeeze(1)
        for level in self.levels[1:]:
            others = (told[:, self.parent[level]] - upward[:, level])[..., None]
            told[:, level] = (others + self.log_given[level]).logsumexp(2) + belief[:, level]
        return evidence, (told[..., 1] - told.logsumexp(2)).exp()

    def conditional(self, x: Vectors, mask: Masks, generator: torch.Generator) -> Vectors:
        """See `Density`; exact."""
        return self.posterior(x, mask)[1]

    def sample(self, n: int, generator: torch.Generator) -> Vectors:
        """Independent rows, from the root down."""
        noise, x = torch.rand(n, len(self.parent), generator=generator), torch.zeros(n, len(self.parent))
        for level in self.levels:
            p = torch.where(x[:, self.parent[level]] > 0.5, self.one[level, 1], self.one[level, 0])
            x[:, level] = (noise[:, level] < p).float()
        return x


def fit(x: Vectors, weights: Batch | None = None, *, pseudo_count: float = PSEUDO_COUNT) -> ChowLiuTree:
    """The tree of largest likelihood, of rows that count as much as their weights, with a pseudo-count on each pair."""
    if weights is not None:
        counted = weights > LEAST_WEIGHT
        x, weights = x[counted], weights[counted]
    counts = _counts(x.double(), torch.ones(len(x)) if weights is None else weights) + pseudo_count / 4
    p = counts / counts.sum((0, 1))
    one, other = p.sum(1), p.sum(0)
    information = (p * (p / (one[:, None] * other[None])).log()).sum((0, 1))
    # The heaviest tree, by the lightest one; what is shared by none is a little above zero, as zeros are no edges.
    heavy = information.max() + 1.0
    weight = torch.triu(heavy - information, diagonal=1).numpy()
    tree = minimum_spanning_tree(weight)
    order, parent = breadth_first_order(tree + tree.T, 0, directed=False)
    assert len(order) == x.shape[1]
    above = torch.from_numpy(np.where(parent < 0, np.arange(len(parent)), parent)).long()
    entry = torch.arange(len(above))
    # [value of the entry, value of its parent, entry]
    pairs = counts[:, :, entry, above]
    given = pairs[1] / pairs.sum(0)
    given[:, 0] = one[1, 0, 0]
    return ChowLiuTree(above, given.T.float())


def _counts(x: Float[Tensor, "rows dim"], weights: Batch) -> Float[Tensor, "2 2 dim dim"]:
    """How often entries i and j have the values a and b: [a, b, i, j]."""
    weighted = x * weights.double()[:, None]
    both, ones = weighted.T @ x, weighted.sum(0)
    first = ones[:, None] - both
    none = weights.double().sum() - both - first - first.T
    return torch.stack([torch.stack([none, first.T]), torch.stack([first, both])]).clamp(min=0)
