"""A search for mass that the sampler does not know: it starts where no sampler looks.

Whatever states are found, log Z is at least log sum exp(-E) over them, and no state can have -E(x) > log Z. Importance
weights of the sampler's trajectories look where the sampler goes; an energy with its mass elsewhere passes them with an
effective sample size near one.

Descents find states, chains find regions: single states of a wide mode weigh nothing, but chains that start broad and stay
there tell where it lies (`ebgfn.evaluation.regions`). A mode that nothing leads to, neither slope nor pattern nor data, is
not found by this or by any other search.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.energy import Energy
from ebgfn.core.policy import Policy
from ebgfn.core.schedules import draw, usual_schedule
from ebgfn.core.states import Batch, Vectors, flip_some
from ebgfn.core.trajectories import Schedule
from ebgfn.evaluation import broad
from ebgfn.evaluation.exact import all_states
from ebgfn.evaluation.local_annealing import local_moves
from ebgfn.mcmc import BackAndForth, Kernel

Places = Float[Tensor, "places dim"]
Data = Float[Tensor, "data dim"]

# Up to this dimension all states are looked at: there are 4096.
ALL_STATES_DIM = 12
# Passes of the energy that a descent may take; most probable places whose neighbours are looked at; rows of one pass.
PASSES, NEIGHBOURHOODS, ROWS = 40, 4, 200
# Back-and-forth moves in a chain, of a few entries and of all by turns.
JUMPS, K = 24, 64


@dataclass(frozen=True)
class Search:
    """Distinct states found with their energies, and where the chains ended: those that started broad, and the others."""

    states: Places
    energies: Float[Tensor, " places"]
    broad_ends: Float[Tensor, "far dim"]
    near_ends: Float[Tensor, "near dim"]

    @property
    def log_mass(self) -> float:
        """log sum exp(-E) over all of them: certain to be at most log Z, up to rounding."""
        return float((-self.energies).double().logsumexp(0))

    @property
    def highest(self) -> float:
        """Largest -E."""
        return -float(self.energies.min())

    def most_probable(self, n: int) -> Float[Tensor, "n dim"]:
        """The `n` of least energy, in that order."""
        return self.states[self.energies.argsort()[:n]]


def search(
    energy: Energy,
    policy: Policy,
    data: Data,
    *,
    chains: int,
    moves: int,
    schedule: Schedule | None = None,
    generator: torch.Generator,
) -> Search:
    """Descents and chains of p_phi: `chains` from broad states, half as many from data, corrupted data and drawn states.

    A chain makes `moves` local moves, of DMALA and of Gibbs-with-Gradients by turns, and JUMPS back-and-forth moves among
    them, those of all entries in the policy's usual steps or by `schedule`. Where states are few, all are found.
    """
    far = broad.starts(energy.dim, chains, generator)
    near = near_starts(policy, data, max(3, chains // 2), generator)
    start = torch.cat([far, near])
    end, lowest = run(energy, policy, start, moves=moves, schedule=schedule, generator=generator)
    places = torch.cat([start, end, lowest, descend(energy, start), descend(energy, lowest)]).unique(dim=0)
    places = places[energies(energy, places).argsort()]
    states = torch.cat([*map(one_flip_from, places[:NEIGHBOURHOODS]), places]).unique(dim=0)
    if energy.dim <= ALL_STATES_DIM:
        states = all_states(energy.dim).to(states.device)
    return Search(states, energies(energy, states), end[: len(far)], end[len(far) :])


def near_starts(policy: Policy, data: Data, n: int, generator: torch.Generator) -> Places:
    """A third each of data, corrupted data and states that the sampler draws."""
    some = data[torch.randperm(len(data), generator=generator, device=data.device)[: n - n // 3]]
    whole = n // 3
    return torch.cat([some[:whole], flip_some(some[whole:], generator), draw(policy, whole, generator).x])


def run(
    energy: Energy,
    policy: Policy,
    x: Places,
    *,
    moves: int,
    schedule: Schedule | None = None,
    generator: torch.Generator,
) -> tuple[Places, Places]:
    """Where chains from `x` end, and the state of least energy that each met."""
    # From noise to data are hundreds of flips: many at once, then one by one.
    local = local_moves(energy)
    jumps = dict(zip(_evenly(moves, JUMPS), _kernels(energy, policy, schedule), strict=False))
    state = local[0].init(x)
    lowest, least = state.x, state.energy
    for move in range(1, moves + 1):
        state, _ = local[move % len(local)].step(state, generator)
        if move in jumps:
            state = local[0].init(jumps[move].step(jumps[move].init(state.x), generator)[0].x)
        lower = state.energy < least
        lowest, least = torch.where(lower[:, None], state.x, lowest), torch.where(lower, state.energy, least)
    return state.x, lowest


def _evenly(moves: int, n: int) -> list[int]:
    """Moves after which something happens, the last one among them."""
    return sorted({moves * i // n for i in range(1, n + 1)} - {0})


def _kernels(energy: Energy, policy: Policy, schedule: Schedule | None) -> Iterator[Kernel]:
    """Back-and-forth moves of a few entries and of all, by turns; the latter by `schedule`, if one is given."""
    whole = schedule or usual_schedule(policy, k=energy.dim)
    few = min(K, max(1, energy.dim // 4))
    while True:
        yield BackAndForth(energy, policy, few, usual_schedule(policy, k=few))
        yield BackAndForth(energy, policy, energy.dim, whole)


def one_flip_from(x: Float[Tensor, " dim"]) -> Float[Tensor, "neighbours dim"]:
    """The state itself, then every state that differs from it in one entry."""
    dim = len(x)
    return torch.cat([x[None], (x[None] - torch.eye(dim, device=x.device)).abs()])


def descend(energy: Energy, x: Vectors) -> Vectors:
    """Flips the entries whose gradients promise most, many at once, then fewer, for as long as that lowers the energy."""
    x, dim = x.clone(), x.shape[1]
    flips = torch.full((len(x),), max(1, dim // 4), device=x.device)
    value, change = promised(energy, x)
    going = torch.arange(len(x), device=x.device)  # rows that are not at their end
    for _ in range(PASSES):
        if not len(going):
            break
        rank = change[going].argsort(1).argsort(1)
        proposal = torch.where(rank < flips[going, None], 1 - x[going], x[going])
        new, new_change = promised(energy, proposal)
        lower = new < value[going]
        better = going[lower]
        x[better], value[better], change[better] = proposal[lower], new[lower], new_change[lower]
        at_end = ~lower & (flips[going] == 1)
        flips[going[~lower]] = (flips[going[~lower]] // 2).clamp(min=1)
        going = going[~at_end]
    return x


def promised(energy: Energy, x: Vectors) -> tuple[Batch, Vectors]:
    """The energy, and its first-order change when each entry is flipped."""
    x = x.clone().requires_grad_()
    with torch.enable_grad():
        value = energy(x)
        (slope,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), (slope * (1 - 2 * x)).detach()


def energies(energy: Energy, x: Vectors) -> Batch:
    """Of many states, in parts."""
    with torch.no_grad():
        return torch.cat([energy(part) for part in x.split(ROWS)])
