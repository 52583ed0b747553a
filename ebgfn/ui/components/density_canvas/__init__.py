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


def example() -> Patches:
    """What the canvas shows at first: a ring around a dot."""
    at = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    radius = np.hypot(*np.meshgrid(at, at))
    ring, dot = np.exp(-(((radius - 0.62) / 0.09) ** 2)), np.exp(-((radius / 0.17) ** 2))
    return np.round((STRENGTHS - 1) * np.maximum(ring, dot)).astype(np.uint8)


def from_address() -> Patches:
    """The drawing that the address holds, or the example; a sentence says so if it cannot be read."""
    text = st.query_params.get(PARAMETER)
    if text is None:
        return example()
    try:
        return decode(text)
    except ValueError as error:
        address.refuse(f"This link is damaged: {error}. An example is shown instead.")
        return example()


def weights(patches: Patches) -> tuple[tuple[float, ...], ...]:
    """The table that Toy2DConfig takes, row 0 on top."""
    return tuple(tuple(float(v) for v in row) for row in patches)


def canvas(*, key: str) -> Patches:
    """Let the visitor draw; returns the drawing as it is in the address."""
    shown = from_address()

    def keep() -> None:
        try:
            patches = painted(st.session_state[key].get("strokes"), SIDE * SIDE, STRENGTHS - 1)
        except ValueError:
            return
        if patches.any():  # an empty canvas stands for nothing yet
            address.put(PARAMETER, encode(patches))

    _component(key=key, data={"cells": packed(shown), "side": SIDE}, on_strokes_change=keep)
    return shown
