"""Ising: spins at any coupling, exact and by the GFlowNet; couplings recovered; curves against exact ones; moves."""

from typing import Any

import streamlit as st

from ebgfn.problems.checkpoint import CheckpointError
from ebgfn.problems.lattice.exact import SIDES
from ebgfn.ui import frame, lattice_curves, lattice_live, lattice_mixing, lattice_source, quick
from ebgfn.ui.lattice_source import DEFAULT_SIDE, MAX_SEED, Sampler

LEAD = r"""Spins $s_i = \pm 1$ on a square lattice whose ends meet. Each likes to agree with its four neighbours if σ > 0
and to differ if σ < 0: $E(s) = -\sigma \sum_{i,j} A_{ij} s_i s_j$, where $A$ says who is whose neighbour. No formula draws
samples from it, but **one GFlowNet learned to, for all σ at once**. Drag σ through the phase transition."""

ABOUT_CURVES = """Lars Onsager and Bruria Kaufman solved this model: log Z and the mean energy are known exactly for every σ
and side: what a sampler can be held against without doubt. Where more points than by chance are off, the sampler's own error
shows; importance weights and the Metropolis–Hastings rule make up for it."""

ABOUT_MOVES = """Near the critical point a Markov chain that draws one spin at a time forgets slowly: whole patches must turn
over. A **back-and-forth move** voids K sites and lets the GFlowNet fill them again; the Metropolis–Hastings rule makes up
for what the sampler does not know. At K = 1 this is Gibbs sampling, at K = all sites a fresh lattice."""

NO_SAMPLER = (
    "There is no trained sampler here yet: `python -m ebgfn train lattice --side {side}` trains one in 15 minutes."
)


def bound(key: str) -> dict[str, Any]:
    """A widget whose value stands in the address."""
    return {"key": key, "bind": "query-params"}


def controls() -> tuple[int, int]:
    """Side and seed, held to their limits."""
    frame.hold_number("side", *SIDES, "The side")
    frame.hold_number("draw", 0, MAX_SEED, "The seed")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        side = st.slider("Side of the lattice", *SIDES, DEFAULT_SIDE, width=340, **bound("side"))
        seed = st.number_input("Seed", 0, MAX_SEED, 0, width=150, **bound("draw"))
    return (side if SIDES[0] <= side <= SIDES[1] else DEFAULT_SIDE), (int(seed) if 0 <= seed <= MAX_SEED else 0)


def readable(source: Sampler | None) -> Sampler | None:
    """The sampler if its files can be read; else a sentence says why not."""
    try:
        if source is not None:
            lattice_source.model(source)
    except CheckpointError as error:
        st.error(str(error), icon=":material/error:")
        return None
    return source


def recovery() -> None:
    """The other half of the page: couplings from samples."""
    from ebgfn.ui import recover

    st.header("Recover the couplings", anchor=False)
    recover.show()


def against_sigma(source: Sampler | None, side: int) -> None:
    """Curves of the sampler of this side, or of the nearest one."""
    st.header("Curves against σ", anchor=False)
    if source is None:
        st.info(NO_SAMPLER.format(side=side), icon=":material/model_training:")
        return
    st.markdown(f"{ABOUT_CURVES} This is the sampler of {source.side} × {source.side} sites.", width=860)
    lattice_curves.show(source)


def back_and_forth(source: Sampler) -> None:
    """Moves of the same sampler."""
    st.header("Moves near the critical point", anchor=False)
    st.markdown(ABOUT_MOVES, width=860)
    lattice_mixing.say_what_is_refused(source.side**2)
    lattice_mixing.show(source)


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Ising", LEAD)
    quick.settle()
    side, seed = controls()
    own = readable(lattice_source.sampler(side))
    lattice_live.show(own, side, seed)
    recovery()
    source = own or readable(lattice_source.nearest(side))
    against_sigma(source, side)
    if source is not None:
        back_and_forth(source)


main()
