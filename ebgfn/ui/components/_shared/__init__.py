"""What the components share: how one is built from the files of its folder, and arrays as text for the browser."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from streamlit.components.v2 import component

from ebgfn.ui.components._shared import colours
from ebgfn.ui.components._shared.levels import FAINT

_SHARED = Path(__file__).parent


def build(file: str, *parts: str) -> Callable[..., Any]:
    """The component of a package, given its `__file__`: view.js, view.css and view.html, with what it shares before it.

    A part is a script of that name, among the shared ones or in the component's folder, and may have a style, and markup
    that stands in view.html for its name in capitals between two underscores on each side.
    """
    folder = Path(file).parent

    def text(name: str) -> str:
        paths = [path for path in (folder / name, _SHARED / name) if path.is_file()]
        return paths[0].read_text(encoding="utf-8") if paths else ""

    parts = ("browser", *parts)
    script = "\n".join(text(f"{part}.js") for part in (*parts, "view"))
    style = "\n".join([palette(), *(text(f"{part}.css") for part in ("base", *parts, "view"))])
    markup = text("view.html")
    for part in parts:
        markup = markup.replace(f"__{part.upper()}__", text(f"{part}.html"))
    known = {
        "__LUTS__": lookup_tables(),
        "__ROLES__": json.dumps(colours.ROLES | colours.TONES),
        "__FAINT__": str(FAINT),
    }
    for name, value in known.items():
        script = script.replace(name, value)
    return component(f"ebgfn_{folder.name}", html=markup, css=style, js=script)


def packed(data: np.ndarray) -> str:
    """Bytes of an array as base64, little-endian."""
    return base64.b64encode(np.ascontiguousarray(data).tobytes()).decode()


def painted(text: object, size: int, most: int) -> UInt8[np.ndarray, " size"]:
    """Cells that a canvas sent, held to their form: they may come from anywhere. Errors: ValueError."""
    if not isinstance(text, str) or len(text) > 2 * size + 4:
        raise ValueError("no picture")
    cells = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    if len(cells) != size or cells.max(initial=0) > most:
        raise ValueError(f"a picture must have {size} cells of 0..{most}")
    return cells


def palette() -> str:
    """The colour of each role as a property of that name, in either theme."""
    pairs = (colours.ROLES | colours.TONES).items()
    return f":host, :root {{ {' '.join(f'--{name}: light-dark({light}, {dark});' for name, (light, dark) in pairs)} }}"


def lookup_tables() -> str:
    """Both colour scales for both themes, to be written into a component's script."""
    scales = {"amount": colours.amount, "signed": colours.signed}
    return json.dumps(
        {
            f"{name}_{'dark' if dark else 'light'}": packed(scale(dark=dark))
            for name, scale in scales.items()
            for dark in (False, True)
        }
    )
