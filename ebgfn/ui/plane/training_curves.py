"""Curves of training in the plane: likelihood with its errors, how well the sampler knows the energy, log Z."""

from ebgfn.ui.components import line_charts
from ebgfn.ui.components._shared.colours import Role
from ebgfn.ui.components.line_charts import Chart, Dash, Line, Marks
from ebgfn.ui.shell.history import Columns

Names = dict[str, tuple[str, Role, Dash]]

_NLL: Names = {"gfn_nll": ("GFlowNet", "sampler", "solid"), "ebm_nll": ("energy", "energy", "solid")}
_MATCH: Names = {
    "mh_acceptance": ("acceptance", "sampler", "solid"),
    "ess": ("effective sample size", "sampler", "dash"),
}
_LOG_Z: Names = {"log_z": ("log Z", "energy", "solid")}
MATCH_TITLE, MATCH_NOTE = "How well the sampler knows the energy", "both reach 1 if it does"


def draw(runs: dict[str, Columns], *, floor: float | None, end_s: float, key: str, turned: Marks = ()) -> None:
    """Show metrics of one run, or of two to compare: the second is dotted. Columns are named as in metrics.jsonl.

    The energy's likelihood rests on an estimate of log Z and is shown with the error of it or not at all: runs of earlier
    versions know no error, and lie below what is possible. `turned`: what stood at other knobs from when on, of the first.
    """
    assert 1 <= len(runs) <= 2
    runs = {run: {k: v for k, v in c.items() if k != "ebm_nll" or "ebm_nll_se" in c} for run, c in runs.items()}
    banded = any("gfn_nll_se" in columns for columns in runs.values())
    note = "nats per point, on few points" + "; bands: two standard errors" * banded
    axis = line_charts.of_seconds(end_s, *(columns["elapsed_s"][-1] for columns in runs.values()))
    charts = [
        Chart("Negative log-likelihood", note, _lines(runs, _NLL), axis, floor=floor, digits=3),
        Chart(MATCH_TITLE, MATCH_NOTE, _lines(runs, _MATCH), axis, limits=(0, 1)),
        Chart("log Z", "of the energy, in nats", _lines(runs, _LOG_Z), axis, digits=3),
    ]
    line_charts.draw(line_charts.marked(charts, turned), key=key)


def _lines(runs: dict[str, Columns], names: Names) -> list[Line]:
    return [
        Line(
            label if len(runs) == 1 else f"{label}, {run}",
            columns["elapsed_s"],
            columns[name],
            [2 * se for se in columns.get(f"{name}_se", [])],
            role,
            dash="dot" if i > 0 else dash,
        )
        for i, (run, columns) in enumerate(runs.items())
        for name, (label, role, dash) in names.items()
        if name in columns
    ]
