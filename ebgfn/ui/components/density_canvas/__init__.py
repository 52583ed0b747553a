"""A density drawn by the visitor: a canvas of SIDE x SIDE patches with 16 strengths, kept in the address.

In the address a drawing is its patches, row by row from the top, four bits each, compressed, in URL-safe base64.
"""

import numpy as np
import streamlit as st
from jaxtyping import UInt8

from ebgfn.ui.components._shared import build, packed, painted
from ebgfn.ui.shell import address

SIDE, STRENGTHS = 32, 16
PARAMETER = "drawing"
_component = build(__file__, "painting")

Patches = UInt8[np.ndarray, "32 32"]


def encode(patches: Patches) -> str:
    """Text for the address."""
    pairs = patches.reshape(-1, 2)
    return address.squeezed((pairs[:, 0] * 16 + pairs[:, 1]).tobytes())


def decode(text: str) -> Patches:
    """Inverse of `encode`; anything else raises ValueError."""
    size = SIDE * SIDE // 2
    data = address.unsqueezed(text, size, "drawing")
    if len(data) != size or not any(data):
        raise ValueError(f"a drawing must have {SIDE} x {SIDE} patches, at least one of them not empty")
    levels = np.frombuffer(data, dtype=np.uint8)
    return np.stack([levels >> 4, levels & 15], axis=1).reshape(SIDE, SIDE)


def from_address() -> Patches:
    """The drawing that the address holds, else nothing; a sentence says so if it cannot be read."""
    text = st.query_params.get(PARAMETER)
    if text is not None:
        try:
            return decode(text)
        except ValueError as error:
            address.refuse(f"This link is damaged: {error}. The canvas is empty.")
    return np.zeros((SIDE, SIDE), np.uint8)


def weights(patches: Patches) -> tuple[tuple[float, ...], ...] | None:
    """The table that Toy2DConfig takes, row 0 on top; None if nothing is drawn."""
    return tuple(tuple(float(v) for v in row) for row in patches) if patches.any() else None


def canvas(*, key: str) -> Patches:
    """Let the visitor draw; returns the drawing as it is in the address."""
    shown = from_address()

    def keep() -> None:
        try:
            patches = painted(st.session_state[key].get("strokes"), SIDE * SIDE, STRENGTHS - 1)
        except ValueError:
            return
        address.put(PARAMETER, encode(patches) if patches.any() else None)

    _component(key=key, data={"cells": packed(shown), "side": SIDE}, on_strokes_change=keep)
    return shown
