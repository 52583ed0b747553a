"""The player of back-and-forth moves: sent whole chains once, it plays them by itself.

It reports `asked`, {"value", "n"}, while its dial is moved, `settled` once the dial rests, and `chain`, the chosen one.
"""

from typing import Any

from ebgfn.ui.components._shared import build
from ebgfn.ui.shell.address import BoundDial

_component = build(__file__, "dial", "transport", "moves", "plane", "panel")


def draw(data: dict[str, Any], dial: BoundDial) -> None:
    """Show chains; the instance, known by the dial's key, keeps its moment while the data are replaced."""
    data = data | {"answers": dial.question()}
    events = {"on_asked_change": dial.turned, "on_settled_change": dial.settled, "on_chain_change": lambda: None}
    _component(key=dial.key, data=data, **events)
