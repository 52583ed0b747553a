"""All problems, by the command's word for each. A new one is a module here and a line below."""

from typing import TYPE_CHECKING, Any

from ebgfn.problems.base import Look, Problem
from ebgfn.problems.couplings import OfFile, OfLattice
from ebgfn.problems.images import Images
from ebgfn.problems.lattice import Lattice
from ebgfn.problems.plane import Plane

if TYPE_CHECKING:
    from ebgfn.model import Model

PROBLEMS: dict[str, Problem] = {
    problem.name: problem for problem in (Plane(), OfLattice(), OfFile(), Images(), Lattice())
}


def of(config: Any) -> Problem:
    """The problem that settings belong to."""
    return PROBLEMS[config.kind]


def evaluate(model: "Model", *, seed: int = 0, points: int | None = None) -> dict[str, Any]:
    """Figures of a model of any problem, from `points` fresh points or samples; of images from all of the test set."""
    return of(model.config).report(model, seed=seed, points=points)


__all__ = ["PROBLEMS", "Look", "Problem", "evaluate", "of"]
