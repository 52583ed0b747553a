"""All problems, by the command's word for each. A new one is a folder here and a line below."""

from typing import TYPE_CHECKING, Any

from ebgfn.problems.base import Look, Problem
from ebgfn.problems.config import Config
from ebgfn.problems.images import Images
from ebgfn.problems.ising import Ising
from ebgfn.problems.lattice import Lattice
from ebgfn.problems.plane import Plane
from ebgfn.problems.table import Table

if TYPE_CHECKING:
    from ebgfn.model import Model

PROBLEMS: dict[str, Problem] = {problem.name: problem for problem in (Plane(), Ising(), Images(), Lattice(), Table())}

# Words of earlier versions, in files.
FORMERLY = {"file": "ising"}


def of(config: Any) -> Problem:
    """The problem that settings belong to."""
    return PROBLEMS[config.kind]


def config_of(description: Any) -> Any:
    """Settings from {"kind": .., "config": ..}. Errors: ValueError, TypeError or KeyError for what is none."""
    kind = description["kind"]
    kind = FORMERLY.get(kind, kind)
    if kind not in PROBLEMS:
        raise ValueError(f"kind must be one of {', '.join(PROBLEMS)}, got {kind!r}")
    return PROBLEMS[kind].config.from_json(dict(description["config"]))


def evaluate(model: "Model", *, seed: int = 0, points: int | None = None) -> dict[str, Any]:
    """Figures of a model from `points` fresh points or samples, or the usual number; of images from all of the test set."""
    return of(model.config).report(model, seed=seed, points=points)


__all__ = ["PROBLEMS", "Config", "Look", "Problem", "config_of", "evaluate", "of"]
