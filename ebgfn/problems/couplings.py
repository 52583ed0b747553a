"""Couplings recovered from samples: of a lattice, whose couplings are known, or of a file."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebgfn.config import FileConfig, IsingConfig
from ebgfn.problems.base import POINTS, Bits, Look, Problem, refuse_start, settings

if TYPE_CHECKING:
    from ebgfn.model import Model


class Couplings(Problem):
    """A quadratic energy of binary samples."""

    @cached_property
    def trainers(self) -> dict[str, tuple[Any, Any]]:
        from ebgfn.algorithms import Ising, IsingRecipe

        return {"fast": (Ising, IsingRecipe())}

    def look(self, config: IsingConfig | FileConfig) -> Look:
        from ebgfn.evaluation.watch import CouplingsWatch

        return CouplingsWatch(config)

    def report(self, model: "Model", *, seed: int, points: int | None) -> dict[str, Any]:
        from ebgfn.evaluation.couplings import of_couplings

        return of_couplings(model, seed=seed, points=points or POINTS)


class OfLattice(Couplings):
    """From samples that are made here."""

    name = "ising"
    text = "couplings of a lattice, from samples of it"
    config = IsingConfig

    def data(self, config: IsingConfig, n: int, rng: np.random.Generator, *, sigma: float) -> Bits:
        return config.lattice.sample(n, rng)

    def begins_from(self, config: IsingConfig, shipped: Path) -> Path | None:
        """The model of the same side and kind of couplings whose sigma is nearest."""
        if config.start == "zero":
            return None
        path = nearest(config, shipped)
        if path is None:
            raise refuse_start(f"a {config.side} x {config.side} lattice with {config.couplings} couplings")
        return path


def nearest(config: IsingConfig, shipped: Path) -> Path | None:
    """Checkpoint of the same side and kind of couplings whose sigma is nearest, or None where there is none."""
    found = []
    for weights in sorted(shipped.glob(f"ising-{config.side}x{config.side}-*/model.safetensors")):
        other = settings(weights.parent)
        if isinstance(other.get("sigma"), float | int) and other.get("couplings", "free") == config.couplings:
            found.append((abs(other["sigma"] - config.sigma), weights.parent))
    return min(found)[1] if found else None


class OfFile(Couplings):
    """From somebody's samples."""

    name = "file"
    text = "couplings of binary samples in a file"
    config = FileConfig

    def data(self, config: FileConfig, n: int, rng: np.random.Generator, *, sigma: float) -> Bits:
        return rng.choice(config.data(), n)
