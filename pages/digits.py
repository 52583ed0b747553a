"""Digits: images sampled on the spot, grown, filled in, ranked by energy, and moved by back-and-forth chains."""

from typing import NamedTuple

import streamlit as st

from ebgfn.runs.folder import RunFolder
from ebgfn.ui.digits import IMAGES, completion, image_chains, image_sheet, images, results, run_pictures, training_form
from ebgfn.ui.digits.image_sheet import DEFAULT_STEPS, DEFAULT_TEMPERATURE, ORDERS, TEMPERATURES
from ebgfn.ui.shell import address, frame, models, server, training
from ebgfn.ui.shell.models import StoredModel

LEAD = """A GFlowNet, the **sampler**, fills an empty image pixel by pixel; an **energy** says how probable the whole image
is. In **block steps** the sampler fills many pixels at once, which is quicker and a little worse: the dial sets how many
steps it takes. These samples were **made just now**, on this machine, without a GPU."""

ABOUT_TRAINING = """Watch a sampler and an energy learn, here, on this machine: noise becomes digits within a minute. When it
is done, everything on this page is made by your own model."""

ABOUT_FILLING = """Any part of an image can be given: the sampler just starts from there. Paint **ink** or **paper**,
and **erase** what it should fill. Given pixels never change."""

ABOUT_CHAINS = """Erase K pixels at random, let the sampler fill them, and accept or not by the Metropolis–Hastings rule: the
images of such a chain are samples from the **energy**, not from the sampler. Acceptance, the share of accepted moves, says
how well the two agree."""

# Half as wide as the other of MNIST: 0.3 nats worse, and more than twice as quick.
FIRST = "images-mnist-small"

NO_MODEL = "There is no trained model of images here yet: **Train** makes one in a minute."
OF_RUN = "From here on everything is made by the model that you trained. **Reset** shows the shipped ones again."


def controls(dim: int) -> tuple[int, float, int, str]:
    """Steps, temperature, seed and order of the sheet, held to their limits."""
    all_steps = images.steps_for(dim)
    address.hold_choice("steps", all_steps, "The number of steps")
    address.hold_seed("seed")
    address.hold_real("temperature", *TEMPERATURES, "The temperature")
    address.hold_choice("by", ORDERS, "The order")
    if st.session_state.get("steps", DEFAULT_STEPS) not in all_steps:  # chosen for larger images
        st.session_state["steps"] = DEFAULT_STEPS
    text = "Block steps T: quick … accurate"
    steps = st.select_slider(text, all_steps, DEFAULT_STEPS, width=300, **address.bound("steps", all_steps))
    text = "Below 1 the sampler's odds are sharpened: more typical images, less variety."
    temperature = st.slider(
        "Temperature", *TEMPERATURES, DEFAULT_TEMPERATURE, 0.05, width=200, help=text, **address.bound("temperature")
    )
    seed = address.seed("Seed", "seed", width=130)
    by = st.segmented_control("Order", ORDERS, default=ORDERS[0], required=True, **address.bound("by"))
    return (
        address.choice(steps, all_steps, DEFAULT_STEPS),
        address.within(temperature, *TEMPERATURES, DEFAULT_TEMPERATURE),
        seed,
        address.choice(by, ORDERS, ORDERS[0]),
    )


def chosen_model() -> StoredModel | None:
    """The model that the visitor chose, and where there is none what to do."""
    found = images.available()
    if not found:
        st.info(NO_MODEL, icon=":material/model_training:")
        return None
    address.hold_choice("images", found, "The model")
    return models.choose(found, "images", FIRST, width=230)


def of_run(run: RunFolder) -> StoredModel | None:
    """The model that a run has come to, once it has ended."""
    if not (run.status.finished and run.has_checkpoint):
        return None
    return models.stored(run.checkpoint, run.id)


class Shown(NamedTuple):
    """A model that samples, at what temperature and from which seed."""

    source: StoredModel
    temperature: float
    seed: int


def sheet(run: RunFolder | None) -> Shown | None:
    """Samples, made now by the model that was chosen or trained; None where there is none to be shown."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = chosen_model() if run is None else of_run(run)
        if source is None:
            return None
        try:
            steps, temperature, seed, by = controls(images.dim(source))
        except ValueError as error:
            st.error(str(error), icon=":material/error:")
            return None
    image_sheet.show(source, steps=steps, temperature=temperature, seed=seed, by=by)
    return Shown(source, temperature, seed)


def training_of(run: RunFolder) -> None:
    """A run in place of the shipped models."""
    training_form.show()
    run_pictures.show(run)
    if run.status.finished and run.has_checkpoint:
        st.markdown(OF_RUN)


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Digits", LEAD)
    server.settle()
    run = training.current(IMAGES)
    training.say_refusal()
    if run is not None:
        training_of(run)
    shown = sheet(run)
    if run is None:
        frame.section("Train your own", ABOUT_TRAINING)
        training_form.show()
    if shown is not None:
        frame.section("Fill in", ABOUT_FILLING)
        completion.show(shown.source, temperature=shown.temperature, seed=shown.seed)
        frame.section("Back-and-forth chains", ABOUT_CHAINS)
        image_chains.hold()
        image_chains.show(shown.source, seed=shown.seed)
        results.show(shown.source)
    training.prepare(run)


main()
