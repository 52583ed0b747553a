"""Your table: any table's columns as bits, a model trained on them live, and what one does with it."""

from ebgfn.problems import PROBLEMS
from ebgfn.runs.folder import RunFolder
from ebgfn.ui.shell.routes import Page, Query

TABLE = PROBLEMS["table"]
# The table by name that the page opens with.
EXAMPLE = "breast-cancer"


def opens(run: RunFolder) -> Query:
    """What tells the page to show a run."""
    return {"run": run.id}


PAGE = Page(
    "pages/table.py",
    "Your table",
    ":material/table_chart:",
    "Drop a table: draw rows like yours, fill empty cells, find odd rows, see what hangs together.",
    place=6,
    opens={TABLE.name: opens},
)
