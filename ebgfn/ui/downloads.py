"""Files that a visitor may take away: samples, the figure's data, the model. Each is made when it is asked for."""

import io
import zipfile
from pathlib import Path

import numpy as np
import streamlit as st

from ebgfn.ui import plots

COUNTS = (1000, 4000, 10_000)


@st.cache_resource(max_entries=8, show_spinner=False)
def _model(folder: str, changed_ns: int):
    from ebgfn.problems.checkpoint import load

    return load(Path(folder))


def samples(folder: Path, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`n` samples of a checkpoint: bits (n, D) and points (n, 2)."""
    import torch

    from ebgfn.core.schedules import draw

    model = _model(str(folder), (folder / "model.safetensors").stat().st_mtime_ns)
    x = draw(model.policy, n, torch.Generator().manual_seed(seed)).x.numpy().astype(np.uint8)
    return x, model.config.density().grid(model.config.bits).decode(x)


def samples_npz(folder: Path, n: int, seed: int) -> bytes:
    """Arrays x (bits) and xy (points)."""
    x, xy = samples(folder, n, seed)
    return npz(x=x, xy=xy)


def samples_csv(folder: Path, n: int, seed: int) -> str:
    """One line a sample: the point, then its bits as one word."""
    x, xy = samples(folder, n, seed)
    lines = [f"{a:.6f},{b:.6f},{''.join(map(str, bits))}" for (a, b), bits in zip(xy, x.tolist(), strict=True)]
    return "\n".join(["x,y,bits", *lines]) + "\n"


def figure_npz(scene: plots.Scene, curves: dict[str, list[float]]) -> bytes:
    """Densities per unit area as drawn (row 0 below), the samples shown, and the curves."""
    last = scene.frames[-1]
    return npz(
        half_width=np.array(scene.half),
        target=plots.decode(scene.target, scene.top).astype(np.float32),
        energy=plots.decode(last.p, scene.top).astype(np.float32),
        sampler=plots.decode(last.q, scene.top).astype(np.float32),
        samples=last.samples.astype(np.float32),
        **{f"curve_{name}": np.array(values) for name, values in curves.items()},
    )


def model_zip(folder: Path, name: str) -> bytes:
    """A checkpoint as the command line reads it once unpacked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in ("config.json", "model.safetensors", "card.json"):
            if (folder / part).is_file():
                archive.write(folder / part, f"{name}/{part}")
    return buffer.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    """Arrays as one compressed file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def panel(folder: Path | None, name: str, scene: plots.Scene, curves: dict[str, list[float]], seed: int) -> None:
    """Buttons for all of them; samples and model only where there is a checkpoint."""
    with st.popover("Download", icon=":material/download:", width="content"):
        st.download_button(
            "Figure data (NPZ)",
            lambda: figure_npz(scene, curves),
            f"{name}-figure.npz",
            on_click="ignore",
            width="stretch",
        )
        if folder is None:
            st.caption("Samples and model can be downloaded once the run has written a checkpoint.")
            return
        n = st.selectbox("Samples", COUNTS, format_func=lambda n: f"{n:,}", key="samples")
        n = n if n in COUNTS else COUNTS[0]
        st.download_button(
            "Samples (NPZ)",
            lambda: samples_npz(folder, n, seed),
            f"{name}-samples.npz",
            on_click="ignore",
            width="stretch",
        )
        st.download_button(
            "Samples (CSV)", lambda: samples_csv(folder, n, seed), f"{name}-samples.csv", "text/csv", on_click="ignore",
            width="stretch",
        )  # fmt: skip
        st.download_button(
            "Model (ZIP)", lambda: model_zip(folder, name), f"{name}.zip", on_click="ignore", width="stretch"
        )
        st.caption(f"Samples use seed {seed}. The pictures' own button saves them as PNG.")
