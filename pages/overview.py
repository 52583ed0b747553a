"""Overview: what EB-GFN is, shown on a trained model, with its own numbers."""

import pandas as pd
import streamlit as st

from ebgfn.ui import frame, plots, shipped, story_player
from ebgfn.ui.story import Story

LEAD = """An **energy-based model** says how probable anything is, but cannot draw samples. A **GFlowNet** draws samples,
one decision at a time, but needs to be told what is probable. **EB-GFN** trains both together on discrete data: the sampler
shows the energy what it wrongly believes in, and the energy rewards the sampler."""

PAPER = """Zhang, Malkin, Liu, Volokhova, Courville, Bengio: *Generative Flow Networks for Discrete Probabilistic Modeling*,
ICML 2022, [arXiv 2202.01361](https://arxiv.org/abs/2202.01361)."""

WHERE = (
    ("pages/landscape_2d.py", "See energy, sampler and their difference; train on seven sets or on your own drawing."),
    ("pages/chains.py", "Void K bits, fill them again, accept or not: what one number does to a Markov chain."),
    ("pages/runs.py", "Follow, stop, resume and download training runs."),
)


def moving_picture() -> str | None:
    """The trained model that the visitor chose, filling its vectors; None where nothing is shipped."""
    names = shipped.names()
    if not names:
        st.info("No trained model is here yet. Train one on the 2D landscape page: half a minute shows a lot.")
        return None
    frame.hold_choice("shown", tuple(names), "The model")
    default = "checkerboard" if "checkerboard" in names else names[0]
    name = st.segmented_control(
        "Trained on", names, default=default, required=True, key="shown", bind="query-params"
    )  # fmt: skip
    name = name if name in names else default
    story_player.play(shipped.pictures(shipped.folder(name)), name=name, key="story")
    return name


def idea(story: Story, dim: int) -> None:
    """Four steps, with the numbers of the trajectory that plays first."""
    log_z, log_pf, log_pb, energy = (float(v) for v in (story.log_z, story.log_pf[0], story.log_pb[0], story.energy[0]))
    residual = log_z + log_pf - log_pb + energy
    n = plots.minus
    steps = (
        (
            "1 · Data are bits",
            f"A point of the plane becomes {dim} bits: sign and Gray-coded size of each coordinate. There are "
            rf"$2^{{{dim}}} = {2**dim:,}$".replace(",", r"\,")
            + r" vectors $x$. The energy gives each a probability, $p(x) = e^{-E(x)}/Z$, and nobody can sum $Z$.",
        ),
        (
            "2 · A GFlowNet fills them",
            rf"It starts with all {dim} bits void. In each step $P_F$ picks a void place and a value, so after {dim} steps the "
            rf"vector is complete. The trajectory above has $\log P_F = {n(f'{log_pf:.2f}')}$; erasing it backwards has "
            rf"$\log P_B = {n(f'{log_pb:.2f}')}$.",
        ),
        (
            "3 · They must balance",
            r"If $\log Z + \log P_F - \log P_B + E(x) = 0$ on every trajectory, the GFlowNet samples exactly from $p$. On this "
            rf"one: ${log_z:.2f} {log_pf:+.2f} {-log_pb:+.2f} {energy:+.2f} = {residual:+.2f}$. Training squares this "
            "residual and makes it small.",
        ),
        (
            "4 · The energy learns from both",
            r"Its gradient, $\nabla E(x_{\mathrm{data}}) - \nabla E(x_{\mathrm{sampler}})$, lowers the energy where data are "
            "and raises it where the sampler goes instead. The sampler reaches every mode in one go, where a Markov chain "
            "would get stuck.",
        ),
    )
    with st.grid(4, min_column_width=240, gap="medium"):
        for title, text in steps:
            with st.container():
                st.markdown(f"**{title}**")
                st.markdown(text)


def results() -> None:
    """What `evaluate` measured of every shipped model, beside the floor."""
    cards = {name: shipped.card(name) for name in shipped.names()}
    wanted = ("entropy_floor", "gfn_nll", "ebm_nll", "mh_acceptance", "ess", "mmd", "mmd_data")
    cards = {name: card for name, card in cards.items() if all(isinstance(card.get(k), int | float) for k in wanted)}
    if not cards:
        return
    st.subheader("Measured", anchor=False)
    st.markdown(
        "Negative log-likelihood of fresh data in nats; the **floor** is the data's entropy, which no model can beat but by "
        "chance. Acceptance and effective sample size (ESS) are 1 if the sampler knows the energy perfectly. MMD is the "
        "distance of samples to data, beside that of data to data.",
        width=860,
    )
    table = pd.DataFrame({
        "set": list(cards),
        "floor": [f"{c['entropy_floor']:.3f}" for c in cards.values()],
        "GFlowNet NLL": [nll(c, "gfn_nll") for c in cards.values()],
        "above floor": [plots.signed(c["gfn_nll"] - c["entropy_floor"]) for c in cards.values()],
        "energy NLL": [nll(c, "ebm_nll") for c in cards.values()],
        "above floor ": [plots.signed(c["ebm_nll"] - c["entropy_floor"]) for c in cards.values()],
        "acceptance": [f"{c['mh_acceptance']:.3f}" for c in cards.values()],
        "ESS": [f"{c['ess']:.3f}" for c in cards.values()],
        "MMD": [plots.minus(f"{c['mmd']:.5f}") for c in cards.values()],
        "data to data": [plots.minus(f"{c['mmd_data']:.5f}") for c in cards.values()],
    }).set_index("set")
    right = {name: st.column_config.TextColumn(name, alignment="right") for name in table.columns}
    st.dataframe(table, column_config=right)


def nll(card: dict, name: str) -> str:
    """Value with two standard errors, where they are known."""
    return f"{card[name]:.3f}" + (f" ± {2 * card[f'{name}_se']:.3f}" if f"{name}_se" in card else "")


frame.page("Energy-based GFlowNets", LEAD)
chosen = moving_picture()
if chosen is not None:
    seen = shipped.pictures(shipped.folder(chosen))
    st.subheader("The idea in four steps", anchor=False)
    idea(seen.story, seen.story.x.shape[1])
    results()
st.subheader("Where to go next", anchor=False)
for path, text in WHERE:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(path, width=180)
        st.markdown(text)
st.caption(PAPER)
