"""A training run on a page: what it trains, its state and time left, and the buttons that make sense now."""

import time
from typing import Literal

import streamlit as st

from ebgfn import problems
from ebgfn.problems import Config
from ebgfn.runs import jobs
from ebgfn.runs.folder import RunFolder, Status
from ebgfn.ui.shell import training
from ebgfn.ui.shell.text import clock

MOST_SINCE_S = 5.0
Colour = Literal["gray", "primary", "green", "red"]
STATE_COLOURS: dict[str, Colour] = {
    "queued": "gray",
    "running": "primary",
    "paused": "gray",
    "done": "green",
    "failed": "red",
}


def describe(config: Config) -> str:
    """One line that says what a run trains."""
    length = f"{config.steps} steps" if config.steps else f"{config.budget_s:g} s"
    name, *details = problems.of(config).describe(config)
    return " · ".join([name, length, f"seed {config.seed}", *details])


def badge(status: Status) -> None:
    """The state in its colour."""
    st.badge(status.state, color=STATE_COLOURS.get(status.state, "gray"))


def bar(run: RunFolder, status: Status) -> None:
    """State, progress with time left, and buttons."""
    st.caption(describe(run.config))
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(status)
        st.markdown(progress_text(run, status), width="stretch")
        if training.mine(status):
            buttons(run, status)
        else:
            st.caption("Another visitor's run: the Runs page can control it.", width="content")
    st.progress(min(1.0, max(0.0, status.progress)))
    if status.error:
        st.error(status.error, icon=":material/error:")


def buttons(run: RunFolder, status: Status) -> None:
    """Pause or go on, one event, stop, start over."""
    state, name = status.state, run.id
    if state == "running":
        st.button("Pause", key="pause", icon=":material/pause:", on_click=training.do, args=(jobs.pause, name))
    elif state in ("paused", "failed", "cancelled"):
        label = "Play" if state == "paused" else "Resume"
        st.button(label, key="play", icon=":material/play_arrow:", on_click=training.do, args=(jobs.resume, name))
    if state == "paused":
        st.button(
            "Step", key="step", icon=":material/skip_next:", on_click=training.do, args=(jobs.step, name),
            help="Train until the next picture, then pause.",
        )  # fmt: skip
    if state in training.UNFINISHED:
        st.button("Cancel", key="cancel", icon=":material/stop:", on_click=training.do, args=(jobs.cancel, name))
    st.button(
        "Reset", key="reset", icon=":material/restart_alt:", on_click=training.reset, args=(name,),
        help="Stop this run and show what was here before. The run stays on the Runs page.",
    )  # fmt: skip


def without_pictures(status: Status) -> None:
    """Say why there is nothing to be seen of a run yet, or any more."""
    if status.state in training.ACTIVE:
        st.info("The first picture comes as soon as training has begun.", icon=":material/hourglass_top:")
    elif status.step == 0:
        st.info("It was stopped before training began, so there is nothing to show.", icon=":material/hide_image:")
    else:
        st.info("It ended before its first picture, so there is nothing to show.", icon=":material/hide_image:")


def progress_text(run: RunFolder, status: Status) -> str:
    """Where the run stands, in one line."""
    if status.state == "queued":
        place, wait = jobs.queue_position(run.id), jobs.expected_wait(run.id)
        if place is None:
            return "about to start"
        return f"place {place} in the queue" + (f", starting in about {clock(wait)}" if wait else "")
    if status.finished and status.step == 0:
        return "not started"
    settings = run.config
    length = f"{settings.steps:,} steps" if settings.steps else f"{settings.budget_s:g} s"
    # Between two looks of the training process its clock goes on.
    since = min(MOST_SINCE_S, max(0.0, time.time() - status.heartbeat)) if status.state == "running" else 0.0
    text = f"step {status.step:,} · trained {status.elapsed_s + since:.1f} s of {length}"
    if status.state in ("running", "paused") and status.progress > 0:
        left = status.elapsed_s / status.progress * (1 - status.progress) - since
        text += f" · **{clock(max(0.0, left))} left**"
    return text
