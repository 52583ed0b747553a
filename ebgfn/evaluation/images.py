"""Quick looks at a sampler of images: the one-call bound on its NLL, and what a pixel costs at each step."""

import torch
from jaxtyping import Float
from scipy.optimize import isotonic_regression
from torch import Tensor

from ebgfn.blocks import ROWS
from ebgfn.losses import any_order_likelihood
from ebgfn.policies import Policy, bernoulli_log_prob
from ebgfn.trajectories import random_masks

Batch = Float[Tensor, " batch"]
Vectors = Float[Tensor, "batch dim"]

KNOTS = 28


@torch.no_grad()
def step_nats(policy: Policy, x: Vectors, *, generator: torch.Generator) -> Float[Tensor, " dim"]:
    """Mean nats of a void pixel after t have been filled, t = 0..D-1, from one random state of each image.

    A curve that never rises, linear between KNOTS means over ranges of t, the ranges narrow where few are filled.
    """
    dim = x.shape[1]
    mask = random_masks(len(x), dim, generator)
    void = ~mask
    logits = torch.cat([policy(*part).value_logits for part in zip(x.split(ROWS), mask.split(ROWS), strict=True)])
    nats = -(bernoulli_log_prob(logits, x) * void).sum(1)
    edges = torch.unique((torch.linspace(0, 1, KNOTS + 1) ** 2 * dim).long())
    bins = torch.bucketize(mask.sum(1), edges, right=True) - 1
    counts = torch.zeros(len(edges)).index_add(0, bins, void.sum(1).float())
    means = torch.zeros(len(edges)).index_add(0, bins, nats) / counts
    seen = counts > 0
    middle = torch.zeros(len(edges)).index_add(0, bins, mask.sum(1).float()) / torch.bincount(
        bins, minlength=len(edges)
    )
    # Least squares under "never rises": where noise would have it rise, neighbours are averaged, so nothing is lost.
    level = isotonic_regression(means[seen].cpu().numpy(), weights=counts[seen].cpu().numpy(), increasing=False).x
    return _interpolated(torch.arange(dim), middle[seen], torch.tensor(level.tolist()))


def _interpolated(at: Tensor, x: Tensor, y: Tensor) -> Float[Tensor, " at"]:
    """Linear between the points, constant outside."""
    right = torch.bucketize(at.float(), x).clamp(1, len(x) - 1)
    share = ((at - x[right - 1]) / (x[right] - x[right - 1])).clamp(0, 1)
    return y[right - 1] + share * (y[right] - y[right - 1])


@torch.no_grad()
def bound(policy: Policy, x: Vectors, *, states: int = 1, generator: torch.Generator) -> Batch:
    """One-call bound for each image: the mean of `states` unbiased estimates of -E_order[log q(x | order)], in nats.

    By Jensen's inequality an upper bound on -log q(x) in expectation; one network call a state, whatever the dimension.
    """
    total = torch.zeros(len(x))
    for _ in range(states):
        # States are stratified over neighbouring rows; mixed, the parts of one batch would be alike.
        mask = random_masks(len(x), x.shape[1], generator)[torch.randperm(len(x), generator=generator)]
        parts = zip(x.split(ROWS), mask.split(ROWS), strict=True)
        total += torch.cat([any_order_likelihood(policy(x_, m).value_logits, x_, m) for x_, m in parts])
    return total / states
