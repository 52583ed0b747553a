"""What the address asks for, held to its limits: one sentence for what is not allowed, and the default in its place.

Whatever stands there may come from anywhere; a sentence never shows what was typed. What was chosen on a page is there again
when the visitor comes back, and a choice of the same name is the same on every page.
"""

import base64
import binascii
import math
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st
from streamlit.errors import StreamlitAPIException

MAX_SEED = 2**31 - 1
_TITLE, _ENTERED, _REFUSED = "title_of_page", "entered_page", "refused_in_address"
# Choices by name, the latest first: pages may differ in what may be chosen. And by page what else its address held.
_CHOICES, _ADDRESSES, MOST_CHOICES = "choices", "addresses", 8
T = TypeVar("T")


def bound(key: str, options: Iterable[Any] | None = None) -> dict[str, Any]:
    """For a widget whose value stands in the address; it begins as it was chosen last, if that is among the options."""
    state = st.session_state
    state.setdefault(_CHOICES, {}).setdefault(key, [])
    last = last_choice(key, options)
    elsewhere = options is not None and state.get(key) not in (None, *options)  # as another page has it
    if last is not None and key not in st.query_params and (elsewhere or key not in state):
        state[key] = last
    elif elsewhere:
        del state[key]
    return {"key": key, "bind": "query-params"}


def last_choice(key: str, options: Iterable[Any] | None = None) -> Any:
    """What was chosen last under this name, on whichever page, if it is among the options; None if nothing was."""
    choices = st.session_state.get(_CHOICES, {}).get(key, [])
    allowed = None if options is None else list(options)
    return next((value for value in choices if allowed is None or value in allowed), None)


def remember(key: str, value: Any) -> None:
    """A choice."""
    choices = st.session_state.setdefault(_CHOICES, {}).setdefault(key, [])
    choices[:] = [value, *(one for one in choices if one != value)][:MOST_CHOICES]


def put(key: str, text: str | None) -> None:
    """Let the address say what no widget of Streamlit's holds, or no more (None)."""
    of_page = st.session_state.setdefault(_ADDRESSES, {}).setdefault(st.session_state.get(_TITLE), {})
    if text is None:
        st.query_params.pop(key, None)
        of_page.pop(key, None)
    else:
        st.query_params[key] = of_page[key] = text


def begin(title: str) -> None:
    """Another page forgets what was asked in vain of the last one; if its address is bare it gets what it held before."""
    st.session_state[_ENTERED] = st.session_state.get(_TITLE) != title
    if not entered():
        return
    st.session_state[_TITLE], st.session_state[_REFUSED] = title, {}
    before, widgets = st.session_state.setdefault(_ADDRESSES, {}), st.session_state.get(_CHOICES, {})
    if not len(st.query_params):
        for key, text in before.get(title, {}).items():
            if key not in widgets:
                st.query_params[key] = text
    before[title] = st.query_params.to_dict()


def entered() -> bool:
    """Whether this is the first run of a page since the visitor came to it."""
    return st.session_state.get(_ENTERED, False)


def end() -> None:
    """At the end of a run: what the widgets that the address asked in vain have fallen back to, and what was chosen."""
    state = st.session_state
    refused, widgets = state.get(_REFUSED, {}), state.get(_CHOICES, {})
    refused |= {key: (asked, state.get(key)) for key, (asked, _) in refused.items()}
    for key in widgets:
        if key in state:
            remember(key, state[key])
    rest = {key: text for key, text in st.query_params.items() if key not in widgets and key not in refused}
    state.setdefault(_ADDRESSES, {})[state.get(_TITLE)] = rest


def refuse(sentence: str) -> None:
    """Say what is not allowed."""
    st.warning(sentence, icon=":material/link_off:")


def hold(key: str, allowed: Callable[[str], bool], sentence: str) -> None:
    """Say so if the address asks for what is not allowed; the widget of that key then begins at its default.

    It must not see what was asked: it would take 3.5 for 3, and infinity ends the run. So the page runs again without.
    What was asked is kept for the runs that follow, until the widget is used or another page is shown.
    """
    refused = st.session_state.setdefault(_REFUSED, {})
    kept, default = refused.pop(key, (None, None))
    used = default is not None and st.session_state.get(key) != default
    asked = st.query_params.get(key, None if used else kept)
    if asked is None or allowed(asked):
        return
    refused[key] = asked, default
    if key in st.query_params:
        with suppress(StreamlitAPIException):  # a widget has it already, and has put it right
            del st.query_params[key]
            st.rerun()
    refuse(sentence)


def _sentence(name: str, allowed: str) -> str:
    return f"{name} in the address must be {allowed}; using the default."


def hold_choice(key: str, options: Iterable[Any], name: str) -> None:
    """`hold` for a choice."""
    texts = [str(option) for option in options]
    hold(key, texts.__contains__, _sentence(name, f"one of {', '.join(texts)}"))


def hold_whole(key: str, low: int, high: int, name: str) -> None:
    """`hold` for a whole number."""
    hold(key, lambda text: whole(text, low, high) is not None, _sentence(name, f"a whole number in {low}..{high}"))


def hold_real(key: str, low: float, high: float, name: str) -> None:
    """`hold` for a number."""
    hold(key, lambda text: real(text, low, high) is not None, _sentence(name, f"a number in {low:g}..{high:g}"))


def hold_seed(key: str, name: str = "The seed") -> None:
    """`hold` for a seed."""
    hold_whole(key, 0, MAX_SEED, name)


