"""Start a training run and steer it: what the buttons do, and when a page has to look again."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import streamlit as st

from ebgfn import problems
from ebgfn.problems import Config, Problem
from ebgfn.runs import jobs, store, visitors
from ebgfn.runs.folder import RunError, RunFolder, Status
from ebgfn.ui.shell import address, visitor

SHORTEST_S, LONGEST_S = 5, 24 * 3600
TICK_S = 0.4
POLL_S, HEARTBEAT_S = 2.0, 20.0
ACTIVE = ("queued", "running")
UNFINISHED = (*ACTIVE, "paused")
# After a button was pressed the training process may take so long to follow, on a busy machine.
LOOK_S = 8.0
GONE = "The run in the address no longer exists, or is damaged: the shipped model is shown instead."
OTHER = "The run in the address belongs to another page: Runs opens it there. The shipped model is shown instead."


def longest() -> int:
    """Most seconds of training that a visitor may ask for."""
    return int(visitors.MAX_SECONDS) if visitors.hosted() else LONGEST_S


def start(configs: Sequence[Config]) -> None:
    """Queue runs; the first is shown, a second is compared with it. For `on_click`."""
    try:
        ids = [jobs.submit(c, owner=visitor.name()) for c in configs]
    except ValueError as error:
        st.session_state["refused"] = str(error)
        return
    address.put("run", ids[0])
    if len(ids) > 1:
        st.session_state["compare"] = ids[1]


def prepare(run: RunFolder | None) -> None:
    """Have a process ready for the run that this page may start; at the end of a page, so that pictures come first.

    Not beside a `run` that trains: getting ready takes a core for seconds, just when its first pictures are waited for.
    """
    if run is None or run.status.state not in ACTIVE:
        with suppress(OSError):  # then training starts a few seconds later
            jobs.prepare()


def forget() -> None:
    """Show the shipped model again, compared with nothing. For `on_click`."""
    address.put("run", None)
    st.session_state.pop("compare", None)


def reset(run_id: str) -> None:
    """Stop the run if it still goes on, and show the shipped model again. For `on_click`."""
    if store.find(run_id).status.state in UNFINISHED:
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


def current(problem: Problem, *, quiet: bool = False) -> RunFolder | None:
    """The run of this problem that the address names; unless `quiet`, a sentence says so if there is none."""
    name = st.query_params.get("run")
    if name is None:
        return None
    try:
        run = store.find(name)
        fits = problems.of(run.config) is problem
    except RunError:
        run, fits = None, False
    if not fits and not quiet:
        address.refuse(GONE if run is None else OTHER)
    return run if fits else None


def mine(status: Status) -> bool:
    """Whether the run is this visitor's, or of the command line of a machine of one's own."""
    return status.owner == visitor.name() or (status.owner == "" and not visitors.hosted())


def keep_alive(*, force: bool = False) -> None:
    """From time to time: start what waits in the queue, and say that this visitor is still here."""
    now, memory = time.monotonic(), st.session_state.setdefault("kept_alive", {"poll": 0.0, "heartbeat": 0.0})
    try:
        if force or now - memory["poll"] > POLL_S:
            memory["poll"] = now
            jobs.poll()
        if now - memory["heartbeat"] > HEARTBEAT_S:
            memory["heartbeat"] = now
            visitors.heartbeat(visitor.name())
    except RunError as error:
        st.error(str(error))


def lively(status: Status) -> bool:
    """Whether the page has to look again by itself: the run goes on, or it was told to just now."""
    return status.state in ACTIVE or time.monotonic() < st.session_state.get("look_until", 0.0)


def watch(run: RunFolder, look: Callable[..., None], *, ticking: bool) -> None:
    """Look at a run, again and again while `ticking`; `look` is told whether the page is run as a whole.

    At a tick it may send what is new only: a component keeps what it has seen.
    """
    st.session_state["whole"] = True
    st.fragment(_watch, run_every=TICK_S if ticking else None)(run, look)


def _watch(run: RunFolder, look: Callable[..., None]) -> None:
    whole, status = st.session_state.pop("whole", False), run.status
    if not whole and _changed(run, status):
        st.rerun()
    st.session_state["seen"] = (status.state, lively(status))
    keep_alive(force=whole)
    try:
        look(run, status, whole=whole)
    except ValueError as error:
        st.error(str(error), icon=":material/error:")


def _changed(run: RunFolder, status: Status) -> bool:
    """Whether the page has to be drawn anew: the run was left, its state is another, or there is no more need to look."""
    state, looked = st.session_state.get("seen", ("", False))
    if st.query_params.get("run") != run.id:  # it was left
        return True
    if status.state != state:
        st.session_state.pop("look_until", None)
    return (state, looked) != (status.state, lively(status))
