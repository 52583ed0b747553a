"""Chains: what a back-and-forth move of K steps is, bit by bit, and what K buys."""

import streamlit as st

from ebgfn.evaluation.mixing import BUDGET, BUDGETS
from ebgfn.model import CheckpointError, Model
from ebgfn.ui import chain_player, chain_source, frame, mixing_panel
from ebgfn.ui.chain_source import MOVES, STARTS, Settings, Source

LEAD = """A **back-and-forth move** voids K bits of a point by the GFlowNet's erasure policy $P_B$, fills them again by its
sampling policy $P_F$, and accepts the result or stays. One number turns a small step into a fresh sample: move it."""

HOW_TO_READ = """**Left:** the model's density, exp(−E)/Z, with every chain on it. Click a chain to choose it and see its whole
path; ✕ is a rejected proposal. While bits of the chosen chain are void, the coloured dots are points that agree with the
kept ones: two for one void bit, the whole plane for all of them. **Right:** its bits, for each coordinate a sign and a
Gray-coded magnitude, coarse to fine. A perfect sampler has log α = 0 in every move, so acceptance says how well the
sampler knows the energy. Where erasure is uniform, the two terms of $P_B$ cancel."""

WHAT_K_BUYS = """Acceptance alone rewards timid moves. **Memory** is how much more often than by chance a chain is still in
the cell of the plane (of 8 × 8) where it began: 1 if it never left, 0 if it has forgotten. Every kernel starts from the
same data points and gets the same number of **network passes** a chain (a gradient counts as two more): they do not depend on
machine, load or batch, and energy and policy are networks of one size. One move costs 3 passes at K = 1 and 65 at K = 32.
The seconds measured here are in the table. DMALA has the best of four step sizes."""

NO_MODEL = "There is no trained model here yet. Train one on the page 2D landscape: when it is done, its chains are shown here."


def chosen_source(found: dict[str, Source]) -> Source:
    """The model that the visitor or the address chose."""
    names = list(found)
    chain_source.refuse("model", names, "The model must be one of those listed; showing the first instead.")
    first = names.index("8gaussians") if "8gaussians" in names else 0
    text = "Shipped models, then finished runs of this machine."
    name = st.selectbox("Model", names, index=first, key="model", bind="query-params", help=text, width=260)
    return found.get(name, found[names[first]])


def controls() -> Settings:
    """Where the chains start, their moves, and the seed."""
    start = st.segmented_control(
        "Start from", STARTS, default=STARTS[0], required=True, key="start", bind="query-params"
    )
    moves = st.selectbox("Moves", MOVES, index=1, key="moves", bind="query-params", width=110)
    seed = st.number_input("Seed", 0, chain_source.MAX_SEED, 0, key="chain_seed", bind="query-params", width=150)
    return Settings(start, moves, seed)


@st.fragment
def player(source: Source, model: Model, settings: Settings) -> None:
    """The dial, the picture and its downloads: moving K runs this alone."""
    k, complaint = chain_player.chosen_k(model.dim)
    if complaint:
        st.warning(complaint)
    played = chain_source.chain(source, settings, k=k)
    chain_player.play(source, played, k=k)
    name, icon = f"{source.name}-k{k}-seed{settings.seed}", ":material/download:"
    npz_help, csv_help = "x (steps + 1, chains, bits) and accept (steps, chains), uint8", "one line a state"
    with st.container(horizontal=True):
        st.download_button(
            "Chains (NPZ)",
            lambda: chain_player.npz(played),
            f"{name}.npz",
            on_click="ignore",
            icon=icon,
            help=npz_help,
        )
        st.download_button(
            "Chains (CSV)",
            lambda: chain_player.csv(model, played),
            f"{name}.csv",
            on_click="ignore",
            icon=icon,
            help=csv_help,
        )


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Chains", LEAD)
    found = chain_source.sources()
    if not found:
        st.info(NO_MODEL, icon=":material/model_training:")
        st.page_link("pages/landscape_2d.py", label="Train a model", icon=":material/landscape:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source, asked = chosen_source(found), controls()
    try:
        model, settings = chain_source.model(source), asked.checked()
    except CheckpointError as error:
        st.error(str(error))
        return
    player(source, model, settings)
    st.markdown(HOW_TO_READ)
    st.header("What K buys", anchor=False)
    allowed = [str(b) for b in BUDGETS]
    chain_source.refuse("passes", allowed, f"Passes must be one of {', '.join(allowed)}; showing {BUDGET} instead.")
    label = "Network passes a chain"
    budget = st.segmented_control(label, BUDGETS, default=BUDGET, required=True, key="passes", bind="query-params")
    mixing_panel.show(source, budget if budget in BUDGETS else BUDGET)
    st.markdown(WHAT_K_BUYS)


main()
