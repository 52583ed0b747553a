"""log Z by annealed importance sampling with local moves, from a product distribution that knows no sampler.

The way begins at a product r of known density and ends at the energy,

    p_beta(x) ~ r(x)^(1 - beta) exp(-beta E(x)),

each temperature adding (beta' - beta) (-E(x) - log r(x)) to a chain's log weight before its moves. The mean weight is
unbiased for Z whatever the number of temperatures, so its logarithm is too low on average: far too low where local moves do
not arrive in time, never too high by b with a probability of more than exp(-b).

Neal, "Annealed importance sampling", 2001.
"""

from collections.abc import Callable

import torch

from ebgfn.core.energy import Energy
from ebgfn.core.states import Batch, Vectors
from ebgfn.core.weights import Estimate, log_mean_exp
from ebgfn.mcmc import DMALA, GibbsWithGradients, Kernel
from ebgfn.nets.bernoulli_mixture import BernoulliMixture


class Tempered:
    """beta E(x) - (1 - beta) log r(x)."""

    def __init__(self, energy: Energy, base: BernoulliMixture, beta: float):
        self.energy, self.base, self.beta, self.dim = energy, base, beta, energy.dim

    def __call__(self, x: Vectors) -> Batch:
        return self.beta * self.energy(x) - (1 - self.beta) * self.base.log_prob(x)

    def neighbours(self, x: Vectors) -> Vectors:
        """Of the base one neighbour of all rows at a time."""
        flips = torch.eye(self.dim, device=x.device)
        base = torch.stack([self.base.log_prob((x - flip).abs()) for flip in flips], dim=1)
        return self.beta * self.energy.neighbours(x) - (1 - self.beta) * base


def local_moves(energy: Energy) -> tuple[Kernel, ...]:
    """What a chain does at each temperature: many entries at once, then one; either kernel's states are the other's too.

    Step sizes were the best of 0.15 to 0.4 on densities of the plane, lattices, 8 x 8 and 28 x 28, where one kernel alone
    ended lower by up to 40 nats.
    """
    return DMALA(energy, step_size=0.3 if energy.dim <= 100 else 0.15), GibbsWithGradients(energy)


def log_weights(
    energy: Energy,
    base: BernoulliMixture,
    *,
    chains: int,
    temperatures: int,
    kernels: Callable[[Energy], tuple[Kernel, ...]] = local_moves,
    generator: torch.Generator,
) -> Batch:
    """log weight of each chain after `temperatures` steps of beta, one move of each kernel at each."""
    x, log_w, before = base.sample(chains, generator), torch.zeros(chains, device=generator.device), None
    for step in range(temperatures + 1):
        # Steps are finer where beta is small: far from data energies are large.
        here = kernels(Tempered(energy, base, (step / temperatures) ** 2))
        state = here[0].init(x)
        if before is not None:
            log_w += before - state.energy
            for kernel in here:
                state, _ = kernel.step(state, generator)
        x, before = state.x, state.energy
    return log_w


def log_z_annealed(
    energy: Energy, base: BernoulliMixture, *, chains: int, temperatures: int, generator: torch.Generator
) -> Estimate:
    """log of the mean weight and its standard error, in nats."""
    return log_mean_exp(log_weights(energy, base, chains=chains, temperatures=temperatures, generator=generator))
