"""Files that a visitor gives: the one that was chosen last, in a field that forgets what was refused before."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class Taken:
    """A file that the browser has sent; its name is shown and goes no further."""

    name: str
    contents: bytes


def latest(label: str, kinds: Sequence[str], *, key: str, text: str | None = None) -> Taken | None:
    """The field and what was chosen last. Each choice gets a new field: Streamlit's keeps the red mark of a refused file."""
    state, number, last = st.session_state, f"{key}_number", f"{key}_last"
    field = f"{key}_{state.setdefault(number, 0)}"

    def take() -> None:
        if (sent := state[field]) is not None:
            state[last] = Taken(sent.name, sent.getvalue())
            state[number] += 1

    st.file_uploader(label, list(kinds), key=field, help=text, on_change=take)
    return state.get(last)


def forget(key: str) -> None:
    """The field is empty again. For `on_click`."""
    st.session_state.pop(f"{key}_last", None)
