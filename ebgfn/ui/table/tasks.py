"""What one does with a trained model of a table: one of a few things at a time."""

import importlib
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from ebgfn.ui.shell import address


class Task(NamedTuple):
    """A module of this folder with `show(folder, *, seed)`, and in a line what it answers."""

    module: str
    text: str


TASKS = {
    "Draw rows": Task("drawn_rows", "Rows that the model makes up: like those of the table, but new."),
    "Fill in": Task("filling", "What may stand in the empty cells of a row, given the others."),
    "Odd rows": Task("odd_rows", "Rows that do not fit the others, and the cells that surprise."),
    "What hangs together": Task("dependence", "Which columns tell of each other, and how much."),
}  # fmt: skip


def show(folder: Path) -> None:
    """The choice, the seed of whatever is drawn, and what was chosen. Errors: ValueError."""
    names = list(TASKS)
    address.hold_choice("do", names, "What to do")
    address.hold_seed("seed")
    name = st.segmented_control("Do with it", names, default=names[0], required=True, **address.bound("do", names))
    seed = address.seed("Seed", "seed", width=130)
    task = TASKS[address.choice(name, names, names[0])]
    st.caption(task.text)
    importlib.import_module(f"{__package__}.{task.module}").show(folder, seed=seed)
