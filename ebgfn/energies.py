"""Energy functions E(x) on {0, 1}^D: the model is p(x) = exp(-E(x)) / Z."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ebgfn.convolutions import UNet
from ebgfn.data import ising
from ebgfn.networks import ResidualMLP, inference_chunks, zero_last

Batch = Float[Tensor, " batch"]
Vectors = Float[Tensor, "batch dim"]


@runtime_checkable
class Energy(Protocol):
    """A module that maps a batch of complete vectors to energies in nats; `neighbours` are those with entry i flipped."""

    dim: int

    def __call__(self, x: Vectors) -> Batch: ...

    def neighbours(self, x: Vectors) -> Vectors:
        """Column i: the energy of each row with entry i flipped."""
        ...


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
    def start_from(self, net: ResidualMLP) -> None:
        """Take over all but the last layer of a policy's network of the same sizes; the energy stays flat.

        A policy reads (value is 1, value is 0). Of a complete vector these are (1 + s) / 2 and (1 - s) / 2, s the spins.
        """
        one, zero = net.first.weight.chunk(2, dim=1)
        self.net.first.weight.copy_((one - zero) / 2)
        self.net.first.bias.copy_(net.first.bias + (one + zero).sum(1) / 2)
        self.net.hidden.load_state_dict(net.hidden.state_dict())


class QuadraticEnergy(nn.Module):
    """Ising model E(x) = -s^T J s on spins s = 2x - 1, with J symmetric and zero on its diagonal by construction.

    `weights` holds each coupling once. Entry (i, j) of J is the weight numbered `shared[i, j]`: each pair its own by
    default; pairs with one number share one coupling, and -1 means none. Starts at J = 0.
    """

    shared: Tensor

    def __init__(self, dim: int, *, shared: Int[Tensor, "dim dim"] | None = None):
        super().__init__()
        self.dim = dim
        shared = pairs(dim) if shared is None else shared
        if shared.shape != (dim, dim) or not torch.equal(shared, shared.T) or (shared.diagonal() >= 0).any():
            raise ValueError(f"shared must be a symmetric {dim} x {dim} table with -1 on its diagonal")
        self.register_buffer("shared", shared, persistent=False)
        self.weights = nn.Parameter(torch.zeros(int(shared.max()) + 1))

    def couplings(self) -> Float[Tensor, "dim dim"]:
        """J, differentiable in the weights."""
        return torch.where(self.shared >= 0, self.weights[self.shared.clamp(min=0)], 0.0)

    def forward(self, x: Vectors) -> Batch:
        spins = 2.0 * x - 1.0
        return -((spins @ self.couplings()) * spins).sum(1)

    def neighbours(self, x: Vectors) -> Vectors:
        """A flip of entry i changes the energy by 4 s_i (J s)_i."""
        spins = 2.0 * x - 1.0
        fields = spins @ self.couplings()
        return 4.0 * spins * fields - (spins * fields).sum(1, keepdim=True)


class ConvEnergy(nn.Module):
    """Sum over pixels of a U-Net on a square image; flat before training.

    The network is that of `ConvPolicy`, asked about a complete image: what the sampler has learned to see is where the
    energy can start (`start_from`).
    """

    CHUNK = 128

    def __init__(self, side: int, *, width: int = 16, dense: int = 256):
        super().__init__()
        self.dim = side * side
        self.net = UNet(side, width=width, dense=dense)

    def forward(self, x: Vectors) -> Batch:
        return self.net(2.0 * x - 1.0, torch.ones_like(x)).sum(1)

    def neighbours(self, x: Vectors) -> Vectors:
        """D evaluations for each row: for small images and few rows only."""
        flips = torch.eye(self.dim)
        rows = [torch.cat([self(part) for part in (row - flips).abs().split(self.CHUNK)]) for row in x]
        return torch.stack(rows) if rows else torch.empty_like(x)

    @torch.no_grad()
    def start_from(self, net: UNet) -> None:
        """Take over all of a network but its last layer: the energy stays flat, its features are not new."""
        ours = self.net.state_dict()
        for name, weights in net.state_dict().items():
            if not name.startswith("last."):
                ours[name].copy_(weights)


class LatticeEnergy(nn.Module):
    """The known energy of every lattice of one side: `at(sigma)` is that of one coupling."""

    def __init__(self, side: int):
        super().__init__()
        self.side, self.dim = side, side * side

    def at(self, sigma: float) -> QuadraticEnergy:
        """J = sigma wherever two sites are neighbours."""
        neighbours = torch.from_numpy(ising.adjacency(self.side)).long() - 1
        energy = QuadraticEnergy(self.dim, shared=neighbours).requires_grad_(False)
        energy.weights.fill_(sigma)
        return energy


def pairs(dim: int) -> Int[Tensor, "dim dim"]:
    """Number every pair of variables: a symmetric table of 0..D(D-1)/2-1 with -1 on the diagonal."""
    # By numpy: real numbers are needed even where torch only describes shapes (the meta device).
    table = np.full((dim, dim), -1)
    rows, columns = np.triu_indices(dim, 1)
    table[rows, columns] = table[columns, rows] = np.arange(len(rows))
    return torch.from_numpy(table)


@torch.no_grad()
def conditionals(energy: Energy, x: Vectors) -> Vectors:
    """p(x_i = 1 | all other entries) under the energy, for every i."""
    parts = []
    for rows in inference_chunks(len(x), states=x.shape[1]):
        here = x[rows]
        keep = torch.sigmoid(energy.neighbours(here) - energy(here).unsqueeze(1))
        parts.append(torch.where(here > 0.5, keep, 1.0 - keep))
    return torch.cat(parts)
