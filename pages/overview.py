"""Overview: three living cards from trained models, the loop that trains both, and the idea in four steps."""

import streamlit as st

from ebgfn.ui.components import first_screen, trajectory_player
from ebgfn.ui.overview import PAGE, choice, four_steps, living, stories
from ebgfn.ui.plane import shipped
from ebgfn.ui.plane.preview import Preview
from ebgfn.ui.shell import frame, routes

LEAD = """An **energy** says how probable anything is, but cannot draw samples. A **GFlowNet** draws, one decision at a time,
but must be told what is probable. **EB-GFN** trains each with the help of the other."""

PAPER = """Zhang, Malkin, Liu, Volokhova, Courville, Bengio: *Generative Flow Networks for Discrete Probabilistic
Modeling*, ICML 2022, [arXiv 2202.01361](https://arxiv.org/abs/2202.01361). The formulas above are the paper's; the training
replayed here uses our preset `fast`, which has the same goal but takes better-conditioned steps. A nat is 1.44 bits."""

NO_MODEL = (
    "There is no trained model here yet. Train one on the 2D landscape page: twenty seconds are enough to see a lot."
)


def first() -> tuple[str, Preview] | None:
    """The first screen; returns the model that the visitor chose and its pictures, None where nothing is shipped."""
    found = shipped.by_set()
    name = choice.chosen(tuple(found))
    seen = shipped.pictures(found[name]) if name else None
    if seen is None:
        st.info(NO_MODEL, icon=":material/model_training:")
    growth, sweep = stories.load()
    opened = first_screen.draw(
        living.training(name, tuple(found), seen) if name and seen else None,
        living.images(growth),
        living.lattices(sweep),
        cards := living.cards(name or living.DEFAULT, sweep),
        dial=choice.DIAL,
    )
    for card in cards:
        if card.kind == opened:
            st.switch_page(card.page, query_params=dict(card.query))
    return (name, seen) if name and seen else None


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Energy-based GFlowNets", LEAD)
    try:
        chosen = first()
    except ValueError as error:  # a checkpoint that cannot be read
        st.error(str(error), icon=":material/error:")
        chosen = None
    if chosen is not None:
        name, seen = chosen
        frame.section("The idea in four steps")
        trajectory_player.draw(seen.trajectories, seen.final.p, name=name, key="story")
        four_steps.show(seen.trajectories)
    frame.section("Where to go next")
    for page in routes.pages():
        if page is not PAGE:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.page_link(page.file, width=150)
                st.markdown(page.text, width="stretch")
    st.caption(PAPER)


main()
