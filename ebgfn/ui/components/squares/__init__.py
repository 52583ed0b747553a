"""Lattices and images as squares, updated in place, with dials and with moments to play where wanted.

A square is one byte: its value, 0 or 1, plus twice its mark (none, VOID, SAME, CHANGED); or void, shaded by the probability
of 1 (`shaded`); or its value plus FILLED if the model has filled it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from ebgfn.ui.components._shared import build, packed
from ebgfn.ui.components._shared.colours import Role
from ebgfn.ui.components._shared.dial import Dial, events

_component = build(__file__, "dial", "transport")

VOID, SAME, CHANGED = 2, 4, 6
SHADED, SHADES, FILLED = 8, 16, 24
SPINS, PIXELS = ("+1", "−1"), ("ink", "paper")
Cells = UInt8[np.ndarray, "rows dim"]
Cell = UInt8[np.ndarray, " dim"]
Number = tuple[str, str, str]


@dataclass(frozen=True)
class Panel:
    """One picture of `count` lattices, in rows of `columns`; with moments, those of all moments one after the other.

    Numbers stand below as name, value, help. Where one is `picked`, a click picks another. `role`: whose it is.
    """

    title: str
    note: str
    cells: Cells
    alt: str
    count: int = 1
    columns: int = 1
    numbers: tuple[Number, ...] = ()
    picked: int | None = None
    role: Role | None = None

    def json(self) -> dict[str, Any]:
        """The panel's data for the view."""
        side = round(self.cells.shape[1] ** 0.5)
        plain = {name: getattr(self, name) for name in ("title", "note", "alt", "count", "columns", "picked", "role")}
        return plain | {"side": side, "cells": packed(self.cells), "numbers": self.numbers}


@dataclass(frozen=True)
class Moment:
    """What is said of one moment; steps forward and back end where `stop`."""

    words: tuple[str, ...]
    stop: bool


@dataclass(frozen=True)
class Scene:
    """All that is drawn. `token` names what the moments are of: with another one the player begins anew.

    `values` are the names of 1 and 0; `width` of a panel in rem; `pace`: milliseconds of a moment on the way.
    """

    panels: tuple[Panel, ...]
    words: tuple[str, ...] = ()
    dials: tuple[Dial, ...] = ()
    moments: tuple[Moment, ...] = field(default=())
    token: str = ""
    values: tuple[str, str] = SPINS
    width: float = 21.25
    pace: int = 320


def draw(scene: Scene, *, key: str, on_picked: Callable[[], None] | None = None) -> None:
    """Show a scene; call it again under the same key, that of its dials, to replace the data in place.

    A click on squares that may be picked reports `picked`, their number.
    """
    calls = events(scene.dials) | {"on_picked_change": on_picked or (lambda: None)}
    _component(key=key, data=payload(scene), **calls)


def shaded(probability: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """Void squares by the probability of 1."""
    return (SHADED + np.rint(probability * (SHADES - 1))).astype(np.uint8)


def marked(old: Cell, new: Cell, order: np.ndarray, filled: int) -> Cell:
    """Squares during a move from old to new, when the first `filled` of those void, in this order, have been filled."""
    cells, done = old.copy(), order[:filled]
    cells[done] = new[done] + np.where(new[done] == old[done], SAME, CHANGED).astype(np.uint8)
    cells[order[filled:]] = VOID
    return cells


def legend(scene: Scene) -> list[tuple[str, str]]:
    """Kind and meaning of the squares that there are."""
    codes = np.unique(np.concatenate([panel.cells.reshape(-1) for panel in scene.panels]))
    one, zero = scene.values
    kinds = [("up", one), ("down", zero)] if scene.values == SPINS else []  # of ink and paper everybody knows
    others = {
        (VOID, SAME): ("void", "void"),
        (SAME, CHANGED): ("same", "filled as before"),
        (CHANGED, SHADED): ("changed", "filled, changed"),
        (SHADED, FILLED): ("shade", f"void: the darker, the likelier {one}"),
        (FILLED, FILLED + 2): ("fresh", "filled by the model"),
    }
    return kinds + [entry for (low, high), entry in others.items() if ((low <= codes) & (codes < high)).any()]


def payload(scene: Scene) -> dict[str, Any]:
    """The view's data as JSON."""
    return {
        "panels": [panel.json() for panel in scene.panels],
        "words": scene.words,
        "dials": [dial.json() for dial in scene.dials],
        "moments": [vars(moment) for moment in scene.moments],
        "token": scene.token,
        "legend": legend(scene),
        "width": scene.width,
        "pace": scene.pace,
    }
