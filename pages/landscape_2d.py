"""2D landscape: a density in the plane, the energy that models it and the GFlowNet that samples it; train them live."""

from pathlib import Path

import streamlit as st

from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.densities import DRAWN
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.runs.folder import RunFolder, Status
from ebgfn.ui.components import landscape_view
from ebgfn.ui.components.landscape_view import Landscape
from ebgfn.ui.components.line_charts import Marks
from ebgfn.ui.plane import (
    PLANE,
    comparison,
    data_choice,
    exact_pictures,
    explanation,
    landscape_files,
    preview,
    run_pictures,
    shipped,
    training_form,
)
from ebgfn.ui.shell import frame, history, knobs, models, run_bar, training
from ebgfn.ui.shell.history import Columns

LEAD = """Points of the plane become vectors of bits. An **energy** $E(x)$ learns how probable each vector is, and a
**GFlowNet**, the sampler, learns to draw vectors with that probability, bit by bit, without any Markov chain. Both are
shown beside the data: where the pictures differ, something is still to be learned."""


def show_shipped(dataset: str, bits: int, seed: int) -> None:
    """The shipped model of a set, or what to do where there is none."""
    model = shipped.by_set(bits).get(dataset) if dataset != DRAWN else None
    if model is None:
        st.info(explanation.no_model(dataset, bits), icon=":material/model_training:")
        return
    if bits < FULL_BITS:
        shown, curves = exact_pictures.landscape(model.folder, source=dataset), {}
    else:
        seen = shipped.pictures(model)
        shown, curves = shipped.landscape(dataset, seen), seen.curves
    config = Toy2DConfig(dataset, bits=bits)
    pictures(shown, model.folder, dataset, curves, seed, label="shipped", config=config)
    models.provenance(models.card(model.folder))


def pictures(
    shown: Landscape,
    folder: Path | None,
    name: str,
    columns: Columns,
    seed: int,
    *,
    label: str,
    config: Toy2DConfig,
    turned: Marks = (),
) -> None:
    """Pictures, downloads and curves of what is at rest."""
    landscape_view.draw(shown, key="landscape")
    landscape_files.panel(folder, name, shown, columns, seed)
    comparison.curves_and_other(shown, label, columns, config=config, but=name, turned=turned)
    explanation.explain(shown)


def show_run(run: RunFolder, seed: int) -> None:
    """A run: looked at again and again while it goes on, else at rest."""

    def look(run: RunFolder, status: Status, *, whole: bool) -> None:
        training.say_refusal()
        run_bar.bar(run, status)
        (moving if status.state in training.ACTIVE else resting)(run, seed, newest_only=not whole)

    knobs.show(run)
    training.watch(run, look, ticking=training.lively(run.status))


def resting(run: RunFolder, seed: int, **_: bool) -> None:
    """A run that has stopped."""
    lines = history.lines(run)
    shown, folder = run_pictures.at_rest(run, lines), run.checkpoint if run.has_checkpoint else None
    if shown is None:
        run_bar.without_pictures(run.status)
        return
    columns, label = preview.curves(lines), comparison.short(run.config)
    turned = knobs.marks(lines)
    pictures(shown, folder, run.id, columns, seed, label=label, config=run.config, turned=turned)


def moving(run: RunFolder, _seed: int, *, newest_only: bool) -> None:
    """The newest picture of a run that goes on, and its curves so far."""
    lines, config = history.lines(run), run.config
    shown = run_pictures.seen(run, lines, newest_only=newest_only)
    if shown is None:
        waiting_pictures(config)
        return
    landscape_view.draw(shown, key="landscape")
    end_s, columns = 0.0 if config.steps else config.budget_s, preview.curves(lines)
    explanation.why(config, lines[-1], shown.floor)
    comparison.curves_and_other(
        shown, comparison.short(config), columns, config=config, but=run.id, end_s=end_s, turned=knobs.marks(lines)
    )


def waiting_pictures(config: Toy2DConfig) -> None:
    """Until a run has pictures of its own, those of the shipped model stay."""
    model = shipped.by_set(config.bits).get(config.dataset)
    if model is None or config.bits < FULL_BITS:
        st.info("The first picture comes as soon as training has begun.", icon=":material/hourglass_top:")
        return
    st.caption("These are pictures of the shipped model. Your own take their place as soon as training has begun.")
    landscape_view.draw(shipped.landscape(config.dataset, shipped.pictures(model), moments=0), key="landscape")


def main() -> None:
    """The page, from top to bottom."""
    frame.page("2D landscape", LEAD)
    dataset = data_choice.choose()
    if dataset == DRAWN:
        left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
        with left:
            weights = data_choice.drawing()
        with right:
            chosen = training_form.show(dataset, weights)
    else:
        chosen = training_form.show(dataset, None)
    current = training.current(PLANE)
    training.say_refusal()
    try:
        if current is None:
            show_shipped(dataset, chosen.bits, chosen.seed)
        else:
            show_run(current, chosen.seed)
    except ValueError as problem:
        st.error(str(problem), icon=":material/error:")
    training.prepare(current)


main()
