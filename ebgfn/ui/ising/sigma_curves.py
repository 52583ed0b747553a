"""log Z, energy, magnetisation and correlation of the sampler against sigma, beside exact curves or exact samples."""

import math
from collections.abc import Sequence

import numpy as np
import streamlit as st
import torch

from ebgfn.nets.lattice import MAX_SIGMA
from ebgfn.nets.torus import CRITICAL_SIGMA
from ebgfn.problems.lattice import curves, kaufman
from ebgfn.problems.lattice.curves import Curves
from ebgfn.ui.components import line_charts
from ebgfn.ui.components._shared.colours import Role
from ebgfn.ui.components.line_charts import Axis, Chart, Line
from ebgfn.ui.ising.samplers import Sampler
from ebgfn.ui.shell import background, downloads
from ebgfn.ui.shell.background import Measurement
from ebgfn.ui.shell.text import rounded

# Where no curves are stored: few lattices, so that they are there within seconds.
FEW = 100
OURS: Role = "sampler"
EXACT: Role = "data"
FINE = 201
ERRORS = "bars: two standard errors"


@st.cache_resource(max_entries=8, show_spinner=False)
def measurement(source: Sampler) -> Measurement:
    """Points of the curves as they come in. Started by the first visitor who asks, shared by all."""
    generator = torch.Generator().manual_seed(0)
    return Measurement(curves.points(source.model, curves.sigmas(source.side), FEW, generator))


def gathered(source: Sampler, state: Measurement) -> Curves | None:
    """What is known so far."""
    rows = list(state.rows)
    return curves.gathered(source.side, FEW, rows) if rows else None


def show(source: Sampler) -> None:
    """Curves as they are stored beside the checkpoint; else what is measured of them, until all is."""
    stored = curves.stored(source.stored.folder)
    if stored is not None:
        _draw(source, stored)
        _download(source, stored)
        return
    state = measurement(source)
    background.follow(state, lambda: _draw_measured(source, state), every_s=0.7)


def _draw_measured(source: Sampler, state: Measurement) -> None:
    background.progress(state, len(curves.sigmas(source.side)), "σ", "a few seconds in all")
    seen = gathered(source, state)
    if seen is not None:
        _draw(source, seen)
        if state.done:
            _download(source, seen)


def _draw(source: Sampler, seen: Curves) -> None:
    charts = [log_z(source, seen), energy(seen), *(compared(seen, field) for field in TITLES)]
    line_charts.draw(charts, key="sigma_curves", tall=True)


def _download(source: Sampler, seen: Curves) -> None:
    name = f"ising-{source.side}x{source.side}-curves.npz"
    downloads.button("Curves (NPZ)", lambda: downloads.npz(**seen.columns), name)


def _chart(title: str, seen: Curves, lines: Sequence[Line], words: str, *, level: float | None = None) -> Chart:
    """Lines over sigma, with the critical points marked."""
    low = _low(seen)
    marks = (CRITICAL_SIGMA,) if low >= 0 else (-CRITICAL_SIGMA, CRITICAL_SIGMA)
    axis = Axis(low - 0.02, MAX_SIGMA + 0.02, "σ")
    names = {"floor_name": "exact (Kaufman)", "mark_names": ["critical"] * len(marks)}
    more = {"floor": level, "marks": marks, "least": 1e-4, "words": words, **names}
    return Chart(title, ERRORS, lines, axis, digits=3, course=False, **more)


def _low(seen: Curves) -> float:
    return 0.0 if seen.side % 2 else -MAX_SIGMA


def _points(seen: Curves, field: str, name: str, role: Role, *, hollow: bool = False) -> Line:
    points = "hollow" if hollow else "full"
    error = 2 * seen[f"{field}_se"]
    return Line(name, seen["sigma"], seen[field], error, role, points=points, bars=True, joined=False)


