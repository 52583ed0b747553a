"""Discrete Metropolis-adjusted Langevin algorithm: flip every entry by its own coin, all at once, then accept or not.

The discrete Langevin proposal factorises: entry i flips with log-odds (2 x_i - 1) dE/dx_i / 2 - 1 / (2 step_size), the
gain that the gradient promises against the square of the distance moved.

Zhang, Liu, Liu, "A Langevin-like sampler for discrete distributions", ICML 2022, arXiv 2206.09914.
"""

from dataclasses import dataclass

import torch

from ebgfn.core.energy import Energy
from ebgfn.core.policy import bernoulli_log_prob
from ebgfn.core.states import Batch, Vectors
from ebgfn.mcmc.chain import ChainState, StepInfo, metropolis, start, state_at


@dataclass(frozen=True)
class DMALA:
    """`step_size` (the paper's alpha) sets how many entries a step tends to flip."""

    energy: Energy
    step_size: float = 0.2

    def __post_init__(self):
        if not 0 < self.step_size < float("inf"):
            raise ValueError(f"step_size must be a positive number, got {self.step_size}")

    @property
    def network_passes(self) -> int:
        return 3

    def init(self, x: Vectors) -> ChainState:
        return start(self.energy, x, with_gradient=True)

    @torch.no_grad()
    def step(self, state: ChainState, generator: torch.Generator) -> tuple[ChainState, StepInfo]:
        logits = self.flip_logits(state)
        flips = (torch.rand(logits.shape, generator=generator, device=logits.device) < torch.sigmoid(logits)).to(
            logits.dtype
        )
        proposal = (state.x - flips).abs()
        new = state_at(self.energy, proposal, with_gradient=True)
        log_ratio = log_move(self.flip_logits(new), flips) - log_move(logits, flips)
        log_alpha = state.energy - new.energy + log_ratio
        after, accepted = metropolis(state, new, log_alpha, generator)
        return after, StepInfo(accepted, log_alpha, proposal, flips > 0.5)

    def flip_logits(self, state: ChainState) -> Vectors:
        """Log-odds that the proposal flips each entry."""
        assert state.gradient is not None
        return 0.5 * (2 * state.x - 1) * state.gradient - 0.5 / self.step_size


def log_move(flip_logits: Vectors, flips: Vectors) -> Batch:
    """log-probability of flipping exactly the marked entries."""
    return bernoulli_log_prob(flip_logits, flips).sum(1)
