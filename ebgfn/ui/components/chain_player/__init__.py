"""The player of back-and-forth moves: sent whole chains once, it plays them by itself.

It reports what its dial is turned to, and `chain`, the chosen one.
"""

from typing import Any

from ebgfn.ui.components._shared import build
from ebgfn.ui.components._shared.dial import Dial, events

_component = build(__file__, "dial", "transport", "moves", "plane", "panel")


def draw(data: dict[str, Any], dial: Dial) -> None:
    """Show chains; the instance, known by the dial's key, keeps its moment while the data are replaced."""
    calls = events((dial,)) | {"on_chain_change": lambda: None}
    _component(key=dial.bound.key, data=data | {"dial": dial.json()}, **calls)
