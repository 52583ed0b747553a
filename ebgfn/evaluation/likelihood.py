"""Likelihood of data under the two models that EB-GFN trains, and log Z between two bounds.

Sampler: log q(x) = log E_{tau ~ P_B(.|x)}[P_F(tau) / P_B(tau | x)], by the mean over some backward trajectories. Its
logarithm is too small on average, so the NLL reported is an upper bound in expectation.
Energy: mean E(x) + log Z. With w = exp(-E(x)) P_B(tau | x) / P_F(tau), the mean of w over forward trajectories is unbiased
for Z, hence its logarithm a lower bound on log Z in expectation; the mean of 1 / w over backward trajectories from samples
of p_phi is unbiased for 1 / Z and bounds log Z from above. A uniform proposal, as in older code, misses sharp modes.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.core.losses import any_order_likelihood
from ebgfn.core.policy import Policy
from ebgfn.core.schedules import draw
from ebgfn.core.states import Batch, Vectors, random_masks
from ebgfn.core.trajectories import Schedule, Trajectories, finest, log_prob, log_ratio, sample_backward
from ebgfn.core.weights import Estimate, effective_sample_size, log_mean_exp, log_weights, mean_estimate
from ebgfn.mcmc import BackAndForth

MODEL_SAMPLE_MOVES = 10


@dataclass(frozen=True)
class LogZ:
    """log Z from forward trajectories (`value`, a lower bound in expectation, with standard error `se`).

    `lower` and `upper` lie two standard errors outside the forward and the backward estimate. `ess` is the share of the
    forward trajectories that count after weighting: near 0, no figure here can be trusted.
    """

    value: float
    se: float
    lower: float
    upper: float
    ess: float


@torch.no_grad()
def log_ratios(
    policy: Policy, x: Vectors, *, trajectories: int, generator: torch.Generator, schedule: Schedule | None = None
) -> Float[Tensor, "batch trajectories"]:
    """log P_F - log P_B of backward trajectories from each point, by a whole schedule or entry by entry."""
    repeated = x.repeat_interleave(trajectories, dim=0)
    order = sample_backward(policy, repeated, k=x.shape[1], generator=generator)
    ratios = log_ratio(policy, repeated, order, schedule=schedule or finest(x.shape[1]))
    return ratios.view(len(x), trajectories)


def log_likelihood(policy: Policy, x: Vectors, *, trajectories: int, generator: torch.Generator) -> Batch:
    """log q(x) by `trajectories` backward trajectories a point; too small on average, less so with more of them."""
    ratios = log_ratios(policy, x, trajectories=trajectories, generator=generator)
    return ratios.logsumexp(1) - math.log(trajectories)


def gfn_nll(policy: Policy, x: Vectors, *, trajectories: int = 20, generator: torch.Generator) -> Estimate:
    """Negative log-likelihood of points under the sampler, in nats."""
    return mean_estimate(-log_likelihood(policy, x, trajectories=trajectories, generator=generator))


@torch.no_grad()
def log_z(energy: Energy, policy: Policy, *, samples: int = 20_000, generator: torch.Generator) -> LogZ:
    """log Z from both sides; the backward side uses a quarter as many samples of p_phi, made by Metropolis-Hastings."""
    forward = draw(policy, samples, generator)
    log_w = log_weights(energy, forward)
    below = log_mean_exp(log_w)
    x = model_samples(energy, policy, forward.x, log_w, n=max(2, samples // 4), generator=generator)
    order = sample_backward(policy, x, k=x.shape[1], generator=generator)
    back = Trajectories(x, order, forward.schedule, *log_prob(policy, x, order, schedule=forward.schedule))
    above = log_mean_exp(-log_weights(energy, back))
    return LogZ(
        value=below.value,
        se=below.se,
        lower=below.value - 2 * below.se,
        upper=-above.value + 2 * above.se,
        ess=effective_sample_size(log_w),
    )


@torch.no_grad()
def model_samples(
    energy: Energy, policy: Policy, x: Vectors, log_w: Batch, *, n: int, generator: torch.Generator
) -> Float[Tensor, "samples dim"]:
    """About independent samples of p_phi: weighted sampler draws resampled, then moved K = D steps back and forth."""
    start = x[torch.multinomial(torch.softmax(log_w, 0), n, replacement=True, generator=generator)]
    kernel = BackAndForth(energy, policy, k=x.shape[1])
    state = kernel.init(start)
    for _ in range(MODEL_SAMPLE_MOVES):
        state, _ = kernel.step(state, generator)
    return state.x


@torch.no_grad()
def mh_acceptance(energy: Energy, policy: Policy, x: Vectors, *, k: int, generator: torch.Generator) -> float:
    """Mean acceptance probability of one K-step back-and-forth move from each of the points."""
    kernel = BackAndForth(energy, policy, k=k)
    _, info = kernel.step(kernel.init(x), generator)
    return info.log_alpha.clamp(max=0).exp().mean().item()


@torch.no_grad()
def bound(policy: Policy, x: Vectors, *, states: int = 1, generator: torch.Generator) -> Batch:
    """One-call bound for each image: the mean of `states` unbiased estimates of -E_order[log q(x | order)], in nats.

    By Jensen's inequality an upper bound on -log q(x) in expectation; one network call a state, whatever the dimension.
    """
    total = torch.zeros(len(x), device=x.device)
    for _ in range(states):
        # States are stratified over neighbouring rows; mixed, the parts of one batch would be alike.
        mask = random_masks(len(x), x.shape[1], generator)[torch.randperm(len(x), generator=generator, device=x.device)]
        parts = zip(x.split(policy.rows), mask.split(policy.rows), strict=True)
        total += torch.cat([any_order_likelihood(policy(x_, m).value_logits, x_, m) for x_, m in parts])
    return total / states
