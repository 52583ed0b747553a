"""Recovered couplings as scenes, of shipped models and of runs, and what stands beside them; once for all visitors."""

import concurrent.futures
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import streamlit as st
import torch
from jaxtyping import UInt8

from ebgfn.baselines import pooled
from ebgfn.core.schedules import draw
from ebgfn.model import Model
from ebgfn.nets.torus import displacements
from ebgfn.problems.checkpoint import CheckpointError, load
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.scores import neg_log_rmse, peers
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.runs.folder import WEIGHTS, RunError, RunFolder
from ebgfn.ui import shipped, watching
from ebgfn.ui.couplings_view import Moment, Scene

KINDS = ("ising",)
SAMPLES, USUAL_SIDE = 16, 10
# History sent to the browser at once: so many moments, and so many bytes of couplings in all of them.
HISTORY, HISTORY_BYTES = 40, 3_000_000
# Rows times columns squared up to which pseudo-likelihood is fitted while a visitor waits, about 8 s of one core; and with
# pooling, which takes ten times as long.
MOST_WORK, MOST_POOLED_WORK = 140_000_000, 25_000_000

Samples = UInt8[np.ndarray, "n dim"]


def names() -> list[str]:
    """Shipped models of recovered couplings, weakest true coupling first; a folder's name is ising-SIDExSIDE-SIGMA."""
    found = [p.parent.name for p in shipped.root().glob(f"ising-*/{WEIGHTS}")]
    sigma = {name: lattice(config(name)).sigma for name in filter(_readable, found)}
    return sorted(sigma, key=lambda name: (sigma[name] < 0, abs(sigma[name]), name))


def _readable(name: str) -> bool:
    try:
        config(name)
        return True
    except CheckpointError:
        return False


def label(name: str) -> str:
    """How a shipped model is called on the page and in the address."""
    settings = config(name)
    return f"{settings.sigma:g}" + ("" if settings.side == USUAL_SIDE else f" on {settings.side}x{settings.side}")


def config(name: str) -> IsingConfig:
    """What a shipped model was trained on. Errors: CheckpointError."""
    found = model(shipped.root() / name).config
    if not isinstance(found, IsingConfig) or found.lattice is None:
        raise CheckpointError(f"{name} is no model of a lattice's couplings")
    return found


def lattice(settings: IsingConfig) -> Lattice:
    """What the samples of a recovery are of, where they were made here."""
    assert settings.lattice is not None
    return settings.lattice


def model(folder: Path) -> Model:
    """A checkpoint, shared by all visitors and never changed. Errors: CheckpointError."""
    try:
        return _model(str(folder), (folder / WEIGHTS).stat().st_mtime_ns)
    except OSError as error:
        raise CheckpointError(f"{folder.name} is no checkpoint: {error.strerror}") from None


@st.cache_resource(max_entries=24, show_spinner=False)
def _model(folder: str, changed_ns: int) -> Model:
    return load(Path(folder))


def couplings(folder: Path) -> np.ndarray:
    """J of a checkpoint. Errors: CheckpointError."""
    return model(folder).energy.couplings().detach().numpy()


def drawn(folder: Path, n: int, *, seed: int) -> Samples:
    """Samples of a checkpoint's GFlowNet. Errors: CheckpointError."""
    generator = torch.Generator().manual_seed(seed)
    return draw(model(folder).policy, n, generator).x.numpy().astype(np.uint8)


@st.cache_data(max_entries=32, show_spinner=False)
def data_samples(settings: IsingConfig) -> Samples:
    """A few samples of the data: fresh ones where the true model is known, else rows of the file, chosen by the seed."""
    rng = np.random.default_rng(settings.seed)
    if settings.lattice is not None:
        return settings.lattice.sample(SAMPLES, rng)
    x = settings.data()
    return x[np.sort(rng.choice(len(x), min(SAMPLES, len(x)), replace=False))]


def shipped_scene(name: str) -> Scene:
    """A shipped model's couplings beside the true ones. Errors: CheckpointError."""
    folder, settings = shipped.root() / name, config(name)
    return at_checkpoint(folder, settings, name=name, source=f"shipped/{name}")


