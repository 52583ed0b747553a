"""Digits: images sampled on the spot, grown, filled in, ranked by energy, and moved by back-and-forth chains."""

from typing import Any

import streamlit as st

from ebgfn.problems.checkpoint import CheckpointError
from ebgfn.ui import frame, image_chain, image_fill, image_scores, image_sheet, image_source, quick
from ebgfn.ui.chain_source import Source
from ebgfn.ui.image_sheet import DEFAULT_STEPS, DEFAULT_TEMPERATURE, ORDERS, TEMPERATURES
from ebgfn.ui.image_source import MAX_SEED

LEAD = """A GFlowNet fills an empty image pixel by pixel, in any order; an energy says how probable the whole is. In
**block steps** it fills many pixels at once, which is quicker and a little worse: the dial says how much. These samples were
**made just now**, on this machine, without a GPU."""

ABOUT_FILLING = """Any part of an image can be given: the sampler just starts from there. Paint **ink** or **paper**,
and **void** what it should fill. Given pixels never change."""

ABOUT_CHAINS = """Void K pixels at random, let the sampler fill them, and accept by the rule of Metropolis and Hastings: a
chain whose images are samples of the **energy**, not of the sampler. Acceptance says how well the two agree."""

NO_MODEL = (
    "No trained model of images is here: `python -m ebgfn train images --dataset digits --budget-s 120` makes one."
)


def bound(key: str) -> dict[str, Any]:
    """A widget whose value stands in the address."""
    return {"key": key, "bind": "query-params"}


def chosen_source(found: dict[str, Source]) -> Source:
    """The model that the visitor or the address chose."""
    names = list(found)
    frame.hold_choice("set", tuple(names), "The model")
    first = names.index("images-mnist") if "images-mnist" in names else 0
    name = st.selectbox(
        "Model",
        names,
        index=first,
        width=230,
        help="Shipped models, then finished runs.",
        **bound("set"),
    )
    return found.get(name, found[names[first]])


_RANGE = f"{TEMPERATURES[0]:g}..{TEMPERATURES[1]:g}"


def _warm(text: str) -> bool:
    try:
        return len(text) <= 8 and TEMPERATURES[0] <= float(text) <= TEMPERATURES[1]
    except ValueError:
        return False


def controls(dim: int) -> tuple[int, float, int, str]:
    """Steps, temperature, seed and order of the sheet, held to their limits."""
    all_steps = image_source.steps_for(dim)
    frame.hold_choice("steps", tuple(map(str, all_steps)), "The number of steps")
    frame.hold_number("draw", 0, MAX_SEED, "The seed")
    frame.hold("temperature", _warm, f"The temperature in the address must be a number in {_RANGE}; using the default.")
    frame.hold_choice("by", ORDERS, "The order")
    if st.session_state.get("steps", DEFAULT_STEPS) not in all_steps:  # chosen for larger images
        st.session_state["steps"] = DEFAULT_STEPS
    steps = st.select_slider("T, block steps: quick … good", all_steps, DEFAULT_STEPS, width=300, **bound("steps"))
    text = "Below 1 the sampler's odds are sharpened: more typical images, fewer kinds."
    temperature = st.slider(
        "Temperature", *TEMPERATURES, DEFAULT_TEMPERATURE, 0.05, width=200, help=text, **bound("temperature")
    )
    seed = st.number_input("Seed", 0, MAX_SEED, 0, width=130, **bound("draw"))
    by = st.segmented_control("Order", ORDERS, default=ORDERS[0], required=True, **bound("by"))
    good = TEMPERATURES[0] <= temperature <= TEMPERATURES[1]
    return (
        steps if steps in all_steps else DEFAULT_STEPS,
        float(temperature) if good else DEFAULT_TEMPERATURE,
        int(seed) if 0 <= seed <= MAX_SEED else 0,
        by if by in ORDERS else ORDERS[0],
    )


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Digits", LEAD)
    quick.settle()
    found = image_source.sources()
    if not found:
        st.info(NO_MODEL, icon=":material/model_training:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = chosen_source(found)
        try:
            dim = image_source.model(source).dim
        except CheckpointError as error:
            st.error(str(error), icon=":material/error:")
            return
        steps, temperature, seed, by = controls(dim)
    image_sheet.show(source, steps=steps, temperature=temperature, seed=seed, by=by)
    st.header("Fill in", anchor=False)
    st.markdown(ABOUT_FILLING, width=860)
    image_fill.show(source, temperature=temperature, seed=seed)
    st.header("Back-and-forth chains", anchor=False)
    st.markdown(ABOUT_CHAINS, width=860)
    image_chain.say_what_is_refused(dim)
    image_chain.show(source, seed=seed)
    image_scores.show(source)


main()
