"""Bounds of log Z on both sides, for energies that refine a known density by a term that is bounded below.

Draws of the density q weigh q^-1 exp(-E), which is at most e^LEAST wherever they fall, and their mean is Z exactly in
expectation. So a mean of n of them is within

    sqrt(2 V log(2 / d) / n) + 7 e^LEAST log(2 / d) / (3 (n - 1)),        V their variance in the sample,

of Z with probability 1 - d on either side, whatever the network is and wherever its modes lie: nothing has to be searched.
Maurer and Pontil, "Empirical Bernstein bounds and sample variance penalization", 2009, arXiv 0907.3740, theorem 4.
"""

import math
from dataclasses import dataclass

import torch

from ebgfn.core.weights import Estimate, log_mean_exp
from ebgfn.nets.refined import LEAST, RefinedEnergy

# Chance that either bound is wrong.
DOUBT = 0.025


@dataclass(frozen=True)
class Certificate:
    """log Z as the draws estimate it, and what it is at least and at most but for DOUBT on either side, in nats.

    `lower` is -inf where Z may be as small as the bound can tell. The estimate's own error is no bound: where rare draws
    hold much of Z it is too small.
    """

    estimate: Estimate
    lower: float
    upper: float


@torch.no_grad()
def certify(energy: RefinedEnergy, *, draws: int, generator: torch.Generator) -> Certificate:
    """From so many draws of the density that the energy refines."""
    x, nats = energy.drawn(draws, generator)
    f = torch.cat([energy.learned(part) for part in x.split(energy.base.rows)])
    log_w = -(f + energy.steepened(nats) - nats).double()
    w, log_doubt = log_w.exp(), math.log(2 / DOUBT)
    off = math.sqrt(2 * w.var().item() * log_doubt / draws) + 7 * math.exp(LEAST) * log_doubt / (3 * (draws - 1))
    mean = w.mean().item()
    return Certificate(log_mean_exp(log_w), math.log(mean - off) if mean > off else -math.inf, math.log(mean + off))
