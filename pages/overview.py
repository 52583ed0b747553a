"""Overview: what EB-GFN is, shown on a trained model, with its own numbers."""

import streamlit as st

from ebgfn.ui import frame, idea, shipped, story_player
from ebgfn.ui.preview import Preview

LEAD = """An **energy-based model** says how probable anything is, but cannot draw samples. A **GFlowNet** draws
samples, one decision at a time, but has to be told what is probable. **EB-GFN** trains both together on discrete data:
the sampler shows the energy what it wrongly believes in, and the energy rewards the sampler."""

PAPER = """Zhang, Malkin, Liu, Volokhova, Courville, Bengio: *Generative Flow Networks for Discrete Probabilistic
Modeling*, ICML 2022, [arXiv 2202.01361](https://arxiv.org/abs/2202.01361)."""

MEASURED = """Negative log-likelihood of fresh data in nats, ± two standard errors; the **floor** is the data's entropy,
which no model can beat but by chance. Acceptance and effective sample size (ESS) are 1 if the sampler knows the energy
perfectly. MMD is the distance of samples to data, beside that of data to data."""

WHERE = (
    ("pages/landscape_2d.py", "See energy, sampler and their difference; train on seven sets or on your own drawing."),
    ("pages/chains.py", "Void K bits, fill them again, accept or not: what one number does to a Markov chain."),
    (
        "pages/digits.py",
        "Digits sampled in half a second without a GPU; erase a part or draw one, and it is filled in.",
    ),
    ("pages/ising.py", "Drag a lattice of spins through its phase transition; find couplings from samples, yours too."),
    ("pages/runs.py", "Follow, stop, resume and download training runs."),
)


def moving_picture() -> Preview | None:
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
    folder = shipped.folder(name if name in names else default)
    if folder is None:  # taken away since it was listed
        return None
    seen = shipped.pictures(folder)
    story_player.play(seen, name=name, key="story")
    return seen


def results() -> None:
    """What `evaluate` measured of every shipped model, beside the floor."""
    table = idea.measured({name: shipped.card(name) for name in shipped.names()})
    if not table:
        return
    st.header("Measured", anchor=False)
    st.markdown(MEASURED, width=860)
    right = {name: st.column_config.TextColumn(name, alignment="right") for name in table if name != "set"}
    st.dataframe(table, column_config=right, hide_index=True)


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Energy-based GFlowNets", LEAD)
    try:
        seen = moving_picture()
    except ValueError as error:  # a checkpoint that cannot be read
        st.error(str(error), icon=":material/error:")
        seen = None
    if seen is not None:
        st.header("The idea in four steps", anchor=False)
        idea.steps(seen.story)
        results()
    st.header("Where to go next", anchor=False)
    for path, text in WHERE:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(path, width=150)
            st.markdown(text, width="stretch")
    st.caption(PAPER)


main()
