"""Two symmetric tables of columns in one square on one scale: real rows above the diagonal, drawn rows below."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ebgfn.ui.components._shared import build, packed

_component = build(__file__)

Square = Float[np.ndarray, "columns columns"]


@dataclass(frozen=True)
class Split:
    """Values of 0..1, but for noise; `names` are those of the columns."""

    names: list[str]
    above: Square
    below: Square
    alt: str


def draw(split: Split, *, key: str) -> None:
    """Show it; call it again under the same key to replace the data in place."""
    _component(key=key, data=payload(split))


def payload(split: Split) -> dict[str, Any]:
    """The view's data as JSON; values as 16-bit parts of 1."""
    both = np.triu(split.above, 1) + np.tril(split.below, -1)
    parts = np.round(np.clip(both, 0, 1) * 65535).astype("<u2")
    return {"names": split.names, "parts": packed(parts), "alt": split.alt}
