"""Your table: any table's columns as bits, a model of them trained live, and what one does with it."""

from contextlib import nullcontext
from pathlib import Path

import streamlit as st

from ebgfn import shipped
from ebgfn.runs import store
from ebgfn.runs.folder import RunFolder
from ebgfn.ui.shell import frame, models, server, training
from ebgfn.ui.table import EXAMPLE, TABLE, held_out, privacy, run_curves, tasks, training_form, understood, upload
from ebgfn.ui.table.upload import Brought

LEAD = """Drop a table, such as a spreadsheet saved as CSV. A model learns which rows are likely, here, within a minute. Then
it **draws new rows** like yours, **fills empty cells**, finds **odd rows** and shows **what hangs together**."""

HOW = r"""Every cell becomes a few bits: a category by its code, a number by its bin, so that a row is a vector $x$ of $D$
bits. An **energy** $E(x)$ says how probable a row is,

$$
p(x) = \frac{e^{-E(x)}}{Z}, \qquad Z = \sum_{x'} e^{-E(x')},
$$

and a **GFlowNet**, the sampler, draws rows bit by bit, in whatever order $o$:

$$
\log q(x \mid o) = \sum_{i=1}^{D} \log q\big(x_{o_i} \mid x_{o_1}, \dots, x_{o_{i-1}}\big).
$$

As it can begin with any bits, it answers whatever is asked of a row: given these cells, what of those? **log p** is the
sampler's log-probability of a row, as a mean of $q$ over random orders, in nats: natural logarithms. In training the sampler
learns from the table and from the energy, and the energy learns to tell the table's rows from those that the sampler draws.
Of the rows one in ten is kept for choosing and two for measuring; the model never sees these."""

ABOUT_EXAMPLE = """569 tumours of the breast, by 30 measurements of their cells and whether they were benign (Wisconsin
Diagnostic Breast Cancer, UCI, CC BY 4.0). A model of this table comes with the app."""
NO_EXAMPLE = "There is no trained model of the example here: **Train** makes one in a minute."
PRESS = "Press **Train**: a first model is there within seconds, and you see it get better."
NO_FILE = "The table of this run is not kept any more. Drop it again to train anew."
TRAIN = "Watch a model of this table learn from nothing, here, on this machine."


def bring(*, folded: bool) -> Brought | None:
    """A file, what was understood of it, the button that trains, and what is kept; `folded` where a run is to be seen."""
    with st.container(border=True):
        brought = upload.show()
        if brought is not None:
            with st.expander("What was understood, and **Train** once more") if folded else nullcontext():
                schema = understood.show(brought)
                training_form.of_file(brought, schema)
        privacy.show(brief=folded)
    return brought


def example() -> None:
    """The table that comes with the page, and its model."""
    frame.section("An example: breast cancer", ABOUT_EXAMPLE)
    folder = shipped.folder() / f"{TABLE.name}-{EXAMPLE}"
    try:
        if models.stored(folder):
            at_rest(folder)
    except ValueError:
        st.info(NO_EXAMPLE, icon=":material/model_training:")
    frame.section("Train it yourself", TRAIN)
    training_form.of_example()
    models.provenance(models.card(folder))


def at_rest(folder: Path) -> None:
    """A trained model: rows that it has not seen, then what it is good for."""
    held_out.show(folder)
    frame.section("What the model can do")
    tasks.show(folder)


def trained(run: RunFolder) -> None:
    """A run as it goes, and once it has ended what its model is good for."""
    path = store.kept_file(run.config)
    if path is not None and not path.is_file():
        st.info(NO_FILE, icon=":material/upload:")
        return
    run_curves.show(run)
    if run.status.finished and run.has_checkpoint:
        frame.section("What it has learned")
        at_rest(run.checkpoint)


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Your table", LEAD)
    with frame.folded("How it works", "how") as asked_for:
        if asked_for:
            st.markdown(HOW, width=frame.TEXT_WIDTH)
    server.settle()
    run = training.current(TABLE)
    brought = bring(folded=run is not None)
    training.say_refusal()
    try:
        if run is not None:
            trained(run)
        elif brought is not None:
            st.info(PRESS, icon=":material/model_training:")
        else:
            example()
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
    training.prepare(run)


main()
