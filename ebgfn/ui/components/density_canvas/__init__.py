"""A density drawn by the visitor: a canvas of SIDE x SIDE patches with 16 strengths, kept in the address.

In the address a drawing is its patches, row by row from the top, four bits each, compressed, in URL-safe base64.
"""

import base64
import binascii
import zlib

import numpy as np
import streamlit as st
from jaxtyping import Int, UInt8

from ebgfn.ui.components._shared import build, packed

SIDE, STRENGTHS = 32, 16
PARAMETER = "drawing"
_component = build(__file__, "painting")

Patches = UInt8[np.ndarray, "32 32"]


def encode(patches: Patches) -> str:
    """Text for the address."""
    pairs = patches.reshape(-1, 2)
    return base64.urlsafe_b64encode(zlib.compress((pairs[:, 0] * 16 + pairs[:, 1]).tobytes(), 9)).decode().rstrip("=")


def decode(text: str) -> Patches:
    """Inverse of `encode`; anything else raises ValueError."""
    size = SIDE * SIDE // 2
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        data = zlib.decompressobj().decompress(packed, size + 1)
    except (binascii.Error, zlib.error, ValueError):
        raise ValueError("the address holds no readable drawing") from None
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
        st.warning(f"This link is damaged: {error}. An example is shown instead.")
        return example()


def weights(patches: Patches) -> tuple[tuple[float, ...], ...]:
    """The table that Toy2DConfig takes, row 0 on top."""
    return tuple(tuple(float(v) for v in row) for row in patches)


def canvas(*, key: str) -> Patches:
    """Let the visitor draw; returns the drawing as it is in the address."""
    shown = from_address()

    def keep() -> None:
        try:
            patches = _received(st.session_state[key].get("strokes"))
        except ValueError:
            return  # an empty canvas stands for nothing yet
        st.query_params[PARAMETER] = encode(patches)

    _component(key=key, data={"cells": packed(shown), "side": SIDE}, on_strokes_change=keep)
    return shown


def _received(text: object) -> Patches:
    """What the browser sent, held to its form: it may come from anywhere."""
    if not isinstance(text, str) or len(text) > 2 * SIDE * SIDE:
        raise ValueError("no drawing")
    values: Int[np.ndarray, " n"] = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    if len(values) != SIDE * SIDE or values.max(initial=0) >= STRENGTHS or not values.any():
        raise ValueError("no drawing")
    return values.reshape(SIDE, SIDE)
