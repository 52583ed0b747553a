"""A dial as all components have it: dragged, it asks the server for every value on the way, one question at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ebgfn.ui.shell.address import BoundDial


@dataclass(frozen=True)
class Dial:
    """A slider over the whole numbers `low`..`high`, each worth `unit`; `marks` stand on it and `ends` are words below it.

    `bound`: the address's parameter, and what takes the values that the visitor turns it to.
    """

    bound: BoundDial
    name: str
    value: int
    low: int
    high: int
    ends: tuple[str, ...]
    marks: tuple[float, ...] = ()
    unit: float = 1.0
    digits: int = 0

    def json(self) -> dict[str, Any]:
        """The dial's data for its script, with the number of the question that they answer."""
        plain = {name: value for name, value in vars(self).items() if name != "bound"}
        return plain | {"parameter": self.bound.parameter, "answers": self.bound.question()}


def events(dials: tuple[Dial, ...]) -> dict[str, Callable[[], None]]:
    """What a component with these dials calls when they are turned, and when they rest."""
    calls = {}
    for dial in dials:
        calls[f"on_{dial.bound.asked}_change"] = dial.bound.turned
        calls[f"on_{dial.bound.rested}_change"] = dial.bound.settled
    return calls
