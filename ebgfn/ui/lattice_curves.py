"""log Z, energy, magnetisation and correlation of the sampler against sigma, beside exact curves or exact samples."""

import math
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch

from ebgfn.model import Model
from ebgfn.nets.lattice import MAX_SIGMA
from ebgfn.nets.torus import CRITICAL_SIGMA
from ebgfn.problems.lattice import curves, kaufman
from ebgfn.problems.lattice.curves import Curves, Point
from ebgfn.ui import downloads, lattice_source
from ebgfn.ui.lattice_source import Sampler

# Where no curves are stored: few lattices, so that they are there within seconds.
FEW = 100
OURS, EXACT, DRAWN = "#e0408a", "#8a8f98", "#3b82c4"
FINE = 201
_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lattice-curves")


class Measurement:
    """Points of the curves as they come in; all at once where they are stored beside the checkpoint."""

    def __init__(self, source: Sampler):
        self.source, self.n = source, FEW
        self.rows: list[Point] = []
        self.known = curves.stored(source.folder)
        self.future: Future | None = None if self.known else _pool.submit(self._work, lattice_source.model(source))

    def _work(self, model: Model) -> None:
        sigmas, generator = curves.sigmas(self.source.side), torch.Generator().manual_seed(0)
        for row in curves.points(model, sigmas, self.n, generator):
            self.rows.append(row)

    @property
    def done(self) -> bool:
        return self.future is None or self.future.done()

    @property
    def curves(self) -> Curves | None:
        """What is known so far."""
        rows = list(self.rows)
        return self.known or (curves.gathered(self.source.side, self.n, rows) if rows else None)


@st.cache_resource(max_entries=8, show_spinner=False)
def measurement(source: Sampler) -> Measurement:
    """Started by the first visitor who asks, shared by all."""
    return Measurement(source)


def show(source: Sampler) -> None:
    """Draw what is known and come back until all is."""
    state = measurement(source)
    st.fragment(_draw, run_every=None if state.done else 0.7)(source, state, state.done)


def _draw(source: Sampler, state: Measurement, was_done: bool) -> None:
    if state.done and not was_done:
        st.rerun()  # once more as a whole, so that the polling ends
    if state.future is not None:
        expected = len(curves.sigmas(source.side))
        if not state.done:
            st.progress(
                len(state.rows) / expected, f"Measuring: {len(state.rows)} of {expected} σ, some seconds in all"
            )
        elif error := state.future.exception():
            st.error(f"The measurement stopped: {error}", icon=":material/error:")
    seen = state.curves
    if seen is None:
        return
    pictures = {"log_z": log_z(source, seen), "energy": energy(seen)}
    pictures |= {field: compared(seen, field) for field in TITLES}
    for (name, (figure, words)), column in zip(pictures.items(), [*st.columns(2), *st.columns(2)], strict=True):
        with column:
            st.plotly_chart(figure, key=f"lattice_{name}", alt=words)
            st.caption(words)
    if state.done:
        _download(source, seen)


def _download(source: Sampler, seen: Curves) -> None:
    name, icon = f"ising-{source.side}x{source.side}-curves.npz", ":material/download:"
    st.download_button("Curves (NPZ)", lambda: downloads.npz(**seen.columns), name, on_click="ignore", icon=icon)


def _frame(title: str, *, low: float) -> go.Figure:
    """An empty figure against sigma, with the critical points marked."""
    drawing = go.Figure()
    for critical in (CRITICAL_SIGMA,) if low >= 0 else (-CRITICAL_SIGMA, CRITICAL_SIGMA):
        drawing.add_vline(critical, line={"color": EXACT, "dash": "dot", "width": 1.5})
    drawing.update_xaxes(title="σ (dotted: critical)", zeroline=False, range=[low - 0.02, MAX_SIGMA + 0.02])
    drawing.update_yaxes(title=title, zeroline=False)
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    drawing.update_layout(height=340, margin={"t": 50, "b": 10, "l": 10, "r": 10}, legend=legend)
    return drawing


def _low(seen: Curves) -> float:
    return 0.0 if seen.side % 2 else -MAX_SIGMA


def _points(drawing: go.Figure, seen: Curves, field: str, name: str, colour: str, *, hollow: bool = False) -> None:
    errors = {"array": 2 * seen[f"{field}_se"], "thickness": 1.5, "width": 3}
    marker = {"size": 9 if hollow else 7, "symbol": "circle-open" if hollow else "circle", "color": colour}
    drawing.add_scatter(
        x=seen["sigma"], y=seen[field], error_y=errors, mode="markers", name=name, marker=marker, line={"color": colour}
    )


