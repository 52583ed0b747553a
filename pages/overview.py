"""Overview: what EB-GFN is, shown on a trained model, with its own numbers."""

import streamlit as st

from ebgfn.ui.components import trajectory_player
from ebgfn.ui.overview import PAGE, four_steps, results
from ebgfn.ui.plane import shipped
from ebgfn.ui.plane.preview import Preview
from ebgfn.ui.shell import address, frame, models, routes

LEAD = """An **energy-based model** says how probable anything is, but cannot draw samples. A **GFlowNet** draws
samples, one decision at a time, but has to be told what is probable. **EB-GFN** trains both together on discrete data:
the sampler shows the energy what it wrongly believes in, and the energy rewards the sampler."""

PAPER = """Zhang, Malkin, Liu, Volokhova, Courville, Bengio: *Generative Flow Networks for Discrete Probabilistic
Modeling*, ICML 2022, [arXiv 2202.01361](https://arxiv.org/abs/2202.01361)."""

MEASURED = """Negative log-likelihood of fresh data in nats, ± two standard errors; the **floor** is the data's entropy,
which no model can beat but by chance. Acceptance and effective sample size (ESS) are 1 if the sampler knows the energy
perfectly. MMD is the distance of samples to data, beside that of data to data."""


def moving_picture() -> Preview | None:
    """The trained model that the visitor chose, filling its vectors; None where nothing is shipped."""
    found = shipped.by_set()
    if not found:
        st.info("No trained model is here yet. Train one on the 2D landscape page: twenty seconds show a lot.")
        return None
    address.hold_choice("shown", found, "The model")
    default = "checkerboard" if "checkerboard" in found else next(iter(found))
    name = st.segmented_control("Trained on", list(found), default=default, required=True, **address.bound("shown"))
    name = address.choice(name, found, default)
    seen = shipped.pictures(found[name])
    trajectory_player.draw(seen.trajectories, seen.final.p, name=name, key="story")
    return seen


def measured() -> None:
    """What `evaluate` measured of every shipped model, beside the floor."""
    table = results.table({name: models.card(model.folder) for name, model in shipped.by_set().items()})
    if not table:
        return
    frame.section("Measured", MEASURED)
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
        frame.section("The idea in four steps")
        four_steps.show(seen.trajectories)
        measured()
    frame.section("Where to go next")
    for page in routes.pages():
        if page is not PAGE:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.page_link(page.file, width=150)
                st.markdown(page.text, width="stretch")
    st.caption(PAPER)


main()
