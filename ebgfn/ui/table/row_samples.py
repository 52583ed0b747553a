"""Rows that a table's sampler draws, shared by the sections that look at them: drawn beside the page, in pieces."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st
import torch
from jaxtyping import UInt8

from ebgfn.problems import drawn
from ebgfn.problems.drawn import Drawn
from ebgfn.problems.table.dependence import Dependence, of_rows
from ebgfn.ui.shell import background, models
from ebgfn.ui.shell.background import Measurement
from ebgfn.ui.shell.frame import TEXT_WIDTH
from ebgfn.ui.shell.models import StoredModel
from ebgfn.ui.table import opened

# Rows that all is measured on, and that are drawn at once.
ROWS, PIECE = 10_000, 1000
Bits = UInt8[np.ndarray, "rows dim"]


@st.cache_resource(max_entries=8, show_spinner=False)
def measurement(source: StoredModel, seed: int) -> Measurement:
    """Pieces of ROWS rows. Started by the first visitor who asks, shared by all."""
    return Measurement(drawn.pieces(models.load(source), ROWS, torch.Generator().manual_seed(seed), piece=PIECE))


def follow(folder: Path, seed: int, about: str, draw: Callable[[StoredModel, int], None]) -> None:
    """What a section is about, then the section itself, again and again while rows are drawn."""
    source = opened.model_of(folder)
    if source is None:
        return
    st.markdown(about, width=TEXT_WIDTH)
    background.follow(measurement(source, seed), lambda: draw(source, seed))


def progress(state: Measurement) -> Drawn | None:
    """How far it is; what is drawn so far, if anything."""
    background.progress(state, ROWS // PIECE, "thousand rows drawn", "a few seconds in all")
    parts = list(state.rows)
    return drawn.joined(parts) if parts else None


@st.cache_data(max_entries=32, show_spinner=False)
def real_dependence(source: StoredModel, part: str) -> Dependence:
    """Of the rows of one part of the split, or of `all`."""
    config = models.load(source).config
    rows = np.concatenate([rows.x[rows.whole] for rows in config.split]) if part == "all" else config.whole(part)
    return of_rows(config.columns, rows)


@st.cache_data(max_entries=16, show_spinner=False)
def drawn_dependence(source: StoredModel, seed: int, count: int, *, _x: Bits) -> Dependence:
    """Of the first `count` rows that are drawn by this seed."""
    return of_rows(models.load(source).config.columns, _x)
