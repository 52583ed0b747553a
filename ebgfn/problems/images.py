"""Binary images."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebgfn.config import ImagesConfig
from ebgfn.data import images
from ebgfn.problems.base import Bits, Look, Problem, refuse_start, settings

if TYPE_CHECKING:
    from ebgfn.model import Model


class Images(Problem):
    """Training on a set of binary images."""

    name = "images"
    text = "binary images"
    config = ImagesConfig
    large = True

    @cached_property
    def trainers(self) -> dict[str, tuple[Any, Any]]:
        from ebgfn.algorithms import IMAGE_RECIPES
        from ebgfn.algorithms import Images as Algorithm

        return {preset: (Algorithm, recipe) for preset, recipe in IMAGE_RECIPES.items()}

    def look(self, config: ImagesConfig) -> Look:
        from ebgfn.evaluation.watch import ImagesWatch

        return ImagesWatch(config)

    def report(self, model: "Model", *, seed: int, points: int | None) -> dict[str, Any]:
        """From all of the test set, or so many images of it."""
        from ebgfn.evaluation.image_report import of_images

        return of_images(model, seed=seed, points=points)

    def data(self, config: ImagesConfig, n: int, rng: np.random.Generator, *, sigma: float) -> Bits:
        return rng.choice(images.any_test_images(config.dataset), n)

    def prepare(self, config: ImagesConfig) -> None:
        images.ensure(config.dataset)

    def begins_from(self, config: ImagesConfig, shipped: Path) -> Path | None:
        """The model of the same images and preset."""
        if config.start == "zero":
            return None
        for path in sorted(shipped.glob(f"images-{config.dataset}*/config.json")):
            other = settings(path.parent)
            if (other.get("dataset"), other.get("preset")) == (config.dataset, config.preset):
                return path.parent
        raise refuse_start(f"{config.dataset} with preset {config.preset}")
