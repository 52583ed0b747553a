"""Small models of recovered couplings, made without training, for tests of the pages."""

from pathlib import Path

import numpy as np
import torch

from ebgfn.model import Model
from ebgfn.nets.quadratic import FieldSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.runs import store

CONFIG = IsingConfig(side=4, sigma=0.2, samples=200, steps=30)
STEPS = (10, 20, 30)
SAMPLES = 16


def recovered(dim: int = 16, *, error: float = 0.01) -> np.ndarray:
    """Couplings of the 4 x 4 lattice at 0.2, each a little off, with one long bond and one pair of neighbours missed.

    Of another number of variables, a chain.
    """
    rng = np.random.default_rng(0)
    near = CONFIG.lattice.couplings() if dim == 16 else 0.2 * (np.eye(dim, k=1) + np.eye(dim, k=-1))
    off = np.triu(rng.normal(0, error, (dim, dim)), 1)
    found = near + (off + off.T) * (near != 0)
    found[0, 1] = found[1, 0] = 0.0
    found[0, dim - 6] = found[dim - 6, 0] = -0.07
    return found.astype(np.float32)


def model(config: IsingConfig = CONFIG, couplings: np.ndarray | None = None) -> Model:
    """A model that holds these couplings; its sampler follows their fields."""
    made = build(config, FieldSizes(hidden=16, depth=1))
    found = torch.from_numpy(recovered(config.dim) if couplings is None else couplings)
    for number in range(len(made.energy.weights)):
        made.energy.weights.data[number] = found[made.energy.shared == number].median()
    made.policy.couplings.copy_(made.energy.couplings())
    for part in (made.energy, made.policy):
        part.requires_grad_(False).eval()
    return made


def run(home: Path, name: str, config: IsingConfig = CONFIG, **status) -> store.RunFolder:
    """A run folder with a checkpoint and frames of three looks, as if it had been trained there."""
    created = store.Status("done", created=1.0, heartbeat=1.0, step=30, progress=1.0)
    made = store.create(home / "runs" / name, config, created)
    model(config).save(made.checkpoint)
    for step in STEPS:
        couplings = recovered(config.dim) * (step / 30)
        x = np.random.default_rng(step).integers(0, 2, (SAMPLES, config.dim)).astype(np.uint8)
        made.write_frame(step, {"couplings": couplings, "samples": x})
        line = {"pairs": 32.0, "mean_coupling": 0.2, "mh_acceptance": 0.9, "ess": 0.5, "log_z": 12.0}
        truth = {} if config.path else {"neg_log_rmse": step / 10}
        made.append_metrics({"step": step, "elapsed_s": step / 10, "progress": step / 30, **line, **truth})
    if status:
        made.update(**status)
    return made
