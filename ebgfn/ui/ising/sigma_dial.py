"""Sigma through the phase transition: an exact lattice and one of the GFlowNet, both anew while the dial is moved."""

from typing import Any

import streamlit as st

from ebgfn.nets.torus import CRITICAL_SIGMA
from ebgfn.problems.lattice.exact import SIGMAS
from ebgfn.ui.components import squares
from ebgfn.ui.components.squares import Dial, Scene
from ebgfn.ui.ising import lattice_files
from ebgfn.ui.ising.lattices import MORE, pair, sheet_words, sheets, singles, words
from ebgfn.ui.ising.samplers import Sampler
from ebgfn.ui.shell import address

UNIT, DEFAULT = 0.01, 0.22
_LOW, _HIGH = (round(s / UNIT) for s in SIGMAS)

LIMITS = f"Sigma in the address must be a number in {SIGMAS[0]:g}..{SIGMAS[1]:g}; showing {DEFAULT:g} instead."


def _dialled(number: Any) -> str | None:
    """What the dial reports, in whole hundredths, as text for the address."""
    good = isinstance(number, int | float) and not isinstance(number, bool) and _LOW <= number <= _HIGH
    return f"{round(number) * UNIT:.2f}" if good else None


DIAL = address.BoundDial("lattice_live", "sigma", f"{DEFAULT:.2f}", _dialled)


def chosen_sigma() -> float:
    """Sigma of this session, in hundredths; a sentence says so if the address asks for what is not allowed."""
    value = address.real(DIAL.chosen(), *SIGMAS)
    if value is None:
        address.refuse(LIMITS)
        return DEFAULT
    return round(value, 2)


@st.fragment
def show(source: Sampler | None, side: int, seed: int) -> None:
    """The dial, the two lattices and their downloads: moving sigma runs this alone."""
    sigma = chosen_sigma()
    seen = pair(source, side, sigma, n=1, seed=seed)
    view = Scene(singles(seen), words(seen, source, seed), _dial(sigma, side))
    squares.draw(view, key=DIAL.key, dial=DIAL)
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
    return Dial("σ", round(sigma / UNIT), _LOW, _HIGH, UNIT, marks, ends)
