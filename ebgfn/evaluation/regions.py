"""Regions that chains found, as distributions of known density that importance sampling can propose from.

A region is a cluster of chain ends. Its product has at entry i the rate p(x_i = 1 | all other entries), averaged over some
of the ends: exact, from a single end, where the region is a product (a ball, a wide product), near where entries depend on
each other weakly. Beside it stand the same product flattened, and narrow balls around the most probable states.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.energy import Energy, conditionals
from ebgfn.evaluation.broad import mixture
from ebgfn.evaluation.refutation import Search
from ebgfn.nets.bernoulli_mixture import BernoulliMixture

Places = Float[Tensor, "places dim"]
Rates = Float[Tensor, "components dim"]

# Clusters, ends of each that are asked for their conditionals, and how far from its first member a cluster reaches.
CLUSTERS, MEMBERS, REACH = 6, 2, 1 / 5
# Powers to which the rates' odds are raised, and the mean number of flips in a narrow ball.
POWERS, FLIPS, BALLS = (1.0, 0.6), (0.1, 1.0), 4
LEAST = 1e-4


def proposals(energy: Energy, found: Search) -> BernoulliMixture:
    """A mixture that covers what the search found."""
    places = clusters(energy, torch.cat([found.broad_ends, found.near_ends]))
    products = torch.stack([conditionals(energy, ends[:MEMBERS]).mean(0) for ends in places])
    logits = torch.logit(products.clamp(LEAST, 1 - LEAST))
    balls = [ball(found.most_probable(BALLS), flips / energy.dim) for flips in FLIPS]
    return mixture(torch.cat([*(torch.sigmoid(power * logits) for power in POWERS), *balls]))


def clusters(energy: Energy, ends: Places) -> list[Tensor]:
    """Groups of ends, the largest first: each end joins the first group whose first member is near."""
    groups: list[list[Tensor]] = []
    for end in ends:
        near = (g for g in groups if (g[0] - end).abs().sum() <= REACH * energy.dim)
        group = next(near, None)
        if group is None:
            groups.append([end])
        else:
            group.append(end)
    groups.sort(key=len, reverse=True)
    return [torch.stack(group) for group in groups[:CLUSTERS]]


def ball(centres: Places, rate: float) -> Rates:
    """Products that flip each entry of a centre with this probability."""
    return centres * (1 - rate) + (1 - centres) * rate
