"""Pictures of a model of the plane: log-density of target, energy and sampler on one square of pixels."""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.evaluation.likelihood import log_likelihood
from ebgfn.model import Model
from ebgfn.problems.plane.densities import Density
from ebgfn.problems.plane.gray import Grid

Picture = Float[np.ndarray, "rows side"]


@dataclass(frozen=True)
class Landscape:
    """log p = -E - log Z and log q of the sampler at one random cell of each pixel, in nats a cell; row 0 is the bottom."""

    log_p: Picture
    log_q: Picture


def half_width(grid: Grid) -> float:
    """Half the side of the square that is shown, in units of the plane: the grid less an empty border."""
    return grid.cell * grid.side / 2 - 1.0


def cells_per_pixel(grid: Grid, side: int) -> float:
    """Area of a pixel in cells of the grid: a probability per cell times this is one per pixel."""
    return (2 * half_width(grid) / side / grid.cell) ** 2


def pixel_points(grid: Grid, side: int, rng: np.random.Generator) -> Float[np.ndarray, "pixels 2"]:
    """One uniform point in each pixel, row by row from the bottom."""
    row, column = np.divmod(np.arange(side * side), side)
    inside = np.stack([column, row], axis=1) + rng.random((side * side, 2))
    return (inside / side * 2 - 1) * half_width(grid)


def pixel_bits(model: Model, side: int, seed: int) -> Float[Tensor, "pixels dim"]:
    """Bits of one random cell in each pixel."""
    return _bits(model.config.density().grid(model.config.bits), side, seed)


# Every look at a training asks for the same.
@functools.lru_cache(maxsize=4)
def _bits(grid: Grid, side: int, seed: int) -> Float[Tensor, "pixels dim"]:
    return torch.from_numpy(grid.encode(pixel_points(grid, side, np.random.default_rng(seed)))).float()


@torch.no_grad()
def energy_picture(model: Model, *, log_z: float, side: int = 64, seed: int = 0) -> Picture:
    """log p = -E - log Z in each of side x side pixels."""
    return (-model.energy(pixel_bits(model, side, seed)) - log_z).view(side, side).numpy()


@torch.no_grad()
def sampler_picture(model: Model, *, side: int = 64, trajectories: int = 1, seed: int = 0) -> Picture:
    """log q in each of side x side pixels, by `trajectories` backward trajectories each."""
    generator, x = torch.Generator().manual_seed(seed), pixel_bits(model, side, seed)
    return log_likelihood(model.policy, x, trajectories=trajectories, generator=generator).view(side, side).numpy()


def landscape(model: Model, *, log_z: float, side: int = 64, trajectories: int = 1, seed: int = 0) -> Landscape:
    """Both pictures of a model; `log_z` is that of its energy, in nats."""
    log_p = energy_picture(model, log_z=log_z, side=side, seed=seed)
    return Landscape(log_p, sampler_picture(model, side=side, trajectories=trajectories, seed=seed))


def target(density: Density, *, side: int = 64, draws: int = 2_000_000, seed: int = 0) -> Picture:
    """Probability of each pixel, by counting fresh draws of the data."""
    edge = half_width(density.grid())
    xy = density.draw(draws, np.random.default_rng(seed))
    counts, _, _ = np.histogram2d(xy[:, 1], xy[:, 0], bins=side, range=[[-edge, edge], [-edge, edge]])
    return counts / draws
