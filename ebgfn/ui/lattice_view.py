"""Lattices as squares: a Streamlit component that is updated in place, with a dial or with moments to play where wanted.

A square is one byte: its spin, 0 or 1, plus twice its mark (none, VOID, SAME, CHANGED).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from streamlit.components.v2 import component

from ebgfn.ui import plots

_HERE = Path(__file__).parent
_component = component(
    "ebgfn_lattice",
    html=(_HERE / "lattice_view.html").read_text(encoding="utf-8"),
    css=(_HERE / "lattice_view.css").read_text(encoding="utf-8"),
    js=(_HERE / "lattice_view.js").read_text(encoding="utf-8"),
)

VOID, SAME, CHANGED = 2, 4, 6
Cells = UInt8[np.ndarray, "rows dim"]
Number = tuple[str, str, str]


@dataclass(frozen=True)
class Panel:
    """One picture of `count` lattices, in rows of `columns`; with moments, those of all moments one after the other.

    Numbers stand below as name, value, help.
    """

    title: str
    note: str
    cells: Cells
    alt: str
    count: int = 1
    columns: int = 1
    numbers: tuple[Number, ...] = ()

    def json(self) -> dict[str, Any]:
        side = round(self.cells.shape[1] ** 0.5)
        plain = {name: getattr(self, name) for name in ("title", "note", "alt", "count", "columns")}
        return plain | {"side": side, "cells": plots.text(self.cells), "numbers": self.numbers}


@dataclass(frozen=True)
class Dial:
    """A slider over whole numbers, each worth `unit`, with marks on its track and words below: left, middle, right."""

    name: str
    value: int
    min: int
    max: int
    unit: float
    marks: tuple[float, ...]
    ends: tuple[str, str, str]


@dataclass(frozen=True)
class Moment:
    """What is said of one moment; steps forward and back end where `stop`."""

    words: tuple[str, ...]
    stop: bool


@dataclass(frozen=True)
class Scene:
    """All that is drawn. `token` names what the moments are of: with another one the player begins anew."""

    panels: tuple[Panel, ...]
    words: tuple[str, ...] = ()
    dial: Dial | None = None
    moments: tuple[Moment, ...] = field(default=())
    token: str = ""
    legend: bool = True


def draw(
    scene: Scene,
    *,
    key: str,
    answers: Any = None,
    on_asked: Callable[[], None] | None = None,
    on_settled: Callable[[], None] | None = None,
) -> None:
    """Show a scene; call it again under the same key to replace the data in place.

    A dial reports `asked`, {"value", "n"}, while it is moved, to be answered with that n, and `settled` once it rests.
    """
    data = payload(scene) | {"answers": answers}
    idle = lambda: None  # noqa: E731  (the component wants callbacks of all that it may report)
    _component(key=key, data=data, on_asked_change=on_asked or idle, on_settled_change=on_settled or idle)


def payload(scene: Scene) -> dict[str, Any]:
    """The view's data as JSON."""
    return {
        "panels": [panel.json() for panel in scene.panels],
        "words": scene.words,
        "dial": None if scene.dial is None else vars(scene.dial),
        "moments": [vars(moment) for moment in scene.moments],
        "token": scene.token,
        "legend": scene.legend,
    }
