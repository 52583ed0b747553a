"""Settings of a recovery: which lattice the samples come from, how couplings are estimated, for how long."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from ebgfn import shipped
from ebgfn.nets.torus import CRITICAL_SIGMA
from ebgfn.problems.config import STARTS
from ebgfn.problems.ising import nearest
from ebgfn.problems.ising.config import COUPLINGS, ESTIMATES, PRESETS, IsingConfig
from ebgfn.problems.lattice.exact import SIDES, SIGMAS
from ebgfn.ui.ising.estimate_scores import TRAINERS
from ebgfn.ui.shell import address, training
from ebgfn.ui.shell.training import SHORTEST_S

SAMPLES = (50, 20_000)
SECONDS = 60
ABOUT_COUPLINGS = "free: every pair has its own. homogeneous: pairs equally far apart in the same direction share one."
ABOUT_ESTIMATE = (
    "refit: a penalty finds which pairs are coupled, then these are measured without it. "
    "pooled: the same, pulled towards their common value. sparse: as the penalty leaves them, which is too small."
)


def widget(name: str) -> dict[str, Any]:
    """A widget whose value stands in the address, under a name of this form's own."""
    return address.bound(f"recover_{name}")


def lattice() -> None:
    """The form for samples of a lattice, and the button that starts. Errors: ValueError."""
    address.hold_whole("recover_side", *SIDES, "The side")
    address.hold_real("recover_sigma", *SIGMAS, "σ")
    address.hold_whole("recover_samples", *SAMPLES, "The number of samples")
    with row():
        side = st.number_input("Side of the lattice", *SIDES, 10, width=150, **widget("side"))
        sigma = st.number_input(
            "True coupling σ", *SIGMAS, 0.2, 0.05, width=150, **widget("sigma"),
            help=f"At {CRITICAL_SIGMA:.4f} the spins begin to order. Beyond it samples are all alike and say less.",
        )  # fmt: skip
        samples = st.number_input("Samples", *SAMPLES, 2000, step=500, width=150, **widget("samples"))
        seconds, seed = length()
    with row():
        how = kind(homogeneous=True)
        config = IsingConfig(int(side), round(sigma, 6), int(samples), budget_s=float(seconds), seed=seed, **how)
        config = replace(config, start=start(config)) if config.trainer == "fast" else config
        start_button(training.start, [config])


def row() -> Any:
    """Widgets side by side, as far as there is room."""
    return st.container(horizontal=True, vertical_alignment="bottom")


def start_button(act: Callable[..., None], *given: Any) -> None:
    """The button that starts training."""
    st.button("Recover", type="primary", icon=":material/play_arrow:", key="recover", on_click=act, args=given)


def kind(*, homogeneous: bool) -> dict[str, Any]:
    """By which trainer, what couplings are taken to share, and how they are estimated: settings of a config."""
    # The address holds an option as it is written here.
    trainers = {label: trainer for trainer, label in TRAINERS.items()}
    address.hold_choice("recover_method", trainers, "The method")
    text = "Ours, the published algorithm, and other methods that train the same energy without a GFlowNet."
    chosen = st.selectbox("Method", list(trainers), width=250, help=text, **widget("method"))
    trainer = trainers[address.choice(chosen, trainers, TRAINERS["fast"])]
    address.hold_choice("recover_couplings", COUPLINGS, "The kind of couplings")
    address.hold_choice("recover_estimate", ESTIMATES, "The estimate")
    couplings = COUPLINGS[0]
    if homogeneous:
        couplings = st.segmented_control(
            "Couplings", COUPLINGS, default=COUPLINGS[0], required=True, help=ABOUT_COUPLINGS, **widget("couplings")
        )
    estimate = ESTIMATES[0]
    if trainer in ("fast", "pseudo-likelihood"):
        estimate = st.segmented_control(
            "Estimate", ESTIMATES, default=ESTIMATES[0], required=True, help=ABOUT_ESTIMATE, **widget("estimate")
        )
    by = {"preset": trainer} if trainer in PRESETS else {"method": trainer}
    return {"couplings": couplings or COUPLINGS[0], "estimate": estimate or ESTIMATES[0], **by}


def start(config: IsingConfig) -> str:
    """Where the couplings start: at zero, or at those of the nearest shipped model, where there is one."""
    path = nearest(config, shipped.folder())
    if path is None:
        return STARTS[0]
    address.hold_choice("recover_start", STARTS, "The start")
    text = f"zero: from nothing. shipped: from {path.name}, the shipped model of the nearest σ; training takes as long."
    chosen = st.segmented_control("Start", STARTS, default=STARTS[0], required=True, help=text, **widget("start"))
    return chosen or STARTS[0]


def length() -> tuple[int, int]:
    """Seconds of training, and the seed."""
    address.hold_whole("recover_seconds", SHORTEST_S, training.longest(), "The number of seconds")
    address.hold_seed("recover_seed")
    seconds = st.number_input(
        "Seconds", SHORTEST_S, training.longest(), SECONDS, step=5, width=150, **widget("seconds"),
        help="Training time. Its first half finds which pairs are coupled, the second how strongly.",
    )  # fmt: skip
    return int(seconds), address.seed("Seed of data and training", "recover_seed", width=210)
