"""The table of densities in the plane: distances from the entropy floor, ours beside the published algorithm."""

from dataclasses import replace
from typing import Any

from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.densities import DENSITIES
from ebgfn.reproduce.markdown import figure, table
from ebgfn.reproduce.measured import measure, over_seeds

BUDGET_S = 120.0
PRESETS = ("fast", "paper")
FIGURES = ("gfn_excess", "gfn_excess_200", "ebm_excess", "mh_acceptance", "ess", "mmd", "coverage")
HEAD = (
    "",
    "sampler",
    "by 200 trajectories",
    "energy",
    "acceptance, K = 8",
    "effective samples",
    "MMD × 10⁶",
    "coverage",
)
HEAD += ("steps",)


def tasks(seeds: int) -> list[Toy2DConfig]:
    """One for each density, preset and seed."""
    return [
        Toy2DConfig(dataset=dataset, preset=preset, seed=seed)
        for dataset in DENSITIES
        for preset in PRESETS
        for seed in range(seeds)
    ]


def row(task: Toy2DConfig, budget_s: float) -> dict[str, Any]:
    known = {"dataset": task.dataset, "preset": task.preset, "seed": task.seed}
    return known | measure(replace(task, budget_s=budget_s), {})


def as_text(rows: list[dict[str, Any]]) -> str:
    """Distances from the floor in nats, ± two standard errors, over the seeds where there are several."""
    named: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        named.setdefault(f"{row['dataset']}, {row['preset']}", []).append(row)
    return table(HEAD, (line(name, over_seeds(trained, FIGURES)) for name, trained in named.items()))


def line(name: str, figures: dict[str, Any]) -> list[str]:
    """One row of the table."""
    if "error" in figures:
        return [name, figures["error"], *[""] * len(HEAD[2:])]
    shown = figures | {key: 1e6 * figures[key] for key in ("mmd", "mmd_se") if key in figures}
    digits = {"mmd": 0}
    return [name, *(figure(shown, key, digits.get(key, 3)) for key in FIGURES), str(figures.get("steps", ""))]
