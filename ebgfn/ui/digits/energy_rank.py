"""How the energy of a picture ranks among those of real images and of samples: a histogram and a sentence."""

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import streamlit as st
from jaxtyping import UInt8

from ebgfn.ui.components._shared.colours import Role
from ebgfn.ui.digits import images
from ebgfn.ui.shell.models import StoredModel

PICTURE, BINS = "this picture", 40
# A share of the axis: of the longest in a narrow window.
NAME_WIDTH = 0.22
COLOURS: dict[str, Role] = {"samples": "sampler", "real images": "data", PICTURE: "own"}
# As `chartCategoricalColors` has them.
THEME: tuple[Role, ...] = ("sampler", "energy", "data", "own")

Cells = UInt8[np.ndarray, " dim"]


def show(source: StoredModel, cells: Cells) -> None:
    """Energy of a picture without void pixels, among those of real images and of samples."""
    energy = float(images.energy_of(source, cells[None])[0])
    seen = images.energy_of_real(source)
    drawn = images.sampled(source, 64, 16, 1.0, 0).energy
    words = verdict(energy, seen, drawn)
    # Colours are put in when the figure is first shown: another theme needs another one.
    key = f"energy_rank_{st.context.theme.type}"
    st.plotly_chart(ranking(energy, seen, drawn), key=key, alt=words.replace("**", ""))
    st.markdown(words)


def ranking(energy: float, seen: np.ndarray | None, drawn: np.ndarray) -> go.Figure:
    """Energies of real images and of samples as histograms, this picture's as a line, each named where it stands."""
    figure = go.Figure()
    groups = {"samples": drawn} | ({} if seen is None else {"real images": seen})
    edges = np.histogram_bin_edges(np.concatenate(list(groups.values())), BINS)
    shares = {name: np.histogram(values, edges)[0] / len(values) for name, values in groups.items()}
    tops = np.max(list(shares.values()), axis=0)
    # What lies further left is named on its left, so that no name stands on the other.
    names = sorted(groups, key=lambda name: np.median(groups[name]))
    for name in names:
        line = {"shape": "hv", "width": 1.5, "color": _colour(name)}
        figure.add_scatter(x=edges, y=[*shares[name], 0], mode="lines", line=line, fill="tozeroy", name=name)
        right = name == names[-1]
        flank = float(np.quantile(groups[name], 0.9 if right else 0.1))
        _name(figure, name, *_free(flank, energy, edges, tops, right=right), right=right)
    line = {"width": 3, "color": _colour(PICTURE)}
    figure.add_scatter(x=[energy] * 2, y=[0, 1.2 * tops.max()], mode="lines", line=line, name=PICTURE)
    _name(figure, PICTURE, energy, 1.2 * tops.max(), right=energy < edges.mean())
    figure.update_xaxes(title="energy E in nats: further left is more probable", zeroline=False)
    figure.update_yaxes(title="share", rangemode="tozero")
    figure.update_layout(height=320, margin={"t": 20, "b": 10, "l": 10, "r": 10}, showlegend=False)
    return figure


def _free(x: float, energy: float, edges: np.ndarray, tops: np.ndarray, *, right: bool) -> tuple[float, float]:
    """Where a name begins, or ends, that is wanted at x: past this picture's line and above all bars."""
    reach = NAME_WIDTH * (edges[-1] - edges[0]) * (1 if right else -1)
    if min(x, x + reach) < energy < max(x, x + reach):
        x = energy
    low, high = sorted((x, x + reach))
    return x, float(tops[(edges[1:] > low) & (edges[:-1] < high)].max(initial=0.0))


def _name(figure: go.Figure, name: str, x: float, y: float, *, right: bool) -> None:
    side = {"xanchor": "left", "xshift": 4} if right else {"xanchor": "right", "xshift": -4}
    font = {"color": _colour(name)}
    figure.add_annotation(text=name, x=x, y=y, font=font, yanchor="bottom", showarrow=False, **side)


def _colour(name: str) -> str:
    """What stands for its role's colour in a figure, until the browser puts the theme's there, light or dark."""
    return pio.templates["streamlit"].to_plotly_json()["layout"]["colorway"][THEME.index(COLOURS[name])]


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