def whole(text: str, low: int, high: int) -> int | None:
    """The whole number low..high that a text is, if it is one: nothing longer than any limit is worth parsing."""
    good = text.isascii() and text.isdigit() and len(text) <= 12
    return int(text) if good and low <= int(text) <= high else None


def real(text: str, low: float, high: float) -> float | None:
    """The number low..high that a text is, if it is one."""
    try:
        value = float(text) if len(text) <= 20 and text.isascii() else math.nan
    except ValueError:
        return None
    return value if low <= value <= high else None


def choice(value: Any, options: Iterable[T], default: T) -> T:
    """What a widget says if it is one of the options: a browser may send anything."""
    return value if value in tuple(options) else default


def within(value: Any, low: float, high: float, default: T) -> T:
    """What a widget says if it is a number in low..high."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    return type(default)(value) if good else default  # pyright: ignore[reportCallIssue]


def seed(label: str, key: str, *, width: int = 150) -> int:
    """The widget for a seed."""
    return within(st.number_input(label, 0, MAX_SEED, 0, width=width, **bound(key)), 0, MAX_SEED, 0)


def squeezed(data: bytes) -> str:
    """Bytes as text for the address: compressed, in URL-safe base64."""
    return base64.urlsafe_b64encode(zlib.compress(data, 9)).decode().rstrip("=")


def unsqueezed(text: str, size: int, what: str) -> bytes:
    """Inverse of `squeezed`, of no more than one byte beyond `size`. Errors: ValueError."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return zlib.decompressobj().decompress(packed, size + 1)
    except (binascii.Error, zlib.error, ValueError):
        raise ValueError(f"the address holds no readable {what}") from None


def stepped(low: int, high: int, *, unit: float = 1.0, digits: int = 0) -> Callable[[Any], str | None]:
    """How a dial over low..high reports, a step being worth `unit`, as text for the address."""

    def text(number: Any) -> str | None:
        good = isinstance(number, int | float) and not isinstance(number, bool) and low <= number <= high
        return f"{round(number) * unit:.{digits}f}" if good else None

    return text


@dataclass(frozen=True)
class BoundDial:
    """A dial of a component, `key`, whose value stands in the address as `parameter`: there only once the dial rests, as
    every value on the way would fill the browser's history.

    It reports, under names that end in the parameter's, {"value", "n"} while it is turned and a value once it rests.
    `text`: such a value as text for the address; None for what cannot be from the dial.
    """

    key: str
    parameter: str
    default: str
    text: Callable[[Any], str | None]

    @property
    def asked(self) -> str:
        """Name of what is reported while it is turned."""
        return f"asked_{self.parameter}"

    @property
    def rested(self) -> str:
        """Name of what is reported once it rests."""
        return f"settled_{self.parameter}"

    def chosen(self) -> str:
        """What the dial says, unless the address has changed since; untrusted text."""
        state, in_address = st.session_state, st.query_params.get(self.parameter)
        chosen, seen, left = (self._kept(name) for name in ("chosen", "seen", "left"))
        if in_address == state.get(seen):
            state.pop(left, None)
        # A browser that has not heard yet of the address that `settled` set still tells the one before: that is no wish.
        stale = left in state and in_address == state[left]
        if chosen not in state or (in_address != state.get(seen) and not stale):
            state[chosen] = state[seen] = in_address
            state.pop(left, None)
        return self.default if state[chosen] is None else state[chosen]

    def whole(self, low: int, high: int, what: str) -> int:
        """What it says, a whole number; a sentence says so if the address asks for what is not allowed."""
        text, default = self.chosen(), min(int(self.default), high)
        number = whole(text, low, high)
        if number is None and text != self.default:
            self._refuse(f"{what} must be a whole number in {low}..{high}; showing {default} instead.")
        return default if number is None else number

    def real(self, low: float, high: float, what: str) -> float:
        """The same of a number that need not be whole."""
        number = real(self.chosen(), low, high)
        if number is None:
            self._refuse(f"{what} must be a number in {low:g}..{high:g}; showing {float(self.default):g} instead.")
        return float(self.default) if number is None else number

    def _refuse(self, sentence: str) -> None:
        """Say so as long as the address does; not again after another page."""
        refuse(sentence)
        st.session_state.setdefault(_REFUSED, {})[self.parameter] = self.chosen(), None

    def question(self) -> int | None:
        """Number of the dial's last question, to be answered with it."""
        asked = (st.session_state.get(self.key) or {}).get(self.asked)
        return asked.get("n") if isinstance(asked, dict) else None

    def turned(self) -> None:
        """When the component reports that it is turned."""
        asked = st.session_state[self.key].get(self.asked)
        if isinstance(asked, dict) and (text := self.text(asked.get("value"))) is not None:
            st.session_state[self._kept("chosen")] = text
            st.session_state.get(_REFUSED, {}).pop(self.parameter, None)

    def settled(self) -> None:
        """When the component reports that it rests."""
        text = self.text(st.session_state[self.key].get(self.rested))
        if text is not None:
            self.set(text)

    def set(self, text: str) -> None:
        """Turn the dial, and let the address say so."""
        st.session_state[self._kept("chosen")] = text
        st.session_state.get(_REFUSED, {}).pop(self.parameter, None)
        st.session_state[self._kept("left")] = st.query_params.get(self.parameter)
        put(self.parameter, None if text == self.default else text)
        st.session_state[self._kept("seen")] = st.query_params.get(self.parameter)

    def _kept(self, name: str) -> str:
        """Where this session keeps something of it."""
        return f"{self.key}_{self.parameter}_{name}"
