"""Gibbs-with-Gradients: flip the entry that the energy's gradient says is worth flipping, then Metropolis-Hastings.

d_i(x) = (2 x_i - 1) dE/dx_i estimates E(x) - E(x with i flipped); entry i is proposed with q(i | x) = softmax(d / 2)_i
and accepted with log alpha = E(x) - E(x') + log q(i | x') - log q(i | x).

Grathwohl, Swersky, Hashemi, Duvenaud, Maddison, "Oops I took a gradient: scalable sampling for discrete distributions",
ICML 2021, arXiv 2102.04509.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.core.states import Vectors
from ebgfn.mcmc.chain import ChainState, StepInfo, metropolis, start, state_at


@dataclass(frozen=True)
class GibbsWithGradients:
    """One locally informed flip a step; exact for any differentiable energy."""

    energy: Energy

    @property
    def network_passes(self) -> int:
        return 3

    def init(self, x: Vectors) -> ChainState:
        return start(self.energy, x, with_gradient=True)

    @torch.no_grad()
    def step(self, state: ChainState, generator: torch.Generator) -> tuple[ChainState, StepInfo]:
        log_q = log_flip(state)
        site = torch.multinomial(log_q.exp(), 1, generator=generator)
        flipped = state.x.scatter(1, site, 1 - state.x.gather(1, site))
        new = state_at(self.energy, flipped, with_gradient=True)
        log_ratio = (log_flip(new).gather(1, site) - log_q.gather(1, site)).squeeze(1)
        log_alpha = state.energy - new.energy + log_ratio
        after, accepted = metropolis(state, new, log_alpha, generator)
        return after, StepInfo(accepted, log_alpha, flipped, flipped != state.x)


def log_flip(state: ChainState) -> Float[Tensor, "batch dim"]:
    """log q(i | x): probability of proposing to flip each entry."""
    assert state.gradient is not None
    return (0.5 * (2 * state.x - 1) * state.gradient).log_softmax(1)
