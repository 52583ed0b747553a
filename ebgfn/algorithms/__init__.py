"""The ways to train: ours for each problem, and `paper`, the published algorithm."""

from ebgfn.algorithms.fast import Fast, FastRecipe
from ebgfn.algorithms.images import IMAGE_RECIPES, Images, ImagesRecipe
from ebgfn.algorithms.ising import Ising, IsingRecipe
from ebgfn.algorithms.lattice import Lattice, LatticeRecipe
from ebgfn.algorithms.paper import Paper, PaperRecipe

__all__ = [
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
