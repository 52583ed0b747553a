"""The two ways to train an EB-GFN, side by side: `paper` (the published algorithm) and `fast` (ours)."""

from typing import Any

from ebgfn.algorithms.fast import Fast, FastRecipe
from ebgfn.algorithms.paper import Paper, PaperRecipe

PRESETS: dict[str, Any] = {"fast": Fast, "paper": Paper}
RECIPES: dict[str, Any] = {"fast": FastRecipe(), "paper": PaperRecipe()}

__all__ = ["PRESETS", "RECIPES", "Fast", "FastRecipe", "Paper", "PaperRecipe"]