def _worst(seen: Curves, values: np.ndarray) -> tuple[float, str]:
    """The largest of some figures, and where it is."""
    i = int(np.abs(values).argmax())
    return float(np.abs(values[i])), f"σ = {seen['sigma'][i]:g}".replace("-", "−")


def log_z(source: Sampler, seen: Curves) -> tuple[go.Figure, str]:
    """What is missing to Kaufman's log Z, a site: of the learned curve and of importance sampling."""
    drawing, low, dim = _frame("error of log Z, 10⁻³ nats a site", low=_low(seen)), _low(seen), seen.side**2
    fine = np.linspace(low, MAX_SIGMA, FINE)
    learned = curves.learned_log_z(lattice_source.model(source), fine) - kaufman.curves(seen.side, fine).log_z
    drawing.add_hline(0, line={"color": EXACT, "width": 2})
    drawing.add_scatter(x=fine, y=1e3 * learned / dim, name="learned curve", line={"color": OURS, "width": 2.5})
    weighed = seen.log_z_error("log_z_is")
    errors = {"array": 2e3 * seen["log_z_is_se"] / dim, "thickness": 1.5, "width": 3}
    marker, name = {"color": DRAWN, "size": 7}, "importance sampling ± 2 s.e."
    drawing.add_scatter(x=seen["sigma"], y=1e3 * weighed, error_y=errors, mode="markers", name=name, marker=marker)
    off, where = float(np.abs(learned).max()) / dim, fine[int(np.abs(learned).argmax())]
    also, there = _worst(seen, weighed)
    words = (
        f"Estimate of log Z less Kaufman's exact value, which is the line at 0. The learned curve is off by at most "
        f"{plain(off)} nats a site (near σ = {_number(where)}), importance sampling with {seen.n:,} lattices by "
        f"{plain(also)} ({there}); its effective sample size is at least {seen['ess'].min():.0%}."
    )
    return drawing, words


def plain(value: float) -> str:
    """Two digits that count, without powers of ten."""
    return f"{value:.{max(0, 1 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def energy(seen: Curves) -> tuple[go.Figure, str]:
    """Mean energy a site, against Kaufman's."""
    drawing, dim = _frame("energy a site, nats", low=_low(seen)), seen.side**2
    fine = np.linspace(_low(seen), MAX_SIGMA, FINE)
    exact = kaufman.curves(seen.side, fine).mean_energy / dim
    drawing.add_scatter(x=fine, y=exact, name="exact (Kaufman)", line={"color": EXACT, "width": 2.5})
    _points(drawing, seen, "energy", "GFlowNet ± 2 s.e.", OURS)
    gap = seen["energy"] - kaufman.curves(seen.side, seen["sigma"]).mean_energy / dim
    most, where = _worst(seen, gap)
    words = (
        f"Mean energy a site of {seen.n:,} lattices of the GFlowNet at each σ, on Kaufman's exact curve. The largest "
        f"difference is {plain(most)} nats ({where}). {_within(seen, gap, seen['energy_se'])}"
    )
    return drawing, words


def _within(seen: Curves, gap: np.ndarray, se: np.ndarray) -> str:
    """How many of the differences chance explains."""
    near = int((np.abs(gap) <= 2 * se + 1e-9).sum())
    chance = round(0.95 * len(gap))
    return f"At {near} of {len(gap)} σ it is within two standard errors; of a perfect sampler about {chance} would be."


TITLES = {
    "magnetisation": "|magnetisation|",
    "correlation": "correlation half a side apart",
}
MEANINGS = {
    "magnetisation": "Mean |magnetisation|, with every second spin turned over where σ < 0: the order of the whole lattice",
    "correlation": "Mean product of two spins half a side apart along an axis: how far a spin reaches",
}


def compared(seen: Curves, field: str) -> tuple[go.Figure, str]:
    """A quantity without closed form, against exact samples."""
    drawing = _frame(TITLES[field], low=_low(seen))
    _points(drawing, seen, f"exact_{field}", "exact samples ± 2 s.e.", DRAWN, hollow=True)
    _points(drawing, seen, field, "GFlowNet ± 2 s.e.", OURS)
    gap = seen[field] - seen[f"exact_{field}"]
    se = np.array([math.hypot(*pair) for pair in zip(seen[f"{field}_se"], seen[f"exact_{field}_se"], strict=True)])
    most, where = _worst(seen, gap)
    words = (
        f"{MEANINGS[field]}. No closed form is used here: {seen.n:,} lattices of the GFlowNet stand against as many exact "
        f"ones. The largest difference is {plain(most)} ({where}). {_within(seen, gap, se)}"
    )
    return drawing, words
