"""The table of densities in the plane: distances from the entropy floor, ours beside the published algorithm."""

import dataclasses
from collections.abc import Callable
from typing import Any

from ebgfn import problems
from ebgfn.problems import evaluate
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.densities import DENSITIES
from ebgfn.problems.training import start, train
from ebgfn.reproduce.markdown import figure, table
from ebgfn.train.loop import TrainingDiverged

BUDGET_S = 120.0
PRESETS = ("fast", "paper")
HEAD = ("", "sampler", "energy", "acceptance, K = 8", "effective samples", "steps")


def measure(config: Toy2DConfig, changes: dict[str, Any]) -> dict[str, Any]:
    """Train one model, its recipe changed, and evaluate it; a training that diverged has an `error` instead."""
    state = start(config, dataclasses.replace(problems.of(config).trainers[config.preset][1], **changes))
    try:
        for _ in train(state, event_interval_s=10):
            pass
    except TrainingDiverged as error:
        return {"error": str(error)}
    return evaluate(state.model()) | {"steps": state.step, "train_seconds": round(state.elapsed_s, 1)}


def work(seeds: int) -> int:
    return len(DENSITIES) * len(PRESETS) * seeds


def rows(budget_s: float, *, seeds: int, on_row: Callable[[], Any]) -> list[dict[str, Any]]:
    """One row for each density, preset and seed."""
    found = []
    for dataset in DENSITIES:
        for preset in PRESETS:
            for seed in range(seeds):
                config = Toy2DConfig(dataset=dataset, preset=preset, budget_s=budget_s, seed=seed)
                found.append({"dataset": dataset, "preset": preset, "seed": seed} | measure(config, {}))
                on_row()
    return found


def as_text(rows: list[dict[str, Any]]) -> str:
    """Distances from the floor in nats, ± two standard errors."""
    return table(HEAD, (line(f"{row['dataset']}, {row['preset']}", row) for row in rows))


def line(name: str, figures: dict[str, Any]) -> list[str]:
    """One row of the table."""
    if "error" in figures:
        return [name, figures["error"], "", "", "", ""]
    names = ("gfn_excess", "ebm_excess", "mh_acceptance", "ess")
    return [name, *(figure(figures, key, 3) for key in names), str(figures.get("steps", ""))]
