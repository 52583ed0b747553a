"""Files that a visitor may take away: each is made when it is asked for."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from ebgfn.runs.folder import RunFolder
from ebgfn.shipped import CONFIG_FILE, WEIGHTS_FILE
from ebgfn.ui.shell.models import CARD

COUNTS = (1000, 4000, 10_000)


def npz(**arrays: np.ndarray) -> bytes:
    """Arrays as one compressed file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def model_zip(folder: Path, name: str) -> bytes:
    """A checkpoint as the command line reads it once unpacked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in (CONFIG_FILE, WEIGHTS_FILE, CARD):
            if (folder / part).is_file():
                archive.write(folder / part, f"{name}/{part}")
    return buffer.getvalue()


def button(label: str, data: Callable[[], str | bytes], file: str, text: str | None = None, *, key: str = "") -> None:
    """A button beside others, below a picture."""
    icon = ":material/download:"
    st.download_button(label, data, file, on_click="ignore", icon=icon, help=text, key=key or None)


def entry(label: str, data: Callable[[], str | bytes], file: str, *, key: str = "") -> None:
    """A button in a list of downloads."""
    st.download_button(label, data, file, on_click="ignore", width="stretch", key=key or None)


def panel(title: str = "Download"):
    """A list of downloads, opened by a button."""
    return st.popover(title, icon=":material/download:", width="content")


def checkpoint_entries(
    folder: Path | None,
    name: str,
    draw: Callable[[Path, int], tuple[Callable[[], bytes], Callable[[], str]]],
    *,
    seed: int,
    key: str = "",
) -> None:
    """Samples as arrays and as text, so many as are chosen, and the model; only where there is a checkpoint."""
    if folder is None:
        st.caption("Samples and model can be downloaded once the run has written a checkpoint.")
        return
    n = st.selectbox("Samples", COUNTS, format_func=lambda n: f"{n:,}", key=f"{key}drawn")
    arrays, text = draw(folder, n if n in COUNTS else COUNTS[0])
    entry("Samples (NPZ)", arrays, f"{name}-samples.npz", key=f"{key}samples_npz")
    entry("Samples (CSV)", text, f"{name}-samples.csv", key=f"{key}samples_csv")
    entry("Model (ZIP)", lambda: model_zip(folder, name), f"{name}.zip", key=f"{key}model_zip")
    st.caption(f"Samples use seed {seed}. The PNG button beside the pictures saves the pictures.")


def training_entries(run: RunFolder, columns: Mapping[str, Sequence[float]]) -> None:
    """A training's curves as arrays, and its model once there is a checkpoint."""
    arrays = {name: np.array(values) for name, values in columns.items()}
    entry("Curves (NPZ)", lambda: npz(**arrays), f"{run.id}-curves.npz", key="run_curves")
    if run.has_checkpoint:
        folder = run.checkpoint
        entry("Model (ZIP)", lambda: model_zip(folder, run.id), f"{run.id}.zip", key="run_model")
