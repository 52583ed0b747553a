"""Digits: images sampled on the spot, grown, filled in, ranked by energy, moved by back-and-forth chains; and trained."""

from ebgfn.problems import PROBLEMS
from ebgfn.runs.folder import RunFolder
from ebgfn.ui.shell.routes import Page, Query

IMAGES = PROBLEMS["images"]


def opens(run: RunFolder) -> Query | None:
    """What tells the page to show a run."""
    return {"run": run.id}


PAGE = Page(
    "pages/digits.py",
    "Digits",
    ":material/draw:",
    "Digits sampled in half a second without a GPU; erase a part or draw one, and it is filled in.",
    place=4,
    opens={IMAGES.name: opens},
)
