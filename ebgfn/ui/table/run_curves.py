"""A training on a table as it goes: its likelihood beside that of simpler models, and rows drawn at this moment."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import streamlit as st

from ebgfn.problems.table.config import TableConfig
from ebgfn.runs.folder import RunFolder, Status
from ebgfn.ui.components import line_charts
from ebgfn.ui.components._shared.colours import Role
from ebgfn.ui.components.line_charts import Chart, Dash, Line, Marks
from ebgfn.ui.shell import downloads, history, knobs, run_bar, training
from ebgfn.ui.shell.background import Measurement
from ebgfn.ui.shell.history import Columns
from ebgfn.ui.table import rows

CURVES = ("elapsed_s", "gfn_bound", "gfn_nll", "mh_acceptance")
# Of a sampler that chooses its own order no bound is known, but the NLL by one path each.
OURS = {"gfn_bound": "GFlowNet, at most", "gfn_nll": "GFlowNet"}
PEERS: dict[str, tuple[str, Role, Dash]] = {
    "independent": ("independent columns", "peer1", "dot"),
    "tree": ("Chow-Liu tree", "peer2", "dash"),
}
ABOUT_PEERS = """**Two simple models to beat**, fitted to the same rows: *independent columns* knows each bit's frequency and
nothing more; in a *Chow-Liu tree*, which needs rows without empty cells, each bit depends on one other. Below both, the
GFlowNet has found what neither sees."""
SHOWN = 12


def show(run: RunFolder) -> None:
    """The run, looked at again and again while it goes on or other models are being fitted."""
    fits = _fits(str(run.path))
    ticking = training.lively(run.status) or not fits.done

    def look(run: RunFolder, status: Status, *, whole: bool) -> None:
        if not whole and ticking and fits.done and not training.lively(status):
            st.rerun()
        _look(run, status, fits)

    knobs.show(run)
    training.watch(run, look, ticking=ticking)


def forget(run: RunFolder) -> None:
    """Keep nothing of it in memory."""
    _fits.clear(str(run.path))
    _real.clear(str(run.path))


def _look(run: RunFolder, status: Status, fits: Measurement) -> None:
    training.say_refusal()
    run_bar.bar(run, status)
    lines, config, moving = history.lines(run), run.config, not status.finished
    columns = history.columns(lines, CURVES)
    if not columns:
        run_bar.without_pictures(status)
        return
    end_s = config.budget_s if moving and not config.steps else columns["elapsed_s"][-1]
    curves(columns, dict(list(fits.rows)), knobs.marks(lines), end_s=end_s)
    st.caption(ABOUT_PEERS)
    if moving:
        _drawn(run, config, history.shown_steps(run, lines))
    else:
        _files(run, columns)


def curves(columns: Columns, peers: dict[str, float], turned: Marks, *, end_s: float) -> None:
    """How probable held-out rows are, and how well the sampler knows the energy, over seconds of training."""
    seconds = columns["elapsed_s"]
    axis = line_charts.of_seconds(end_s, seconds[-1])
    ours = [Line(name, seconds, columns[key]) for key, name in OURS.items() if key in columns]
    others = [
        Line(name, [axis.low, axis.high], [peers[key]] * 2, role=role, dash=dash)
        for key, (name, role, dash) in PEERS.items()
        if key in peers
    ]
    charts = [Chart("Held-out rows", "−log likelihood in nats a row; lower is better", [*ours, *others], axis)]
    if "mh_acceptance" in columns:
        line = Line("acceptance", seconds, columns["mh_acceptance"])
        note = "accepted moves that redraw a few bits; 1 if it knows it perfectly"
        charts.append(Chart("How well the sampler knows the energy", note, [line], axis, limits=(0, 1)))
    line_charts.draw(line_charts.marked(charts, turned), key="table_curves")


@st.cache_resource(max_entries=16, show_spinner=False)
def _fits(path: str) -> Measurement:
    """The two simple models, fitted beside the page: their names, and −log likelihood in nats a row."""
    return Measurement(_fitted(RunFolder(Path(path))))


def _fitted(run: RunFolder) -> Iterator[tuple[str, float]]:
    import torch

    from ebgfn.problems.table import report
    from ebgfn.problems.table.look import TableLook

    config = run.config
    train, valid = (
        report.Known(torch.from_numpy(part.x).float(), torch.from_numpy(part.known))
        for part in (config.split.train, config.split.valid.rows(slice(TableLook.ROWS)))
    )
    yield "independent", report.independent_nll(train, valid)
    if train.known.all() and valid.known.all():
        yield "tree", report.tree_nll(train.x, valid.x)


def _drawn(run: RunFolder, config: TableConfig, steps: list[int]) -> None:
    """Rows of this moment beside real ones."""
    frame = next((arrays for _, arrays in history.frames(run, history.lines(run), steps[-1:])), None)
    if frame is None:
        return
    x = frame["samples"]
    legal = config.columns.legal(x)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Drawn at this moment**")
        if legal.any():
            rows.draw(rows.told(config, x[legal][:SHOWN]), alt="Rows that the sampler drew at this moment.")
        if not legal.all():
            odd = f"{(~legal).sum()} of {len(x)} rows have a code that no value has"
            st.caption(f"{odd}: the sampler is still learning which there are.")
    with right:
        st.markdown("**Real rows**")
        rows.draw(_real(str(run.path)), alt="Rows of the table that the training has not seen.")


@st.cache_data(max_entries=16, show_spinner=False)
def _real(path: str) -> pd.DataFrame:
    config = RunFolder(Path(path)).config
    return rows.told(config, config.whole("valid")[:SHOWN])


def _files(run: RunFolder, columns: Columns) -> None:
    with downloads.panel("Download this training"):
        downloads.training_entries(run, columns)
