"""Other estimates of couplings from the same samples, fitted beside the page, once for each set of samples."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st
import torch

from ebgfn.baselines import penalised
from ebgfn.nets.quadratic import QuadraticEnergy
from ebgfn.nets.torus import displacements
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.scores import neg_log_rmse, peers
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.ui.shell.background import Measurement

# Rows times columns squared up to which pseudo-likelihood is fitted while a visitor waits, about 8 s of one core; and by our
# own penalty and refit, which takes several times as long.
MOST_WORK, MOST_PENALISED_WORK = 140_000_000, 25_000_000
STEPS = 300


def score(found: np.ndarray, truth: np.ndarray) -> float:
    """-log RMSE of couplings."""
    return neg_log_rmse(found.astype(np.float64), truth.astype(np.float64))


def scores(settings: IsingConfig) -> tuple[dict[str, float], bool]:
    """Scores so far, by the names of a card; and whether more are on their way. Where that would take long, none are."""
    if settings.lattice is None:
        return {}, False
    true = settings.lattice.couplings()
    known = {"neg_log_rmse_zero": score(np.zeros_like(true), true)} if true.any() else {}
    work = (settings.samples or 0) * settings.dim**2
    if work > MOST_WORK:
        return known, False
    penalised = work <= MOST_PENALISED_WORK and settings.estimate != "sparse"
    # How long and how our own couplings are trained makes no difference to the others.
    ours = {"estimate": "refit", "budget_s": 1.0, "steps": None, "method": "ebgfn", "preset": "fast", "start": "zero"}
    same = replace(settings, **ours)
    fits = fitting(same, ("peers", settings.estimate) if penalised else ("peers",))
    for found in list(fits.rows):
        known |= found
    return known, not fits.done


@st.cache_resource(max_entries=64, show_spinner=False)
def fitting(settings: IsingConfig, names: tuple[str, ...]) -> Measurement:
    """Started by the first visitor who asks, shared by all."""
    return Measurement(_fitted(settings, names))


def _fitted(settings: IsingConfig, names: tuple[str, ...]) -> Iterator[dict[str, float]]:
    for name in names:
        yield FITS[name](settings)


def _peers(settings: IsingConfig) -> dict[str, float]:
    here = _lattice(settings)
    shared = displacements(here.side) if settings.couplings == "homogeneous" else None
    return peers(settings.data(), here.couplings(), shared=shared)


def _penalised(settings: IsingConfig, estimate: str) -> dict[str, float]:
    """Our penalty, then refit or pooled, without a sampler."""
    lattice, energy = _lattice(settings), None
    if settings.couplings == "homogeneous":
        table = torch.from_numpy(displacements(lattice.side))
        energy = QuadraticEnergy(lattice.dim, shared=table, one_field=True)
    found = penalised.fit(torch.from_numpy(settings.data()).float(), estimate=estimate, energy=energy, steps=STEPS)
    return {f"neg_log_rmse_pl_{estimate}": score(found.couplings().numpy(), lattice.couplings())}


def _lattice(settings: IsingConfig) -> Lattice:
    assert settings.lattice is not None
    return settings.lattice


FITS: dict[str, Callable[[IsingConfig], dict[str, float]]] = {
    "peers": _peers,
    "refit": partial(_penalised, estimate="refit"),
    "pooled": partial(_penalised, estimate="pooled"),
}
