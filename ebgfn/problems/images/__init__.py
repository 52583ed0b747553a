"""Binary images."""

import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebgfn.problems.base import Bits, Look, Problem, refuse_start, settings
from ebgfn.problems.images import sets
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.images.order import coarse_to_fine

if TYPE_CHECKING:
    from ebgfn.model import Model, Networks


class Images(Problem):
    """Training on a set of binary images."""

    name = "images"
    text = "binary images"
    config = ImagesConfig
    large = True

    @cached_property
    def trainers(self) -> dict[str, tuple[Any, Any]]:
        from ebgfn.problems.images.recipes import RECIPES
        from ebgfn.train.fast import Fast
        from ebgfn.train.paper import Paper, PaperRecipe

        # Of a batch every state of every trajectory is in memory at once: D times as many.
        paper = PaperRecipe(batch=32)
        ours = {preset: (Fast, recipe) for preset, recipe in RECIPES.items()}
        return ours | {"paper": (Paper, paper), "basic": (Paper, replace(paper, moves=False, back_share=0.0))}

    @cached_property
    def sizes(self) -> tuple[Any, ...]:
        from ebgfn.nets.mlp import MLPSizes
        from ebgfn.nets.unet import UNetSizes

        return (UNetSizes, MLPSizes)

    def networks(self, config: ImagesConfig, sizes: Any, dim: int) -> "Networks":
        """Beside an energy that refines a density the policy draws whole pictures from coarse to fine."""
        import torch

        from ebgfn.model import Networks, flat_log_z
        from ebgfn.nets.mlp import MLPSizes
        from ebgfn.nets.refined import RefinedEnergy

        if isinstance(sizes, MLPSizes):
            energy, policy = sizes.energy(dim), sizes.policy(dim, blocks=not sizes.learned_location)
        else:
            energy, policy = sizes.energy(config.side), sizes.policy(config.side)
        if refined := getattr(sizes, "refined", 0):
            policy.order = torch.from_numpy(coarse_to_fine(config.side))
            energy = RefinedEnergy(copy.deepcopy(policy), energy, steps=refined)
        return Networks(energy, policy, flat_log_z(dim))

    def describe(self, config: ImagesConfig) -> list[str]:
        return [f"images of {config.dataset} · {config.preset}"]

    def knobs(self, config: ImagesConfig) -> tuple[str, ...]:
        """Energies that refine a density learn from moves alone, not from chains."""
        return ("rate",) if config.preset in ("fast", "small", "mlp") else ("rate", "k", "share", "temperature")

    def shipped_name(self, config: ImagesConfig) -> str:
        # Of MNIST there are two: the better one, and a smaller one that samples sooner.
        quick = config.dataset == "mnist" and config.preset != "fast"
        return f"{self.name}-{config.dataset}" + (f"-{config.preset}" if quick else "")

    def look(self, config: ImagesConfig) -> Look:
        from ebgfn.problems.images.look import ImagesLook

        return ImagesLook(config)

    def report(self, model: "Model", *, seed: int, points: int | None) -> dict[str, Any]:
        """From all of the test set, or so many images of it."""
        from ebgfn.problems.images.report import report

        return report(model, seed=seed, points=points)

    def data(self, config: ImagesConfig, n: int, rng: np.random.Generator, *, sigma: float | None = None) -> Bits:
        return rng.choice(sets.any_test_images(config.dataset), n)

    def prepare(self, config: ImagesConfig) -> None:
        sets.ensure(config.dataset)

    def begins_from(self, config: ImagesConfig, shipped: Path) -> Path | None:
        """The model of the same images and preset."""
        if config.start == "zero":
            return None
        for path in sorted(shipped.glob(f"images-{config.dataset}*/config.json")):
            other = settings(path.parent)
            if (other.get("dataset"), other.get("preset")) == (config.dataset, config.preset):
                return path.parent
        raise refuse_start(f"{config.dataset} with preset {config.preset}")
