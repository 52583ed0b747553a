"""Sigma through the phase transition: an exact lattice and one of the GFlowNet, both anew while the dial is moved."""

import streamlit as st

from ebgfn.nets.torus import CRITICAL_SIGMA
from ebgfn.problems.lattice.exact import SIGMAS
from ebgfn.ui.components import squares
from ebgfn.ui.components._shared.dial import Dial
from ebgfn.ui.components.squares import Scene
from ebgfn.ui.ising import lattice_files
from ebgfn.ui.ising.lattices import MORE, pair, sheet_words, sheets, singles, words
from ebgfn.ui.ising.samplers import Sampler
from ebgfn.ui.shell import address

UNIT, DEFAULT = 0.01, 0.22
_LOW, _HIGH = (round(s / UNIT) for s in SIGMAS)

DIAL = address.BoundDial("lattice_live", "sigma", f"{DEFAULT:.2f}", address.stepped(_LOW, _HIGH, unit=UNIT, digits=2))


@st.fragment
def show(source: Sampler | None, side: int, seed: int) -> None:
    """The dial, the two lattices and their downloads: moving sigma runs this alone."""
    sigma = round(DIAL.real(*SIGMAS, "Sigma"), 2)
    seen = pair(source, side, sigma, n=1, seed=seed)
    squares.draw(Scene(singles(seen), words(seen, source, seed), (_dial(sigma, side),)), key=DIAL.key)
    with st.container(horizontal=True, vertical_alignment="center"):
        lattice_files.panel(source, seen, seed)
        more = st.toggle(f"{MORE} more of each", **address.bound("more"))
    if more:
        many = pair(source, side, sigma, n=MORE, seed=seed)
        squares.draw(Scene(sheets(many), sheet_words(many)), key="lattice_sheet")


def _dial(sigma: float, side: int) -> Dial:
    critical, even = CRITICAL_SIGMA / UNIT, side % 2 == 0
    marked = f"marks: critical, ±{CRITICAL_SIGMA:.4f}" if even else f"mark: critical, {CRITICAL_SIGMA:.4f}"
    ends = ("−0.6: neighbours differ", marked, "0.6: neighbours agree")
    marks = (-critical, critical) if even else (critical,)
    return Dial(DIAL, "σ", round(sigma / UNIT), _LOW, _HIGH, ends, marks, UNIT, 2)
