"""The shipped models of the plane: which there are, and their pictures."""

from pathlib import Path

import numpy as np
import streamlit as st

from ebgfn.problems.plane.densities import DENSITIES
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.ui.components.landscape_view import Landscape
from ebgfn.ui.plane import PLANE, preview
from ebgfn.ui.shell import models
from ebgfn.ui.shell.models import StoredModel

# Of a stored training: each is 11 kB on its way to the browser.
MOMENTS = 12


def by_set(bits: int = FULL_BITS) -> dict[str, StoredModel]:
    """The model of each set at so many bits an axis, called by the set; where there are several, the first."""
    found = [(config.dataset, model) for model, config in models.shipped_of(PLANE) if config.bits == bits]
    first = dict(reversed(found))
    return {name: StoredModel(name, first[name].folder, first[name].stamp) for name in DENSITIES if name in first}


def pictures(model: StoredModel) -> preview.Preview:
    """A model's pictures: stored ones, or evaluated now (seconds, once per server). Errors: CheckpointError."""
    return _pictures(str(model.folder), model.stamp)


@st.cache_data(max_entries=16, show_spinner="Evaluating the model's landscape once …")
def _pictures(path: str, stamp: int) -> preview.Preview:
    return preview.load(Path(path)) or preview.compute(Path(path), side=64, trajectories=2)


def landscape(dataset: str, seen: preview.Preview, *, moments: int = MOMENTS) -> Landscape:
    """A model's pictures, and before them some moments of its training, which play by themselves."""
    chosen = sorted({round(i) for i in np.linspace(0, len(seen.history) - 1, moments)}) if seen.history else []
    frames = (*(seen.history[i] for i in chosen), seen.final)
    floor = DENSITIES[dataset].entropy
    source = f"shipped/{dataset}"
    return Landscape(dataset, source, seen.half, seen.top, seen.target, frames, floor, autoplay=bool(chosen))
