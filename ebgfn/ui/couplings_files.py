"""Files of recovered couplings that a visitor may take away; each is made when it is asked for."""

from pathlib import Path

import numpy as np
import streamlit as st

from ebgfn.ui import downloads, recovered
from ebgfn.ui.couplings_view import Scene
from ebgfn.ui.scores import Columns


def couplings_npz(scene: Scene) -> bytes:
    """Arrays J and, where it is known, J_true."""
    truth = {} if scene.truth is None else {"J_true": scene.truth.astype(np.float64)}
    return downloads.npz(J=scene.moments[-1].couplings.astype(np.float32), **truth)


def couplings_csv(scene: Scene) -> str:
    """One line for each pair that is coupled, recovered or truly; spins are numbered from 1."""
    found, truth = scene.moments[-1].couplings, scene.truth
    there = found != 0 if truth is None else (found != 0) | (truth != 0)
    lines = ["i,j,J" if truth is None else "i,j,J,J_true"]
    for i, j in np.argwhere(np.triu(there, 1)):
        known = "" if truth is None else f",{truth[i, j]:.9g}"
        lines.append(f"{i + 1},{j + 1},{found[i, j]:.9g}{known}")
    return "\n".join(lines) + "\n"


def samples_npz(folder: Path, n: int, *, seed: int) -> bytes:
    """Array x, one sample a row."""
    return downloads.npz(x=recovered.drawn(folder, n, seed=seed))


def samples_csv(folder: Path, n: int, *, seed: int) -> str:
    """One line a sample, in the form that this page takes."""
    return "".join(",".join(map(str, row)) + "\n" for row in recovered.drawn(folder, n, seed=seed).tolist())


def figure_npz(scene: Scene, curves: Columns) -> bytes:
    """Couplings and samples of every moment shown, the samples of the data, and the curves."""
    moments = scene.moments
    truth = {} if scene.truth is None else {"true": scene.truth.astype(np.float64)}
    return downloads.npz(
        steps=np.array([moment.step for moment in moments]),
        recovered=np.stack([moment.couplings for moment in moments]).astype(np.float32),
        samples=np.stack([moment.samples for moment in moments]),
        data=scene.data,
        **truth,
        **{f"curve_{name}": np.array(values) for name, values in curves.items()},
    )


def panel(scene: Scene, folder: Path | None, curves: Columns, *, seed: int) -> None:
    """Buttons for all of them; samples and model only where there is a checkpoint."""
    with st.popover("Download couplings", icon=":material/download:", width="content"):
        _button("Couplings J (NPZ)", lambda: couplings_npz(scene), f"{scene.name}-couplings.npz")
        _button("Couplings J (CSV)", lambda: couplings_csv(scene), f"{scene.name}-couplings.csv")
        _button("Figure data (NPZ)", lambda: figure_npz(scene, curves), f"{scene.name}-couplings-figure.npz")
        if folder is None:
            st.caption("Samples and model can be downloaded once the run has written a checkpoint.")
            return
        n = st.selectbox("Samples", downloads.COUNTS, format_func=lambda n: f"{n:,}", key="recover_drawn")
        n = n if n in downloads.COUNTS else downloads.COUNTS[0]
        _button("Samples (NPZ)", lambda: samples_npz(folder, n, seed=seed), f"{scene.name}-samples.npz")
        _button("Samples (CSV)", lambda: samples_csv(folder, n, seed=seed), f"{scene.name}-samples.csv")
        _button("Model (ZIP)", lambda: downloads.model_zip(folder, scene.name), f"{scene.name}.zip")
        st.caption(f"Samples use seed {seed}. The pictures' own button saves them as PNG.")


def _button(label: str, data, file: str) -> None:
    st.download_button(label, data, file, on_click="ignore", width="stretch", key=f"recover_{label}")
