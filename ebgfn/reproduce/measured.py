"""Training one model and evaluating it, many of them side by side, and figures over several seeds."""

import dataclasses
import math
import multiprocessing
import statistics
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch
from joblib import Memory

from ebgfn.nets.products import use_onednn
from ebgfn.problems import Config, evaluate, of
from ebgfn.problems.training import start, train
from ebgfn.train.loop import TrainingDiverged


def measure(config: Config, changes: dict[str, Any]) -> dict[str, Any]:
    """Train one model, its recipe changed, and evaluate it; a training that diverged has an `error` instead."""
    state = start(config, dataclasses.replace(of(config).trainers[config.trainer][1], **changes))
    try:
        for _ in train(state, event_interval_s=10):
            pass
    except TrainingDiverged as error:
        return {"error": str(error)}
    return evaluate(state.model()) | {"steps": state.step, "train_seconds": round(state.elapsed_s, 1)}


def over_seeds(trained: list[dict[str, Any]], keys: Iterable[str]) -> dict[str, Any]:
    """Means of the figures of several seeds, with standard errors of both: of the seeds, and of the test points, which all
    of them share. A figure that one of them lacks, as its energy is refuted, is left out; one that diverged counts."""
    if len(trained) == 1:
        return trained[0]
    for row in trained:
        if "error" in row:
            return row
    found = {"steps": round(statistics.mean(row["steps"] for row in trained))}
    for key in (*keys, "train_seconds"):
        values = [row[key] for row in trained if key in row]
        if len(values) == len(trained):
            points = sum(row.get(f"{key}_se", 0.0) ** 2 for row in trained) / len(trained)
            found |= {key: statistics.mean(values)}
            found |= {f"{key}_se": math.sqrt(statistics.variance(values) / len(values) + points)}
    return found


def side_by_side(
    measure: Callable[..., Any], tasks: Iterable[Any], *, jobs: int, keep: Path | None = None, **settings: Any
) -> Iterator[Any]:
    """`measure(task, **settings)` of each task, in order; several at once in processes of one thread each.

    What lies in the folder `keep` already is not measured again, so that a table which was stopped goes on. It knows tasks,
    settings and the text of `measure`, but not what that calls: a changed program wants a new folder.
    """
    if keep is not None:
        measure = Memory(keep, verbose=0).cache(measure)
    one = partial(measure, **settings)
    if jobs == 1:
        yield from map(one, tasks)
        return
    # Spawned, as threads of torch do not outlive a fork.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_alone) as pool:
        yield from pool.map(one, tasks)


def _alone() -> None:
    torch.set_num_threads(1)
    use_onednn()