def _worst(seen: Curves, values: np.ndarray) -> tuple[float, str]:
    """The largest of some figures, and where it is."""
    i = int(np.abs(values).argmax())
    return float(np.abs(values[i])), f"σ = {seen['sigma'][i]:g}".replace("-", "−")


def log_z(source: Sampler, seen: Curves) -> Chart:
    """What is missing to Kaufman's log Z, a site: of the learned curve and of importance sampling."""
    low, dim = _low(seen), seen.side**2
    fine = np.linspace(low, MAX_SIGMA, FINE)
    learned = (curves.learned_log_z(source.model, fine) - kaufman.curves(seen.side, fine).log_z) / dim
    weighed, error = seen.log_z_error("log_z_is"), 2e3 * seen["log_z_is_se"] / dim
    lines = [
        Line("learned curve", fine, 1e3 * learned, role=OURS),
        Line(
            "importance sampling", seen["sigma"], 1e3 * weighed, error, OURS, points="hollow", bars=True, joined=False
        ),
    ]
    worst = int(np.abs(learned).argmax())
    also, there = _worst(seen, weighed)
    words = (
        f"Estimate of log Z less Kaufman's exact value, which is the line at 0. The learned curve is off by at most "
        f"{plain(abs(float(learned[worst])))} nats per site (near σ = {rounded(fine[worst], 2)}), importance sampling with "
        f"{seen.n:,} lattices by {plain(also)} ({there}); its effective sample size is at least {seen['ess'].min():.0%}."
    )
    return _chart("Error of log Z, 10⁻³ nats per site", seen, lines, words, level=0.0)


def plain(value: float) -> str:
    """Two digits that count, without powers of ten."""
    return f"{value:.{max(0, 1 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def energy(seen: Curves) -> Chart:
    """Mean energy a site, against Kaufman's."""
    dim, fine = seen.side**2, np.linspace(_low(seen), MAX_SIGMA, FINE)
    exact = kaufman.curves(seen.side, fine).mean_energy / dim
    lines = [
        Line("exact (Kaufman)", fine, exact, role=EXACT),
        _points(seen, "energy", "GFlowNet", OURS),
    ]
    gap = seen["energy"] - kaufman.curves(seen.side, seen["sigma"]).mean_energy / dim
    most, where = _worst(seen, gap)
    words = (
        f"Mean energy per site of {seen.n:,} lattices of the GFlowNet at each σ, on Kaufman's exact curve. The largest "
        f"difference is {plain(most)} nats ({where}). {_within(seen, gap, seen['energy_se'])}"
    )
    return _chart("Energy per site, nats", seen, lines, words)


def _within(seen: Curves, gap: np.ndarray, se: np.ndarray) -> str:
    """How many of the differences chance explains."""
    near = int((np.abs(gap) <= 2 * se + 1e-9).sum())
    chance = round(0.95 * len(gap))
    return f"At {near} of {len(gap)} σ it is within two standard errors; a perfect sampler would be at about {chance}."


TITLES = {
    "magnetisation": "|Magnetisation|",
    "correlation": "Correlation half a side apart",
}
MEANINGS = {
    "magnetisation": "Mean |magnetisation|, with every second spin turned over where σ < 0: the order of the whole lattice",
    "correlation": "Mean product of two spins half a side apart along an axis: how far a spin reaches",
}


def compared(seen: Curves, field: str) -> Chart:
    """A quantity without closed form, against exact samples."""
    lines = [
        _points(seen, f"exact_{field}", "exact samples", EXACT, hollow=True),
        _points(seen, field, "GFlowNet", OURS),
    ]
    gap = seen[field] - seen[f"exact_{field}"]
    se = np.hypot(seen[f"{field}_se"], seen[f"exact_{field}_se"])
    most, where = _worst(seen, gap)
    words = (
        f"{MEANINGS[field]}. Here there is no formula: {seen.n:,} lattices of the GFlowNet are compared with as many exact "
        f"ones. The largest difference is {plain(most)} ({where}). {_within(seen, gap, se)}"
    )
    return _chart(TITLES[field], seen, lines, words)
