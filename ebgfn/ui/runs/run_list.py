"""The Runs page's parts: one run in training or waiting, and one that has ended."""

import time
from collections.abc import Callable

import streamlit as st

from ebgfn.runs import jobs, store, visitors
from ebgfn.runs.folder import DAMAGED, RunError, RunFolder, Status
from ebgfn.ui.shell import routes, run_bar, training
from ebgfn.ui.shell.text import plain

LOG_LINES = 12
FIGURES = {
    "step": "step",
    "elapsed_s": "seconds",
    "gfn_nll": "GFlowNet NLL",
    "gfn_bound": "GFlowNet bound",
    "ebm_nll": "energy NLL",
    "mh_acceptance": "acceptance",
    "log_z": "log Z",
    "neg_log_rmse": "−log RMSE",
    "pairs": "coupled pairs",
    "mean_coupling": "mean coupling",
    "ess": "effective sample size",
    "divergence": "divergence",
    "worst_divergence": "worst divergence",
}
WHOLE = ("step", "coupled pairs")


def visible() -> list[tuple[RunFolder, Status]]:
    """Runs that this visitor may see, one's own first, newest first: on a public address one's own alone."""
    runs = [(run, run.status) for run in store.list_runs()]
    own = [entry for entry in runs if training.mine(entry[1])]
    return own if visitors.hosted() else own + [entry for entry in runs if not training.mine(entry[1])]


def active(run: RunFolder, status: Status) -> None:
    """A run that trains, waits, or is paused: state, progress, buttons."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            title(run, status)
            if training.mine(status):
                steer(run, status)
            else:
                of_another(run, status)
        st.progress(min(1.0, max(0.0, status.progress)), text=run_bar.progress_text(run, status))


def steer(run: RunFolder, status: Status) -> None:
    """Stop, pause, go on."""
    act(run, "Cancel", jobs.cancel, ":material/stop:")
    if status.state == "paused":
        act(run, "Play", jobs.resume, ":material/play_arrow:")
    elif status.state == "running":
        act(run, "Pause", jobs.pause, ":material/pause:")


def of_another(run: RunFolder, status: Status) -> None:
    """A run from another browser: nothing is stopped by a slip of the hand."""
    with st.popover("Another visitor's run", icon=":material/person:", key=f"other-{run.id}"):
        if st.checkbox("Control it anyway", key=f"steer-{run.id}"):
            steer(run, status)


def ended(run: RunFolder, status: Status) -> None:
    """A run that is done, failed, cancelled or damaged: what came of it, and what can be done with it."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            title(run, status)
            with st.popover("More", icon=":material/more_horiz:", key=f"more-{run.id}", on_change="rerun") as more:
                if more.open:
                    details(run, status)
        if status.error:
            st.markdown(f":material/error: {plain(status.error)}")


def title(run: RunFolder, status: Status) -> None:
    """State, settings and a way to the pictures."""
    run_bar.badge(status)
    if status.state == DAMAGED:
        st.markdown(f"`{run.id}`", width="stretch")
        return
    made = time.strftime("%d %b %H:%M", time.localtime(status.created))
    name = run_bar.describe(run.config)
    shown = f"**{name}**" if training.mine(status) else f":gray[{name}]"
    st.markdown(f"{shown}  \n:small[{made} · {run.id}]", width="stretch")
    link(run)


def link(run: RunFolder) -> None:
    """To the page that shows the run, if there is one."""
    if (found := routes.opening(run)) is not None:
        page, query = found
        st.page_link(page.file, label="Open", icon=page.icon, query_params=query)


def act(run: RunFolder, label: str, action: Callable[[str], None], icon: str) -> None:
    """One button for one action on one run."""
    st.button(label, key=f"{label}-{run.id}", icon=icon, on_click=training.do, args=(action, run.id))


def details(run: RunFolder, status: Status) -> None:
    """Go on, take away, look into, delete."""
    free = training.mine(status) or st.checkbox("Another visitor's run: control it anyway", key=f"steer-{run.id}")
    if free and status.state in ("failed", "cancelled"):
        act(run, "Resume", jobs.resume, ":material/play_arrow:")
    if status.state != DAMAGED and run.has_checkpoint:
        st.download_button(
            "Download model", lambda: store.export(run), f"{run.id}.zip", "application/zip",
            key=f"download-{run.id}", on_click="ignore", icon=":material/download:",
        )  # fmt: skip
    log(run)
    if not free:
        return
    sure = st.checkbox("Delete it for good", key=f"sure-{run.id}")
    st.button(
        "Delete", key=f"delete-{run.id}", icon=":material/delete:", disabled=not sure,
        on_click=training.do, args=(jobs.delete, run.id),
    )  # fmt: skip


def log(run: RunFolder) -> None:
    """The last lines of the metrics, and what the training process said."""
    try:
        lines = run.metrics[-LOG_LINES:]
    except RunError as error:
        st.caption(plain(str(error)))
        lines = []
    if lines:
        known = [name for name in FIGURES if name in lines[-1]]
        table = {FIGURES[name]: [line.get(name) for line in reversed(lines)] for name in known}
        st.caption("Last snapshots, newest first")
        formats = {name: st.column_config.NumberColumn(format="%d" if name in WHOLE else "%.3f") for name in table}
        st.dataframe(table, hide_index=True, column_config=formats)
    if said := run.log.strip():
        st.caption("The training process said")
        st.code(said[-2000:], language=None, wrap_lines=True)
