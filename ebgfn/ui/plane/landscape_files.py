"""Files of a landscape that a visitor may take away: samples, the figure's data, the model."""

from pathlib import Path

import numpy as np

from ebgfn.problems import of
from ebgfn.samples import to_csv, to_npz
from ebgfn.ui.components._shared import levels
from ebgfn.ui.components.landscape_view import Landscape
from ebgfn.ui.shell import downloads, models
from ebgfn.ui.shell.history import Columns


def samples(folder: Path, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`n` samples of a checkpoint: bits (n, D) and points (n, 2)."""
    import torch

    from ebgfn.core.schedules import draw

    model = models.load(models.stored(folder))
    x = draw(model.policy, n, torch.Generator().manual_seed(seed)).x.numpy().astype(np.uint8)
    return x, of(model.config).decode(model.config, x)["xy"]


def samples_npz(folder: Path, n: int, seed: int) -> bytes:
    """Arrays x (bits) and xy (points)."""
    x, xy = samples(folder, n, seed)
    return to_npz(x, about={"model": folder.name, "seed": seed}, xy=xy)


def samples_csv(folder: Path, n: int, seed: int) -> str:
    """One line a sample: the point, then its bits as one word."""
    x, xy = samples(folder, n, seed)
    return to_csv(x, x=xy[:, 0].astype(float), y=xy[:, 1].astype(float))


def figure_npz(shown: Landscape, curves: Columns) -> bytes:
    """Densities per unit area as drawn (row 0 below), the samples shown, and the curves."""
    last = shown.frames[-1]
    return downloads.npz(
        half_width=np.array(shown.half),
        target=levels.decode(shown.target, shown.top).astype(np.float32),
        energy=levels.decode(last.p, shown.top).astype(np.float32),
        sampler=levels.decode(last.q, shown.top).astype(np.float32),
        samples=last.samples.astype(np.float32),
        **{f"curve_{name}": np.array(values) for name, values in curves.items()},
    )


def panel(folder: Path | None, name: str, shown: Landscape, curves: Columns, seed: int) -> None:
    """Buttons for all of them; samples and model only where there is a checkpoint."""
    with downloads.panel():
        downloads.entry("Figure data (NPZ)", lambda: figure_npz(shown, curves), f"{name}-figure.npz")

        def draw(folder: Path, n: int):
            return lambda: samples_npz(folder, n, seed), lambda: samples_csv(folder, n, seed)

        downloads.checkpoint_entries(folder, name, draw, seed=seed)
