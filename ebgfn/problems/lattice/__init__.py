"""One sampler for all couplings of a lattice: the energy is known, and there are no data."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebgfn.problems.base import POINTS, Bits, Look, Problem
from ebgfn.problems.lattice.config import LatticeConfig
from ebgfn.problems.lattice.exact import Lattice as ExactLattice

if TYPE_CHECKING:
    from ebgfn.model import Model, Networks

# At which a model is asked where none is named.
USUAL_SIGMA = 0.2


class Lattice(Problem):
    """Training against the known energy at all sigma."""

    name = "lattice"
    text = "one sampler for all couplings of a lattice, without data"
    config = LatticeConfig

    @cached_property
    def trainers(self) -> dict[str, tuple[Any, Any]]:
        from ebgfn.problems.lattice.trainer import LatticeRecipe, LatticeTrainer

        return {"fast": (LatticeTrainer, LatticeRecipe())}

    @cached_property
    def sizes(self) -> tuple[Any, ...]:
        from ebgfn.nets.lattice import LatticeSizes

        return (LatticeSizes,)

    def networks(self, config: LatticeConfig, sizes: Any, dim: int) -> "Networks":
        """The known energy, a policy given sigma, and log Z at knots of sigma, at first as if all loops were open."""
        from ebgfn.model import Networks
        from ebgfn.nets.lattice import LatticeEnergy, open_log_z

        return Networks(LatticeEnergy(config.side), sizes.policy(config.side), open_log_z(dim))

    def at(self, model: "Model", sigma: float | None) -> "Model":
        """The model of one coupling. Errors: ValueError for one out of range, or below 0 on an odd side."""
        from ebgfn.nets.lattice import at_sigma

        return at_sigma(model, USUAL_SIGMA if sigma is None else sigma)

    def describe(self, config: LatticeConfig) -> list[str]:
        return [f"sampler of the {config.side} × {config.side} lattice at every σ"]

    def shipped_name(self, config: LatticeConfig) -> str:
        return config.label

    def keep_beside(self, model: "Model", folder: Path) -> None:
        """The curves against sigma."""
        import torch

        from ebgfn.problems.lattice import curves

        sigmas, generator = curves.sigmas(model.config.side), torch.Generator().manual_seed(0)
        curves.save(curves.curves(model, sigmas, curves.SAMPLES, generator), folder)

    def look(self, config: LatticeConfig) -> Look:
        from ebgfn.problems.lattice.look import LatticeLook

        return LatticeLook(config)

    def report(self, model: "Model", *, seed: int, points: int | None) -> dict[str, Any]:
        from ebgfn.problems.lattice.report import report

        return report(model, seed=seed, points=points or POINTS)

    def data(self, config: LatticeConfig, n: int, rng: np.random.Generator, *, sigma: float | None = None) -> Bits:
        """Exact samples at this sigma."""
        return ExactLattice(config.side, USUAL_SIGMA if sigma is None else sigma).sample(n, rng)
