"""Curves of training over its seconds as a Streamlit component that redraws in place."""

from pathlib import Path
from typing import Any

from streamlit.components.v2 import component

_HERE = Path(__file__).parent
_component = component(
    "ebgfn_curves",
    html='<div class="curves">\n</div>',
    css=(_HERE / "curves.css").read_text(encoding="utf-8"),
    js=(_HERE / "curves.js").read_text(encoding="utf-8"),
)

Columns = dict[str, list[float]]


def draw(runs: dict[str, Columns], *, floor: float | None, end_s: float, key: str) -> None:
    """Show metrics of one run, or of two to compare: the second is dotted. Columns are named as in metrics.jsonl.

    The energy's likelihood rests on an estimate of log Z and is shown with the error of it or not at all: runs of earlier
    versions know no error, and lie below what is possible.
    """
    assert 1 <= len(runs) <= 2
    runs = {run: {k: v for k, v in c.items() if k != "ebm_nll" or "ebm_nll_se" in c} for run, c in runs.items()}
    banded = any("gfn_nll_se" in columns for columns in runs.values())
    note = "nats a point, on few points" + "; bands: two standard errors" * banded
    charts = [
        _chart("Negative log-likelihood", note, runs, _NLL, floor=floor, digits=3),
        _chart(
            "How well the sampler knows the energy", "both reach 1 if it does", runs, _MATCH, limits=[0, 1], digits=2
        ),
        _chart("log Z", "of the energy, in nats", runs, _LOG_Z, digits=3),
    ]
    show(charts, end_s=end_s, key=key)


def show(charts: list[dict[str, Any]], *, end_s: float, key: str) -> None:
    """Show charts as `chart` makes them; their axis of seconds reaches to `end_s` at least."""
    _component(key=key, data={"charts": charts, "end": end_s})


_NLL = {"gfn_nll": ("GFlowNet", 0), "ebm_nll": ("energy", 1)}
_MATCH = {"mh_acceptance": ("acceptance", 0), "ess": ("sample size", 1)}
_LOG_Z = {"log_z": ("log Z", 0)}


def _chart(
    title: str,
    note: str,
    runs: dict[str, Columns],
    names: dict[str, tuple[str, int]],
    *,
    digits: int,
    floor: float | None = None,
    limits: list[float] | None = None,
) -> dict[str, Any]:
    lines = [
        {
            "name": label if len(runs) == 1 else f"{label}, {run}",
            "x": columns["elapsed_s"],
            "y": columns[name],
            "error": [2 * se for se in columns.get(f"{name}_se", [])],
            "colour": colour,
            "other": i > 0,
        }
        for i, (run, columns) in enumerate(runs.items())
        for name, (label, colour) in names.items()
        if name in columns
    ]
    return chart(title, note, lines, digits=digits, floor=floor, limits=limits)


def chart(
    title: str,
    note: str,
    lines: list[dict[str, Any]],
    *,
    digits: int,
    floor: float | None = None,
    limits: list[float] | None = None,
) -> dict[str, Any]:
    """One chart of lines, each with name, x, y, colour (a number) and other (dotted if so).

    `error`: half the height of a band around the line, where it has one.
    """
    last = "; ".join(f"{line['name']} {line['y'][-1]:.{digits}f}" for line in lines if line["y"])
    alt = f"{title} over seconds of training. Last values: {last or 'none yet'}."
    return {"title": title, "note": note, "lines": lines, "floor": floor, "range": limits, "digits": digits, "alt": alt}
