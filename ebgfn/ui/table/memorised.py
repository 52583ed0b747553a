"""Does the sampler repeat training rows? How near drawn rows come to them, beside rows that were held out."""

import math
from typing import NamedTuple

import numpy as np
import streamlit as st
from jaxtyping import Int, UInt8

from ebgfn.evaluation.memorising import nearest
from ebgfn.ui.components.line_charts import Axis, Chart, Line
from ebgfn.ui.shell import models
from ebgfn.ui.shell.models import StoredModel

# Rows that are compared, and training rows that they are compared with.
COMPARED, TRAINING = 1000, 20_000

Distances = Int[np.ndarray, " rows"]


class Nearness(NamedTuple):
    """Cells by which each row differs from its nearest training row; how many columns there are."""

    drawn: Distances
    held_out: Distances
    columns: int


@st.cache_data(max_entries=16, show_spinner="Comparing with training rows …")
def nearness(source: StoredModel, seed: int, *, _x: UInt8[np.ndarray, "rows dim"]) -> Nearness:
    """Of the first rows that are drawn by this seed."""
    config = models.load(source).config
    changing = [place for place, column in enumerate(config.columns.columns) if column.bits]
    training, drawn, test = (
        config.columns.codes(x)[:, changing]
        for x in (config.whole("train")[:TRAINING], _x[:COMPARED], config.whole("test")[:COMPARED])
    )
    return Nearness(nearest(drawn, training)[0], nearest(test, training)[0], len(changing))


def chart(found: Nearness) -> Chart:
    """Both distributions."""
    low = int(min(found.drawn.min(), found.held_out.min()))
    high = int(max(found.drawn.max(), found.held_out.max(), low + 1))
    x = np.arange(low, high + 1)
    shares = [np.bincount(part - low, minlength=len(x)) / len(part) for part in (found.held_out, found.drawn)]
    lines = [
        Line("held out", x, shares[0], role="data", area=True),
        Line("drawn", x, shares[1], role="sampler", area=True),
    ]
    top = 1.1 * max(float(share.max()) for share in shares)
    return Chart(
        "Distance to the nearest training row",
        "share of rows, by cells that differ",
        lines,
        Axis(low - 0.5, high + 0.5, "cells that differ", ticks=x[:: -(-len(x) // 10)].tolist()),
        course=False,
        limits=(0, top),
        alt=sentence(found),
    )


def sentence(found: Nearness) -> str:
    """Copies and distances of both, and what follows."""
    copies = [float((part == 0).mean()) for part in (found.drawn, found.held_out)]
    means = [float(part.mean()) for part in (found.drawn, found.held_out)]
    return (
        f"{copies[0]:.1%} of the drawn rows are exact copies of a training row; of held-out rows, which nobody copied, "
        f"it is {copies[1]:.1%}. From its nearest training row a drawn row differs in {means[0]:.1f} of {found.columns} "
        f"cells, a held-out one in {means[1]:.1f}. {verdict(found)}"
    )


def verdict(found: Nearness) -> str:
    """Are drawn rows nearer to training rows than new rows are, by more than chance?"""
    copies = [(part == 0).astype(float) for part in found[:2]]
    if _more(copies[0], copies[1]):
        return "**It repeats training rows more often than chance would.**"
    if _more(found.held_out, found.drawn):
        return "**It leans on the rows it was trained on: its rows are nearer to them than new rows are.**"
    return "**It does not memorise: its rows are no nearer to training rows than new rows are.**"


def _more(first: np.ndarray, second: np.ndarray) -> bool:
    """Is one mean above the other by more than two standard errors?"""
    error = math.hypot(*(float(part.std()) / math.sqrt(len(part)) for part in (first, second)))
    return bool(first.mean() - second.mean() > 2 * error)
