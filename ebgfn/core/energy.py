"""What an energy function E(x) on {0, 1}^D is: the model is p(x) = exp(-E(x)) / Z."""

from typing import Protocol, runtime_checkable

import torch
from torch import nn

from ebgfn.core.batches import cached_rows
from ebgfn.core.states import Batch, Vectors


@runtime_checkable
class Energy(Protocol):
    """A module that maps a batch of complete vectors to energies in nats; `neighbours` are those with entry i flipped."""

    dim: int

    def __call__(self, x: Vectors) -> Batch: ...

    def neighbours(self, x: Vectors) -> Vectors:
        """Column i: the energy of each row with entry i flipped."""
        ...


def flipped_one_by_one(energy: Energy, x: Vectors, *, rows: int) -> Vectors:
    """`neighbours` of an energy that knows no quicker way: D evaluations for each row, `rows` at once."""
    flips = torch.eye(energy.dim, device=x.device)
    found = [torch.cat([energy(part) for part in (row - flips).abs().split(rows)]) for row in x]
    return torch.stack(found) if found else torch.empty_like(x)


class Tempered(nn.Module):
    """E(x) / T, of the density exp(-E(x) / T)."""

    def __init__(self, energy: Energy, temperature: float):
        super().__init__()
        self.energy, self.dim, self.temperature = energy, energy.dim, temperature

    def forward(self, x: Vectors) -> Batch:
        return self.energy(x) / self.temperature

    def neighbours(self, x: Vectors) -> Vectors:
        return self.energy.neighbours(x) / self.temperature


def tempered(energy: Energy, temperature: float) -> Energy:
    """The energy at a temperature; at 1 itself."""
    return energy if temperature == 1 else Tempered(energy, temperature)


@runtime_checkable
class Refining(Protocol):
    """An energy of which a part is known, and does not learn: E = known + learned."""

    def known(self, x: Vectors) -> Batch: ...

    def learned(self, x: Vectors) -> Batch: ...


@torch.no_grad()
def known_part(energy: Energy, x: Vectors) -> Batch:
    """What of E(x) does not learn; of most energies nothing."""
    return energy.known(x) if isinstance(energy, Refining) else torch.zeros(len(x), device=x.device)


@torch.no_grad()
def conditionals(energy: Energy, x: Vectors) -> Vectors:
    """p(x_i = 1 | all other entries) under the energy, for every i."""
    parts = []
    for here in x.split(cached_rows(states=x.shape[1])):
        keep = torch.sigmoid(energy.neighbours(here) - energy(here).unsqueeze(1))
        parts.append(torch.where(here > 0.5, keep, 1.0 - keep))
    return torch.cat(parts)
