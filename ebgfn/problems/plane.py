"""Densities in the plane, as bits of both coordinates."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ebgfn.config import Toy2DConfig
from ebgfn.problems.base import POINTS, Bits, Look, Problem

if TYPE_CHECKING:
    from ebgfn.model import Model


class Plane(Problem):
    """Training on a density in the plane."""

    name = "toy2d"
    text = "data in the plane"
    config = Toy2DConfig

    @cached_property
    def trainers(self) -> dict[str, tuple[Any, Any]]:
        from ebgfn.algorithms import Fast, FastRecipe, Paper, PaperRecipe

        return {"fast": (Fast, FastRecipe()), "paper": (Paper, PaperRecipe())}

    def look(self, config: Toy2DConfig) -> Look:
        from ebgfn.evaluation.watch import Toy2DWatch

        return Toy2DWatch(config)

    def report(self, model: "Model", *, seed: int, points: int | None) -> dict[str, Any]:
        from ebgfn.evaluation.report import plane

        return plane(model, seed=seed, points=points or POINTS)

    def data(self, config: Toy2DConfig, n: int, rng: np.random.Generator, *, sigma: float) -> Bits:
        return config.density().sample(n, rng, bits=config.bits)

    def decode(self, config: Toy2DConfig, x: Bits) -> dict[str, np.ndarray]:
        """Points `xy` in the cells of the grid."""
        return {"xy": config.density().grid(config.bits).decode(x)}