def at_checkpoint(folder: Path, settings: IsingConfig, *, name: str, source: str) -> Scene:
    """What a checkpoint alone shows."""
    moment = Moment(0, 0.0, couplings(folder), drawn(folder, SAMPLES, seed=0))
    return Scene(name, source, settings.side or 0, settings.true_couplings(), _data(settings), (moment,))


def _data(settings: IsingConfig) -> Samples:
    """Samples of the data; none if the file is gone, which takes nothing from what was learned of it."""
    try:
        return data_samples(settings)
    except ValueError:
        return np.zeros((0, 0), np.uint8)


def scene(run: RunFolder, lines: list[dict[str, float]], *, newest_only: bool) -> Scene | None:
    """What a run's frames show: the newest, or a history of them; None before the first one."""
    settings = run.config
    at = {int(line["step"]): line for line in lines}
    steps = [step for step in run.frames if step in at]
    moments: list[Moment] = []
    for step in steps[-1:] if newest_only else watching.spread(steps, history(run, steps)):
        try:
            frame = run.read_frame(step)
        except RunError:  # an old frame may be dropped between listing and reading
            continue
        moments.append(Moment(step, at[step]["elapsed_s"], frame["couplings"], frame["samples"]))
    if not moments:
        return at_rest_without_frames(run)
    return Scene(run.id, run.id, settings.side or 0, settings.true_couplings(), _data(settings), tuple(moments))


def history(run: RunFolder, steps: list[int]) -> int:
    """How many moments of a run to send."""
    if not steps:
        return 1
    dim = len(run.read_frame(steps[-1])["couplings"])
    return max(2, min(HISTORY, HISTORY_BYTES // dim**2))


def at_rest_without_frames(run: RunFolder) -> Scene | None:
    """The checkpoint of a run whose frames are not there."""
    if not run.has_checkpoint or not run.status.finished:
        return None
    return at_checkpoint(run.checkpoint, run.config, name=run.id, source=run.id)


def score(found: np.ndarray, truth: np.ndarray) -> float:
    """-log RMSE of couplings."""
    return neg_log_rmse(found.astype(np.float64), truth.astype(np.float64))


def true_pairs(scene: Scene) -> int | None:
    """How many pairs are truly coupled, where that is known."""
    return None if scene.truth is None else int(np.count_nonzero(scene.truth)) // 2


def beside(settings: IsingConfig) -> tuple[dict[str, float], bool]:
    """Scores so far of other estimates on the same samples, by the names of a card; and whether more are on their way.

    They are fitted once for each set of samples, beside the pages; where that would take long, not at all.
    """
    if settings.lattice is None:
        return {}, False
    true = settings.lattice.couplings()
    known = {"neg_log_rmse_zero": score(np.zeros_like(true), true)} if true.any() else {}
    work = (settings.samples or 0) * settings.dim**2
    if work > MOST_WORK:
        return known, False
    # How long and how our own couplings are trained makes no difference to the others.
    same = replace(settings, estimate="pooled", budget_s=1.0, steps=None)
    fits = [_fitting("peers", same)]
    if work <= MOST_POOLED_WORK and settings.couplings == "free" and settings.estimate == "pooled":
        fits.append(_fitting("pooled", same))
    for fit in fits:
        known |= fit.result() if fit.done() else {}
    return known, not all(fit.done() for fit in fits)


@st.cache_resource(max_entries=1, show_spinner=False)
def _fitters() -> concurrent.futures.Executor:
    """One fit at a time."""
    return concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="pseudo-likelihood")


@st.cache_resource(max_entries=64, show_spinner=False)
def _fitting(name: str, settings: IsingConfig) -> concurrent.futures.Future[dict[str, float]]:
    return _fitters().submit(FITS[name], settings)


def _fit_peers(settings: IsingConfig) -> dict[str, float]:
    here = lattice(settings)
    shared = displacements(here.side) if settings.couplings == "homogeneous" else None
    return peers(settings.data(), here.couplings(), shared=shared)


def _fit_pooled(settings: IsingConfig) -> dict[str, float]:
    found = pooled.fit(torch.from_numpy(settings.data()).float()).numpy()
    return {"neg_log_rmse_pl_pooled": score(found, lattice(settings).couplings())}


FITS: dict[str, Callable[[IsingConfig], dict[str, float]]] = {"peers": _fit_peers, "pooled": _fit_pooled}
