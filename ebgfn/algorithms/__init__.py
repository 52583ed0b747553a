"""The ways to train: for each kind of model `fast` (ours), in the plane also `paper`, the published algorithm."""

from typing import Any

from ebgfn.algorithms.fast import Fast, FastRecipe
from ebgfn.algorithms.images import IMAGE_RECIPES, Images, ImagesRecipe
from ebgfn.algorithms.ising import Ising, IsingRecipe
from ebgfn.algorithms.lattice import Lattice, LatticeRecipe
from ebgfn.algorithms.paper import Paper, PaperRecipe

ALGORITHMS: dict[tuple[str, str], tuple[Any, Any]] = {
    ("toy2d", "fast"): (Fast, FastRecipe()),
    ("toy2d", "paper"): (Paper, PaperRecipe()),
    ("ising", "fast"): (Ising, IsingRecipe()),
    ("file", "fast"): (Ising, IsingRecipe()),
    **{("images", preset): (Images, recipe) for preset, recipe in IMAGE_RECIPES.items()},
    ("lattice", "fast"): (Lattice, LatticeRecipe()),
}

__all__ = [
    "ALGORITHMS",
    "IMAGE_RECIPES",
    "Fast",
    "FastRecipe",
    "Images",
    "ImagesRecipe",
    "Ising",
    "IsingRecipe",
    "Lattice",
    "LatticeRecipe",
    "Paper",
    "PaperRecipe",
]
