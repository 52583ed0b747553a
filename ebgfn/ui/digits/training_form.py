"""Settings of a training on images, each also in the address, and the button that starts it."""

from dataclasses import dataclass

import streamlit as st

from ebgfn import shipped
from ebgfn.problems.config import STARTS
from ebgfn.problems.images import sets
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.ui.digits import IMAGES
from ebgfn.ui.shell import address, training
from ebgfn.ui.shell.training import SHORTEST_S

SECONDS = 60
ABOUT_START = (
    "zero: from nothing, so that you see it learn. shipped: continues the shipped model, which was trained for minutes "
    "or hours: another minute hardly shows."
)


@dataclass(frozen=True)
class Trained:
    """What a page trains on a set of images: by which preset, from where at first."""

    dataset: str
    preset: str
    start: str

    def config(self, seconds: int, seed: int, start: str) -> ImagesConfig:
        """Settings; ValueError says what is allowed."""
        return ImagesConfig(self.dataset, self.preset, budget_s=float(seconds), seed=seed, start=start)


TRAINED = {
    "8 × 8 digits": Trained("digits", "digits", STARTS[0]),
    "MNIST": Trained("mnist", "small", STARTS[1]),
    "Omniglot": Trained("omniglot", "fast", STARTS[1]),
}


def offered() -> dict[str, Trained]:
    """The sets of images that lie here: a page does not wait for a download."""
    return {name: one for name, one in TRAINED.items() if sets.available(one.dataset)}


def starts(chosen: Trained) -> tuple[str, ...]:
    """Where training of this may start from."""
    try:
        IMAGES.begins_from(chosen.config(SECONDS, 0, STARTS[1]), shipped.folder())
    except ValueError:
        return STARTS[:1]
    return STARTS


def show() -> None:
    """Settings, and the button that starts training."""
    found = offered()
    names = list(found)
    address.hold_choice("train_on", names, "The images to train on")
    address.hold_whole("train_seconds", SHORTEST_S, training.longest(), "The number of seconds")
    address.hold_seed("train_seed", "The seed of training")
    with st.container(border=True), st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.segmented_control(
            "Train your own on", names, default=names[0], required=True, **address.bound("train_on", names)
        )
        chosen = found[address.choice(name, names, names[0])]
        start = _start(chosen)
        seconds = st.number_input(
            "Seconds", SHORTEST_S, training.longest(), SECONDS, step=5, width=150, **address.bound("train_seconds"),
            help="Training time. Learning rates decay over it, so that a short run gives the best model it can.",
        )  # fmt: skip
        seed = address.seed("Seed of training", "train_seed")
        try:
            config = chosen.config(int(seconds), seed, start)
        except ValueError as error:
            st.error(str(error))
            return
        st.button(
            "Train",
            type="primary",
            icon=":material/play_arrow:",
            key="train",
            on_click=training.start,
            args=([config],),
        )


def _start(chosen: Trained) -> str:
    """From nothing, or on from the shipped model where there is one."""
    options = starts(chosen)
    if len(options) == 1:
        return options[0]
    key = f"{chosen.dataset}_from"  # each set begins as suits it
    address.hold_choice(key, options, "The start")
    start = st.segmented_control(
        "Start", options, default=chosen.start, required=True, help=ABOUT_START, **address.bound(key)
    )
    return address.choice(start, options, chosen.start)
