"""States that an energy holds for more probable than its sampler knows: a search that starts where no sampler looks.

Whatever states are found, log Z is at least log sum exp(-E) over them. Importance weights and annealing along the sampler's
paths look where the sampler goes; an energy with its mass elsewhere passes them with an effective sample size near one.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Vectors = Float[Tensor, "batch dim"]
Batch = Float[Tensor, " batch"]
Energy = Callable[[Vectors], Batch]

# Descents that start from random states of each density of ones, and passes of the energy that each may take.
DENSITIES, STARTS, PASSES = (0.02, 0.1, 0.3, 0.5, 0.9), 4, 120
# Most probable places whose neighbours are looked at as well; rows of one pass.
NEIGHBOURHOODS, ROWS = 4, 200


def log_z_at_least(energy: Energy, dim: int, generator: torch.Generator) -> float:
    """Lower bound on log Z, certain up to rounding: the mass of all distinct states that the search came upon.

    Blank and full vectors, where descents from random states end, and all that differ in one entry from the most probable.
    """
    places = broad(dim, generator)
    blank = torch.zeros_like(places[:1])
    places = torch.cat([blank, 1 - blank, descend(energy, places)])
    places = places[energies(energy, places).argsort()]
    found = torch.cat([*map(one_flip_from, places[:NEIGHBOURHOODS]), places])
    return float((-energies(energy, found.unique(dim=0))).double().logsumexp(0))


def one_flip_from(x: Float[Tensor, " dim"]) -> Float[Tensor, "neighbours dim"]:
    """The state itself, then every state that differs from it in one entry."""
    dim = len(x)
    return torch.cat([x[None], (x[None] - torch.eye(dim, device=x.device)).abs()])


def broad(dim: int, generator: torch.Generator) -> Vectors:
    """Random states, from nearly blank to nearly full."""
    rates = torch.tensor(DENSITIES, device=generator.device).repeat_interleave(STARTS)
    return (torch.rand(len(rates), dim, generator=generator, device=rates.device) < rates[:, None]).float()


def descend(energy: Energy, x: Vectors) -> Vectors:
    """Flips the entries whose gradients promise most, many at once, then fewer, for as long as that lowers the energy."""
    dim = x.shape[1]
    flips = torch.full((len(x),), max(1, dim // 4), device=x.device)
    value = energies(energy, x)
    for _ in range(PASSES):
        rank = promised(energy, x).argsort(1).argsort(1)
        proposal = torch.where(rank < flips[:, None], 1 - x, x)
        lower = (new := energies(energy, proposal)) < value
        x, value = torch.where(lower[:, None], proposal, x), torch.where(lower, new, value)
        flips = torch.where(lower, flips, (flips // 2).clamp(min=1))
    return x


def promised(energy: Energy, x: Vectors) -> Vectors:
    """First-order change of the energy when each entry is flipped."""
    x = x.clone().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(energy(x).sum(), x)
    return (slope * (1 - 2 * x)).detach()


def energies(energy: Energy, x: Vectors) -> Batch:
    with torch.no_grad():
        return torch.cat([energy(part) for part in x.split(ROWS)])
