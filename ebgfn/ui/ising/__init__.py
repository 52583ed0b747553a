"""Ising: spins at any coupling, exact and by the GFlowNet; couplings recovered from samples."""

from ebgfn.problems import PROBLEMS
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.runs.folder import RunFolder
from ebgfn.ui.shell.routes import Page, Query

COUPLINGS, SAMPLER = PROBLEMS["ising"], PROBLEMS["lattice"]
SHIPPED, LATTICE, FILE = "Shipped models", "A lattice, live", "Your own samples"
WAYS = (SHIPPED, LATTICE, FILE)


def way_of(config: IsingConfig) -> str:
    """The kind of samples that a recovery learns from."""
    return LATTICE if config.path is None else FILE


def opens(run: RunFolder) -> Query:
    """What tells the page to show a recovery."""
    return {"run": run.id, "samples_of": way_of(run.config)}


PAGE = Page(
    "pages/ising.py",
    "Ising",
    ":material/grid_on:",
    "Drag a lattice of spins through its phase transition; find couplings from samples, your own included.",
    place=5,
    opens={COUPLINGS.name: opens},
)
