"""Columns of a table on a circle, joined by what they tell of each other; one column's partners beside, with numbers."""

from dataclasses import dataclass
from typing import Any

from ebgfn.ui.components._shared import build

_component = build(__file__)


@dataclass(frozen=True)
class Link:
    """Two columns by their place, nats under the model and in the table's own rows, and whether a line is drawn."""

    first: int
    second: int
    nats: float
    real: float
    drawn: bool = True


def draw(names: list[str], links: list[Link], *, key: str) -> None:
    """Names in the order of the circle, and links, the strongest first: those that are not drawn are told beside it."""
    _component(key=key, data=payload(names, links))


def payload(names: list[str], links: list[Link]) -> dict[str, Any]:
    """The view's data as JSON."""
    told = [[one.first, one.second, one.nats, one.real, one.drawn] for one in links]
    return {"names": names, "links": told}
