"""Start a training run and steer it: settings, state with time left, pause, step, resume, cancel."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from ebgfn.problems.config import Config
from ebgfn.problems.plane.config import PRESETS, Toy2DConfig
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.runs import jobs, store, visitors
from ebgfn.runs.folder import RunError, RunFolder, Status
from ebgfn.ui import frame

SHORTEST_S, LONGEST_S = 5, 24 * 3600
MAX_SEED = 2**31 - 1
TICK_S = 0.4
# Two runs at a time, however many presets there are: a chart of curves compares two.
COMPARED = PRESETS[:2]
POLL_S, HEARTBEAT_S, MOST_SINCE_S = 2.0, 20.0, 5.0
ACTIVE = ("queued", "running")
# After a button was pressed the training process may take so long to follow, on a busy machine.
LOOK_S = 8.0
GONE = "The run in the address is not here any more, or is damaged: the shipped model is shown instead."
OTHER = "The run in the address belongs to another page: Runs opens it there. The shipped model is shown instead."
Colour = Literal["gray", "blue", "orange", "green", "red"]
STATE_COLOURS: dict[str, Colour] = {
    "queued": "gray",
    "running": "blue",
    "paused": "orange",
    "done": "green",
    "failed": "red",
}


def longest() -> int:
    """Most seconds of training that a visitor may ask for."""
    return int(visitors.MAX_SECONDS) if visitors.hosted() else LONGEST_S


@dataclass(frozen=True)
class Chosen:
    """The form's values, as the browser sent them: only a config made of them is within its limits."""

    preset: str
    seconds: int
    bits: int
    seed: int


def settings() -> Chosen:
    """The form, each value also in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        preset = st.segmented_control(
            "Preset", PRESETS, default=PRESETS[0], required=True, key="preset", bind="query-params",
            help="fast: ours. paper: the published algorithm, literally.",
        )  # fmt: skip
        seconds = st.number_input(
            "Seconds", SHORTEST_S, longest(), 60, step=5, key="seconds", bind="query-params", width=150,
            help="Training time. Learning rates decay over it, so that a short run gives the best model it can.",
        )  # fmt: skip
        bits = st.number_input(
            "Bits per axis", 3, FULL_BITS, FULL_BITS, key="bits", bind="query-params", width=150,
            help="How finely the plane is cut: 16 bits make 2³² cells. With up to 6, every number here becomes exact.",
        )  # fmt: skip
        seed = st.number_input("Seed", 0, MAX_SEED, 0, key="seed", bind="query-params", width=150)
    return Chosen(preset or PRESETS[0], seconds, bits, seed)


def box(dataset: str, weights: tuple[tuple[float, ...], ...] | None) -> Chosen:
    """Settings, and the buttons that start training."""
    frame.hold_choice("preset", PRESETS, "The preset")
    frame.hold_number("seconds", SHORTEST_S, longest(), "The number of seconds")
    frame.hold_number("bits", 3, FULL_BITS, "The number of bits")
    frame.hold_number("seed", 0, MAX_SEED, "The seed")
    with st.container(border=True), st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = settings()
        try:
            one = config(dataset, weights, chosen, preset=chosen.preset)
            both = [config(dataset, weights, chosen, preset=preset) for preset in COMPARED]
        except ValueError as error:
            st.error(str(error))
            return chosen
        st.button("Train", type="primary", icon=":material/play_arrow:", on_click=start, args=([one],), key="train")
        st.button(
            f"Train {COMPARED[0]} and {COMPARED[1]}", on_click=start, args=(both,), key="train_both",
            help="Two runs with the same seconds and seed, one after the other; their curves are drawn together.",
        )  # fmt: skip
    return chosen


def config(dataset: str, weights: tuple[tuple[float, ...], ...] | None, chosen: Chosen, *, preset: str) -> Toy2DConfig:
    """Settings as a config; ValueError says what is allowed."""
    budget_s = float(chosen.seconds)
    return Toy2DConfig(dataset, preset, bits=chosen.bits, budget_s=budget_s, seed=chosen.seed, weights=weights)


def start(configs: Sequence[Config]) -> None:
    """Queue runs; the first is shown, a second is compared with it. For `on_click`."""
    try:
        ids = [jobs.submit(c, owner=frame.visitor()) for c in configs]
    except ValueError as error:
        st.session_state["refused"] = str(error)
        return
    st.query_params["run"] = ids[0]
    if len(ids) > 1:
        st.session_state["compare"] = ids[1]


def forget() -> None:
    """Show the shipped model again, compared with nothing. For `on_click` and `on_change`."""
    st.query_params.pop("run", None)
    st.session_state.pop("compare", None)


def reset(run_id: str) -> None:
    """Stop the run if it still goes on, and show the shipped model again. For `on_click`."""
    if store.find(run_id).status.state in (*ACTIVE, "paused"):
        do(jobs.cancel, run_id)
    forget()


def do(action: Callable[[str], None], run_id: str) -> None:
    """Act on a run; a refusal is shown at the next run of the page. For `on_click`."""
    st.session_state["look_until"] = time.monotonic() + LOOK_S
    try:
        action(run_id)
    except ValueError as error:
        st.session_state["refused"] = str(error)


def say_refusal() -> None:
    """Show why the last action was refused."""
    if text := st.session_state.pop("refused", None):
        st.error(text, icon=":material/block:")


def current(kinds: tuple[str, ...] = ("toy2d",), *, quiet: bool = False) -> RunFolder | None:
    """The run that the address names, of one of these kinds; unless `quiet`, a sentence says so if there is none."""
    name = st.query_params.get("run")
    if name is None:
        return None
    try:
        run = store.find(name)
        fits = run.config.kind in kinds
    except RunError:
        run, fits = None, False
    if not fits and not quiet:
        st.warning(GONE if run is None else OTHER, icon=":material/link_off:")
    return run if fits else None


def mine(status: Status) -> bool:
    """Whether this visitor may steer the run: everybody may on a machine of one's own."""
    return not visitors.hosted() or status.owner == frame.visitor()


