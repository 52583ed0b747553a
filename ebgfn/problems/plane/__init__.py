"""Densities in the plane, as bits of both coordinates."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ebgfn.problems.base import POINTS, Bits, Look, Problem
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.gray import FULL_BITS

if TYPE_CHECKING:
    from ebgfn.model import Model, Networks


class Plane(Problem):
    """Training on a density in the plane."""

    name = "toy2d"
    text = "data in the plane"
    config = Toy2DConfig

    @cached_property
    def trainers(self) -> dict[str, tuple[Any, Any]]:
        from ebgfn.problems.plane.recipes import FAST
        from ebgfn.train.fast import Fast
        from ebgfn.train.paper import Paper, PaperRecipe

        return {
            "fast": (Fast, FAST),
            "paper": (Paper, PaperRecipe()),
            "basic": (Paper, PaperRecipe(moves=False, back_share=0.0)),
        }

    @cached_property
    def sizes(self) -> tuple[Any, ...]:
        from ebgfn.nets.mixture import MixtureSizes
        from ebgfn.nets.mlp import MLPSizes

        return (MixtureSizes, MLPSizes)

    def networks(self, config: Toy2DConfig, sizes: Any, dim: int) -> "Networks":
        from ebgfn.model import Networks, flat_log_z

        return Networks(sizes.energy(dim), sizes.policy(dim), flat_log_z(dim))

    def describe(self, config: Toy2DConfig) -> list[str]:
        return [f"{config.dataset} · {config.preset}", f"{config.bits} bits an axis"]

    def knobs(self, config: Toy2DConfig) -> tuple[str, ...]:
        return ("rate", "k", "share", "temperature")

    def shipped_name(self, config: Toy2DConfig) -> str:
        return f"{self.name}-{config.dataset}" + ("" if config.bits == FULL_BITS else f"-{config.bits}bits")

    def look(self, config: Toy2DConfig) -> Look:
        from ebgfn.problems.plane.look import PlaneLook

        return PlaneLook(config)

    def report(self, model: "Model", *, seed: int, points: int | None) -> dict[str, Any]:
        from ebgfn.problems.plane.report import report

        return report(model, seed=seed, points=points or POINTS)

    def data(self, config: Toy2DConfig, n: int, rng: np.random.Generator, *, sigma: float | None = None) -> Bits:
        return config.density().sample(n, rng, bits=config.bits)

    def decode(self, config: Toy2DConfig, x: Bits) -> dict[str, np.ndarray]:
        """Points `xy` in the cells of the grid."""
        return {"xy": config.density().grid(config.bits).decode(x)}
