"""Where the Ising page gets its lattices from: exact samples, and the shipped samplers of all sigma, loaded once for all."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
import torch
from jaxtyping import UInt8

from ebgfn.model import WEIGHTS_FILE, Model
from ebgfn.nets.lattice import MAX_SIGMA, at_sigma, draw_lattices
from ebgfn.problems.checkpoint import CheckpointError, load
from ebgfn.problems.lattice.config import LatticeConfig
from ebgfn.problems.lattice.exact import SIDES, Lattice
from ebgfn.ui import shipped

DEFAULT_SIDE = 10
MAX_SEED = 2**31 - 1

Bits = UInt8[np.ndarray, "n dim"]


@dataclass(frozen=True)
class Sampler:
    """A shipped sampler of one side; `stamp` changes when its weights do."""

    side: int
    folder: Path
    stamp: int

    def covers(self, sigma: float) -> bool:
        """Is this coupling among those it was trained for?"""
        return (0 if self.side % 2 else -MAX_SIGMA) <= sigma <= MAX_SIGMA

    @property
    def trained_for(self) -> str:
        """In words."""
        low = "0" if self.side % 2 else f"−{MAX_SIGMA:g}"
        return f"{self.side} × {self.side} sites and σ from {low} to {MAX_SIGMA:g}"


def sampler(side: int) -> Sampler | None:
    """The sampler of this side, None where none is shipped."""
    folder = shipped.root() / LatticeConfig(side=side).label
    file = folder / WEIGHTS_FILE
    return Sampler(side, folder, file.stat().st_mtime_ns) if file.is_file() else None


def nearest(side: int) -> Sampler | None:
    """The sampler of this side, or the shipped one of the next size."""
    there = [found for other in range(SIDES[0], SIDES[1] + 1) if (found := sampler(other))]
    return min(there, key=lambda found: abs(found.side - side), default=None)


@st.cache_resource(max_entries=4, show_spinner=False)
def model(source: Sampler) -> Model:
    """The sampler's model, shared by all visitors and never changed. Errors: CheckpointError."""
    found = load(source.folder)
    if found.config.kind != "lattice" or found.config.side != source.side:
        raise CheckpointError(f"{source.folder} holds no sampler of {source.side} x {source.side} sites")
    return found


@st.cache_data(max_entries=256, show_spinner=False)
def exact(side: int, sigma: float, n: int, seed: int) -> Bits:
    """Exact samples. The same random numbers serve every sigma, so that a small step of it changes little."""
    return Lattice(side, sigma).sample(n, np.random.default_rng(seed))


@st.cache_data(max_entries=256, show_spinner=False)
def sampled(source: Sampler, sigma: float, n: int, seed: int) -> Bits:
    """Samples of the GFlowNet; here too the same random numbers serve every sigma."""
    here = at_sigma(model(source), sigma)
    return draw_lattices(here.policy, n, torch.Generator().manual_seed(seed)).x.numpy().astype(np.uint8)
