"""Energy functions E(x) on {0, 1}^D: the model is p(x) = exp(-E(x)) / Z."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ebgfn.networks import ResidualMLP, inference_chunks, zero_last

Batch = Float[Tensor, " batch"]
Vectors = Float[Tensor, "batch dim"]


@runtime_checkable
class Energy(Protocol):
    """A module that maps a batch of complete vectors to energies in nats; `neighbours` are those with entry i flipped."""

    dim: int

    def __call__(self, x: Vectors) -> Batch: ...

    def neighbours(self, x: Vectors) -> Vectors: ...


class MLPEnergy(nn.Module):
    """Residual multilayer perceptron on entries as -1 and 1; flat before training."""

    def __init__(self, dim: int, *, hidden: int = 256, depth: int = 3):
        super().__init__()
        self.dim = dim
        self.net = zero_last(ResidualMLP(dim, 1, hidden=hidden, depth=depth))

    def forward(self, x: Vectors) -> Batch:
        return self.net(2.0 * x - 1.0).squeeze(-1)

    def neighbours(self, x: Vectors) -> Vectors:
        """Energies of all D vectors that differ from `x` in one entry; one column of the first layer changes for each."""
        spins = 2.0 * x - 1.0
        columns = self.net.first.weight.T
        pre = self.net.first(spins).unsqueeze(1) - 2.0 * spins.unsqueeze(2) * columns
        return self.net.last(self.net.features(pre.flatten(0, 1))).view(x.shape)


@torch.no_grad()
def conditionals(energy: Energy, x: Vectors) -> Vectors:
    """p(x_i = 1 | all other entries) under the energy, for every i."""
    parts = []
    for rows in inference_chunks(len(x), states=x.shape[1]):
        here = x[rows]
        keep = torch.sigmoid(energy.neighbours(here) - energy(here).unsqueeze(1))
        parts.append(torch.where(here > 0.5, keep, 1.0 - keep))
    return torch.cat(parts)
