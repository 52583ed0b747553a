"""Where lattices come from: exact samples, and the shipped samplers of all sigma."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from jaxtyping import UInt8

from ebgfn import problems, shipped
from ebgfn.model import Model
from ebgfn.nets.lattice import MAX_SIGMA, at_sigma, draw_lattices
from ebgfn.problems.checkpoint import CheckpointError
from ebgfn.problems.lattice.config import LatticeConfig
from ebgfn.problems.lattice.exact import SIDES, Lattice
from ebgfn.ui.ising import SAMPLER
from ebgfn.ui.shell import models
from ebgfn.ui.shell.models import StoredModel

DEFAULT_SIDE = 10

Bits = UInt8[np.ndarray, "n dim"]


@dataclass(frozen=True)
class Sampler:
    """A shipped sampler of one side."""

    side: int
    stored: StoredModel

    def covers(self, sigma: float) -> bool:
        """Is this coupling among those it was trained for?"""
        return (0 if self.side % 2 else -MAX_SIGMA) <= sigma <= MAX_SIGMA

    @property
    def trained_for(self) -> str:
        """In words."""
        low = "0" if self.side % 2 else f"−{MAX_SIGMA:g}"
        return f"{self.side} × {self.side} sites and σ from {low} to {MAX_SIGMA:g}"

    @property
    def model(self) -> Model:
        """Its networks. Errors: CheckpointError."""
        found = models.load(self.stored)
        if problems.of(found.config) is not SAMPLER or found.config.side != self.side:
            raise CheckpointError(f"{self.stored.folder} holds no sampler of {self.side} x {self.side} sites")
        return found


def sampler(side: int) -> Sampler | None:
    """The sampler of this side, None where none is shipped."""
    try:
        return Sampler(side, models.stored(shipped.folder() / LatticeConfig(side=side).label))
    except ValueError:
        return None


def nearest(side: int) -> Sampler | None:
    """The sampler of this side, or the shipped one of the next size."""
    there = [found for other in range(SIDES[0], SIDES[1] + 1) if (found := sampler(other))]
    return min(there, key=lambda found: abs(found.side - side), default=None)


@st.cache_data(max_entries=256, show_spinner=False)
def exact(side: int, sigma: float, n: int, seed: int) -> Bits:
    """Exact samples. The same random numbers serve every sigma, so that a small step of it changes little."""
    return Lattice(side, sigma).sample(n, np.random.default_rng(seed))


@st.cache_data(max_entries=256, show_spinner=False)
def sampled(source: Sampler, sigma: float, n: int, seed: int) -> Bits:
    """Samples of the GFlowNet; here too the same random numbers serve every sigma."""
    here = at_sigma(source.model, sigma)
    return draw_lattices(here.policy, n, torch.Generator().manual_seed(seed)).x.numpy().astype(np.uint8)
