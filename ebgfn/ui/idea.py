"""EB-GFN in four steps, with the numbers of one trajectory of a trained model; and what was measured of the models."""

from typing import Any

import streamlit as st

from ebgfn.ui import plots
from ebgfn.ui.story import Story

FIGURES = ("entropy_floor", "gfn_nll", "ebm_nll", "mh_acceptance", "ess", "mmd", "mmd_data")


def steps(story: Story) -> None:
    """Four columns, with the numbers of the trajectory that plays first."""
    texts = (_bits(story.x.shape[1]), _filling(story), _balance(story), _learning())
    with st.grid(4, min_column_width=240, gap="medium"):
        for title, text in texts:
            with st.container():
                st.markdown(f"**{title}**")
                st.markdown(text)


def _bits(dim: int) -> tuple[str, str]:
    count = f"{2**dim:,}".replace(",", r"\,")
    return (
        "1 · Data are bits",
        f"A point of the plane becomes {dim} bits: sign and Gray-coded size of each coordinate. There are "
        rf"$2^{{{dim}}} = {count}$ vectors $x$. The energy gives each a probability, $p(x) = e^{{-E(x)}}/Z$, and "
        "nobody can sum $Z$.",
    )


def _filling(story: Story) -> tuple[str, str]:
    dim = story.x.shape[1]
    return (
        "2 · A GFlowNet fills them",
        rf"It starts with all {dim} bits void. In each step $P_F$ picks a void place and a value, so after {dim} steps "
        rf"the vector is complete. The first trajectory above has $\log P_F = {story.log_pf[0]:.2f}$; erasing it "
        rf"backwards has $\log P_B = {story.log_pb[0]:.2f}$.",
    )


def _balance(story: Story) -> tuple[str, str]:
    parts = [float(story.log_z), float(story.log_pf[0]), float(-story.log_pb[0]), float(story.energy[0])]
    sum_of = f"{parts[0]:.2f} " + " ".join(f"{part:+.2f}" for part in parts[1:])
    return (
        "3 · They must balance",
        r"If $\log Z + \log P_F - \log P_B + E(x) = 0$ on every trajectory, the GFlowNet samples exactly from $p$. "
        f"On this one: ${sum_of} = {sum(parts):+.2f}$. Training squares this residual and makes it small.",
    )


def _learning() -> tuple[str, str]:
    return (
        "4 · The energy learns from both",
        r"Its gradient, $\nabla E(x_{\mathrm{data}}) - \nabla E(x_{\mathrm{sampler}})$, lowers the energy where data "
        "are and raises it where the sampler goes instead. The sampler can reach every mode afresh; a Markov chain "
        "started in one mode stays there for long.",
    )


def measured(cards: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """A table, column by column, of the cards that hold all figures; empty if none does."""
    full = {n: c for n, c in cards.items() if all(isinstance(c.get(k), int | float) for k in FIGURES)}
    if not full:
        return {}
    rows = full.values()
    return {
        "set": list(full),
        "floor": [f"{c['entropy_floor']:.3f}" for c in rows],
        "GFlowNet NLL": [plots.with_error(c, "gfn_nll") for c in rows],
        "GFlowNet above floor": [plots.excess(c, "gfn", c["entropy_floor"]) for c in rows],
        "energy NLL": [plots.with_error(c, "ebm_nll") for c in rows],
        "energy above floor": [plots.excess(c, "ebm", c["entropy_floor"]) for c in rows],
        "acceptance": [f"{c['mh_acceptance']:.3f}" for c in rows],
        "ESS": [f"{c['ess']:.3f}" for c in rows],
        "MMD × 10⁶": [plots.millionths(c, "mmd") for c in rows],
        "data to data": [plots.millionths(c, "mmd_data") for c in rows],
    }
