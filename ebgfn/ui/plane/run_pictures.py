"""Runs of the plane as landscapes: what a page shows of training, read from the run folder, cached by run and step."""

import json
from pathlib import Path

import numpy as np
import streamlit as st

from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.runs.folder import RunFolder
from ebgfn.ui.components._shared import levels
from ebgfn.ui.components._shared.levels import Picture
from ebgfn.ui.components.landscape_view import Frame, Landscape
from ebgfn.ui.plane import exact_pictures, preview, shipped
from ebgfn.ui.shell import history, models
from ebgfn.ui.shell.history import Metrics

SIDE = 128
# Of a density that no shipped model has seen.
COUNTED_SIDE, DRAWS = 64, 2_000_000
HISTORY, SAMPLES = 40, 512


def target(config: Toy2DConfig) -> tuple[float, Picture]:
    """Half-width of the square shown, and the data's density per unit area on it: stored or counted."""
    model = shipped.by_set().get(config.dataset)
    if model is not None:
        seen = shipped.pictures(model)
        return seen.half, levels.decode(seen.target, seen.top)
    return _target(config.dataset, json.dumps(config.weights))


@st.cache_data(max_entries=32, show_spinner="Counting fresh draws of the data …")
def _target(dataset: str, weights: str) -> tuple[float, Picture]:
    from ebgfn.problems.plane import landscape

    table = None if weights == "null" else tuple(tuple(row) for row in json.loads(weights))
    density = Toy2DConfig(dataset=dataset, weights=table).density()
    half = landscape.half_width(density.grid())
    return half, landscape.target(density, side=COUNTED_SIDE, draws=DRAWS) / (2 * half / COUNTED_SIDE) ** 2


def seen(run: RunFolder, lines: list[Metrics], *, newest_only: bool) -> Landscape | None:
    """What the run's frames show: the newest, finely, or with it a history of them; None before the first frame."""
    steps = history.shown_steps(run, lines)
    if not steps:
        return None
    cell, top = _cell(run), levels.top_of(target(run.config)[1])
    steps = steps[-1:] if newest_only else history.spread(steps, HISTORY)
    frames = (
        preview.moment(line, arrays, cell, top, side=SIDE if line["step"] == steps[-1] else preview.MOMENT_SIDE)
        for line, arrays in history.frames(run, lines, steps)
    )
    return _landscape(run, tuple(frames))


def at_rest(run: RunFolder, lines: list[Metrics]) -> Landscape | None:
    """A run that has stopped: exactly where its bits are few; else its history, or its last checkpoint evaluated."""
    if run.has_checkpoint and run.config.bits <= exact_pictures.MAX_BITS:
        return exact_pictures.landscape(run.checkpoint, source=run.id)
    so_far = seen(run, lines, newest_only=False)
    if not run.has_checkpoint:
        return so_far
    # While training, a network's picture is taken rarely: the last frame's may be old.
    earlier = so_far.frames[:-1] if so_far else ()
    return _landscape(run, (*earlier, _final(run, lines[-1] if lines else {"step": 0, "elapsed_s": 0.0})))


def _landscape(run: RunFolder, frames: tuple[Frame, ...]) -> Landscape:
    config = run.config
    half, density = target(config)
    top = levels.top_of(density)
    return Landscape(config.dataset, run.id, half, top, levels.encode(density, top), frames, floor(config))


def _cell(run: RunFolder) -> float:
    return run.config.density().grid(run.config.bits).cell


def _final(run: RunFolder, line: Metrics) -> Frame:
    """The last checkpoint of a run, evaluated now; `line` holds the figures to go with it. Errors: CheckpointError."""
    model = models.stored(run.checkpoint)
    arrays = _evaluated(str(model.folder), model.stamp, line.get("log_z"))
    return preview.moment(line, arrays, _cell(run), levels.top_of(target(run.config)[1]), side=SIDE)


@st.cache_data(max_entries=32, show_spinner="Evaluating the last checkpoint …")
def _evaluated(folder: str, stamp: int, log_z: float | None) -> dict[str, np.ndarray]:
    import torch

    from ebgfn.core.schedules import draw
    from ebgfn.problems.plane import landscape

    model = models.load(models.stored(Path(folder)))
    known = model.log_z.item() if log_z is None else log_z
    found = landscape.landscape(model, log_z=known, side=SIDE, trajectories=2)
    x = draw(model.policy, SAMPLES, torch.Generator().manual_seed(0)).x.numpy().astype(np.uint8)
    samples = model.config.density().grid(model.config.bits).decode(x)
    return {"log_p": found.log_p, "log_q": found.log_q, "samples": samples}


def floor(config: Toy2DConfig) -> float | None:
    """Entropy of the data in nats, where it is known: at full resolution, and where all cells can be counted."""
    if config.bits <= exact_pictures.MAX_BITS:
        return exact_pictures.entropy(config)
    return config.density().entropy if config.bits == FULL_BITS else None
