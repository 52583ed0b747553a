"""Exact pictures at few bits: every state of energy and GFlowNet enumerated.

The data's own probabilities come from assets/targets_6bits.npz, counted once from DRAWS draws a set by
`python -m ebgfn.ui.plane.exact_pictures` (they carry a total variation of about 0.001); a drawn density is integrated
exactly.
"""

import io
from pathlib import Path

import numpy as np
import streamlit as st
from jaxtyping import Float

from ebgfn import bundle
from ebgfn.files import write_bytes
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.densities import DENSITIES, DRAWN_HALF_WIDTH
from ebgfn.problems.plane.gray import Grid
from ebgfn.ui.components._shared import levels
from ebgfn.ui.components.landscape_view import Frame, Landscape
from ebgfn.ui.shell import models

MAX_BITS, SAMPLES = 6, 1000
DRAWS, CHUNK = 400_000_000, 1_000_000
TARGETS = bundle.root() / "assets" / "targets_6bits.npz"

Table = Float[np.ndarray, "side side"]


def landscape(folder: Path, *, source: str) -> Landscape:
    """Exact densities and total variations of a checkpoint of few bits an axis. Errors: CheckpointError."""
    model = models.stored(folder)
    return _landscape(str(folder), model.stamp, source)


@st.cache_data(max_entries=16, show_spinner="Enumerating all states of energy and GFlowNet …")
def _landscape(folder: str, stamp: int, source: str) -> Landscape:
    import torch

    from ebgfn.core.schedules import draw
    from ebgfn.evaluation import exact

    model = models.load(models.stored(Path(folder)))
    grid = model.config.density().grid(model.config.bits)
    log_p, log_z = exact.log_p(model.energy, model.dim)
    data = target(model.config)
    p = on_grid(log_p.exp().numpy(), grid)
    q = on_grid(exact.log_marginal(model.policy).exp().numpy(), grid)
    values = figures(data, p, q) | {"log_z": log_z}
    top = levels.top_of(data / grid.cell**2)
    coded = [levels.encode(table / grid.cell**2, top) for table in (data, p, q)]
    x = draw(model.policy, SAMPLES, torch.Generator().manual_seed(0)).x.numpy().astype(np.uint8)
    frame = Frame(0, 0.0, coded[1], coded[2], grid.decode(x), values)
    half, floor = grid.cell * grid.side / 2, values["entropy_floor"]
    return Landscape(model.config.dataset, f"exact/{source}", half, top, coded[0], (frame,), floor)


@st.cache_data(max_entries=64, show_spinner=False)
def entropy(config: Toy2DConfig) -> float:
    """Entropy of the data in nats, for a config of few bits an axis."""
    data = target(config)
    return cross_entropy(data, data)


def figures(data: Table, p: Table, q: Table) -> dict[str, float]:
    """Exact total variations and, in nats, cross entropies and entropy."""
    return {
        "tv_energy": variation(data, p),
        "tv_sampler": variation(data, q),
        "tv_difference": variation(p, q),
        "ebm_nll": cross_entropy(data, p),
        "gfn_nll": cross_entropy(data, q),
        "entropy_floor": cross_entropy(data, data),
    }


def on_grid(table: Float[np.ndarray, " states"], grid: Grid) -> Table:
    """Probabilities in the order of `exact.all_states` as a picture; row 0 is the bottom."""
    bits = np.arange(len(table))[:, None] >> np.arange(grid.dim - 1, -1, -1) & 1
    levels = grid.levels_of_bits(bits.astype(np.uint8))
    image = np.zeros((grid.side, grid.side))
    image[levels[:, 1], levels[:, 0]] = table
    return image


def target(config: Toy2DConfig) -> Table:
    """Probability of each cell of a config of at most MAX_BITS bits an axis."""
    if config.weights is not None:
        return drawn(np.array(config.weights), config.density().grid(config.bits))
    with np.load(TARGETS, allow_pickle=False) as tables:
        fine = tables[config.dataset].astype(np.float64)
    side, k = 2**config.bits, 2 ** (MAX_BITS - config.bits)
    return fine.reshape(side, k, side, k).sum(axis=(1, 3)) / fine.sum()


def drawn(weights: Float[np.ndarray, "rows columns"], grid: Grid) -> Table:
    """Probability of each cell under a drawn density: overlaps of cells with the drawing's uniform patches."""
    edges = (np.arange(grid.side + 1) - grid.side // 2) * grid.cell

    def overlap(patches: int) -> Float[np.ndarray, "side patches"]:
        cuts = np.linspace(-DRAWN_HALF_WIDTH, DRAWN_HALF_WIDTH, patches + 1)
        low, high = np.maximum(edges[:-1, None], cuts[:-1]), np.minimum(edges[1:, None], cuts[1:])
        return np.clip(high - low, 0, None)

    rows, columns = weights.shape
    mass = overlap(rows) @ weights[::-1] @ overlap(columns).T
    return mass / mass.sum()


def variation(p: Table, q: Table) -> float:
    """Total variation: half the sum of absolute differences, 0..1."""
    return float(0.5 * np.abs(p - q).sum())


def cross_entropy(p: Table, q: Table) -> float:
    """Mean of -log q under p, in nats."""
    there = p > 0
    return float(-(p[there] * np.log(np.maximum(q[there], 1e-300))).sum())


def count(dataset: str, draws: int) -> Table:
    """Share of draws that fall into each cell at MAX_BITS bits an axis."""
    density, rng = DENSITIES[dataset], np.random.default_rng(0)
    grid = density.grid(MAX_BITS)
    counts = np.zeros(grid.side**2)
    for _ in range(draws // CHUNK):
        levels = grid.levels(density.draw(CHUNK, rng))
        counts += np.bincount(levels[:, 1] * grid.side + levels[:, 0], minlength=len(counts))
    return (counts / counts.sum()).reshape(grid.side, grid.side)


def main() -> None:
    """Count the targets (minutes)."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{n: count(n, DRAWS).astype(np.float32) for n in DENSITIES})
    write_bytes(TARGETS, buffer.getvalue())


if __name__ == "__main__":
    main()
