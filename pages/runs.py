"""Runs: what trains, what waits and in which place, what has ended; stop, resume, download, delete."""

import streamlit as st

from ebgfn.runs.folder import FINISHED, RunError
from ebgfn.ui.runs import run_list
from ebgfn.ui.runs.run_list import visible
from ebgfn.ui.shell import frame, training
from ebgfn.ui.shell.training import UNFINISHED

TICK_S = 1.0
SHOWN = 12
LEAD = """Training runs in separate processes, one after the other, whether a page is open or not. A run that was stopped
or failed can **resume** from its last checkpoint; one that is done can be opened, compared with another, and downloaded
for use on the command line."""

NONE = "There are no runs yet. **Train** on 2D landscape or Digits, or **Recover** on Ising, starts one."


def unfinished() -> None:
    """Runs that train or wait, looked at every second as long as there are any."""
    training.keep_alive()
    runs = [(run, status) for run, status in visible() if status.state in UNFINISHED]
    before = st.session_state.get("unfinished")
    now = [(run.id, status.state, training.lively(status)) for run, status in runs]
    st.session_state["unfinished"] = now
    if not st.session_state.pop("whole_runs", False) and before != now:
        st.rerun()
    for run, status in runs:
        run_list.active(run, status)


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Runs", LEAD)
    training.say_refusal()
    training.keep_alive(force=True)
    runs = visible()
    if not runs:
        st.info(NONE, icon=":material/model_training:")
        st.page_link("pages/landscape_2d.py", label="Train a model", icon=":material/landscape:")
        return
    ended = [(run, status) for run, status in runs if status.state not in UNFINISHED]
    going_on = len(ended) < len(runs)
    st.session_state["whole_runs"] = True
    frame.section("Now")
    if not going_on:
        st.caption("Nothing is training at the moment.")
    ticking = any(training.lively(status) for _, status in runs)
    st.fragment(unfinished, run_every=TICK_S if ticking else None)()
    if not ended:
        return
    frame.section("Ended")
    pages = -(-len(ended) // SHOWN)
    page = st.pagination(pages, key="runs_page") if pages > 1 else 1
    for run, status in ended[(page - 1) * SHOWN : page * SHOWN]:
        run_list.ended(run, status)
    st.caption(f"States an ended run may have: {', '.join(FINISHED)}, or damaged if its files cannot be read.")


try:
    main()
except RunError as problem:
    st.error(str(problem), icon=":material/error:")
