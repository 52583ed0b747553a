"""Chains: what a back-and-forth move of K steps is, bit by bit, and what K buys."""

import streamlit as st

from ebgfn.problems.checkpoint import CheckpointError
from ebgfn.ui.chains import kernel_comparison, player, simulation
from ebgfn.ui.chains.simulation import DEFAULT_MOVES, MOVES, STARTS, Settings
from ebgfn.ui.shell import address, frame, models, server
from ebgfn.ui.shell.models import StoredModel

LEAD = """A **back-and-forth move** erases K bits of a point with the GFlowNet's erasure policy $P_B$, fills them again with
its sampling policy $P_F$, and accepts the result or stays. Raise K and see a small step become a fresh sample."""

HOW_TO_READ = """**Left:** the model's density, exp(−E)/Z, with every chain on it. Click a chain to see its whole
path; ✕ is a rejected proposal. While bits of the chosen chain are void, the small dots are points that agree
with the kept ones: two for one void bit, the whole plane for all of them. **Right:** its bits, for each coordinate a
sign and a Gray-coded magnitude, coarse to fine. A perfect sampler has log α = 0 in every move, so acceptance says how
well the sampler knows the energy. Where erasure is uniform, the two terms of $P_B$ cancel."""

WHAT_K_BUYS = """Acceptance alone rewards timid moves. **Memory** is how much more often than by chance a chain is still
in the cell of the plane (of 8 × 8) where it began: 1 if it never left, 0 if it has forgotten. Every kernel (a rule for
making moves) starts from the same data points and gets the same number of **network passes** per chain (a gradient counts
as two more). Unlike seconds, passes do not depend on machine, load or batch; a call to the energy and one to the policy
count the same. The seconds on this machine are in the table. DMALA uses the best of four step sizes."""

NO_MODEL = (
    "There is no trained model here yet. Train one on the 2D landscape page; once it is done, its chains appear here."
)


def controls(found: dict[str, StoredModel]) -> tuple[StoredModel, Settings]:
    """The model, where the chains start, their moves, and the seed."""
    absent = "The address names no shipped model and no finished run; showing another."
    address.hold("data", found.__contains__, absent)
    address.hold_choice("start", STARTS, "The start")
    address.hold_choice("moves", MOVES, "The number of moves")
    address.hold_seed("seed")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = models.choose(found, "data", "8gaussians", width=260)
        start = st.selectbox("Start from", STARTS, width=130, **address.bound("start"))
        index = MOVES.index(DEFAULT_MOVES)
        moves = st.selectbox("Moves", MOVES, index=index, width=110, **address.bound("moves"))
        seed = address.seed("Seed", "seed")
    start, moves = address.choice(start, STARTS, STARTS[0]), address.choice(moves, MOVES, DEFAULT_MOVES)
    return source, Settings(start, moves, seed)


@st.fragment
def played(source: StoredModel, dim: int, settings: Settings) -> None:
    """The dial, the picture and its downloads: moving K runs this alone."""
    k = player.chosen_k(dim)
    chain = simulation.chain(source, settings, k=k)
    player.play(source, chain, k=k)
    player.files(source, chain, k=k, settings=settings)


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Chains", LEAD)
    server.settle()
    found = simulation.available()
    if not found:
        st.info(NO_MODEL, icon=":material/model_training:")
        st.page_link("pages/landscape_2d.py", label="Train a model", icon=":material/landscape:")
        return
    source, settings = controls(found)
    try:
        dim = models.load(source).dim
    except CheckpointError as error:
        st.error(str(error))
        return
    played(source, dim, settings)
    st.markdown(HOW_TO_READ)
    frame.section("What K buys")
    kernel_comparison.show(source)
    st.markdown(WHAT_K_BUYS)


main()
