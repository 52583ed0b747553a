"""Where the Chains page gets its models, starting points and chains from, computed once for all visitors."""

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ebgfn.core.schedules import draw
from ebgfn.mcmc import BackAndForth, Chain, run_chain
from ebgfn.model import Model
from ebgfn.problems.checkpoint import load
from ebgfn.problems.plane.densities import DENSITIES
from ebgfn.problems.plane.landscape import half_width, pixel_points
from ebgfn.runs import store
from ebgfn.ui import frame, plots, shipped

STARTS = ("data", "noise", "sampler")
MOVES = (4, 6, 8, 12, 16)
DEFAULT_MOVES = 6
CHAINS = 64
DEFAULT_K = 8
SIDE = 128
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Source:
    """A trained model by the name it has in the address; `stamp` changes when its weights do."""

    name: str
    folder: Path
    stamp: int


@dataclass(frozen=True)
class Settings:
    """What the visitor chose beside model and K."""

    start: str
    moves: int
    seed: int

    def checked(self) -> "Settings":
        """The same within what is allowed, whatever the browser sent."""
        good_seed = isinstance(self.seed, int) and 0 <= self.seed <= MAX_SEED
        return Settings(
            self.start if self.start in STARTS else STARTS[0],
            self.moves if self.moves in MOVES else DEFAULT_MOVES,
            self.seed if good_seed else 0,
        )


def say_what_is_refused(models: Container[str], budgets: list[str]) -> None:
    """One sentence for each thing that the address asks for in vain; K is looked after by its own dial."""
    moves = [str(m) for m in MOVES]
    frame.hold("model", models.__contains__, "The address names no shipped model and no finished run; showing another.")
    frame.hold("start", STARTS.__contains__, f"Start must be one of {', '.join(STARTS)}; showing {STARTS[0]} instead.")
    words = f"Moves must be one of {', '.join(moves)}; showing {DEFAULT_MOVES} instead."
    frame.hold("moves", moves.__contains__, words)
    frame.hold_number("chain_seed", 0, MAX_SEED, "The seed")
    words = f"Passes must be one of {', '.join(budgets)}; showing the default instead."
    frame.hold("passes", budgets.__contains__, words)


class WholeNumbers:
    """Decimal texts of the numbers low..high."""

    def __init__(self, low: int, high: int):
        self.low, self.high = low, high

    def __contains__(self, text: str) -> bool:
        # Nothing longer than the limit itself is worth parsing.
        short = len(text) <= len(str(self.high))
        return short and text.isascii() and text.isdigit() and self.low <= int(text) <= self.high


def sources() -> dict[str, Source]:
    """Shipped models first, then the finished runs of this machine, newest first."""
    folders = {name: shipped.root() / f"toy2d-{name}" for name in DENSITIES}
    finished = [run for run in store.list_runs() if run.has_checkpoint and run.status.finished]
    folders |= {run.id: run.checkpoint for run in finished if run.config.kind == "toy2d"}
    found = {name: (folder, folder / store.WEIGHTS) for name, folder in folders.items()}
    return {n: Source(n, folder, file.stat().st_mtime_ns) for n, (folder, file) in found.items() if file.is_file()}


@st.cache_resource(max_entries=16, show_spinner=False)
def model(source: Source) -> Model:
    """The source's model, shared by all visitors and never changed. Errors: CheckpointError."""
    return load(source.folder)


@st.cache_resource(max_entries=16, show_spinner=False)
@torch.no_grad()
def background(source: Source) -> UInt8[np.ndarray, "side side"]:
    """exp(-E) over the plane as bytes on the app's scale of densities, row 0 at the bottom."""
    trained = model(source)
    grid = trained.config.density().grid(trained.config.bits)
    x = grid.encode(pixel_points(grid, SIDE, np.random.default_rng(0)))
    log_p = -trained.energy(torch.from_numpy(x).float()).view(SIDE, SIDE).numpy()
    density = np.exp((log_p - log_p.max()).astype(np.float64))
    return plots.encode(density, plots.top_of(np.where(density > 1e-4, density, 0.0)))


def starting_points(trained: Model, *, start: str, seed: int) -> Float[Tensor, "chains dim"]:
    """One point a chain; it depends on the seed but not on K, so that the same chains are seen at every K."""
    if start == "sampler":
        return draw(trained.policy, CHAINS, torch.Generator().manual_seed(seed)).x
    rng = np.random.default_rng(seed)
    if start == "noise":
        return torch.from_numpy(rng.integers(0, 2, (CHAINS, trained.dim))).float()
    assert start == "data"
    return torch.from_numpy(trained.config.density().sample(CHAINS, rng, bits=trained.config.bits)).float()


@st.cache_resource(max_entries=64, show_spinner=False)
def chain(source: Source, settings: Settings, *, k: int) -> Chain:
    """Back-and-forth moves of CHAINS chains that void `k` entries."""
    trained = model(source)
    x = starting_points(trained, start=settings.start, seed=settings.seed)
    kernel = BackAndForth(trained.energy, trained.policy, k)
    return run_chain(kernel, x, steps=settings.moves, generator=torch.Generator().manual_seed(settings.seed))


def extent(trained: Model) -> tuple[float, float]:
    """Half the side of the square shown and the width of a cell, both in units of the plane."""
    grid = trained.config.density().grid(trained.config.bits)
    return half_width(trained.config.density().grid()), grid.cell


def positions(trained: Model, x: UInt8[Tensor, "*rows dim"]) -> Float[np.ndarray, "*rows 2"]:
    """Points of the plane that the bits name."""
    grid = trained.config.density().grid(trained.config.bits)
    return grid.decode(x.reshape(-1, trained.dim).numpy()).reshape(*x.shape[:-1], 2)
