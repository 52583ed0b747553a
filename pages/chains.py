"""Chains: what a back-and-forth move of K steps is, bit by bit, and what K buys."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from ebgfn.model import Model
from ebgfn.problems.checkpoint import CheckpointError
from ebgfn.problems.plane.mixing import BUDGET, BUDGETS
from ebgfn.ui import chain_player, chain_source, frame, mixing_panel, quick
from ebgfn.ui.chain_source import DEFAULT_MOVES, MAX_SEED, MOVES, STARTS, Settings, Source

LEAD = """A **back-and-forth move** voids K bits of a point by the GFlowNet's erasure policy $P_B$, fills them again by
its sampling policy $P_F$, and accepts the result or stays. Move K, and see a small step become a fresh sample."""

HOW_TO_READ = """**Left:** the model's density, exp(−E)/Z, with every chain on it. Click a chain to see its whole
path; ✕ is a rejected proposal. While bits of the chosen chain are void, the coloured dots are points that agree
with the kept ones: two for one void bit, the whole plane for all of them. **Right:** its bits, for each coordinate a
sign and a Gray-coded magnitude, coarse to fine. A perfect sampler has log α = 0 in every move, so acceptance says how
well the sampler knows the energy. Where erasure is uniform, the two terms of $P_B$ cancel."""

WHAT_K_BUYS = """Acceptance alone rewards timid moves. **Memory** is how much more often than by chance a chain is still
in the cell of the plane (of 8 × 8) where it began: 1 if it never left, 0 if it has forgotten. Every kernel starts from
the same data points and gets the same number of **network passes** a chain (a gradient counts as two more): they do not
depend on machine, load or batch, and energy and policy are networks of one size. One move costs 3 passes at K = 1,
65 at K = 32. The seconds measured here are in the table. DMALA has the best of four step sizes."""

NO_MODEL = "There is no trained model here yet. Train one on the page 2D landscape; once it is done, it moves here."


def bound(key: str) -> dict[str, Any]:
    """A widget whose value stands in the address."""
    return {"key": key, "bind": "query-params"}


def chosen_source(found: dict[str, Source]) -> Source:
    """The model that the visitor or the address chose."""
    names = list(found)
    first = names.index("8gaussians") if "8gaussians" in names else 0
    text = "Shipped models, then finished runs of this machine."
    name = st.selectbox("Model", names, index=first, help=text, width=260, **bound("model"))
    return found.get(name, found[names[first]])


def controls() -> Settings:
    """Where the chains start, their moves, and the seed."""
    start = st.selectbox("Start from", STARTS, width=130, **bound("start"))
    moves = st.selectbox("Moves", MOVES, index=MOVES.index(DEFAULT_MOVES), width=110, **bound("moves"))
    seed = st.number_input("Seed", 0, MAX_SEED, 0, width=150, **bound("chain_seed"))
    return Settings(start, moves, int(seed)).checked()


@st.fragment
def player(source: Source, model: Model, settings: Settings) -> None:
    """The dial, the picture and its downloads: moving K runs this alone."""
    k, complaint = chain_player.chosen_k(model.dim)
    if complaint:
        st.warning(complaint, icon=":material/link_off:")
    played = chain_source.chain(source, settings, k=k)
    chain_player.play(source, played, k=k)
    name = f"{source.name}-k{k}-seed{settings.seed}"
    with st.container(horizontal=True):
        download("Chains (NPZ)", lambda: chain_player.npz(played), f"{name}.npz", "x (steps + 1, chains, bits), accept")
        download("Chains (CSV)", lambda: chain_player.csv(model, played), f"{name}.csv", "a line for each state")


def download(label: str, data: Callable[[], str | bytes], file: str, text: str) -> None:
    """A button whose file is made when it is asked for."""
    st.download_button(label, data, file, on_click="ignore", icon=":material/download:", help=text)


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Chains", LEAD)
    quick.settle()
    found = chain_source.sources()
    if not found:
        st.info(NO_MODEL, icon=":material/model_training:")
        st.page_link("pages/landscape_2d.py", label="Train a model", icon=":material/landscape:")
        return
    chain_source.say_what_is_refused(list(found), [str(b) for b in BUDGETS])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source, settings = chosen_source(found), controls()
    try:
        model = chain_source.model(source)
    except CheckpointError as error:
        st.error(str(error))
        return
    player(source, model, settings)
    st.markdown(HOW_TO_READ)
    st.header("What K buys", anchor=False)
    label, index = "Network passes a chain", BUDGETS.index(BUDGET)
    budget = st.radio(label, BUDGETS, index=index, horizontal=True, **bound("passes"))
    mixing_panel.show(source, budget if budget in BUDGETS else BUDGET)
    st.markdown(WHAT_K_BUYS)


main()
