"""Ising: spins at any coupling, exact and by the GFlowNet; couplings recovered; curves against exact ones; moves."""

import streamlit as st

from ebgfn.problems.checkpoint import CheckpointError
from ebgfn.problems.lattice.exact import SIDES
from ebgfn.ui.ising import COUPLINGS, memory, recovery, samplers, sigma_curves, sigma_dial
from ebgfn.ui.ising.samplers import DEFAULT_SIDE, Sampler
from ebgfn.ui.shell import address, frame, server, training

LEAD = r"""Spins $s_i = \pm 1$ on a square lattice whose opposite edges are joined. Each likes to agree with its four
neighbours if σ > 0 and to differ if σ < 0: $E(s) = -\sigma \sum_{i,j} A_{ij} s_i s_j$, where $A$ says which sites are
neighbours. No formula draws samples, but **one GFlowNet has learned to, for all σ at once**. Drag σ through the phase
transition, where the spins begin to order."""

ABOUT_CURVES = """Lars Onsager and Bruria Kaufman solved this model: log Z and the mean energy are known exactly for every σ
and side, so a sampler can be checked against them beyond doubt. Where more points are off than chance allows, the sampler's
own error shows; importance weights and the Metropolis–Hastings rule correct for it."""

ABOUT_MOVES = """Near the critical point a Markov chain that draws one spin at a time forgets slowly: whole patches must turn
over. A **back-and-forth move** erases K sites and lets the GFlowNet fill them again; the Metropolis–Hastings rule corrects
for what the sampler gets wrong. At K = 1 this is Gibbs sampling, at K = all sites a fresh lattice."""

NO_SAMPLER = (
    "There is no trained sampler here yet: `python -m ebgfn train lattice --side {side}` trains one in 15 minutes."
)


def controls() -> tuple[int, int]:
    """Side and seed, held to their limits."""
    address.hold_whole("side", *SIDES, "The side")
    address.hold_seed("seed")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        side = st.slider("Side of the lattice", *SIDES, DEFAULT_SIDE, width=340, **address.bound("side"))
        seed = address.seed("Seed", "seed")
        side = address.within(side, *SIDES, DEFAULT_SIDE)
        near = samplers.nearest(side)
        if near is not None and near.side != side:
            text, icon = f"To {near.side} × {near.side}, which the GFlowNet knows", ":material/grid_on:"
            st.button(text, icon=icon, key="to_known", on_click=_show_side, args=(near.side,))
    return side, seed


def _show_side(side: int) -> None:
    st.session_state["side"] = side


def readable(source: Sampler | None) -> Sampler | None:
    """The sampler if its files can be read; else a sentence says why not."""
    try:
        if source is not None and source.model:
            return source
    except CheckpointError as error:
        st.error(str(error), icon=":material/error:")
    return None


def more(source: Sampler | None, side: int) -> None:
    """Curves and moves of the sampler of this side, or of the nearest one."""
    if source is None:
        st.info(NO_SAMPLER.format(side=side), icon=":material/model_training:")
        return
    trained = f"This is the sampler of {source.side} × {source.side} sites."
    if not memory.SETTINGS.isdisjoint(st.query_params):  # who asks for a move wants to see it
        st.session_state.setdefault("moving", True)
    memory.hold()
    with frame.folded("Curves against σ, beside the exact ones", "curves") as asked_for:
        if asked_for:
            st.markdown(f"{ABOUT_CURVES} {trained}", width=frame.TEXT_WIDTH)
            sigma_curves.show(source)
    with frame.folded("Moves near the critical point", "moving") as asked_for:
        if asked_for:
            st.markdown(f"{ABOUT_MOVES} {trained}", width=frame.TEXT_WIDTH)
            memory.show(source)


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Ising", LEAD)
    server.settle()
    side, seed = controls()
    own = readable(samplers.sampler(side))
    sigma_dial.show(own, side, seed)
    frame.section("Recover the couplings")
    recovery.show()
    more(own or readable(samplers.nearest(side)), side)
    training.prepare(training.current(COUPLINGS, quiet=True))


main()
