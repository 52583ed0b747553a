"""What a visitor painted or brought, filled in by the sampler; and how its energy ranks among real images."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from jaxtyping import UInt8

from ebgfn.problems.images import pictures
from ebgfn.ui import image_canvas, image_files, image_source, lattice_view
from ebgfn.ui.chain_source import Source
from ebgfn.ui.image_canvas import VOID
from ebgfn.ui.image_source import Sheet
from ebgfn.ui.lattice_view import FILLED, Panel, Scene

ANSWERS, COLUMNS = 8, 4
EXAMPLE = 7
PARAMETER, KEY = "picture", "image_canvas"

NOTHING_VOID = "Nothing is void, so there is nothing to fill: paint with **void**, or take a part away below."
ALL_VOID = "All is void: these are samples from scratch. Paint ink or paper, and the answers will keep to it."

Cells = UInt8[np.ndarray, " dim"]


def example(source: Source) -> Cells:
    """What the canvas shows at first: a real image, the right half of it void; all void where there is none."""
    dim = image_source.model(source).dim
    seen = image_source.real(image_source.model(source).config.dataset)
    if seen is None:
        return np.full(dim, VOID, np.uint8)
    return without(seen[EXAMPLE], "right half")


def without(cells: Cells, part: str) -> Cells:
    """The picture with a part void."""
    side = round(len(cells) ** 0.5)
    square = cells.copy().reshape(side, side)
    parts = {
        "right half": np.s_[:, side // 2 :],
        "left half": np.s_[:, : side // 2],
        "lower half": np.s_[side // 2 :],
        "upper half": np.s_[: side // 2],
        "middle": np.s_[side // 3 : side - side // 3, side // 3 : side - side // 3],
        "everything": np.s_[:],
    }
    square[parts[part]] = VOID
    return square.reshape(-1)


PARTS = ("right half", "left half", "lower half", "upper half", "middle", "everything")


def current(source: Source) -> Cells:
    """The picture that the address holds, or the example; a sentence says so if it cannot be read."""
    dim, text = image_source.model(source).dim, st.query_params.get(PARAMETER)
    if text is None:
        return example(source)
    try:
        return image_canvas.decode(text, dim)
    except ValueError as error:
        st.warning(
            f"The address holds no picture for this model: {error}. An example is shown.", icon=":material/link_off:"
        )
        return example(source)


def keep(cells: Cells) -> None:
    """Into the address."""
    st.query_params[PARAMETER] = image_canvas.encode(cells)


def answers_scene(cells: Cells, sheet: Sheet) -> Scene:
    """All answers, lowest energy first, with what was filled in another colour."""
    best = np.argsort(sheet.energy, kind="stable")
    shown = sheet.x[best] + FILLED * (cells == VOID).astype(np.uint8)
    spread = f"{sheet.energy[best[0]]:.1f} to {sheet.energy[best[-1]]:.1f} nats"
    numbers = (
        ("filled in", f"{sheet.seconds:.2f} s", "seconds of this machine for all answers"),
        ("energy E", spread, "of the first and the last answer: lower means more probable"),
        ("different answers", f"{len(np.unique(sheet.x, axis=0))}", "of all that are shown"),
    )
    given = int((cells != VOID).sum())
    alt = f"{len(sheet.x)} answers, each keeping the {given} given pixels. Energies {spread}."
    panel = Panel(
        "Answers of the model", "lowest energy first; pink ink is the model's", shown, alt, len(shown), COLUMNS, numbers
    )
    return Scene((panel,), legend=None, width=36)


@st.fragment
def show(source: Source, *, temperature: float, seed: int) -> None:
    """Canvas, what can be done with it, and the answers."""
    cells = current(source)
    dim = len(cells)

    def painted() -> None:
        new = image_canvas.stroke(KEY, dim)
        if new is not None:
            keep(new)

    left, right = st.columns([2, 3], gap="large")
    with left:
        image_canvas.draw(cells, key=KEY, on_strokes=painted)
        _tools(source, cells)
    with right:
        void = cells == VOID
        if not void.any():
            st.info(NOTHING_VOID, icon=":material/brush:")
            rank(source, cells)
            return
        if void.all():
            st.info(ALL_VOID, icon=":material/brush:")
        start = np.repeat(np.where(void, 0, cells)[None].astype(np.uint8), ANSWERS, 0)
        masks = np.repeat(void[None], ANSWERS, 0)
        sheet = image_source.completed(source, start, masks, steps=None, temperature=temperature, seed=seed)
        lattice_view.draw(answers_scene(cells, sheet), key="image_answers")
        image_files.answers(source, sheet, cells, seed)


def _tools(source: Source, cells: Cells) -> None:
    """Other pictures to begin with, and parts to take away."""
    seen = image_source.real(image_source.model(source).config.dataset)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Take away", PARTS, key="part", width=160)
        st.button("Make void", icon=":material/ink_eraser:", on_click=_take_away, args=(cells,))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if seen is not None:
            st.number_input("Real image", 0, len(seen) - 1, EXAMPLE, key="real", width=160)
            st.button("Show it", icon=":material/image:", on_click=_show_real, args=(seen,))
    _upload(source)


# Both read what stands in their widget when the button is pressed: it may have changed since the script ran.


def _take_away(cells: Cells) -> None:
    part = st.session_state.get("part")
    keep(without(cells, part if part in PARTS else PARTS[0]))


def _show_real(seen: UInt8[np.ndarray, "n dim"]) -> None:
    number = st.session_state.get("real")
    keep(seen[number if isinstance(number, int) and 0 <= number < len(seen) else EXAMPLE])


def _upload(source: Source) -> None:
    """A picture from outside, shown small before it is used."""
    side = round(image_source.model(source).dim ** 0.5)
    file = st.file_uploader(
        "Your own picture",
        ["png", "jpg", "jpeg"],
        key="image_upload",
        help=f"PNG or JPEG; it becomes {side} × {side} pixels, ink or paper.",
    )
    if file is None:
        return
    try:
        found = pictures.read_picture(file.getvalue(), side)
    except ValueError as error:
        st.error(f"This picture cannot be used: {error}", icon=":material/error:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(image_files.sheet_image(found.bits[None]), width=112)
        st.caption(" ".join(found.notes))
    st.button("Use it", icon=":material/check:", on_click=keep, args=(found.bits,))


def rank(source: Source, cells: Cells) -> None:
    """Energy of a picture without void pixels, among those of real images and of samples."""
    energy = float(image_source.energy_of(source, cells[None])[0])
    seen = image_source.energy_of_real(source)
    drawn = image_source.sampled(source, 64, 16, 1.0, 0).energy
    st.plotly_chart(ranking(energy, seen, drawn), key="image_rank", alt=verdict(energy, seen, drawn))
    st.markdown(verdict(energy, seen, drawn))


def ranking(energy: float, seen: np.ndarray | None, drawn: np.ndarray) -> go.Figure:
    """Energies of real images and of samples as histograms, this picture's as a line."""
    figure = go.Figure()
    for name, values, colour in (("real images", seen, "#5b8fb0"), ("samples", drawn, "#8a8f98")):
        if values is not None:
            figure.add_histogram(
                x=values, name=name, marker={"color": colour}, opacity=0.75, histnorm="probability", nbinsx=40
            )
    figure.add_vline(x=energy, line={"color": "#e0408a", "width": 3}, annotation={"text": "this picture"})
    figure.update_xaxes(title="energy E in nats: further left is more probable")
    figure.update_yaxes(title="share")
    figure.update_layout(
        height=320,
        barmode="overlay",
        margin={"t": 30, "b": 10, "l": 10, "r": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    return figure


def verdict(energy: float, seen: np.ndarray | None, drawn: np.ndarray) -> str:
    """The figure as a sentence."""
    name, values = ("real images", seen) if seen is not None else ("samples", drawn)
    below = float((values < energy).mean())
    middle = float(np.median(values))
    return (
        f"The energy of this picture is **{energy:.1f} nats**; {below:.0%} of {len(values)} {name} lie lower, their median "
        f"is {middle:.1f}. The model holds it for e^{abs(energy - middle):.1f} times "
        f"{'less' if energy > middle else 'more'} probable than that one."
    )
