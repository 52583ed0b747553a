"""The table of densities in the plane: distances from the entropy floor, ours beside the published algorithm."""

import dataclasses
import math
import statistics
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
FIGURES = ("gfn_excess", "ebm_excess", "mh_acceptance", "ess")
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
    """Distances from the floor in nats, ± two standard errors, over the seeds where there are several."""
    named: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        named.setdefault(f"{row['dataset']}, {row['preset']}", []).append(row)
    return table(HEAD, (line(name, over_seeds(trained)) for name, trained in named.items()))


def over_seeds(trained: list[dict[str, Any]]) -> dict[str, Any]:
    """Means of the figures of several seeds, with standard errors of both: of the seeds, and of the test points, which all
    of them share. A figure that one of them lacks, as its energy is refuted, is left out; one that diverged counts."""
    if len(trained) == 1:
        return trained[0]
    for row in trained:
        if "error" in row:
            return row
    found = {"steps": round(statistics.mean(row["steps"] for row in trained))}
    for key in (*FIGURES, "train_seconds"):
        values = [row[key] for row in trained if key in row]
        if len(values) == len(trained):
            points = sum(row.get(f"{key}_se", 0.0) ** 2 for row in trained) / len(trained)
            found |= {key: statistics.mean(values)}
            found |= {f"{key}_se": math.sqrt(statistics.variance(values) / len(values) + points)}
    return found


def line(name: str, figures: dict[str, Any]) -> list[str]:
    """One row of the table."""
    if "error" in figures:
        return [name, figures["error"], "", "", "", ""]
    return [name, *(figure(figures, key, 3) for key in FIGURES), str(figures.get("steps", ""))]
