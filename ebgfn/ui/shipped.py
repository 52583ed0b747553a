"""The models that come with the app, loaded once and shared by all visitors."""

from pathlib import Path
from typing import Any

import streamlit as st

from ebgfn.problems.plane.densities import DENSITIES
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.shipped import folder as root
from ebgfn.ui import plots, preview


def folder(dataset: str, bits: int = FULL_BITS) -> Path | None:
    """Checkpoint of a set, or None where none is shipped."""
    path = root() / (f"toy2d-{dataset}" if bits == FULL_BITS else f"toy2d-{dataset}-{bits}bits")
    return path if (path / "model.safetensors").is_file() else None


def names() -> list[str]:
    """Sets of which a model of full resolution is shipped."""
    return [name for name in DENSITIES if folder(name) is not None]


def card(dataset: str, bits: int = FULL_BITS) -> dict[str, Any]:
    """What `evaluate` said of the model, with the command and the machine; empty where unknown."""
    path = folder(dataset, bits)
    return {} if path is None else preview.read_card(path)


def pictures(path: Path) -> preview.Preview:
    """A checkpoint's pictures: stored ones, or evaluated now (seconds, once per server)."""
    return _pictures(str(path), (path / "model.safetensors").stat().st_mtime_ns)


@st.cache_data(max_entries=16, show_spinner="Evaluating the model's landscape once …")
def _pictures(path: str, changed_ns: int) -> preview.Preview:
    return preview.load(Path(path)) or preview.compute(Path(path), side=64, trajectories=2)


def scene(dataset: str, seen: preview.Preview, *, history: bool) -> plots.Scene:
    """A shipped model's pictures as a scene, with the moments of its training if `history`."""
    frames = (*(seen.history if history else ()), seen.final)
    floor = DENSITIES[dataset].entropy
    return plots.Scene(dataset, f"shipped/{dataset}", seen.half, seen.top, seen.target, frames, floor)
