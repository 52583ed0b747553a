"""EB-GFN in four steps, with the numbers of one trajectory of a trained model."""

import streamlit as st

from ebgfn.ui.components.trajectory_player import ToldTrajectories


def show(told: ToldTrajectories) -> None:
    """Four columns, with the numbers of the trajectory that plays first."""
    texts = (_bits(told.x.shape[1]), _filling(told), _balance(told), _learning())
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
        "nobody can add up all the terms of $Z$.",
    )


def _filling(told: ToldTrajectories) -> tuple[str, str]:
    dim = told.x.shape[1]
    return (
        "2 · A GFlowNet fills them",
        rf"It starts with all {dim} bits void. In each step $P_F$ picks a void place and a value, so after {dim} steps "
        rf"the vector is complete. The first trajectory above has $\log P_F = {told.log_pf[0]:.2f}$; erasing it "
        rf"backwards has $\log P_B = {told.log_pb[0]:.2f}$.",
    )


def _balance(told: ToldTrajectories) -> tuple[str, str]:
    parts = [float(told.log_z), float(told.log_pf[0]), float(-told.log_pb[0]), float(told.energy[0])]
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
        "started in one mode stays there for a long time.",
    )
