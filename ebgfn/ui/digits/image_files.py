"""Images that a visitor may take away: sheets as PNG, samples as NPZ, chains as animated GIF."""

import io
import math

import numpy as np
import streamlit as st
from jaxtyping import Bool, Int, UInt8
from PIL import Image

from ebgfn.samples import to_npz
from ebgfn.ui.digits.images import Chains, Sheet
from ebgfn.ui.shell.downloads import button
from ebgfn.ui.shell.models import StoredModel

SCALE, GAP = 4, 1
FRAME_MS = 400
INK, PAPER, BETWEEN, FAINT = 0, 255, 200, 50


def sheet_image(x: UInt8[np.ndarray, "n dim"]) -> Image.Image:
    """All images in one, nearly square, dark ink on light paper."""
    return _tiled(np.where(x > 0, INK, PAPER), BETWEEN, math.ceil(math.sqrt(len(x))))


def forming(x: UInt8[np.ndarray, "n dim"], filled: Bool[np.ndarray, "n dim"], *, columns: int, ink: str) -> Image.Image:
    """Images of which some pixels are filled, on whatever lies below: what is void lets it through, paper a little."""
    alpha = _tiled(np.where(filled, np.where(x > 0, 255, FAINT), 0), 0, columns)
    picture = Image.new("RGB", alpha.size, ink)
    picture.putalpha(alpha)
    return picture


def _tiled(tones: Int[np.ndarray, "n dim"], between: int, columns: int) -> Image.Image:
    """Tones 0..255 of square images side by side, each pixel SCALE wide."""
    n, side = len(tones), round(tones.shape[1] ** 0.5)
    rows, step = math.ceil(n / columns), side + GAP
    whole = np.full((rows * step - GAP, columns * step - GAP), between, np.uint8)
    for i, image in enumerate(tones):
        top, left = (i // columns) * step, (i % columns) * step
        whole[top : top + side, left : left + side] = image.reshape(side, side)
    picture = Image.fromarray(whole)
    return picture.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.NEAREST)


def png(x: UInt8[np.ndarray, "n dim"]) -> bytes:
    """The same as a file."""
    buffer = io.BytesIO()
    sheet_image(x).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def gif(states: UInt8[np.ndarray, "moments n dim"]) -> bytes:
    """One frame a moment, round and round."""
    first, *rest = (sheet_image(x).convert("P") for x in states)
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=rest, duration=FRAME_MS, loop=0, optimize=False)
    return buffer.getvalue()


def samples(source: StoredModel, sheet: Sheet, *, steps: int, temperature: float, seed: int) -> None:
    """The sheet as a picture and as arrays."""
    name = f"{source.name}-T{steps}-seed{seed}"
    about = {"model": source.name, "steps": steps, "temperature": temperature, "seed": seed}
    with st.container(horizontal=True):
        button("Sheet (PNG)", lambda: png(sheet.x), f"{name}.png", "the samples in the order drawn")
        button(
            "Samples (NPZ)",
            lambda: to_npz(sheet.x, about=about, order=sheet.order, energy=sheet.energy),
            f"{name}.npz",
            "x (samples, pixels), the order of filling, energies in nats, and how they were made",
        )


def answers(source: StoredModel, sheet: Sheet, cells: np.ndarray, seed: int) -> None:
    """Completions of one picture."""
    name = f"{source.name}-filled-seed{seed}"
    with st.container(horizontal=True):
        button("Answers (PNG)", lambda: png(sheet.x), f"{name}.png", "all answers, in the order drawn")
        button(
            "Answers (NPZ)",
            lambda: to_npz(sheet.x, about={"model": source.name, "seed": seed}, energy=sheet.energy, given=cells),
            f"{name}.npz",
            "x, energies in nats, and what was given: 0 paper, 1 ink, 2 void",
        )


def chains(source: StoredModel, played: Chains, *, k: int, seed: int) -> None:
    """States of chains, still or moving."""
    name, about = f"{source.name}-k{k}-seed{seed}", {"model": source.name, "k": k, "seed": seed}
    moves = {"proposal": played.proposal, "log_alpha": played.log_alpha, "accepted": played.accepted}
    with st.container(horizontal=True):
        button("Chains (GIF)", lambda: gif(played.x), f"{name}.gif", "all chains, one frame a move")
        button(
            "Chains (NPZ)",
            lambda: to_npz(played.x, about=about, **moves),
            f"{name}.npz",
            "x (moves + 1, chains, pixels), proposals, log α and verdicts",
        )
