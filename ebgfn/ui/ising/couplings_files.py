"""Files of recovered couplings that a visitor may take away; each is made when it is asked for."""

from pathlib import Path

import numpy as np

from ebgfn.ui.components.couplings_view import Recovery
from ebgfn.ui.ising import couplings_scenes
from ebgfn.ui.shell import downloads
from ebgfn.ui.shell.history import Columns


def couplings_npz(scene: Recovery) -> bytes:
    """Arrays J and, where it is known, J_true."""
    truth = {} if scene.truth is None else {"J_true": scene.truth.astype(np.float64)}
    return downloads.npz(J=scene.snapshots[-1].couplings.astype(np.float32), **truth)


def couplings_csv(scene: Recovery) -> str:
    """One line for each pair that is coupled, recovered or truly; spins are numbered from 1."""
    found, truth = scene.snapshots[-1].couplings, scene.truth
    there = found != 0 if truth is None else (found != 0) | (truth != 0)
    lines = ["i,j,J" if truth is None else "i,j,J,J_true"]
    for i, j in np.argwhere(np.triu(there, 1)):
        known = "" if truth is None else f",{truth[i, j]:.9g}"
        lines.append(f"{i + 1},{j + 1},{found[i, j]:.9g}{known}")
    return "\n".join(lines) + "\n"


def samples_npz(folder: Path, n: int, *, seed: int) -> bytes:
    """Array x, one sample a row."""
    return downloads.npz(x=couplings_scenes.drawn(folder, n, seed=seed))


def samples_csv(folder: Path, n: int, *, seed: int) -> str:
    """One line a sample, in the form that this page takes."""
    return "".join(",".join(map(str, row)) + "\n" for row in couplings_scenes.drawn(folder, n, seed=seed).tolist())


def figure_npz(scene: Recovery, curves: Columns) -> bytes:
    """Couplings and samples of every snapshot shown, the samples of the data, and the curves."""
    snapshots = scene.snapshots
    truth = {} if scene.truth is None else {"true": scene.truth.astype(np.float64)}
    return downloads.npz(
        steps=np.array([one.step for one in snapshots]),
        recovered=np.stack([one.couplings for one in snapshots]).astype(np.float32),
        samples=np.stack([one.samples for one in snapshots]),
        data=scene.data,
        **truth,
        **{f"curve_{name}": np.array(values) for name, values in curves.items()},
    )


def panel(scene: Recovery, folder: Path | None, curves: Columns, *, seed: int) -> None:
    """Buttons for all of them; samples and model only where there is a checkpoint."""
    name = scene.name
    with downloads.panel("Download couplings"):
        downloads.entry("Couplings J (NPZ)", lambda: couplings_npz(scene), f"{name}-couplings.npz")
        downloads.entry("Couplings J (CSV)", lambda: couplings_csv(scene), f"{name}-couplings.csv")
        downloads.entry("Figure data (NPZ)", lambda: figure_npz(scene, curves), f"{name}-couplings-figure.npz")

        def draw(folder: Path, n: int):
            return lambda: samples_npz(folder, n, seed=seed), lambda: samples_csv(folder, n, seed=seed)

        downloads.checkpoint_entries(folder, name, draw, seed=seed, key="recover_")
