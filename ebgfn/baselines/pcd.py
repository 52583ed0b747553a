"""Couplings of an Ising model by persistent contrastive divergence: Markov chains that never restart supply the negatives.

The gradient of -log p is that of E(x) - E(x') with x from the data and x' from the model. A buffer of chains follows the
model: each iteration moves it by a few steps of a kernel under the energy of the moment, then takes a step of Adam.

Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood gradient", 2008. On lattices, with
an L1 penalty: Grathwohl et al., "Oops I took a gradient", ICML 2021, arXiv 2102.04509.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.mcmc import Kernel
from ebgfn.nets.quadratic import QuadraticEnergy

Couplings = Float[Tensor, "dim dim"]

CHAINS = 256


@dataclass(frozen=True)
class Settings:
    """`sampling_steps` of the kernel come before every step of Adam; `l1` weighs the sum over pairs of |J_ij|.

    Defaults are the best of lr 0.001, 0.003, 0.01 and l1 0, 0.03, 0.1 on 10 x 10 lattices of sigma 0.1 and 0.2.
    """

    lr: float = 1e-3
    l1: float = 0.1
    sampling_steps: int = 1

    def __post_init__(self):
        if not 0 < self.lr < float("inf"):
            raise ValueError(f"lr must be a positive number, got {self.lr}")
        if not 0 <= self.l1 < float("inf"):
            raise ValueError(f"l1 must be a number of at least 0, got {self.l1}")
        if self.sampling_steps < 1:
            raise ValueError(f"sampling_steps must be at least 1, got {self.sampling_steps}")


@dataclass(frozen=True)
class Budget:
    """Ends the training after so many iterations, or the first iteration past so many seconds; whichever comes first."""

    iterations: int | None = None
    seconds: float | None = None

    def __post_init__(self):
        given = [part for part in (self.iterations, self.seconds) if part is not None]
        if not given or not all(part > 0 for part in given):
            raise ValueError(f"a budget needs positive iterations or seconds, got {self.iterations} and {self.seconds}")

    def spent(self, iterations: int, seconds: float) -> bool:
        return (self.iterations is not None and iterations >= self.iterations) or (
            self.seconds is not None and seconds >= self.seconds
        )


@dataclass(frozen=True)
class Result:
    """`couplings` of the last iteration, and `averaged` over all with a weight that grows linearly, which is less noisy."""

    couplings: Couplings
    averaged: Couplings
    iterations: int
    seconds: float


def learn(
    x: Float[Tensor, "rows dim"],
    kernel: Callable[[Energy], Kernel],
    budget: Budget,
    *,
    generator: torch.Generator,
    settings: Settings | None = None,
    shared: Int[Tensor, "dim dim"] | None = None,
) -> Result:
    """Learn from the rows of `x`; `kernel` builds the kernel that moves the chains under an energy."""
    if not len(x) or not ((x == 0) | (x == 1)).all():
        raise ValueError(f"x must hold rows with entries 0 or 1, got shape {tuple(x.shape)}")
    settings = settings or Settings()
    energy = QuadraticEnergy(x.shape[1], shared=shared)
    weights, mean = energy.weights, energy.weights.detach().clone()
    # E is linear in its weights: the data's part of the gradient is always the same.
    (pull,) = torch.autograd.grad(energy(x).mean(), weights)
    optimizer, moves = torch.optim.Adam([weights], settings.lr), kernel(energy)
    chains = torch.randint(0, 2, (CHAINS, energy.dim), generator=generator).float()
    done, began = 0, time.perf_counter()
    while not budget.spent(done, time.perf_counter() - began):
        chains = advance(moves, chains, steps=settings.sampling_steps, generator=generator)
        penalty = settings.l1 / 2 * energy.couplings().abs().sum()
        (push,) = torch.autograd.grad(penalty - energy(chains).mean(), weights)
        weights.grad = pull + push
        optimizer.step()
        done += 1
        mean.lerp_(weights.detach(), 2 / (done + 1))
    last = energy.couplings().detach()
    with torch.no_grad():
        weights.copy_(mean)
    return Result(last, energy.couplings().detach(), done, time.perf_counter() - began)


def advance(kernel: Kernel, x: Float[Tensor, "chains dim"], *, steps: int, generator: torch.Generator) -> Tensor:
    """Where the chains stand after `steps`. They start afresh: the energy has changed since the last time."""
    state = kernel.init(x)
    for _ in range(steps):
        state, _ = kernel.step(state, generator)
    return state.x
