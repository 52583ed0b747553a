"""Which set the first screen plays: as the address says, or the usual one."""

from typing import Any

from ebgfn.ui.overview.living import DEFAULT
from ebgfn.ui.shell import address

# Names are short words: nothing longer from a browser is worth keeping.
LONGEST = 40


def _named(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= LONGEST else None


DIAL = address.BoundDial("first_screen", "data", DEFAULT, _named)


def chosen(names: tuple[str, ...]) -> str | None:
    """The set, None if there are none; a sentence says so if the address asks for another."""
    if not names:
        return None
    default = DEFAULT if DEFAULT in names else names[0]
    name = DIAL.chosen()
    if name not in names:
        if name != DEFAULT:
            address.refuse(f"The data set in the address must be one of {', '.join(names)}; using {default}.")
        return default
    return name
