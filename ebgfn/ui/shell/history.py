"""What a run has written so far: its metrics as lines and columns, and which of its frames to show."""

from collections.abc import Iterable, Iterator

import numpy as np

from ebgfn.runs.folder import RunError, RunFolder

CURVE_POINTS = 200
Metrics = dict[str, float]
Columns = dict[str, list[float]]


def lines(run: RunFolder) -> list[Metrics]:
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


def columns(lines: list[Metrics], names: Iterable[str]) -> Columns:
    """Metrics as columns, thinned to CURVE_POINTS rows; those that every line has."""
    chosen = spread(list(range(len(lines))), CURVE_POINTS)
    return {n: [float(lines[i][n]) for i in chosen] for n in names if lines and all(n in line for line in lines)}


def shown_steps(run: RunFolder, lines: list[Metrics]) -> list[int]:
    """Steps of which there are both a frame and a line of metrics."""
    known = {int(line["step"]) for line in lines}
    return [step for step in run.frames if step in known]


def frames(run: RunFolder, lines: list[Metrics], steps: list[int]) -> Iterator[tuple[Metrics, dict[str, np.ndarray]]]:
    """Metrics and arrays of each of these steps."""
    at = {int(line["step"]): line for line in lines}
    for step in steps:
        try:
            yield at[step], run.read_frame(step)
        except RunError:  # an old frame may be dropped between listing and reading
            continue
