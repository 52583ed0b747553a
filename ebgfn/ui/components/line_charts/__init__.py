"""Line charts of all kinds, in the colours of what they are about: a component that redraws in place."""

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from ebgfn.ui.components._shared import build
from ebgfn.ui.components._shared.colours import Role

_component = build(__file__, "labels")

Dash = Literal["solid", "dot", "dash", "dashdot", "longdash"]
Values = Sequence[float] | np.ndarray
Marks = Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Line:
    """One curve, its points joined unless told otherwise; in the colour of its `role`.

    `error` is half the height of a band around the line, or of `bars`; `points` marks each value. An `area` is filled from 0
    up to steps, one around each of equally spaced `x`.
    """

    name: str
    x: Values
    y: Values
    error: Values = ()
    role: Role = "sampler"
    dash: Dash = "solid"
    points: Literal["", "full", "hollow"] = ""
    bars: bool = False
    joined: bool = True
    area: bool = False


@dataclass(frozen=True)
class Axis:
    """What a chart stands on; `unit` follows each number, or `names` stand for 1, 2 and so on."""

    low: float
    high: float
    title: str = ""
    unit: str = ""
    log: bool = False
    ticks: Sequence[float] | None = None
    names: Sequence[str] = ()


def of_seconds(*ends: float) -> Axis:
    """Seconds of training, up to the last of these."""
    return Axis(0.0, max(1.0, *ends), unit=" s")


@dataclass(frozen=True)
class Chart:
    """Lines over one axis, each named where it ends; `digits` of values read off there where the pointer is.

    Of a `course`, as of a training, names otherwise come with the last values, and the first ones set no limits. `floor` is
    a level across all, with a name or without; `marks` are upright lines, called by `mark_names` if there are any; `limits`
    hold the values, else the lines do, with `least` above and below. `words` stand below; `alt` is what is read aloud. Where
    names do not fit beside the lines, a legend holds them.
    """

    title: str
    note: str
    lines: Sequence[Line]
    axis: Axis
    digits: int = 2
    course: bool = True
    floor: float | None = None
    floor_name: str = "floor"
    marks: Sequence[float] = field(default=())
    mark_names: Sequence[str] = field(default=())
    limits: tuple[float, float] | None = None
    least: float = 0.02
    words: str = ""
    alt: str = ""

    def spoken(self) -> str:
        """What is read aloud: the last values, if nothing better is known."""
        last = {line.name: line.y[-1] for line in self.lines if len(line.y)}
        if self.floor is not None and self.floor_name:
            last[self.floor_name] = self.floor
        values = "; ".join(f"{name} {value:.{self.digits}f}" for name, value in last.items()) or "none yet"
        return self.alt or self.words or f"{self.title} over seconds of training. Last values: {values}."


# Other ways to draw samples, each the same on all pages.
_PEERS: dict[str, tuple[Role, Dash]] = {
    "Gibbs": ("peer1", "dot"),
    "Gibbs-with-Gradients": ("peer2", "dash"),
    "DMALA": ("peer3", "dashdot"),
    "Cluster": ("peer2", "longdash"),
}


def peers(names: Sequence[str]) -> list[tuple[Role, Dash]]:
    """Colour and stroke of each kernel that is not ours; those that are not known take what the others leave."""
    strokes = [_PEERS.get(name.split(",")[0]) for name in names]
    free = itertools.cycle([stroke for stroke in _PEERS.values() if stroke not in strokes] or _PEERS.values())
    return [stroke or next(free) for stroke in strokes]


def marked(charts: list[Chart], marks: Marks) -> list[Chart]:
    """The charts with upright lines and their names."""
    at, names = [x for x, _ in marks], [name for _, name in marks]
    return [replace(chart, marks=at, mark_names=names) for chart in charts] if marks else charts


def draw(charts: Sequence[Chart], *, key: str, tall: bool = False) -> None:
    """Show charts side by side; call it again under the same key to replace the data in place."""
    _component(key=key, data=payload(charts) | {"tall": tall})


def payload(charts: Sequence[Chart]) -> dict[str, Any]:
    """The view's data as JSON."""
    return {
        "charts": [asdict(chart) | {"alt": chart.spoken(), "lines": list(map(_line, chart.lines))} for chart in charts]
    }


def _line(line: Line) -> dict[str, Any]:
    numbers = {name: np.asarray(getattr(line, name), float).tolist() for name in ("x", "y", "error")}
    return vars(line) | numbers
