"""A sheet of samples made on the spot, ordered by energy, and how one of them grew."""

import numpy as np
import streamlit as st
from jaxtyping import UInt8

from ebgfn.core.schedules import best_schedule
from ebgfn.ui.components import squares
from ebgfn.ui.components._shared.colours import TONES
from ebgfn.ui.components.squares import PIXELS, Moment, Panel, Scene, shaded
from ebgfn.ui.digits import image_files, images
from ebgfn.ui.digits.images import Filling, Sheet
from ebgfn.ui.shell import models
from ebgfn.ui.shell.models import StoredModel
from ebgfn.ui.shell.text import rounded

MANY, FEW, COLUMNS = 64, 16, 8
# More steps than this take long for so many.
STEPS_OF_MANY = 112
DEFAULT_STEPS, DEFAULT_TEMPERATURE = 16, 1.0
TEMPERATURES = (0.1, 1.5)
FRAMES = 48
# The images are shown as they fill, every TICK_S, in the sampler's colour, which either theme carries.
TICK_S = 0.12
# The image that grows at first: one of middling energy.
FIRST = 27
ORDERS = ("energy", "as drawn")


def count(steps: int) -> int:
    """How many are drawn at this number of steps."""
    return MANY if steps <= STEPS_OF_MANY else FEW


def ranked(sheet: Sheet, by: str) -> np.ndarray:
    """Places of the sheet's images in the order to be shown."""
    return np.argsort(sheet.energy, kind="stable") if by == ORDERS[0] else np.arange(len(sheet.x))


def sheet_scene(source: StoredModel, sheet: Sheet, *, steps: int, by: str, picked: int) -> Scene:
    """All samples; `picked` is the place of one in the order shown."""
    shown = ranked(sheet, by)
    spread = " to ".join(rounded(float(end), 0) for end in (sheet.energy.min(), sheet.energy.max()))
    note = (
        "from the lowest energy to the highest; click one to see it grow"
        if by == ORDERS[0]
        else "click one to see it grow"
    )
    nll, price = quality(source, steps)
    numbers = (
        ("made in", f"{sheet.seconds:.2f} s", "time on this machine, on all its cores"),
        ("−log q of new images", nll, price),
        (
            "energy E",
            f"{spread} nats",
            "of the most and the least probable image here; −log p up to the constant log Z",
        ),
    )
    side = round(sheet.x.shape[1] ** 0.5)
    alt = f"{len(sheet.x)} sampled images of {side} × {side} pixels, energies from {spread} nats."
    panel = Panel(
        f"{len(sheet.x)} samples", note, sheet.x[shown], alt, len(sheet.x), COLUMNS, numbers, picked, "sampler"
    )
    return Scene((panel,), values=PIXELS, width=46)


def quality(source: StoredModel, steps: int) -> tuple[str, str]:
    """The sampler's NLL in so many steps, and how it is known."""
    above, card = images.nll_above(source, steps), models.card(source.folder)
    if "gfn_nll_16" in card:
        measured, more = (
            card["gfn_nll_16"],
            above - images.nll_above(source, min(DEFAULT_STEPS, models.load(source).dim)),
        )
        change = f"{abs(more):.1f} {'less' if more < 0 else 'more'}"
        help_text = f"measured: {measured:.1f} in {DEFAULT_STEPS} steps; {change} by the model's own estimate"
        return f"{measured + more:.1f} nats", help_text
    if "gfn_nll" in card:
        help_text = (
            f"measured: {card['gfn_nll']:.1f} with one step per pixel; {above:.1f} more by the model's own estimate"
        )
        return f"{card['gfn_nll'] + above:.1f} nats", help_text
    return f"{above:.1f} nats above one step per pixel", "by the model's own estimate"


