"""Pixels that a visitor paints as ink, paper or void; kept in the address.

In the address a picture is two bits a pixel, row by row from the top, compressed, in URL-safe base64.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st
from jaxtyping import UInt8

from ebgfn.ui.components._shared import build, packed, painted
from ebgfn.ui.shell import address

PAPER, INK, VOID = 0, 1, 2
_component = build(__file__, "painting")

Cells = UInt8[np.ndarray, " dim"]


def encode(cells: Cells) -> str:
    """Text for the address; the number of pixels must be a multiple of four."""
    four = cells.reshape(-1, 4)
    return address.squeezed((four << np.array([6, 4, 2, 0], np.uint8)).sum(1).astype(np.uint8).tobytes())


def decode(text: str, dim: int) -> Cells:
    """Inverse of `encode`; anything else raises ValueError."""
    data = address.unsqueezed(text, dim // 4, "picture")
    bits = np.frombuffer(data, np.uint8)[:, None] >> np.array([6, 4, 2, 0], np.uint8) & 3
    if len(data) != dim // 4 or bits.max(initial=0) > VOID:
        raise ValueError(f"a picture must have {dim} pixels, each ink, paper or void")
    return bits.reshape(-1).astype(np.uint8)


def draw(cells: Cells, *, key: str, on_strokes: Callable[[], None]) -> None:
    """Show a picture to paint on; `on_strokes` runs when a stroke is done, `stroke` then tells the new one."""
    data = {"cells": packed(cells), "side": round(len(cells) ** 0.5)}
    _component(key=key, data=data, on_strokes_change=on_strokes)


def stroke(key: str, dim: int) -> Cells | None:
    """What was painted last on the canvas of this key; None if that is no picture."""
    try:
        return painted((st.session_state.get(key) or {}).get("strokes"), dim, VOID)
    except ValueError:
        return None
