"""Length and seed of a training on a table, and the button that starts it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from ebgfn.problems.table import files
from ebgfn.problems.table.config import TableConfig, short
from ebgfn.problems.table.schema import Schema
from ebgfn.runs import store
from ebgfn.ui.shell import address, training
from ebgfn.ui.shell.training import SHORTEST_S
from ebgfn.ui.table import EXAMPLE
from ebgfn.ui.table.upload import Brought

SECONDS = 60


class Length(NamedTuple):
    """How long, and from which seed."""

    seconds: int
    seed: int

    @property
    def settings(self) -> dict[str, Any]:
        return {"budget_s": float(self.seconds), "seed": self.seed}


def of_example() -> None:
    """The form for the table that comes with the page."""
    with _row():
        length = _length()
        _button(_start_example, length)


def of_file(brought: Brought, schema: Schema | None) -> None:
    """The form for a visitor's table; without a schema the button waits."""
    with _row():
        length = _length()
        _button(_start_file, brought, schema, length, disabled=schema is None)


def _row() -> Any:
    return st.container(horizontal=True, vertical_alignment="bottom")


def _length() -> Length:
    address.hold_whole("train_seconds", SHORTEST_S, training.longest(), "The number of seconds")
    address.hold_seed("train_seed", "The seed of training")
    seconds = st.number_input(
        "Seconds", SHORTEST_S, training.longest(), SECONDS, step=5, width=150, **address.bound("train_seconds"),
        help="Training time. Learning rates decay over it, so that a short run gives the best model it can.",
    )  # fmt: skip
    seed = address.seed("Seed of training", "train_seed")
    return Length(int(seconds), seed)


def _button(act: Callable[..., None], *given: Any, disabled: bool = False) -> None:
    st.button(
        "Train", type="primary", icon=":material/play_arrow:", key="train", disabled=disabled, on_click=act, args=given
    )


def _start_example(length: Length) -> None:
    _start(lambda: TableConfig(EXAMPLE, **length.settings))


def _start_file(brought: Brought, schema: Schema, length: Length) -> None:
    """Keep the table, and queue the run. What cannot be trained on is not kept. For `on_click`."""

    def config() -> TableConfig:
        path = store.keep_file(files.pack(brought.table), ".parquet")
        try:
            made = TableConfig(
                path=str(path), schema=schema.to_json(), called=short(Path(brought.name).stem), **length.settings
            )
            _ = made.split  # what cannot be trained on is refused here
        except ValueError:
            store.drop_file(path)
            raise
        return made

    _start(config)


def _start(config: Callable[[], TableConfig]) -> None:
    try:
        training.start([config()])
    except ValueError as error:
        st.session_state["refused"] = str(error)
