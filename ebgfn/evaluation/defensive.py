"""log Z by importance weights whose proposal is not the sampler alone.

In the space of (x, order) the sampler has density q(x | order) P_B(order | x), where log q = log P_F - log P_B along that
order, and any distribution r(x) of known density has r(x) P_B(order | x). Of n_i draws from each of several proposals g_i,
the sampler and others,

    w = exp(-E(x)) / sum_i (n_i / n) g_i(x, order),        E[mean of all w] = Z,

whatever they are: what a sampler never draws is counted where another proposal reaches it, and no weight is large because
the sampler is blind. Veach and Guibas, "Optimally combining sampling techniques for Monte Carlo rendering", 1995.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.core.policy import Policy
from ebgfn.core.schedules import draw
from ebgfn.core.states import Batch, Vectors
from ebgfn.core.trajectories import Schedule, log_ratio, sample_backward
from ebgfn.core.weights import Estimate, effective_sample_size, log_mean_exp
from ebgfn.evaluation.refutation import energies
from ebgfn.nets.bernoulli_mixture import BernoulliMixture

# A draw that weighs less than e to this power of the mean, even if the sampler never made it, is not looked at further.
NEGLIGIBLE = -12.0

Other = tuple[BernoulliMixture, int]
Draws = Float[Tensor, "_"]


@dataclass(frozen=True)
class Weighted:
    """log weights of the draws of each proposal, the sampler's first; `alone`: of its draws `x` by its own density alone."""

    x: Float[Tensor, "draws dim"]
    log_w: tuple[Draws, ...]
    alone: Draws

    @property
    def log_z(self) -> Estimate:
        """By all proposals, with its standard error."""
        return log_stratified_mean(self.log_w)

    @property
    def log_z_alone(self) -> Estimate:
        """By the sampler's draws alone: blind where it is blind."""
        return log_mean_exp(self.alone)

    @property
    def ess(self) -> float:
        """Share of the sampler's draws that count after weighting, times the share of all mass found that they know of.

        Near 1, sampler and energy agree; that neither knows of some mode cannot be seen by it.
        """
        known = math.exp(min(0.0, self.log_z_alone.value - self.log_z.value))
        return known * effective_sample_size(self.alone)


@torch.no_grad()
def weigh(
    energy: Energy,
    policy: Policy,
    others: list[Other],
    *,
    draws: int,
    schedule: Schedule | None = None,
    generator: torch.Generator,
) -> Weighted:
    """Weights of `draws` trajectories of the sampler, in its usual steps or by `schedule`, and of others' draws."""
    drawn = draw(policy, draws, generator, schedule=schedule)
    parts = [(-energies(energy, drawn.x), drawn.log_pf - drawn.log_pb, drawn.x)]
    least = log_mean_exp(parts[0][0] - parts[0][1]).value + NEGLIGIBLE
    shares = [math.log(n / (draws + sum(n for _, n in others))) for n in (draws, *(n for _, n in others))]

    def log_others(x: Vectors) -> Batch:
        found = [share + g.log_prob(x) for share, (g, _) in zip(shares[1:], others, strict=True)]
        return torch.stack(found).logsumexp(0)

    for g, n in others:
        x = g.sample(n, generator)
        minus_energy = -energies(energy, x)
        matters = minus_energy - log_others(x) > least
        # Where it does not matter what the sampler says: more than anything, so that the weight is zero, too low if at all.
        log_q = torch.full_like(minus_energy, torch.inf)
        log_q[matters] = log_density(policy, x[matters], schedule=drawn.schedule, generator=generator)
        parts.append((minus_energy, log_q, x))
    log_w = [e - torch.logaddexp(shares[0] + log_q, log_others(x)) for e, log_q, x in parts]
    return Weighted(drawn.x, tuple(log_w), parts[0][0] - parts[0][1])


def log_density(policy: Policy, x: Vectors, *, schedule: Schedule, generator: torch.Generator) -> Batch:
    """log q(x | order) along an order of each row drawn by P_B."""
    if len(x) == 0:
        return x.new_zeros(0)
    order = sample_backward(policy, x, k=x.shape[1], generator=generator)
    return log_ratio(policy, x, order, schedule=schedule)


def log_stratified_mean(log_w: tuple[Draws, ...]) -> Estimate:
    """log of the mean of all weights; its standard error knows that each proposal made a fixed number of them."""
    total = sum(len(part) for part in log_w)
    value = torch.cat(log_w).logsumexp(0).item() - math.log(total)
    variance = sum(len(part) * (part - value).exp().var().item() for part in log_w) / total**2
    return Estimate(value, math.sqrt(variance))
