"""What the components share: how one is built from the files of its folder, and arrays as text for the browser."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.components.v2 import component

from ebgfn.ui.components._shared import colours
from ebgfn.ui.components._shared.levels import FAINT

_SHARED = Path(__file__).parent


def build(file: str, *scripts: str) -> Callable[..., Any]:
    """The component of a package, given its `__file__`: view.html, view.css, and the scripts named, then view.js.

    A script lies in the component's folder, or among the shared ones.
    """
    folder = Path(file).parent

    def text(name: str) -> str:
        path = folder / name
        return (path if path.is_file() else _SHARED / name).read_text(encoding="utf-8")

    script = "\n".join(map(text, (*scripts, "view.js")))
    script = script.replace("__LUTS__", lookup_tables()).replace("__FAINT__", str(FAINT))
    return component(f"ebgfn_{folder.name}", html=text("view.html"), css=text("view.css"), js=script)


def packed(data: np.ndarray) -> str:
    """Bytes of an array as base64, little-endian."""
    return base64.b64encode(np.ascontiguousarray(data).tobytes()).decode()


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
