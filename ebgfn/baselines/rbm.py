"""A restricted Boltzmann machine: an energy of binary rows with hidden units, whose normaliser is estimated.

Of rows x and hidden units h the density is proportional to exp(x^T W h + b^T x + c^T h), so that

    -log p(x) = F(x) + log Z,    F(x) = -b^T x - sum_j softplus(c_j + (x^T W)_j).

Given the one layer the units of the other are independent, hence block Gibbs sampling. log Z is annealed from independent
columns of the data's means, along p_beta(x) ~ exp(-F_beta(x)) with W and c times beta and the fields between those of the
columns and b: Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks", 2008. Too low on average,
so that likelihoods are flattered where chains do not arrive. Learned by `ebgfn.baselines.rbm_training`.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ebgfn.core.states import Batch, Masks, Vectors
from ebgfn.core.weights import Estimate, log_mean_exp

# Chains and temperatures of log Z; temperatures of a drawn row. Sweeps of an answer from chains, those that come first
# and are not counted, and its chains.
CHAINS, TEMPERATURES, SAMPLE_TEMPERATURES = 512, 3000, 1000
SWEEPS, BURN_IN, ANSWERS = 100, 50, 8
# log Z before it is estimated.
UNKNOWN = Estimate(math.nan, math.nan)

Hidden = Float[Tensor, "batch hidden"]


class Annealed(NamedTuple):
    """Where chains ended, and their log weights: the mean weight is an unbiased estimate of Z."""

    x: Vectors
    log_w: Batch


@dataclass(frozen=True)
class RBM:
    """`weight` W, `visible` b, `hidden` c; `columns`: log-odds of the data's columns; `log_z` as estimated."""

    weight: Float[Tensor, "dim hidden"]
    visible: Float[Tensor, " dim"]
    hidden: Float[Tensor, " hidden"]
    columns: Float[Tensor, " dim"]
    log_z: Estimate = UNKNOWN

    def free_energy(self, x: Vectors) -> Batch:
        """F(x) in nats."""
        return -(x @ self.visible) - F.softplus(self.field(x)).sum(1)

    def field(self, x: Vectors) -> Hidden:
        """Log-odds of the hidden units given a row."""
        return self.hidden + x @ self.weight

    def log_prob(self, x: Vectors) -> Batch:
        """log p(x) in nats, by the estimate of log Z."""
        return -self.free_energy(x) - self.log_z.value

    def sweep(self, x: Vectors, generator: torch.Generator) -> Vectors:
        """Probabilities of the entries after the hidden units are drawn anew."""
        return torch.sigmoid(self.visible + bernoulli(torch.sigmoid(self.field(x)), generator) @ self.weight.T)

    def annealed(self, chains: int, *, temperatures: int, generator: torch.Generator) -> Annealed:
        """Chains from independent columns to the machine, a sweep at each temperature."""
        x = bernoulli(torch.sigmoid(self.columns).expand(chains, -1), generator)
        log_w = torch.full((chains,), F.softplus(self.columns).sum().item() + len(self.hidden) * math.log(2))
        for step in range(1, temperatures + 1):
            before, beta = (step - 1) / temperatures, step / temperatures
            field = self.field(x)
            log_w += (beta - before) * (x @ (self.visible - self.columns))
            log_w += (F.softplus(beta * field) - F.softplus(before * field)).sum(1)
            hidden = bernoulli(torch.sigmoid(beta * field), generator)
            x = bernoulli(torch.sigmoid(self.columns.lerp(self.visible + hidden @ self.weight.T, beta)), generator)
        return Annealed(x, log_w)

    def with_log_z(
        self, generator: torch.Generator, *, chains: int = CHAINS, temperatures: int = TEMPERATURES
    ) -> "RBM":
        """The same machine, its normaliser estimated."""
        return replace(
            self, log_z=log_mean_exp(self.annealed(chains, temperatures=temperatures, generator=generator).log_w)
        )

    def conditional(self, x: Vectors, mask: Masks, generator: torch.Generator) -> Vectors:
        """See `Density`: mean of p(x_i = 1 | hidden units) over Gibbs sampling in which filled entries stay."""
        known, mask = (part.repeat_interleave(ANSWERS, dim=0) for part in (x, mask))
        p, total = torch.sigmoid(self.columns).expand(len(known), -1), torch.zeros_like(known)
        for sweep in range(BURN_IN + SWEEPS):
            p = self.sweep(torch.where(mask, known, bernoulli(p, generator)), generator)
            total += p if sweep >= BURN_IN else 0.0
        return torch.where(mask, known, total / SWEEPS).view(len(x), ANSWERS, -1).mean(1)

    def sample(self, n: int, generator: torch.Generator) -> Vectors:
        """Ends of chains that came down from independent columns."""
        return self.annealed(n, temperatures=SAMPLE_TEMPERATURES, generator=generator).x


def bernoulli(p: Tensor, generator: torch.Generator) -> Tensor:
    """Zeros and ones with these probabilities of a one."""
    return (torch.rand(p.shape, generator=generator) < p).float()
