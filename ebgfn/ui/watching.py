"""Runs as scenes and curves: what a page shows of training, read from the run folder, cached by run and step."""

import json
from pathlib import Path

import numpy as np
import streamlit as st

from ebgfn import problems
from ebgfn.problems import Config
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.runs.folder import RunError, RunFolder
from ebgfn.ui import exactly, plots, preview

SIDE, DRAWS = 64, 4_000_000
HISTORY, SAMPLES = 40, 512


def describe(config: Config) -> str:
    """One line that says what a run trains."""
    length = f"{config.steps} steps" if config.steps else f"{config.budget_s:g} s"
    name, *details = problems.of(config).describe(config)
    return " · ".join([name, length, f"seed {config.seed}", *details])


def target(config: Toy2DConfig) -> tuple[float, plots.Picture]:
    """Half-width of the square shown, and the data's density per unit area on it."""
    return _target(config.dataset, json.dumps(config.weights))


@st.cache_data(max_entries=32, show_spinner="Counting fresh draws of the data …")
def _target(dataset: str, weights: str) -> tuple[float, plots.Picture]:
    from ebgfn.problems.plane import landscape

    table = None if weights == "null" else tuple(tuple(row) for row in json.loads(weights))
    density = Toy2DConfig(dataset=dataset, weights=table).density()
    half = landscape.half_width(density.grid())
    return half, landscape.target(density, side=SIDE, draws=DRAWS) / (2 * half / SIDE) ** 2


def rows(run: RunFolder) -> list[dict[str, float]]:
    """The run's metrics so far; none if they cannot be read (the page then says so from the run's status)."""
    try:
        return run.metrics
    except RunError:
        return []


def spread(steps: list[int], most: int) -> list[int]:
    """At most `most` of the steps, the last one always among them."""
    if len(steps) <= most:
        return steps
    return [steps[i] for i in sorted(set(np.linspace(0, len(steps) - 1, most).round().astype(int).tolist()))]


def scene(run: RunFolder, lines: list[dict[str, float]], *, newest_only: bool) -> plots.Scene | None:
    """What the run's frames show: the newest, or a history of them; None before the first frame."""
    config = run.config
    half, density = target(config)
    top = plots.top_of(density)
    at = {int(line["step"]): line for line in lines}
    steps = [step for step in run.frames if step in at]
    if not steps:
        return None
    cell = config.density().grid(config.bits).cell
    frames = []
    for step in steps[-1:] if newest_only else spread(steps, HISTORY):
        try:
            frames.append(preview.moment(at[step], run.read_frame(step), cell, top))
        except RunError:  # an old frame may be dropped between listing and reading
            continue
    return plots.Scene(config.dataset, run.id, half, top, plots.encode(density, top), tuple(frames), floor(config))


def at_rest(run: RunFolder, lines: list[dict[str, float]]) -> plots.Scene | None:
    """A run that has stopped: exactly where its bits are few; else its history, or its last checkpoint evaluated."""
    config = run.config
    if run.has_checkpoint and config.bits <= exactly.MAX_BITS:
        return exactly.scene(run.checkpoint, source=run.id)
    seen = scene(run, lines, newest_only=False)
    if not run.has_checkpoint:
        return seen
    # While training, the sampler's picture is taken rarely: the last frame's may be old.
    half, density = target(config)
    top = plots.top_of(density)
    earlier = seen.frames[:-1] if seen else ()
    last = final(run, lines[-1] if lines else {"step": 0, "elapsed_s": 0.0}, top)
    return plots.Scene(
        config.dataset, run.id, half, top, plots.encode(density, top), (*earlier, last), floor(config)
    )  # fmt: skip


def final(run: RunFolder, line: dict[str, float], top: float) -> plots.Frame:
    """The last checkpoint of a run, evaluated now; `line` holds the figures to go with it. Errors: CheckpointError."""
    changed_ns = (run.checkpoint / "model.safetensors").stat().st_mtime_ns
    arrays = _evaluated(str(run.checkpoint), changed_ns, line.get("log_z"))
    config = run.config
    return preview.moment(line, arrays, config.density().grid(config.bits).cell, top)


@st.cache_data(max_entries=32, show_spinner="Evaluating the last checkpoint …")
def _evaluated(folder: str, changed_ns: int, log_z: float | None) -> dict[str, np.ndarray]:
    import torch

    from ebgfn.core.schedules import draw
    from ebgfn.problems.checkpoint import load
    from ebgfn.problems.plane import landscape

    model = load(Path(folder))
    known = model.log_z.item() if log_z is None else log_z
    seen = landscape.landscape(model, log_z=known, side=SIDE, trajectories=2)
    x = draw(model.policy, SAMPLES, torch.Generator().manual_seed(0)).x.numpy().astype(np.uint8)
    samples = model.config.density().grid(model.config.bits).decode(x)
    return {"log_p": seen.log_p, "log_q": seen.log_q, "samples": samples}


def floor(config: Toy2DConfig) -> float | None:
    """Entropy of the data in nats, where it is known: at full resolution, and where all cells can be counted."""
    if config.bits <= exactly.MAX_BITS:
        return exactly.entropy(config)
    return config.density().entropy if config.bits == FULL_BITS else None


def columns(lines: list[dict[str, float]]) -> dict[str, list[float]]:
    """Metrics as columns for the curves."""
    return preview.columns(lines)
