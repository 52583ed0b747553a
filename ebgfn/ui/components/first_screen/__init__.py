"""The first screen: three living cards from trained models, and the loop of data, energy and GFlowNet, drawn.

It reports `settled_data`, the data set that was chosen, and `open`, the card that was followed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from jaxtyping import Float, UInt8

from ebgfn.ui.components._shared import build, packed
from ebgfn.ui.shell.address import BoundDial

_component = build(__file__, "cards", "loop", "transport")

Square = UInt8[np.ndarray, "side side"]


@dataclass(frozen=True)
class Moment:
    """A moment of the stored training: densities of energy `p` and sampler `q` as bytes, and the three numbers then."""

    seconds: float
    p: Square
    q: Square
    numbers: tuple[str, str, str]


@dataclass(frozen=True)
class Training:
    """What the landscape's card and the loop play: a set among others, its density as bytes, points of it in -1..1."""

    name: str
    names: tuple[str, ...]
    target: Square
    points: Float[np.ndarray, "n 2"]
    moments: tuple[Moment, ...]


@dataclass(frozen=True)
class Card:
    """Words of a card: what was measured, and what a click is called that leads to `page`, told `query` by its address.

    `kind` names its picture.
    """

    kind: str
    title: str
    text: str
    page: str
    query: tuple[tuple[str, str], ...]
    link: str
    alt: str

    def json(self) -> dict[str, str]:
        """As the view takes it: the address is for who opens it in a tab of its own."""
        href = f"{Path(self.page).stem}?{urlencode(self.query)}"
        return {
            "kind": self.kind,
            "title": self.title,
            "text": self.text,
            "href": href,
            "link": self.link,
            "alt": self.alt,
        }


@dataclass(frozen=True)
class Images:
    """Images of `side` x `side` pixels and the step, of `steps`, in which each pixel was filled."""

    side: int
    steps: int
    x: UInt8[np.ndarray, "n dim"]
    filled: UInt8[np.ndarray, "n dim"]


@dataclass(frozen=True)
class Lattices:
    """A lattice at each sigma; couplings to the right and lower neighbours that are shown from `sigma` on, and a caption."""

    side: int
    sigmas: tuple[float, ...]
    spins: UInt8[np.ndarray, "sigmas dim"]
    bonds: tuple[tuple[float, list[float], list[float], str], ...]


def draw(
    training: Training | None,
    images: Images | None,
    lattices: Lattices | None,
    cards: tuple[Card, ...],
    *,
    dial: BoundDial,
) -> str | None:
    """Show it; returns the kind of the card that was followed just now. What is None is not drawn."""
    data: dict[str, Any] = {"cards": [card.json() for card in cards]}
    if training is not None:
        data["training"] = {
            "name": training.name,
            "names": training.names,
            "target": packed(training.target),
            "points": packed(np.clip(np.round(training.points * 100), -127, 127).astype(np.int8)),
            "moments": [vars(m) | {"p": packed(m.p), "q": packed(m.q)} for m in training.moments],
        }
    if images is not None:
        data["images"] = vars(images) | {"n": len(images.x), "x": packed(images.x), "filled": packed(images.filled)}
    if lattices is not None:
        data["lattices"] = vars(lattices) | {"spins": packed(lattices.spins)}
    result = _component(
        key=dial.key, data=data, **{f"on_{dial.rested}_change": dial.settled}, on_open_change=lambda: None
    )
    opened = result.get("open")
    return opened if opened in {card.kind for card in cards} else None
