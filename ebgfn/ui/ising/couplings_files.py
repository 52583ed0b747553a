"""Files of recovered couplings that a visitor may take away; each is made when it is asked for."""

from functools import partial
from pathlib import Path

import numpy as np

from ebgfn.problems.ising import export
from ebgfn.problems.ising.export import Recovered
from ebgfn.samples import to_npz, to_table
from ebgfn.ui.components.couplings_view import Recovery
from ebgfn.ui.ising import couplings_scenes, reliability
from ebgfn.ui.shell import downloads
from ebgfn.ui.shell.background import Measurement
from ebgfn.ui.shell.history import Columns


def couplings_npz(found: Recovered) -> bytes:
    """Arrays J and h and, where they are known, their standard errors, the stability, the names and J_true."""
    known = {
        "J_se": found.coupling_errors,
        "h_se": found.field_errors,
        "stability": found.stability,
        "names": None if found.names is None else np.array(found.names),
        "J_true": None if found.truth is None else found.truth.astype(np.float64),
    }
    arrays = {name: array for name, array in known.items() if array is not None}
    return downloads.npz(J=found.couplings.astype(np.float32), h=found.fields.astype(np.float32), **arrays)


def samples_npz(folder: Path, n: int, *, seed: int) -> bytes:
    """Array x, one sample a row."""
    return to_npz(couplings_scenes.drawn(folder, n, seed=seed), about={"model": folder.name, "seed": seed})


def samples_csv(folder: Path, n: int, *, seed: int, names: tuple[str, ...] | None = None) -> str:
    """One line a sample below the columns' names, in the form that this page takes."""
    return to_table(couplings_scenes.drawn(folder, n, seed=seed), names and [export.safe(name) for name in names])


def figure_npz(scene: Recovery, curves: Columns) -> bytes:
    """Couplings, fields and samples of every snapshot shown, the samples of the data, and the curves."""
    snapshots = scene.snapshots
    truth = {} if scene.truth is None else {"true": scene.truth.astype(np.float64)}
    return downloads.npz(
        steps=np.array([one.step for one in snapshots]),
        recovered=np.stack([one.couplings for one in snapshots]).astype(np.float32),
        fields=np.stack([one.fields for one in snapshots]).astype(np.float32),
        samples=np.stack([one.samples for one in snapshots]),
        data=scene.data,
        **truth,
        **{f"curve_{name}": np.array(values) for name, values in curves.items()},
    )


def panel(
    scene: Recovery, folder: Path | None, curves: Columns, *, seed: int, state: Measurement | None = None
) -> None:
    """Buttons for all of them; samples and model only where there is a checkpoint. What `state` measures goes into files."""
    name, found = scene.name, partial(reliability.recovered, scene, state, wait=True)
    with downloads.panel("Download couplings"):
        downloads.entry("Couplings J and fields h (NPZ)", lambda: couplings_npz(found()), f"{name}-couplings.npz")
        downloads.entry("Couplings J (CSV)", lambda: export.couplings_csv(found()), f"{name}-couplings.csv")
        downloads.entry("Fields h (CSV)", lambda: export.fields_csv(found()), f"{name}-fields.csv")
        downloads.entry("Graph (GraphML)", lambda: export.graphml(found()), f"{name}.graphml")
        downloads.entry("Figure data (NPZ)", lambda: figure_npz(scene, curves), f"{name}-couplings-figure.npz")

        def draw(folder: Path, n: int):
            return lambda: samples_npz(folder, n, seed=seed), lambda: samples_csv(
                folder, n, seed=seed, names=scene.names
            )

        downloads.checkpoint_entries(folder, name, draw, seed=seed, key="recover_")
