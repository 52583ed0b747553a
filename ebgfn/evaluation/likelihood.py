"""Likelihood of data under a sampler, and how often its back-and-forth moves are accepted by an energy.

log q(x) = log E_{tau ~ P_B(.|x)}[P_F(tau) / P_B(tau | x)], by the mean over some backward trajectories. Its logarithm is too
small on average, so the NLL reported is an upper bound in expectation. Of an energy: `ebgfn.evaluation.log_z`.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.core.losses import any_order_likelihood
from ebgfn.core.policy import Policy, Tractable
from ebgfn.core.states import Batch, Masks, Orders, Vectors, random_masks, void_last
from ebgfn.core.trajectories import Schedule, finest, log_prob_steps, log_ratio, log_uniform_steps, sample_backward
from ebgfn.core.weights import Estimate, mean_estimate
from ebgfn.mcmc import BackAndForth


@torch.no_grad()
def log_ratios(
    policy: Policy,
    x: Vectors,
    *,
    trajectories: int,
    generator: torch.Generator,
    schedule: Schedule | None = None,
    known: Masks | None = None,
) -> Float[Tensor, "batch trajectories"]:
    """log P_F - log P_B of backward trajectories from each point, by a whole schedule or entry by entry.

    Where all trajectories of a point have the same, none is walked. If some entries are not `known`, trajectories end at the
    states where all others are filled; locations are then uniform.
    """
    if known is not None and not known.all():
        filled = known.repeat_interleave(trajectories, dim=0)
        values = log_values(policy, x.repeat_interleave(trajectories, dim=0), void_last(filled, generator))
        there = torch.arange(x.shape[1], device=x.device) < filled.sum(1, keepdim=True)
        return (values * there).sum(1).view(len(x), trajectories)
    if isinstance(policy, Tractable) and schedule is None:
        return policy.log_prob(x).unsqueeze(1).expand(-1, trajectories)
    repeated = x.repeat_interleave(trajectories, dim=0)
    order = sample_backward(policy, repeated, k=x.shape[1], generator=generator)
    ratios = log_ratio(policy, repeated, order, schedule=schedule or finest(x.shape[1]))
    return ratios.view(len(x), trajectories)


@torch.no_grad()
def log_values(
    policy: Policy, x: Vectors, order: Orders, *, chosen: Int[Tensor, "batch steps"] | None = None
) -> Float[Tensor, "batch steps"]:
    """log-probability of the value that each step of (x, order), or each of the `chosen` ones, gives its entry."""
    assert not policy.learned_location
    schedule = finest(x.shape[1])
    log_pf, _ = log_prob_steps(policy, x, order, schedule=schedule, chosen=chosen)
    location, _ = log_uniform_steps(x.shape[1], schedule, device=x.device)
    return log_pf - (location if chosen is None else location[chosen])


def log_likelihood(policy: Policy, x: Vectors, *, trajectories: int, generator: torch.Generator) -> Batch:
    """log q(x) by `trajectories` backward trajectories a point; too small on average, less so with more of them."""
    ratios = log_ratios(policy, x, trajectories=trajectories, generator=generator)
    return ratios.logsumexp(1) - math.log(trajectories)


def gfn_nll(policy: Policy, x: Vectors, *, trajectories: int = 20, generator: torch.Generator) -> Estimate:
    """Negative log-likelihood of points under the sampler, in nats."""
    return mean_estimate(-log_likelihood(policy, x, trajectories=trajectories, generator=generator))


@torch.no_grad()
def mh_acceptance(energy: Energy, policy: Policy, x: Vectors, *, k: int, generator: torch.Generator) -> float:
    """Mean acceptance probability of one K-step back-and-forth move from each of the points."""
    kernel = BackAndForth(energy, policy, k=k)
    _, info = kernel.step(kernel.init(x), generator)
    return info.log_alpha.clamp(max=0).exp().mean().item()


@torch.no_grad()
def bound(
    policy: Policy, x: Vectors, *, states: int = 1, generator: torch.Generator, known: Masks | None = None
) -> Batch:
    """One-call bound for each vector: the mean of `states` unbiased estimates of -E_order[log q(x | order)], in nats.

    By Jensen's inequality an upper bound on -log q(x) in expectation; one network call a state, whatever the dimension. Of
    vectors of which some entries are not `known`, of the others.
    """
    total, known = (
        torch.zeros(len(x), device=x.device),
        torch.ones_like(x, dtype=torch.bool) if known is None else known,
    )
    for _ in range(states):
        # States are stratified over neighbouring rows; mixed, the parts of one batch would be alike.
        mixed = torch.randperm(len(x), generator=generator, device=x.device)
        mask = random_masks(len(x), x.shape[1], generator, known=None if known.all() else known[mixed])[mixed.argsort()]
        parts = zip(*(part.split(policy.rows) for part in (x, mask, known)), strict=True)
        total += torch.cat([any_order_likelihood(policy(x_, m).value_logits, x_, m, there) for x_, m, there in parts])
    return total / states
