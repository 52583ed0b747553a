"""Lattices and images as squares: a Streamlit component updated in place, with a dial or with moments to play where wanted.

A square is one byte: its value, 0 or 1, plus twice its mark (none, VOID, SAME, CHANGED); or void, shaded by the probability
of 1 (`shaded`); or its value plus FILLED if the model has filled it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
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
SHADED, SHADES, FILLED = 8, 16, 24
SPINS, PIXELS = ("+1", "−1"), ("ink", "paper")
Cells = UInt8[np.ndarray, "rows dim"]
Number = tuple[str, str, str]


@dataclass(frozen=True)
class Panel:
    """One picture of `count` lattices, in rows of `columns`; with moments, those of all moments one after the other.

    Numbers stand below as name, value, help. Where one is `picked`, a click picks another.
    """

    title: str
    note: str
    cells: Cells
    alt: str
    count: int = 1
    columns: int = 1
    numbers: tuple[Number, ...] = ()
    picked: int | None = None

    def json(self) -> dict[str, Any]:
        side = round(self.cells.shape[1] ** 0.5)
        plain = {name: getattr(self, name) for name in ("title", "note", "alt", "count", "columns", "picked")}
        return plain | {"side": side, "cells": plots.text(self.cells), "numbers": self.numbers}


@dataclass(frozen=True)
class Dial:
    """A slider over whole numbers, each worth `unit` or called by `texts`, with marks on it and words below."""

    name: str
    value: int
    min: int
    max: int
    unit: float
    marks: tuple[float, ...]
    ends: tuple[str, str, str]
    digits: int = 2
    texts: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Moment:
    """What is said of one moment; steps forward and back end where `stop`."""

    words: tuple[str, ...]
    stop: bool


@dataclass(frozen=True)
class Scene:
    """All that is drawn. `token` names what the moments are of: with another one the player begins anew.

    `legend` names 1 and 0; `width` of a panel in rem; `pace`: milliseconds of a moment on the way;
    `autoplay`: moments play at once, unless the visitor wants less motion.
    """

    panels: tuple[Panel, ...]
    words: tuple[str, ...] = ()
    dial: Dial | None = None
    moments: tuple[Moment, ...] = field(default=())
    token: str = ""
    legend: tuple[str, str] | None = SPINS
    width: float = 21.25
    pace: int = 320
    autoplay: bool = False


def draw(
    scene: Scene,
    *,
    key: str,
    answers: Any = None,
    on_asked: Callable[[], None] | None = None,
    on_settled: Callable[[], None] | None = None,
    on_picked: Callable[[], None] | None = None,
) -> None:
    """Show a scene; call it again under the same key to replace the data in place.

    A dial reports `asked`, {"value", "n"}, while it is moved, to be answered with that n, and `settled` once it rests; a
    click on a lattice that may be picked reports `picked`, its number.
    """
    data = payload(scene) | {"answers": answers}
    idle = lambda: None  # noqa: E731  (the component wants callbacks of all that it may report)
    _component(
        key=key,
        data=data,
        on_asked_change=on_asked or idle,
        on_settled_change=on_settled or idle,
        on_picked_change=on_picked or idle,
    )


def shaded(probability: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """Void squares by the probability of 1."""
    return (SHADED + np.rint(probability * (SHADES - 1))).astype(np.uint8)


def payload(scene: Scene) -> dict[str, Any]:
    """The view's data as JSON."""
    return {
        "panels": [panel.json() for panel in scene.panels],
        "words": scene.words,
        "dial": None if scene.dial is None else vars(scene.dial),
        "moments": [vars(moment) for moment in scene.moments],
        "token": scene.token,
        "legend": scene.legend,
        "width": scene.width,
        "pace": scene.pace,
        "autoplay": scene.autoplay,
    }
