"""What is kept of a visitor's table, for how long, and a button that deletes it now."""

import time
from contextlib import suppress

import streamlit as st

from ebgfn.runs import jobs, store, visitors
from ebgfn.runs.folder import RunError, RunFolder
from ebgfn.runs.jobs import MAX_FINISHED_RUNS
from ebgfn.runs.store import MAX_UPLOADS
from ebgfn.ui.shell import training
from ebgfn.ui.table import run_curves, understood, upload

PATIENCE_S, LOOK_S = 20.0, 0.1
KEPT = f"""**What is kept.** Until you press Train, your table is in this server's memory only, for as long as this tab is
open. **Train** writes the table as it was read (its cells, not your file) to this server's disk, and the run with its model
under up to twelve letters of the file's name. They stay until {MAX_UPLOADS} newer tables and {MAX_FINISHED_RUNS} newer runs
replace them, or until you delete them. Nothing is sent anywhere else, and nothing in a cell is executed."""
BRIEF = f"""Your table is kept until {MAX_UPLOADS} newer ones replace it, the run until {MAX_FINISHED_RUNS} newer ones do, or
until you delete both."""
DELETED = "Your table, what was trained on it and its model are deleted."


def show(*, brief: bool) -> None:
    """The sentences, and the button where there is something to delete; `brief` beside a run."""
    if st.session_state.pop("table_deleted", False):
        st.success(DELETED, icon=":material/delete:")
    something = upload.brought() or own_runs()
    if something or not brief:
        st.caption(BRIEF if brief else KEPT)
    if something:
        st.button("Delete my table now", icon=":material/delete:", key="delete_table", on_click=delete)


def own_runs() -> list[RunFolder]:
    """This visitor's runs on tables that were brought."""
    found = []
    for run, status in store.list_statuses():
        with suppress(RunError):  # a damaged one
            if training.mine(status) and _brought(run):
                found.append(run)
    return found


def may_see(run: RunFolder) -> bool:
    """On a public address a table that was brought is shown to its visitor alone."""
    return not (visitors.hosted() and _brought(run) and not training.mine(run.status))


def _brought(run: RunFolder) -> bool:
    return run.config.kind == "table" and store.kept_file(run.config) is not None


def delete() -> None:
    """Delete table, runs and models now. For `on_click`."""
    try:
        for run in own_runs():
            _delete(run)
            run_curves.forget(run)
    except ValueError as error:
        st.session_state["refused"] = f"{error}. Press the button once more to delete the rest."
        return
    upload.forget()
    understood.forget()
    training.forget()
    st.session_state["table_deleted"] = True


def _delete(run: RunFolder) -> None:
    """A run with its table, once its worker has ended."""
    if run.status.state in training.UNFINISHED:
        jobs.cancel(run.id)
        deadline = time.monotonic() + PATIENCE_S
        while run.alive and time.monotonic() < deadline:
            time.sleep(LOOK_S)
    jobs.delete(run.id)
