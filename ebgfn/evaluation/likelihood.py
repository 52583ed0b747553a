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

from ebgfn.blocks import Schedule, log_values_chunked
from ebgfn.energies import Energy
from ebgfn.mcmc import BackAndForth
from ebgfn.policies import Policy
from ebgfn.trajectories import Trajectories, log_probs_chunked, sample_backward, sample_forward

Batch = Float[Tensor, " batch"]
Vectors = Float[Tensor, "batch dim"]

MODEL_SAMPLE_MOVES = 10


@dataclass(frozen=True)
class Estimate:
    """A number in nats with its standard error."""

    value: float
    se: float


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


def mean_estimate(values: Batch) -> Estimate:
    """Mean and standard error of independent values."""
    return Estimate(values.mean().item(), (values.std() / math.sqrt(len(values))).item())


@torch.no_grad()
def log_ratios(
    policy: Policy, x: Vectors, *, trajectories: int, generator: torch.Generator, schedule: Schedule | None = None
) -> Float[Tensor, "batch trajectories"]:
    """log P_F - log P_B of backward trajectories from each point, of single steps or of the blocks of a whole schedule."""
    repeated = x.repeat_interleave(trajectories, dim=0)
    order = sample_backward(policy, repeated, k=x.shape[1], generator=generator)
    if schedule is not None:
        return log_values_chunked(policy, repeated, order, schedule=schedule).view(len(x), trajectories)
    log_pf, log_pb = log_probs_chunked(policy, repeated, order)
    return (log_pf - log_pb).view(len(x), trajectories)


def log_likelihood(policy: Policy, x: Vectors, *, trajectories: int, generator: torch.Generator) -> Batch:
    """log q(x) by `trajectories` backward trajectories a point; too small on average, less so with more of them."""
    ratios = log_ratios(policy, x, trajectories=trajectories, generator=generator)
    return ratios.logsumexp(1) - math.log(trajectories)


def gfn_nll(policy: Policy, x: Vectors, *, trajectories: int = 20, generator: torch.Generator) -> Estimate:
    """Negative log-likelihood of points under the sampler, in nats."""
    return mean_estimate(-log_likelihood(policy, x, trajectories=trajectories, generator=generator))


def log_weights(energy: Energy, trajectories: Trajectories) -> Batch:
    """log w = -E(x) + log P_B(tau | x) - log P_F(tau)."""
    return -energy(trajectories.x) + trajectories.log_pb - trajectories.log_pf


def effective_sample_size(log_w: Batch) -> float:
    """Share of equally weighted samples that these weighted ones are worth, in 0..1."""
    return (1.0 / (torch.softmax(log_w, 0).square().sum() * len(log_w))).item()


def log_mean_exp(log_w: Batch) -> Estimate:
    """log of a mean of weights, and its standard error by the delta method."""
    value, se = log_mean_exp_rows(log_w.unsqueeze(0))
    return Estimate(value.item(), se.item())


def log_mean_exp_rows(log_w: Float[Tensor, "batch weights"]) -> tuple[Batch, Batch]:
    """`log_mean_exp` of each row: values and standard errors."""
    count = log_w.shape[1]
    value = log_w.logsumexp(1) - math.log(count)
    return value, (log_w - value.unsqueeze(1)).exp().std(1) / math.sqrt(count)


@torch.no_grad()
def log_z(energy: Energy, policy: Policy, *, samples: int = 20_000, generator: torch.Generator) -> LogZ:
    """log Z from both sides; the backward side uses a quarter as many samples of p_phi, made by Metropolis-Hastings."""
    forward = sample_forward(policy, samples, generator)
    log_w = log_weights(energy, forward)
    below = log_mean_exp(log_w)
    x = model_samples(energy, policy, forward.x, log_w, n=max(2, samples // 4), generator=generator)
    order = sample_backward(policy, x, k=x.shape[1], generator=generator)
    log_pf, log_pb = log_probs_chunked(policy, x, order)
    above = log_mean_exp(-log_weights(energy, Trajectories(x, order, log_pf, log_pb)))
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
def ebm_nll(energy: Energy, x: Vectors, log_z: LogZ) -> Estimate:
    """Negative log-likelihood of points under the energy-based model, in nats; its error includes that of log Z."""
    mean = mean_estimate(energy(x))
    return Estimate(mean.value + log_z.value, math.hypot(mean.se, log_z.se))


@torch.no_grad()
def mh_acceptance(energy: Energy, policy: Policy, x: Vectors, *, k: int, generator: torch.Generator) -> float:
    """Mean acceptance probability of one K-step back-and-forth move from each of the points."""
    kernel = BackAndForth(energy, policy, k=k)
    _, info = kernel.step(kernel.init(x), generator)
    return info.log_alpha.clamp(max=0).exp().mean().item()
