"""The tree that fits binary rows best: each entry depends on one other.

Chow and Liu, "Approximating discrete probability distributions with dependence trees", 1968.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from torch import Tensor

from ebgfn.core.states import Batch, Vectors

# Rows of each pair of values that are thrown in, all together one.
PSEUDO_COUNT = 1.0


@dataclass(frozen=True)
class ChowLiuTree:
    """`parent` of each entry, itself for the root; `one`: probability of a 1 where the parent is 0 and 1."""

    parent: Int[Tensor, " dim"]
    one: Float[Tensor, "dim 2"]

    def log_prob(self, x: Vectors) -> Batch:
        """Log-probabilities of rows, in nats."""
        value = x[:, self.parent].long()
        p = torch.where(value > 0, self.one[:, 1], self.one[:, 0])
        return torch.where(x > 0.5, p, 1 - p).log().sum(1)


def fit(x: Vectors) -> ChowLiuTree:
    """The tree of largest likelihood, with a pseudo-count on each pair."""
    counts = _counts(x.double())
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
    given[:, 0] = (x[:, 0].double().sum() + PSEUDO_COUNT / 2) / (len(x) + PSEUDO_COUNT)
    return ChowLiuTree(above, given.T.float())


def _counts(x: Float[Tensor, "rows dim"]) -> Float[Tensor, "2 2 dim dim"]:
    """How often entries i and j have the values a and b: [a, b, i, j]."""
    values = torch.stack([1 - x, x])
    return torch.einsum("ari,brj->abij", values, values) + PSEUDO_COUNT / 4
