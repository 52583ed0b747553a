"""How to read the pictures of a model: words and formulas that hold its own numbers."""

import math
from typing import Any

import streamlit as st

from ebgfn import shipped
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.densities import DRAWN
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.ui.components.landscape_view import Landscape
from ebgfn.ui.plane import PLANE
from ebgfn.ui.shell import models
from ebgfn.ui.shell.frame import TEXT_WIDTH
from ebgfn.ui.shell.history import Metrics
from ebgfn.ui.shell.text import clock, excess, minus, rounded, signed

# Of `FastRecipe`, of which the plane has the default: reading it there would load torch.
TEACH_SHARE = 0.3

READING = """
**One colour scale for all.** The first three pictures show probability per unit area on the same scale; the fourth shows
where the energy has more (orange) and where the GFlowNet has more (blue), and full strength means the same density.
Lightness alone shows the amount, so the scale can be read without colour vision. **log colours** brings out what is faint:
a spurious mode, a peak that is not in the data, would show there.

**Move around.** Point at a picture to read all five at that place. Zoom with a double click, a pinch, Ctrl and the wheel
or +; drag when zoomed. With the keyboard: focus a picture, then use +, −, 0 and the arrow keys.
"""


def no_model(dataset: str, bits: int) -> str:
    """Empty state: nothing trained to show."""
    what = "your drawing" if dataset == DRAWN else f"{dataset} at {bits} bits an axis" if bits < FULL_BITS else dataset
    return f"No trained model of {what} comes with the app. Press **Train**: twenty seconds are enough to see a lot."


def why(config: Toy2DConfig, line: Metrics, floor: float | None) -> None:
    """While it trains: what is learned now, why one model is behind, and what more time gives."""
    card = models.card(shipped.folder() / PLANE.shipped_name(config)) if config.dataset != DRAWN else {}
    st.markdown(" ".join([_phase(config, line["progress"]), *_behind(line, floor), *_more(card)]), width=TEXT_WIDTH)


def _phase(config: Toy2DConfig, progress: float) -> str:
    if config.preset != "fast":
        return (
            "The sampler balances its trajectories against the energy, which learns from where the sampler's moves end."
        )
    if progress < TEACH_SHARE:
        return f"For the first {TEACH_SHARE:.0%} of the time each model learns from the data on its own."
    return "Chains that follow the energy now teach the sampler, and the energy learns to tell their points from data."


def _behind(line: Metrics, floor: float | None) -> list[str]:
    if floor is None or "gfn_nll_se" not in line or "ebm_nll_se" not in line:
        return []
    gap, error = line["gfn_nll"] - line["ebm_nll"], 2 * math.hypot(line["gfn_nll_se"], line["ebm_nll_se"])
    if gap > error:
        return [
            f"The sampler is **{gap:.2f} nats** behind the energy: it has to follow what has only just changed, and must "
            "get the probability of every order of filling right."
        ]
    if -gap > error:
        return [
            f"The energy is **{-gap:.2f} nats** behind the sampler: it has only been shown what data do not look like."
        ]
    return ["The two are equally good, as far as so few points can tell."]


def _more(card: dict[str, Any]) -> list[str]:
    if "gfn_excess" not in card or "ebm_excess" not in card:
        return []
    sampler, energy = (rounded(card[f"{name}_excess"]) for name in ("gfn", "ebm"))
    seconds = clock(card["train_seconds"])
    return [
        f"After {seconds} the shipped model was {sampler} (sampler) and {energy} (energy) nats above the entropy floor."
    ]


def explain(scene: Landscape) -> None:
    """What the numbers mean, with those of the last moment."""
    values = scene.frames[-1].values
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(READING)
        st.markdown("\n\n".join(sentences(values, values.get("entropy_floor", scene.floor))))


def sentences(values: dict[str, float], floor: float | None) -> list[str]:
    """One paragraph for each thing that is known."""
    told = []
    if floor is not None and "gfn_nll" in values and "ebm_nll" in values:
        told.append(_likelihood(values, floor))
    if "log_z" in values:
        told.append(_log_z(values))
    if "mh_acceptance" in values:
        told.append(
            "**Acceptance** says how well the sampler knows the energy: erase 8 bits of a data point, let the GFlowNet "
            "fill them, and accept or not by the Metropolis–Hastings rule. "
            f"**{values['mh_acceptance']:.1%}** of such moves are accepted; all are if and only if the loss is zero."
        )
    if "tv_difference" in values:
        told.append(
            "**Exact**: all states were enumerated, and the GFlowNet's probabilities summed over all orders in which "
            f"it can fill them. Total variation from the data: energy **{values['tv_energy']:.4f}**, GFlowNet "
            f"**{values['tv_sampler']:.4f}**; between the two **{values['tv_difference']:.4f}**."
        )
    return told


def _likelihood(values: dict[str, float], floor: float) -> str:
    sampler, energy = (excess(values, model, floor) for model in ("gfn", "ebm"))
    return (
        "**NLL**, the negative log-likelihood, is the mean of −log probability of fresh data, in nats (a nat is 1.44 bits). "
        f"No model can beat the data's entropy, **{floor:.3f}**. The sampler is {sampler} nats from it, the energy {energy} "
        "nats: e to that power is how many times more probable the true density makes a typical point."
    )


def _log_z(values: dict[str, float]) -> str:
    told = (
        r"**log Z** normalises the energy, $p(x) = e^{-E(x)}/Z$ with $Z = \sum_x e^{-E(x)}$ over all vectors. "
        f"Here log Z = **{minus(format(values['log_z'], '.3f'))}**."
    )
    if "log_z_sampler" not in values or "log_z_annealed" not in values:
        return f"{told} It is estimated from the sampler, which would miss a mode that it never visits."
    by_weights, annealed = signed(values["log_z_sampler"]), signed(values["log_z_annealed"])
    return (
        f"{told} Nothing bounds it from above, so independent estimates have to agree: {by_weights} from weights of "
        f"trajectories and of broad proposals, {annealed} from annealing with local moves. {_search(values)}"
    )


def _search(values: dict[str, float]) -> str:
    """What a search for mass that the sampler does not know came upon."""
    if "ebm_nll" not in values:
        return "They do not, or a search found probability mass that the sampler misses: the energy has no NLL."
    return (
        "Descents and chains from widely spread states found no mass that the sampler misses; the most probable state that "
        f"they met has log p = {signed(values['highest_log_p'], 1)}."
    )
