"""Gibbs sampling: draw one entry anew given all others, p(x_i = 1 | rest) = sigmoid(E(x_i = 0) - E(x_i = 1)).

Geman and Geman, "Stochastic relaxation, Gibbs distributions, and the Bayesian restoration of images", 1984.
"""

from dataclasses import dataclass

import torch

from ebgfn.core.energy import Energy
from ebgfn.core.states import Vectors, uniform_orders
from ebgfn.mcmc.chain import ChainState, StepInfo, select, start, state_at


@dataclass(frozen=True)
class Gibbs:
    """A step visits `sites` different entries in random order: 1 is random-scan Gibbs, D a full sweep."""

    energy: Energy
    sites: int = 1

    def __post_init__(self):
        if not 1 <= self.sites <= self.energy.dim:
            raise ValueError(f"sites must be in 1..{self.energy.dim}, got {self.sites}")

    @property
    def network_passes(self) -> int:
        return self.sites

    def init(self, x: Vectors) -> ChainState:
        return start(self.energy, x)

    @torch.no_grad()
    def step(self, state: ChainState, generator: torch.Generator) -> tuple[ChainState, StepInfo]:
        batch, dim = state.x.shape
        chosen = uniform_orders(batch, dim, generator)[:, : self.sites]
        for site in chosen.unbind(1):
            old = state.x.gather(1, site[:, None])
            flipped = state_at(self.energy, state.x.scatter(1, site[:, None], 1 - old), with_gradient=False)
            p_flip = torch.sigmoid(state.energy - flipped.energy)
            state = select(torch.rand(batch, generator=generator, device=state.x.device) < p_flip, flipped, state)
        voided = torch.zeros_like(state.x, dtype=torch.bool).scatter(1, chosen, True)
        # A conditional draw is a proposal that is always accepted.
        certain = torch.ones_like(state.energy, dtype=torch.bool)
        return state, StepInfo(certain, torch.zeros_like(state.energy), state.x, voided)