def keep_alive(*, force: bool = False) -> None:
    """From time to time: start what waits in the queue, and say that this visitor is still here."""
    now, memory = time.monotonic(), st.session_state.setdefault("kept_alive", {"poll": 0.0, "heartbeat": 0.0})
    try:
        if force or now - memory["poll"] > POLL_S:
            memory["poll"] = now
            jobs.poll()
        if now - memory["heartbeat"] > HEARTBEAT_S:
            memory["heartbeat"] = now
            visitors.heartbeat(frame.visitor())
    except RunError as error:
        st.error(str(error))


def lively(status: Status) -> bool:
    """Whether the page has to look again by itself: the run goes on, or it was told to just now."""
    return status.state in ACTIVE or time.monotonic() < st.session_state.get("look_until", 0.0)


def changed(status: Status) -> bool:
    """Whether the page has to be drawn anew: the state is another, or there is no more need to look."""
    state, looked = st.session_state.get("seen", ("", False))
    if status.state != state:
        st.session_state.pop("look_until", None)
    return (state, looked) != (status.state, lively(status))


def remember(status: Status) -> None:
    """Keep what `changed` compares with."""
    st.session_state["seen"] = (status.state, lively(status))


def bar(run: RunFolder, status: Status) -> None:
    """State, progress with time left, and the buttons that make sense now."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(status.state, color=STATE_COLOURS.get(status.state, "gray"))
        st.markdown(progress_text(run, status), width="stretch")
        if mine(status):
            buttons(run, status)
    st.progress(min(1.0, max(0.0, status.progress)))
    if status.error:
        st.error(status.error, icon=":material/error:")


def buttons(run: RunFolder, status: Status) -> None:
    """Pause or go on, one event, stop, start over."""
    state, name = status.state, run.id
    if state == "running":
        st.button("Pause", key="pause", icon=":material/pause:", on_click=do, args=(jobs.pause, name))
    elif state in ("paused", "failed", "cancelled"):
        label = "Play" if state == "paused" else "Resume"
        st.button(label, key="play", icon=":material/play_arrow:", on_click=do, args=(jobs.resume, name))
    if state == "paused":
        st.button(
            "Step", key="step", icon=":material/skip_next:", on_click=do, args=(jobs.step, name),
            help="Train until the next picture, then pause.",
        )  # fmt: skip
    if state in (*ACTIVE, "paused"):
        st.button("Cancel", key="cancel", icon=":material/stop:", on_click=do, args=(jobs.cancel, name))
    st.button(
        "Reset", key="reset", icon=":material/restart_alt:", on_click=reset, args=(name,),
        help="Stop this run and show what was here before. The run stays on the Runs page.",
    )  # fmt: skip


def progress_text(run: RunFolder, status: Status) -> str:
    """Where the run stands, in one line."""
    if status.state == "queued":
        place = jobs.queue_position(run.id)
        return f"place {place} in the queue" if place else "about to start"
    settings = run.config
    length = f"{settings.steps:,} steps" if settings.steps else f"{settings.budget_s:g} s"
    # Between two looks of the training process its clock goes on.
    since = min(MOST_SINCE_S, max(0.0, time.time() - status.heartbeat)) if status.state == "running" else 0.0
    text = f"step {status.step:,} · {status.elapsed_s + since:.1f} s of training of {length}"
    if status.state in ("running", "paused") and status.progress > 0:
        left = status.elapsed_s / status.progress * (1 - status.progress) - since
        text += f" · **{clock(max(0.0, left))} left**"
    return text


def clock(seconds: float) -> str:
    """A duration for people."""
    seconds = round(seconds)
    if seconds < 90:
        return f"{seconds} s"
    return f"{seconds // 60} min {seconds % 60:02d} s" if seconds < 5400 else f"{seconds / 3600:.1f} h"
