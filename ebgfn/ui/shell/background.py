"""Work beside a page: measurements whose rows are drawn as they come, and parts of one answer made on all cores."""

import os
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import streamlit as st
import torch

# What is computed gives way to what is ready to be sent and drawn, and measurements to the visitors' pictures.
PARTS_NICE, MEASUREMENTS_NICE = 5, 10


def _give_way(nice: int) -> None:
    """For a thread of a pool. Elsewhere than on Linux a thread has no priority of its own."""
    torch.set_num_threads(1)  # threads of torch have settings of their own
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


# One row at a time, whoever asks.
_beside = ThreadPoolExecutor(1, "measurement", _give_way, (MEASUREMENTS_NICE,))
_parts = ThreadPoolExecutor(os.cpu_count() or 1, "part", _give_way, (PARTS_NICE,))


class Measurement:
    """Rows as they come in. Several take turns, row by row, so that a short one does not wait for a long one's end.

    `future` ends with the last row, with what went wrong, or when it is cancelled before the first row.
    """

    def __init__(self, coming: Iterable[Any]):
        self.rows: list[Any] = []
        self.future: Future[None] = Future()
        self._coming = iter(coming)
        _beside.submit(self._begin)

    @property
    def done(self) -> bool:
        """Is there nothing more to come?"""
        return self.future.done()

    def _begin(self) -> None:
        if self.future.set_running_or_notify_cancel():
            self._go_on()

    def _go_on(self) -> None:
        try:
            self.rows.append(next(self._coming))
        except StopIteration:
            self.future.set_result(None)
        except Exception as error:
            self.future.set_exception(error)
        else:
            _beside.submit(self._go_on)


def follow(state: Measurement, draw: Callable[[], None], *, every_s: float = 0.5) -> None:
    """Draw what is known and come back until all is."""
    st.fragment(_look, run_every=None if state.done else every_s)(state, draw, state.done)


def _look(state: Measurement, draw: Callable[[], None], was_done: bool) -> None:
    if state.done and not was_done:
        st.rerun()  # once more as a whole, so that the polling ends
    draw()


def progress(state: Measurement, expected: int, things: str, how_long: str) -> None:
    """How far it is, or why it stopped."""
    if not state.done:
        text = f"Measuring on this machine: {len(state.rows)} of {expected} {things}, {how_long}"
        st.progress(min(1.0, len(state.rows) / expected), text)
    elif not state.future.cancelled() and (error := state.future.exception()):
        st.error(f"The measurement stopped: {error}", icon=":material/error:")


def submit(part: Callable[[Any], Any], one: Any) -> Future[Any]:
    """A function of one thing, as soon as a core is free."""
    return _parts.submit(part, one)


def on_all_cores(part: Callable[[Any], Any], given: Iterable[Any]) -> list[Any]:
    """Results of a function for each of the things given, in their order; the page waits for them."""
    return [future.result() for future in [submit(part, one) for one in given]]
