"""Recovered couplings as they are drawn: of shipped models and of runs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
import torch
from jaxtyping import UInt8

from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.look import samples
from ebgfn.runs.folder import RunFolder
from ebgfn.ui.components.couplings_view import Recovery, Snapshot
from ebgfn.ui.ising import COUPLINGS
from ebgfn.ui.shell import history, models
from ebgfn.ui.shell.history import Metrics
from ebgfn.ui.shell.models import StoredModel

SAMPLES, USUAL_SIDE = 16, 10
# History sent to the browser at once: so many snapshots, and so many bytes of couplings in all of them.
HISTORY, HISTORY_BYTES = 40, 3_000_000

Samples = UInt8[np.ndarray, "n dim"]


@dataclass(frozen=True)
class ShippedRecovery:
    """A shipped model of a lattice's couplings."""

    stored: StoredModel
    config: IsingConfig
    sigma: float

    @property
    def label(self) -> str:
        """How it is called on the page and in the address."""
        side = self.config.side
        return f"{self.sigma:g}" + ("" if side == USUAL_SIDE else f" on {side}x{side}")

    def scene(self) -> Recovery:
        """Its couplings beside the true ones. Errors: CheckpointError."""
        name = self.stored.name
        return at_checkpoint(self.stored.folder, self.config, name=name, source=f"shipped/{name}")


def shipped_recoveries() -> dict[str, ShippedRecovery]:
    """By label, those of the weakest true coupling first, negative ones last."""
    found = [
        ShippedRecovery(model, config, config.lattice.sigma)
        for model, config in models.shipped_of(COUPLINGS)
        if config.lattice is not None
    ]
    found.sort(key=lambda one: (one.sigma < 0, abs(one.sigma), one.stored.name))
    return {one.label: one for one in found}


def couplings(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """J and h of a checkpoint. Errors: CheckpointError."""
    energy = models.load(models.stored(folder)).energy
    return energy.couplings().detach().numpy(), energy.fields().detach().numpy()


def drawn(folder: Path, n: int, *, seed: int) -> Samples:
    """Samples of a checkpoint's GFlowNet, or of chains where it has none. Errors: CheckpointError."""
    model = models.load(models.stored(folder))
    return samples(model, n, torch.Generator().manual_seed(seed)).numpy().astype(np.uint8)


@st.cache_data(max_entries=32, show_spinner=False)
def data_samples(settings: IsingConfig) -> Samples:
    """A few samples of the data: fresh ones where the true model is known, else rows of the file, chosen by the seed."""
    rng = np.random.default_rng(settings.seed)
    if settings.lattice is not None:
        return settings.lattice.sample(SAMPLES, rng)
    x = settings.data()
    return x[np.sort(rng.choice(len(x), min(SAMPLES, len(x)), replace=False))]


def at_checkpoint(folder: Path, settings: IsingConfig, *, name: str, source: str) -> Recovery:
    """What a checkpoint alone shows."""
    found, fields = couplings(folder)
    snapshot = Snapshot(0, 0.0, found, drawn(folder, SAMPLES, seed=0), fields)
    return _recovery(name, source, settings, (snapshot,))


def _recovery(name: str, source: str, settings: IsingConfig, snapshots: tuple[Snapshot, ...]) -> Recovery:
    by = "GFlowNet" if settings.method == "ebgfn" else "Gibbs chain"
    truth, names = settings.true_couplings(), _names(settings)
    return Recovery(name, source, settings.side or 0, truth, _data(settings), snapshots, by, names)


@st.cache_data(max_entries=32, show_spinner=False)
def _names(settings: IsingConfig) -> tuple[str, ...] | None:
    try:
        return settings.names()
    except ValueError:
        return None


def _data(settings: IsingConfig) -> Samples:
    """Samples of the data; none if the file is gone, which takes nothing from what was learned of it."""
    try:
        return data_samples(settings)
    except ValueError:
        return np.zeros((0, 0), np.uint8)


def scene(run: RunFolder, lines: list[Metrics], *, newest_only: bool) -> Recovery | None:
    """What a run's frames show: the newest, or a history of them; without any its checkpoint, if it has ended."""
    settings, steps = run.config, history.shown_steps(run, lines)
    steps = steps[-1:] if newest_only else history.spread(steps, _most(run, steps))
    snapshots = tuple(
        Snapshot(int(line["step"]), line["elapsed_s"], arrays["couplings"], arrays["samples"], _fields(arrays))
        for line, arrays in history.frames(run, lines, steps)
    )
    if snapshots:
        return _recovery(run.id, run.id, settings, snapshots)
    if run.has_checkpoint and run.status.finished:
        return at_checkpoint(run.checkpoint, settings, name=run.id, source=run.id)
    return None


def _fields(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Runs of earlier versions have none."""
    return arrays.get("fields", np.zeros(len(arrays["couplings"]), np.float32))


def _most(run: RunFolder, steps: list[int]) -> int:
    """How many snapshots of a run to send."""
    if not steps:
        return 1
    dim = len(run.read_frame(steps[-1])["couplings"])
    return max(2, min(HISTORY, HISTORY_BYTES // dim**2))


def true_pairs(scene: Recovery) -> int | None:
    """How many pairs are truly coupled, where that is known."""
    return None if scene.truth is None else int(np.count_nonzero(scene.truth)) // 2
