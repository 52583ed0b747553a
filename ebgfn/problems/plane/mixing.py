"""How fast a Markov chain forgets where it started, at equal cost, and what a single back-and-forth move weighs.

The square that pages show is cut into 8 x 8 cells. *Memory* says how much more often than by chance a chain is found in
the cell where it began: with `same` the share of chains still there and `chance` the share expected if end and start were
independent,

    memory = (same - chance) / (1 - chance),

1 for a chain that never left, 0 for one that has forgotten. It is Cohen's kappa ("A coefficient of agreement for
nominal scales", 1960) between first and last cell. It sees what single bits do not: a chain confined to one mode
shuffles its low bits at once and still remembers the mode.

Cost is counted in network passes a chain (a gradient counts as two more), which machine, load and batch do not change.
A pass of the energy and one of the policy are about the same work, whether that is a network or a mixture.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ebgfn.core.trajectories import finest, log_prob
from ebgfn.mcmc import KERNELS, BackAndForth, Chain, Kernel, KernelEntry, run_chain
from ebgfn.model import Model
from ebgfn.problems.plane.gray import Grid
from ebgfn.problems.plane.landscape import half_width

CELLS = 8
# A chain may cost as much as so many moves of the dearest K. With far more, every kernel has forgotten the plane and there
# is nothing to compare.
BUDGETS, BUDGET = (1, 2, 4, 8), 2
CHAINS = 256


@dataclass(frozen=True)
class Mixing:
    """One kernel at the common cost. `k` is None where it has no meaning; standard errors are over chains."""

    kernel: str
    k: int | None
    moves: int
    passes: int
    acceptance: float
    acceptance_se: float
    memory: float
    memory_se: float
    seconds: float


def memory(start: Int[np.ndarray, " chains"], end: Int[np.ndarray, " chains"]) -> tuple[float, float]:
    """Excess of chains found in their first cell over chance, and its standard error (chance taken as known)."""
    same = float((start == end).mean())
    cells = int(max(start.max(), end.max())) + 1
    shares = [np.bincount(c, minlength=cells) / len(c) for c in (start, end)]
    chance = float(shares[0] @ shares[1])
    if chance == 1.0:
        return 0.0, 0.0  # a plane of one cell holds nothing to forget
    return (same - chance) / (1 - chance), math.sqrt(same * (1 - same) / len(start)) / (1 - chance)


def cells(grid: Grid, x: Tensor) -> Int[np.ndarray, " chains"]:
    """Number of the cell of the shown square that holds each point; one outside of it is in the nearest cell."""
    xy = grid.decode(x.byte().numpy())
    column = np.clip(((xy / half_width(grid) + 1) * CELLS / 2).astype(np.int64), 0, CELLS - 1)
    return column[:, 0] * CELLS + column[:, 1]


def ladder(dim: int) -> list[int]:
    """Powers of two below `dim`, and `dim`: the K that are compared."""
    return [2**i for i in range(dim.bit_length()) if 2**i < dim] + [dim]


def cost(model: Model, k: int) -> int:
    """Network passes of a back-and-forth move of `k` bits."""
    return BackAndForth(model.energy, model.policy, k).network_passes


def dearest(model: Model) -> int:
    """Network passes of the dearest back-and-forth move of those that are compared."""
    return max(cost(model, k) for k in ladder(model.dim))


def measure(
    name: str,
    kernel: Kernel,
    x: Float[Tensor, "chains dim"],
    *,
    model: Model,
    generator: torch.Generator,
    budget: int,
) -> Mixing:
    """Run a kernel from `x` until `budget` network passes a chain are spent."""
    moves = max(1, round(budget / kernel.network_passes))
    began = time.perf_counter()
    chain = run_chain(kernel, x, steps=moves, generator=generator)
    seconds = time.perf_counter() - began
    density = model.config.density()
    grid = density.grid(model.config.bits)
    value, se = memory(
        cells(grid, chain.x[0]),
        cells(grid, chain.x[-1]),
    )
    rate = chain.accepted.float().mean(0)
    return Mixing(
        name,
        kernel.k if isinstance(kernel, BackAndForth) else None,
        moves,
        moves * kernel.network_passes,
        float(rate.mean()),
        float(rate.std() / math.sqrt(len(rate))),
        value,
        se,
        seconds,
    )


def peers() -> list[KernelEntry]:
    """Kernels that know only the energy."""
    return [entry for entry in KERNELS.values() if not entry.uses_sampler]


def compare(model: Model, *, budget: int, seed: int = 0, chains: int = CHAINS) -> Iterator[Mixing]:
    """The kernels that know only the energy, then back-and-forth moves over a ladder of K, from the same points."""
    bits = model.config.density().sample(chains, np.random.default_rng(seed), bits=model.config.bits)
    x = torch.from_numpy(bits).float()
    generator = torch.Generator().manual_seed(seed)
    settings = {"model": model, "generator": generator, "budget": budget}
    for entry in peers():
        tried = [measure(label, kernel, x, **settings) for label, kernel in entry.settings(model.energy).items()]
        yield min(tried, key=lambda row: row.memory)
    for k in ladder(model.dim):
        yield measure("Back-and-forth", BackAndForth(model.energy, model.policy, k), x, **settings)


@dataclass(frozen=True)
class MoveTerms:
    """The six numbers of log alpha for each move of a chain, in nats: energies and log-probabilities of both paths."""

    energy_old: Float[Tensor, " moves"]
    energy_new: Float[Tensor, " moves"]
    log_pb_new: Float[Tensor, " moves"]
    log_pf_old: Float[Tensor, " moves"]
    log_pb_old: Float[Tensor, " moves"]
    log_pf_new: Float[Tensor, " moves"]

    def log_alpha(self) -> Float[Tensor, " moves"]:
        """E(x) - E(x') + [log P_B(x' -> s) + log P_F(s -> x)] - [log P_B(x -> s) + log P_F(s -> x')]."""
        back = self.log_pb_new + self.log_pf_old
        return self.energy_old - self.energy_new + back - (self.log_pb_old + self.log_pf_new)

    def table(self) -> Float[Tensor, "moves 6"]:
        """In the order of the formula."""
        parts = (
            self.energy_old,
            self.energy_new,
            self.log_pb_new,
            self.log_pf_old,
            self.log_pb_old,
            self.log_pf_new,
        )
        return torch.stack(parts, dim=1)


@torch.no_grad()
def move_terms(model: Model, chain: Chain, index: int, *, k: int) -> MoveTerms:
    """Take log alpha of every move of one back-and-forth chain apart."""
    assert chain.order_back is not None
    assert chain.order_forward is not None
    old, new = chain.x[:-1, index].float(), chain.proposal[:, index].float()
    orders = torch.cat([chain.order_back[:, index], chain.order_forward[:, index]]).long()
    both = torch.cat([old, new])
    log_pf, log_pb = log_prob(model.policy, both, orders, schedule=finest(model.dim, start=model.dim - k))
    (pf_old, pf_new), (pb_old, pb_new) = log_pf.chunk(2), log_pb.chunk(2)
    energy_old, energy_new = model.energy(both).chunk(2)
    return MoveTerms(energy_old, energy_new, pb_new, pf_old, pb_old, pf_new)
