"""Which set the first screen plays: as the address says, or the usual one."""

from typing import Any

import streamlit as st

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
    if (
        address.entered()
        and DIAL.parameter not in st.query_params
        and (last := address.last_choice(DIAL.parameter, names))
    ):
        DIAL.set(last)
    name = DIAL.chosen()
    if name not in names:
        if name != DEFAULT:
            address.refuse(f"The data set in the address must be one of {', '.join(names)}; using {default}.")
        return default
    address.remember(DIAL.parameter, name)
    return name
