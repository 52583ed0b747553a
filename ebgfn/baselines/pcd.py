"""Persistent contrastive divergence: Markov chains that never restart supply the negatives, and there is no sampler.

The gradient of -log p is that of E(x) - E(x') with x from the data and x' from the model. A buffer of chains follows the
model: each step moves it by a few steps of a kernel under the energy of the moment, then takes a step of Adam. Of a
quadratic energy couplings are penalised, fields are not.

Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood gradient", 2008. On lattices, with
an L1 penalty: Grathwohl et al., "Oops I took a gradient", ICML 2021, arXiv 2102.04509.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.core.states import Vectors
from ebgfn.mcmc import Gibbs, Kernel
from ebgfn.model import Model, Networks
from ebgfn.nets.quadratic import QuadraticEnergy, QuadraticSizes
from ebgfn.train.learner import Diverged, Moment
from ebgfn.train.source import FixedSet, Source

SITES = 20


def gibbs_sites(energy: Energy) -> Gibbs:
    """SITES different sites a step, of fewer all."""
    return Gibbs(energy, sites=min(SITES, energy.dim))


@dataclass(frozen=True)
class PCDRecipe:
    """`sampling_steps` of the kernel come before every step of Adam; `l1` weighs the sum over pairs of |J_ij|.

    Defaults are the best of lr 0.001, 0.003, 0.01 and l1 0, 0.03, 0.1 on 10 x 10 lattices of sigma 0.1 and 0.2, judged by
    the truth, with 20 sites drawn or 20 flips proposed a step.
    """

    kernel: Callable[[Energy], Kernel] = gibbs_sites
    chains: int = 256
    lr: float = 1e-3
    l1: float = 0.1
    sampling_steps: int = 1
    sizes: QuadraticSizes = QuadraticSizes()

    def __post_init__(self):
        if not 0 < self.lr < float("inf"):
            raise ValueError(f"lr must be a positive number, got {self.lr}")
        if not 0 <= self.l1 < float("inf"):
            raise ValueError(f"l1 must be a number of at least 0, got {self.l1}")
        if self.sampling_steps < 1:
            raise ValueError(f"sampling_steps must be at least 1, got {self.sampling_steps}")


class PCD:
    """A `Trainer` of any energy. `averaged` is a mean over all steps with a weight that grows linearly: it is less noisy."""

    def __init__(self, model: Model, recipe: PCDRecipe):
        self.recipe, self.energy = recipe, model.energy
        self.averaged = copy.deepcopy(model.energy).requires_grad_(False)
        self._optimizer = torch.optim.Adam(self.energy.parameters(), recipe.lr)
        self._kernel = recipe.kernel(self.energy)
        self._chains: Vectors | None = None
        self._pull: tuple[Tensor, ...] | None = None
        self._steps = 0

    def step(self, source: Source, now: Moment, generator: torch.Generator) -> dict[str, float]:
        if self._chains is None:
            shape = (self.recipe.chains, self.energy.dim)
            self._chains = torch.randint(0, 2, shape, generator=generator, device=generator.device).float()
        self._chains = advance(self._kernel, self._chains, steps=self.recipe.sampling_steps, generator=generator)
        weights = list(self.energy.parameters())
        difference = self._of_data(source, weights) - self.energy(self._chains).mean()
        quadratic = isinstance(self.energy, QuadraticEnergy)
        penalty = self.recipe.l1 / 2 * self.energy.couplings().abs().sum() if quadratic else 0.0
        if not math.isfinite(difference.item()):
            raise Diverged(f"the difference of energies became {difference.item()}")
        self._optimizer.zero_grad()
        (difference + penalty).backward()
        self._optimizer.step()
        self._steps += 1
        for averaged, w in zip(self.averaged.parameters(), weights, strict=True):
            averaged.data.lerp_(w.detach(), 2 / (self._steps + 1))
        return {"contrastive": difference.item()}

    def _of_data(self, source: Source, weights: list[Tensor]) -> Tensor:
        """Mean energy of the data, or what has the same gradient."""
        if not (isinstance(self.energy, QuadraticEnergy) and isinstance(source, FixedSet)):
            return self.energy(source.draw(self.recipe.chains)).mean()
        if self._pull is None:  # linear in its weights: the data's part of the gradient is always the same
            self._pull = torch.autograd.grad(self.energy(source.all).mean(), weights)
        return torch.stack([(pull * w).sum() for pull, w in zip(self._pull, weights, strict=True)]).sum()

    @property
    def chains(self) -> Vectors | None:
        """Where the chains stand; None before the first step."""
        return self._chains

    def networks(self) -> Networks:
        return Networks(self.averaged, None, None)

    def state_dict(self) -> dict[str, Any]:
        parts = {"energy": self.energy, "averaged": self.averaged, "optimizer": self._optimizer}
        return {name: part.state_dict() for name, part in parts.items()} | {
            "chains": None if self._chains is None else self._chains.byte(),
            "steps": self._steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in (("energy", self.energy), ("averaged", self.averaged), ("optimizer", self._optimizer)):
            part.load_state_dict(state[name])
        device = next(self.energy.parameters()).device
        self._chains = None if state["chains"] is None else state["chains"].to(device).float()
        self._steps = state["steps"]


def advance(kernel: Kernel, x: Vectors, *, steps: int, generator: torch.Generator) -> Tensor:
    """Where the chains stand after `steps`. They start afresh: the energy has changed since the last time."""
    state = kernel.init(x)
    for _ in range(steps):
        state, _ = kernel.step(state, generator)
    return state.x
