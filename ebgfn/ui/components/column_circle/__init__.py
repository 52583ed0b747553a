"""Columns of a table on a circle, joined by what they tell of each other; one column's partners beside, with numbers."""

from dataclasses import dataclass
from typing import Any

from ebgfn.ui.components._shared import build

_component = build(__file__)


@dataclass(frozen=True)
class Link:
    """Two columns by their place, and nats under the model and in the table's own rows."""

    first: int
    second: int
    nats: float
    real: float


def draw(names: list[str], links: list[Link], *, drawn: int, key: str) -> None:
    """Names in the order of the circle, and links, the strongest first: so many of them are drawn, all are told."""
    _component(key=key, data=payload(names, links, drawn=drawn))


def payload(names: list[str], links: list[Link], *, drawn: int) -> dict[str, Any]:
    """The view's data as JSON."""
    return {"names": names, "links": [[one.first, one.second, one.nats, one.real] for one in links], "drawn": drawn}
