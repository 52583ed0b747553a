"""The chains that the page plays: their models, starting points and moves, computed once for all visitors."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ebgfn import problems
from ebgfn.core.schedules import draw
from ebgfn.mcmc import BackAndForth, Chain, run_chain
from ebgfn.model import Model
from ebgfn.problems.plane.landscape import half_width, pixel_points
from ebgfn.ui.components._shared import levels
from ebgfn.ui.plane import PLANE, shipped
from ebgfn.ui.shell import models
from ebgfn.ui.shell.models import StoredModel

STARTS = ("data", "noise", "sampler")
MOVES = (4, 6, 8, 12, 16)
DEFAULT_MOVES = 6
CHAINS = 64
DEFAULT_K = 8
SIDE = 128


@dataclass(frozen=True)
class Settings:
    """What the visitor chose beside model and K."""

    start: str
    moves: int
    seed: int


def available() -> dict[str, StoredModel]:
    """Shipped models of the plane first, then the finished runs of this machine, newest first."""
    return models.with_runs(shipped.by_set(), PLANE)


@st.cache_resource(max_entries=16, show_spinner=False)
@torch.no_grad()
def background(source: StoredModel) -> UInt8[np.ndarray, "side side"]:
    """exp(-E) over the plane as bytes on the app's scale of densities, row 0 at the bottom."""
    trained = models.load(source)
    grid = trained.config.density().grid(trained.config.bits)
    x = grid.encode(pixel_points(grid, SIDE, np.random.default_rng(0)))
    log_p = -trained.energy(torch.from_numpy(x).float()).view(SIDE, SIDE).numpy()
    density = np.exp((log_p - log_p.max()).astype(np.float64))
    return levels.encode(density, levels.top_of(np.where(density > 1e-4, density, 0.0)))


def starting_points(trained: Model, *, start: str, seed: int) -> Float[Tensor, "chains dim"]:
    """One point a chain; it depends on the seed but not on K, so that the same chains are seen at every K."""
    if start == "sampler":
        return draw(trained.policy, CHAINS, torch.Generator().manual_seed(seed)).x
    rng = np.random.default_rng(seed)
    if start == "noise":
        return torch.from_numpy(rng.integers(0, 2, (CHAINS, trained.dim))).float()
    assert start == "data"
    return torch.from_numpy(problems.of(trained.config).data(trained.config, CHAINS, rng)).float()


@st.cache_resource(max_entries=64, show_spinner=False)
def chain(source: StoredModel, settings: Settings, *, k: int) -> Chain:
    """Back-and-forth moves of CHAINS chains that void `k` entries."""
    trained = models.load(source)
    x = starting_points(trained, start=settings.start, seed=settings.seed)
    kernel = BackAndForth(trained.energy, trained.policy, k)
    return run_chain(kernel, x, steps=settings.moves, generator=torch.Generator().manual_seed(settings.seed))


def extent(trained: Model) -> tuple[float, float]:
    """Half the side of the square shown and the width of a cell, both in units of the plane."""
    grid = trained.config.density().grid(trained.config.bits)
    return half_width(trained.config.density().grid()), grid.cell


def positions(trained: Model, x: UInt8[Tensor, "*rows dim"]) -> Float[np.ndarray, "*rows 2"]:
    """Points of the plane that the bits name."""
    flat = x.reshape(-1, trained.dim).numpy()
    return problems.of(trained.config).decode(trained.config, flat)["xy"].reshape(*x.shape[:-1], 2)
