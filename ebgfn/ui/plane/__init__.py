"""The 2D landscape: a density in the plane, the energy that models it and the GFlowNet that samples it."""

from ebgfn.problems import PROBLEMS
from ebgfn.runs.folder import RunFolder
from ebgfn.ui.shell.routes import Page, Query

PLANE = PROBLEMS["toy2d"]


def opens(run: RunFolder) -> Query:
    """What tells the page to show a run."""
    return {"run": run.id, "data": run.config.dataset}


PAGE = Page(
    "pages/landscape_2d.py",
    "2D landscape",
    ":material/landscape:",
    "See energy, sampler and their difference; train on seven sets or on your own drawing.",
    place=2,
    opens={PLANE.name: opens},
)
