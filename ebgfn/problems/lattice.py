"""One sampler for all couplings of a lattice: the energy is known, and there are no data."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ebgfn.config import LatticeConfig
from ebgfn.data import ising
from ebgfn.problems.base import POINTS, Bits, Look, Problem

if TYPE_CHECKING:
    from ebgfn.model import Model


class Lattice(Problem):
    """Training against the known energy at all sigma."""

    name = "lattice"
    text = "one sampler for all couplings of a lattice, without data"
    config = LatticeConfig

    @cached_property
    def trainers(self) -> dict[str, tuple[Any, Any]]:
        from ebgfn.algorithms import Lattice as Algorithm
        from ebgfn.algorithms import LatticeRecipe

        return {"fast": (Algorithm, LatticeRecipe())}

    def look(self, config: LatticeConfig) -> Look:
        from ebgfn.evaluation.watch import LatticeWatch

        return LatticeWatch(config)

    def report(self, model: "Model", *, seed: int, points: int | None) -> dict[str, Any]:
        from ebgfn.evaluation.couplings import of_lattice

        return of_lattice(model, seed=seed, points=points or POINTS)

    def data(self, config: LatticeConfig, n: int, rng: np.random.Generator, *, sigma: float) -> Bits:
        """Exact samples at this sigma."""
        return ising.Lattice(config.side, sigma).sample(n, rng)
