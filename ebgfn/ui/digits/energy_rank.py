"""How the energy of a picture ranks among those of real images and of samples: a histogram and a sentence."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from jaxtyping import UInt8

from ebgfn.ui.digits import images
from ebgfn.ui.shell.models import StoredModel

Cells = UInt8[np.ndarray, " dim"]


def show(source: StoredModel, cells: Cells) -> None:
    """Energy of a picture without void pixels, among those of real images and of samples."""
    energy = float(images.energy_of(source, cells[None])[0])
    seen = images.energy_of_real(source)
    drawn = images.sampled(source, 64, 16, 1.0, 0).energy
    st.plotly_chart(ranking(energy, seen, drawn), key="energy_rank", alt=verdict(energy, seen, drawn).replace("**", ""))
    st.markdown(verdict(energy, seen, drawn))


def ranking(energy: float, seen: np.ndarray | None, drawn: np.ndarray) -> go.Figure:
    """Energies of real images and of samples as histograms, this picture's as a line."""
    figure = go.Figure()
    for name, values, colour in (("real images", seen, "#5b8fb0"), ("samples", drawn, "#8a8f98")):
        if values is not None:
            figure.add_histogram(
                x=values, name=name, marker={"color": colour}, opacity=0.75, histnorm="probability", nbinsx=40
            )
    figure.add_vline(x=energy, line={"color": "#e0408a", "width": 3}, annotation={"text": "this picture"})
    figure.update_xaxes(title="energy E in nats: further left is more probable")
    figure.update_yaxes(title="share")
    figure.update_layout(
        height=320,
        barmode="overlay",
        margin={"t": 30, "b": 10, "l": 10, "r": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    return figure


def verdict(energy: float, seen: np.ndarray | None, drawn: np.ndarray) -> str:
    """The figure as a sentence."""
    name, values = ("real images", seen) if seen is not None else ("samples", drawn)
    below = float((values < energy).mean())
    middle = float(np.median(values))
    return (
        f"The energy of this picture is **{energy:.1f} nats**; {below:.0%} of {len(values)} {name} have a lower one; "
        f"their median is {middle:.1f}. To the model this picture is e^{abs(energy - middle):.1f} times "
        f"{'less' if energy > middle else 'more'} probable than one at the median."
    )
