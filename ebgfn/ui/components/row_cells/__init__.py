"""One row of a table as cells that a visitor makes void, and for each void cell what may stand there."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from ebgfn.ui.components._shared import build

_component = build(__file__)

# Answers that are drawn; of more void cells it is said that there are more.
MOST_ANSWERS = 24
LONGEST = 200

Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Answer:
    """Distribution of a void cell: values with their shares, of an `ordered` column in their order, else likeliest first.

    `said`: the median or the likeliest value, with its share. `stood`: place among the values of what stood there.
    """

    values: tuple[str, ...]
    shares: tuple[float, ...]
    ordered: bool
    said: str
    stood: int | None = None


@dataclass(frozen=True)
class Cell:
    """`value` is None where it is void, and then `answer` tells what may stand there; `stood`: what stood in the row."""

    name: str
    value: str | None
    stood: str | None
    answer: Answer | None = None


def draw(cells: list[Cell], *, key: str, turn: int, on_changed: Callable[[], None]) -> None:
    """Show a row; `on_changed` runs when a cell is made void or gets a value, `changed` then tells the new row.

    Another `turn` shows the row as it is given even if it is the one before: a value was refused that the view shows.
    """
    _component(key=key, data=payload(cells, turn), on_changed_change=on_changed)


def payload(cells: list[Cell], turn: int) -> dict[str, Any]:
    """The view's data as JSON."""
    return {"cells": [asdict(cell) for cell in cells], "most": MOST_ANSWERS, "turn": turn}


def changed(key: str, count: int) -> Row | None:
    """The row as the visitor left it; None if the browser sent something else."""
    sent = (st.session_state.get(key) or {}).get("changed")
    if not isinstance(sent, list) or len(sent) != count:
        return None
    good = all(cell is None or (isinstance(cell, str) and 0 < len(cell) <= LONGEST) for cell in sent)
    return tuple(sent) if good else None
