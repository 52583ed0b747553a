"""Your table: any table's columns as bits, a model of them trained live, and what one does with it."""

from contextlib import nullcontext
from pathlib import Path

import streamlit as st

from ebgfn import shipped
from ebgfn.runs import store
from ebgfn.runs.folder import RunFolder
from ebgfn.ui.shell import address, frame, models, server, training
from ebgfn.ui.table import (
    EXAMPLE,
    TABLE,
    explanation,
    held_out,
    privacy,
    run_curves,
    tasks,
    training_form,
    understood,
    upload,
)
from ebgfn.ui.table.upload import Brought

LEAD = """Drop a table, such as a spreadsheet saved as CSV. A model learns which rows are likely, here, within a minute. Then
it **draws new rows** like yours, **fills empty cells**, finds **odd rows** and shows **what hangs together**."""

ABOUT_EXAMPLE = """569 tumours of the breast, by 30 measurements of their cells and whether they were benign (Wisconsin
Diagnostic Breast Cancer, UCI, CC BY 4.0). A model of this table comes with the app."""
NO_EXAMPLE = "There is no trained model of the example here: **Train** makes one in a minute."
PRESS = "Press **Train**: a first model is there within seconds, and you see it get better."
NO_FILE = "The table of this run is not kept any more. Drop it again to train anew."
OF_ANOTHER = "The run in the address is of another visitor's table: only they can see it."
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


def current() -> RunFolder | None:
    """The run in the address, if this visitor may see it."""
    run = training.current(TABLE)
    if run is not None and not privacy.may_see(run):
        address.refuse(OF_ANOTHER)
        return None
    return run


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Your table", LEAD)
    with frame.folded("How it works", "how") as asked_for:
        if asked_for:
            st.markdown(explanation.HOW, width=frame.TEXT_WIDTH)
    server.settle()
    run = current()
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
