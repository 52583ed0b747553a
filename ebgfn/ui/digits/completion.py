"""What a visitor painted or brought, filled in by the sampler."""

import numpy as np
import streamlit as st
from jaxtyping import UInt8

from ebgfn.problems.images import pictures
from ebgfn.ui.components import pixel_canvas, squares
from ebgfn.ui.components.pixel_canvas import VOID
from ebgfn.ui.components.squares import FILLED, PIXELS, Panel, Scene
from ebgfn.ui.digits import energy_rank, image_files, images
from ebgfn.ui.digits.images import Sheet
from ebgfn.ui.shell import address, models, taken
from ebgfn.ui.shell.models import StoredModel
from ebgfn.ui.shell.text import plain, rounded

ANSWERS, COLUMNS = 8, 4
EXAMPLE = 7
PARAMETER, KEY = "picture", "image_canvas"

NOTHING_VOID = "No pixel is void, so there is nothing to fill: **erase** something, or erase a whole part below."
ALL_VOID = "Every pixel is void: these are samples from scratch. Paint ink or paper, and the answers will keep it."

Cells = UInt8[np.ndarray, " dim"]


def example(source: StoredModel) -> Cells:
    """What the canvas shows at first: a real image, the right half of it void; all void where there is none."""
    dim = models.load(source).dim
    seen = images.real(models.load(source).config.dataset)
    if seen is None:
        return np.full(dim, VOID, np.uint8)
    return without(seen[EXAMPLE], "right half")


def without(cells: Cells, part: str) -> Cells:
    """The picture with a part void."""
    side = round(len(cells) ** 0.5)
    square = cells.copy().reshape(side, side)
    half, third = side // 2, side // 3
    square[PARTS[part](half, third, side - third)] = VOID
    return square.reshape(-1)


# Of each part the pixels, from half and a third of the side, and what is left without the last third.
PARTS = {
    "right half": lambda half, *_: np.s_[:, half:],
    "left half": lambda half, *_: np.s_[:, :half],
    "lower half": lambda half, *_: np.s_[half:],
    "upper half": lambda half, *_: np.s_[:half],
    "middle": lambda _, third, rest: np.s_[third:rest, third:rest],
    "everything": lambda *_: np.s_[:],
}


def current(source: StoredModel) -> Cells:
    """The picture that the address holds, or the example; a sentence says so if it cannot be read."""
    dim, text = models.load(source).dim, st.query_params.get(PARAMETER)
    if text is None:
        return example(source)
    try:
        return pixel_canvas.decode(text, dim)
    except ValueError as error:
        address.refuse(f"This link is damaged: {error}. An example is shown.")
        return example(source)


def keep(cells: Cells) -> None:
    """Into the address."""
    address.put(PARAMETER, pixel_canvas.encode(cells))


def answers_scene(cells: Cells, sheet: Sheet) -> Scene:
    """All answers, lowest energy first, with what was filled in another colour."""
    best = np.argsort(sheet.energy, kind="stable")
    shown = sheet.x[best] + FILLED * (cells == VOID).astype(np.uint8)
    spread = f"{rounded(float(sheet.energy[best[0]]), 1)} to {rounded(float(sheet.energy[best[-1]]), 1)} nats"
    numbers = (
        ("filled in", f"{sheet.seconds:.2f} s", "time on this machine, for all answers"),
        ("energy E", spread, "of the first and the last answer: lower means more probable"),
        ("different answers", f"{len(np.unique(sheet.x, axis=0))}", "of all that are shown"),
    )
    given = int((cells != VOID).sum())
    alt = f"{len(sheet.x)} answers, each keeping the {given} given pixels. Energies {spread}."
    panel = Panel(
        "Answers of the model", "lowest energy first", shown, alt, len(shown), COLUMNS, numbers, role="sampler"
    )
    return Scene((panel,), values=PIXELS, width=46)


@st.fragment
def show(source: StoredModel, *, temperature: float, seed: int) -> None:
    """Canvas, what can be done with it, and the answers."""
    cells = current(source)
    dim = len(cells)

    def painted() -> None:
        new = pixel_canvas.stroke(KEY, dim)
        if new is not None:
            keep(new)

    left, right = st.columns([2, 3], gap="large")
    with left:
        pixel_canvas.draw(cells, key=KEY, on_strokes=painted)
        _tools(source, cells)
    with right:
        void = cells == VOID
        if not void.any():
            st.info(NOTHING_VOID, icon=":material/brush:")
            energy_rank.show(source, cells)
            return
        if void.all():
            st.info(ALL_VOID, icon=":material/brush:")
        start = np.repeat(np.where(void, 0, cells)[None].astype(np.uint8), ANSWERS, 0)
        masks = np.repeat(void[None], ANSWERS, 0)
        sheet = images.Filling(source, start, masks, steps=None, temperature=temperature, seed=seed).sheet
        squares.draw(answers_scene(cells, sheet), key="image_answers")
        image_files.answers(source, sheet, cells, seed)


def _tools(source: StoredModel, cells: Cells) -> None:
    """Other pictures to begin with, and parts to take away."""
    seen = images.real(models.load(source).config.dataset)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Part to erase", list(PARTS), key="part", width=160)
        st.button("Erase it", icon=":material/ink_eraser:", on_click=_take_away, args=(cells,))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if seen is not None:
            st.number_input("Real image", 0, len(seen) - 1, EXAMPLE, key="real", width=160)
            st.button("Show it", icon=":material/image:", on_click=_show_real, args=(seen,))
    _upload(source)


# Both read what stands in their widget when the button is pressed: it may have changed since the script ran.


def _take_away(cells: Cells) -> None:
    part = st.session_state.get("part")
    keep(without(cells, address.choice(part, PARTS, "right half")))


def _show_real(seen: UInt8[np.ndarray, "n dim"]) -> None:
    number = st.session_state.get("real")
    keep(seen[address.within(number, 0, len(seen) - 1, EXAMPLE)])


def _upload(source: StoredModel) -> None:
    """A picture from outside, shown small before it is used."""
    side = round(models.load(source).dim ** 0.5)
    text = f"PNG or JPEG; it becomes {side} × {side} pixels, ink or paper."
    file = taken.latest("Your own picture", ["png", "jpg", "jpeg"], key="image_upload", text=text)
    if file is None:
        return
    try:
        found = pictures.read_picture(file.contents, side)
    except ValueError as error:
        st.error(f"{plain(file.name)} cannot be used: {error}", icon=":material/error:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(image_files.sheet_image(found.bits[None]), width=112)
        st.caption(f"{plain(file.name)}: {' '.join(found.notes)}")
    st.button("Use it", icon=":material/check:", on_click=keep, args=(found.bits,))