def growth_scene(source: StoredModel, sheet: Sheet, *, row: int, steps: int, temperature: float, token: str) -> Scene:
    """How one image was filled, block by block, with what the sampler thought of the void pixels."""
    dim = sheet.x.shape[1]
    ends = best_schedule(models.load(source).policy.step_nats, steps)
    chosen = sorted({ends[round(i)] for i in np.linspace(0, len(ends) - 1, min(FRAMES, len(ends)))})
    x, order = sheet.x[row : row + 1], sheet.order[row : row + 1]
    p = images.probabilities(source, x, order, tuple(t for t in chosen if t < dim), temperature)
    cells, moments = [], []
    for t in chosen:
        cells.append(picture(x[0], order[0], t, p[len(cells)] if t < dim else np.zeros(dim)))
        moments.append(Moment((_standing(t, ends, dim, p[len(moments)] if t < dim else None),), t in (0, dim)))
    moments[-1] = Moment((*moments[-1].words, f"Its energy E: {rounded(float(sheet.energy[row]), 1)} nats."), True)
    panel = Panel(
        "How it grew",
        "block by block",
        np.stack(cells),
        f"An image of {dim} pixels being filled in {steps} steps.",
        role="sampler",
    )
    return Scene((panel,), moments=tuple(moments), token=token, values=PIXELS, width=30, pace=140)


def picture(x: UInt8[np.ndarray, " dim"], order: np.ndarray, filled: int, p: np.ndarray) -> UInt8[np.ndarray, " dim"]:
    """An image of which the first `filled` pixels of the order are there."""
    cells = shaded(p)
    done = order[:filled].astype(np.int64)
    cells[done] = x[done]
    return cells


def _standing(t: int, ends: tuple[int, ...], dim: int, p: np.ndarray | None) -> str:
    if p is None:
        return f"All {dim} pixels are filled, in {len(ends) - 1} steps."
    sure = float(np.mean(np.maximum(p, 1 - p) > 0.95))
    if t == 0:
        return f"Nothing is filled: the shades are the average of all images. The first step fills {ends[1]} pixels at once."
    nth = ends.index(t)
    block = ends[nth + 1] - t
    words = (
        f"After {nth} of {len(ends) - 1} steps {t} pixels are filled; the sampler is sure of {sure:.0%} of all pixels."
    )
    return f"{words} Next: {block} at once."


def arrived(filling: Filling) -> Sheet:
    """The images at the end; until then they are shown as they fill."""
    place = st.empty()
    while not filling.done(within_s=TICK_S):
        so_far = image_files.forming(filling.x, filling.filled, columns=COLUMNS, ink=TONES["fill"][0])
        place.image(so_far, f"{filling.filled.mean():.0%} of the pixels are filled", width="stretch")
    place.empty()
    try:
        return filling.sheet
    except Exception:
        images.sampling.clear()  # what failed is not kept: the next look tries again
        raise


def show(source: StoredModel, *, steps: int, temperature: float, seed: int, by: str) -> None:
    """Sheet, growth and downloads."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        sheet = arrived(images.sampling(source, count(steps), steps, temperature, seed))
    picked = st.session_state.get("digit", FIRST)
    picked = picked if isinstance(picked, int) and 0 <= picked < len(sheet.x) else 0

    def pick() -> None:
        at = (st.session_state.get("image_sheet") or {}).get("picked")
        if isinstance(at, int) and not isinstance(at, bool) and 0 <= at < MANY:
            st.session_state["digit"] = at

    with left:
        scene = sheet_scene(source, sheet, steps=steps, by=by, picked=picked)
        squares.draw(scene, key="image_sheet", on_picked=pick)
        image_files.samples(source, sheet, steps=steps, temperature=temperature, seed=seed)
    with right:
        row = int(ranked(sheet, by)[picked])
        token = f"{source.name} {steps} {temperature} {seed} {row}"
        grown = growth_scene(source, sheet, row=row, steps=steps, temperature=temperature, token=token)
        squares.draw(grown, key="image_growth")
