"""Tables in Markdown."""

import math
from collections.abc import Iterable
from typing import Any


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """The first column to the left, as written; a line of dashes below the head."""
    head = list(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines])


def at_most(value: float, digits: int) -> str:
    """An upper bound with so many digits: rounded up."""
    return f"{math.ceil(value * 10**digits) / 10**digits:.{digits}f}"


def figure(figures: dict[str, Any], key: str, digits: int) -> str:
    """A figure with twice its standard error, where it has one; empty where it is missing."""
    value, se = figures.get(key), figures.get(f"{key}_se")
    if value is None:
        return ""
    return f"{value:.{digits}f}" + (f" ± {2 * se:.{digits}f}" if se is not None else "")
