"""What `evaluate` measured of the shipped models, side by side."""

from typing import Any

from ebgfn.ui.shell.text import excess, millionths, with_error

FIGURES = ("entropy_floor", "gfn_nll", "mh_acceptance", "ess", "mmd", "mmd_data")


def table(cards: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """A table, column by column, of the cards that hold all figures; empty if none does. A refuted energy has no NLL."""
    full = {n: c for n, c in cards.items() if all(isinstance(c.get(k), int | float) for k in FIGURES)}
    if not full:
        return {}
    rows = full.values()
    return {
        "set": list(full),
        "floor": [f"{c['entropy_floor']:.3f}" for c in rows],
        "GFlowNet NLL": [with_error(c, "gfn_nll") for c in rows],
        "GFlowNet above floor": [excess(c, "gfn", c["entropy_floor"]) for c in rows],
        "energy NLL": [with_error(c, "ebm_nll") if "ebm_nll" in c else "refuted" for c in rows],
        "energy above floor": [excess(c, "ebm", c["entropy_floor"]) if "ebm_nll" in c else "" for c in rows],
        "acceptance": [f"{c['mh_acceptance']:.3f}" for c in rows],
        "ESS": [f"{c['ess']:.3f}" for c in rows],
        "MMD × 10⁶": [millionths(c, "mmd") for c in rows],
        "data to data": [millionths(c, "mmd_data") for c in rows],
    }
