"""Sigma through the phase transition: an exact lattice and one of the GFlowNet, both anew while the dial is moved."""

import math
from typing import Any

import streamlit as st

from ebgfn.nets.torus import CRITICAL_SIGMA
from ebgfn.problems.lattice.exact import SIGMAS
from ebgfn.ui import lattice_files, lattice_view
from ebgfn.ui.lattice_pair import MORE, pair, sheet_words, sheets, singles, words
from ebgfn.ui.lattice_source import Sampler
from ebgfn.ui.lattice_view import Dial, Scene

UNIT, DEFAULT = 0.01, 0.22
_KEY, _SIGMA, _SEEN = "lattice_live", "lattice_sigma", "lattice_sigma_in_address"
_LOW, _HIGH = (round(s / UNIT) for s in SIGMAS)

LIMITS = f"Sigma in the address must be a number in {SIGMAS[0]:g}..{SIGMAS[1]:g}; showing {DEFAULT:g} instead."


def checked_sigma(text: str | None) -> float | None:
    """Sigma as the address gives it, rounded to hundredths; None if it is no number within the limits."""
    try:
        value = float(text) if text is not None and len(text) <= 8 and text.isascii() else math.nan
    except ValueError:
        return None
    return round(value / UNIT) * UNIT if SIGMAS[0] <= value <= SIGMAS[1] else None


def chosen_sigma() -> float:
    """Sigma of this session: what the dial says, unless the address has changed since."""
    in_address = st.query_params.get("sigma")
    if _SIGMA not in st.session_state or in_address != st.session_state.get(_SEEN):
        st.session_state[_SIGMA], st.session_state[_SEEN] = in_address, in_address
    text = st.session_state[_SIGMA]
    value = DEFAULT if text is None else checked_sigma(text)
    if value is None:
        st.warning(LIMITS, icon=":material/link_off:")
        return DEFAULT
    return round(value, 2)


def _dialled(number: Any) -> str | None:
    """What the dial reports, in whole hundredths, as text for the address."""
    good = isinstance(number, int | float) and not isinstance(number, bool) and _LOW <= number <= _HIGH
    return f"{round(number) * UNIT:.2f}" if good else None


def _turned() -> None:
    asked = st.session_state[_KEY].get("asked")
    if isinstance(asked, dict) and (text := _dialled(asked.get("value"))):
        st.session_state[_SIGMA] = text


def _settled() -> None:
    """Write sigma into the address once the dial rests: not at every value on the way, which would fill the history."""
    text = _dialled(st.session_state[_KEY].get("settled"))
    if text is None:
        return  # not from our dial
    st.session_state[_SIGMA] = text
    if float(text) == DEFAULT:
        st.query_params.pop("sigma", None)
    else:
        st.query_params["sigma"] = text
    st.session_state[_SEEN] = st.query_params.get("sigma")


@st.fragment
def show(source: Sampler | None, side: int, seed: int) -> None:
    """The dial, the two lattices and their downloads: moving sigma runs this alone."""
    sigma = chosen_sigma()
    seen = pair(source, side, sigma, n=1, seed=seed)
    asked = (st.session_state.get(_KEY) or {}).get("asked")
    answers = asked.get("n") if isinstance(asked, dict) else None
    view = Scene(singles(seen), words(seen, source, seed), _dial(sigma, side))
    lattice_view.draw(view, key=_KEY, answers=answers, on_asked=_turned, on_settled=_settled)
    with st.container(horizontal=True, vertical_alignment="center"):
        lattice_files.panel(source, seen, seed)
        more = st.toggle(f"{MORE} more of each", key="more", bind="query-params")
    if more:
        many = pair(source, side, sigma, n=MORE, seed=seed)
        lattice_view.draw(Scene(sheets(many), sheet_words(many)), key="lattice_sheet")


def _dial(sigma: float, side: int) -> Dial:
    critical, even = CRITICAL_SIGMA / UNIT, side % 2 == 0
    marked = f"marks: critical, ±{CRITICAL_SIGMA:.4f}" if even else f"mark: critical, {CRITICAL_SIGMA:.4f}"
    ends = ("−0.6: neighbours differ", marked, "0.6: neighbours agree")
    marks = (-critical, critical) if even else (critical,)
    return Dial("σ", round(sigma / UNIT), _LOW, _HIGH, UNIT, marks, ends)
