"""Pixels that a visitor paints as ink, paper or void; kept in the address.

In the address a picture is two bits a pixel, row by row from the top, compressed, in URL-safe base64.
"""

import base64
import binascii
import zlib
from collections.abc import Callable

import numpy as np
import streamlit as st
from jaxtyping import UInt8

from ebgfn.ui.components._shared import build, packed

PAPER, INK, VOID = 0, 1, 2
_component = build(__file__, "painting")

Cells = UInt8[np.ndarray, " dim"]


def encode(cells: Cells) -> str:
    """Text for the address; the number of pixels must be a multiple of four."""
    four = cells.reshape(-1, 4)
    packed = (four << np.array([6, 4, 2, 0], np.uint8)).sum(1).astype(np.uint8)
    return base64.urlsafe_b64encode(zlib.compress(packed.tobytes(), 9)).decode().rstrip("=")


def decode(text: str, dim: int) -> Cells:
    """Inverse of `encode`; anything else raises ValueError."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        data = zlib.decompressobj().decompress(packed, dim // 4 + 1)
    except (binascii.Error, zlib.error, ValueError):
        raise ValueError("the address holds no readable picture") from None
    if len(data) != dim // 4:
        raise ValueError(f"the picture in the address does not have {dim} pixels")
    bits = np.frombuffer(data, np.uint8)[:, None] >> np.array([6, 4, 2, 0], np.uint8) & 3
    return checked(bits.reshape(-1).astype(np.uint8), dim)


def checked(cells: Cells, dim: int) -> Cells:
    """The same if they are a picture of this size; else ValueError."""
    if len(cells) != dim or cells.max(initial=0) > VOID:
        raise ValueError(f"a picture must have {dim} pixels, each ink, paper or void")
    return cells


def received(text: object, dim: int) -> Cells:
    """What the browser sent, held to its form: it may come from anywhere. Errors: ValueError."""
    if not isinstance(text, str) or len(text) > 2 * dim + 4:
        raise ValueError("no picture")
    return checked(np.frombuffer(base64.b64decode(text, validate=True), np.uint8), dim)


def draw(cells: Cells, *, key: str, on_strokes: Callable[[], None]) -> None:
    """Show a picture to paint on; `on_strokes` runs when a stroke is done, `stroke` then tells the new one."""
    data = {"cells": packed(cells), "side": round(len(cells) ** 0.5)}
    _component(key=key, data=data, on_strokes_change=on_strokes)


def stroke(key: str, dim: int) -> Cells | None:
    """What was painted last on the canvas of this key; None if that is no picture."""
    try:
        return received((st.session_state.get(key) or {}).get("strokes"), dim)
    except ValueError:
        return None
