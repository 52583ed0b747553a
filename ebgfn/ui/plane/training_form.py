"""Settings of a training in the plane, each also in the address, and the buttons that start it."""

from dataclasses import dataclass

import streamlit as st

from ebgfn.problems.plane.config import PRESETS, Toy2DConfig
from ebgfn.problems.plane.densities import DRAWN
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.ui.plane.data_choice import Weights
from ebgfn.ui.shell import address, training
from ebgfn.ui.shell.training import SHORTEST_S

FEWEST_BITS, SECONDS = 3, 60
# Two runs at a time, however many presets there are: a chart of curves compares two.
COMPARED = PRESETS[:2]


@dataclass(frozen=True)
class Chosen:
    """The form's values, as the browser sent them: only a config made of them is within its limits."""

    preset: str
    seconds: int
    bits: int
    seed: int


def show(dataset: str, weights: Weights) -> Chosen:
    """Settings, and the buttons that start training."""
    address.hold_choice("preset", PRESETS, "The preset")
    address.hold_whole("seconds", SHORTEST_S, training.longest(), "The number of seconds")
    address.hold_whole("bits", FEWEST_BITS, FULL_BITS, "The number of bits")
    address.hold_seed("seed")
    with st.container(border=True), st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = settings()
        if dataset == DRAWN and weights is None:
            st.button(
                "Train", type="primary", icon=":material/play_arrow:", disabled=True, help="Draw something first."
            )
            return chosen
        try:
            one = config(dataset, weights, chosen, preset=chosen.preset)
            both = [config(dataset, weights, chosen, preset=preset) for preset in COMPARED]
        except ValueError as error:
            st.error(str(error))
            return chosen
        icon = ":material/play_arrow:"
        st.button("Train", type="primary", icon=icon, on_click=training.start, args=([one],), key="train")
        st.button(
            f"Train {COMPARED[0]} and {COMPARED[1]}", on_click=training.start, args=(both,), key="train_both",
            help="Two runs with the same seconds and seed, one after the other; their curves are drawn together.",
        )  # fmt: skip
    return chosen


def settings() -> Chosen:
    """The form."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        preset = st.segmented_control(
            "Preset", PRESETS, default=PRESETS[0], required=True, **address.bound("preset"),
            help="fast: ours. paper: the published algorithm, unchanged. basic: its basic version.",
        )  # fmt: skip
        seconds = st.number_input(
            "Seconds", SHORTEST_S, training.longest(), SECONDS, step=5, width=150, **address.bound("seconds"),
            help="Training time. Learning rates decay over it, so that a short run gives the best model it can.",
        )  # fmt: skip
        bits = st.number_input(
            "Bits per axis", FEWEST_BITS, FULL_BITS, FULL_BITS, width=150, **address.bound("bits"),
            help="How finely the plane is cut: 16 bits make 2³² cells. With 6 or fewer, every number here is exact.",
        )  # fmt: skip
        seed = address.seed("Seed", "seed")
    return Chosen(preset or PRESETS[0], int(seconds), int(bits), seed)


def config(dataset: str, weights: Weights, chosen: Chosen, *, preset: str) -> Toy2DConfig:
    """Settings as a config; ValueError says what is allowed."""
    budget_s = float(chosen.seconds)
    return Toy2DConfig(dataset, preset, bits=chosen.bits, budget_s=budget_s, seed=chosen.seed, weights=weights)
