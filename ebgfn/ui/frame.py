"""What all pages share: navigation, the guard of deep links, a page's head, who visits, addresses held to limits."""

import hashlib
import secrets
from collections.abc import Callable
from contextvars import ContextVar

import streamlit as st

from ebgfn import bundle
from ebgfn.ui import copy_link

NAME = "EB-GFN Lab"
PAGES = (
    ("pages/overview.py", "Overview", ":material/explore:", "What EB-GFN is, from a trained model; where to go next."),
    (
        "pages/landscape_2d.py",
        "2D landscape",
        ":material/landscape:",
        "Energy and sampler in the plane; train them live.",
    ),
    ("pages/chains.py", "Chains", ":material/conversion_path:", "Erase K bits, fill K bits, accept or reject: live."),
    ("pages/digits.py", "Digits", ":material/draw:", "Images sampled live, filled in, and moved by chains."),
    ("pages/ising.py", "Ising", ":material/grid_on:", "Exact and sampled spins at any coupling; recover couplings."),
    ("pages/runs.py", "Runs", ":material/list_alt:", "Queue, progress, log, downloads of training runs."),
)

STYLE = bundle.root() / "assets" / "style.css"

# True while app.py runs a page. Streamlit may run a file of pages/ by itself: a cold deep link does so until somebody
# has opened the root, because a folder of that name is its older way to declare pages.
_framed: ContextVar[bool] = ContextVar("framed", default=False)
_TITLE, _REFUSED = "title_of_page", "refused_in_address"


def navigation() -> st.Page:  # pyright: ignore[reportGeneralTypeIssues]
    """Declare the pages and return the one that the address names."""
    pages = [st.Page(path, title=title, icon=icon, help=text) for path, title, icon, text in PAGES]
    return st.navigation(pages, position="top")


def run() -> None:
    """Body of app.py: navigation, then the page inside its frame."""
    current = navigation()
    st.set_page_config(page_title=f"{current.title} · {NAME}", page_icon=":material/landscape:", layout="wide")
    st.html(STYLE)
    token = _framed.set(True)
    try:
        current.run()
    finally:
        _framed.reset(token)
        _note_defaults()


def page(title: str, lead: str) -> None:
    """First line of every page: come back through app.py after a cold deep link, then draw the page's head."""
    if not _framed.get():
        navigation()
        st.rerun()
    if st.session_state.get(_TITLE) != title:
        st.session_state[_TITLE], st.session_state[_REFUSED] = title, {}
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title(title, anchor=False, width="content")
        copy_link.button()
    st.markdown(lead, width=860)


def visitor() -> str:
    """A name for whoever visits, the same after a reload: a digest of the browser's cross-site token."""
    cookie = st.context.cookies.get("_streamlit_xsrf", "")
    token = _unmasked(cookie) if isinstance(cookie, str) else b""
    if token:
        return hashlib.sha256(token).hexdigest()[:24]
    return st.session_state.setdefault("visitor", secrets.token_hex(12))


def _unmasked(cookie: str) -> bytes:
    """The token of a cookie `2|mask|masked token|time`, which is masked anew whenever it is set; empty if unreadable."""
    parts = cookie.strip('"').split("|")
    try:
        mask, masked = (bytes.fromhex(part) for part in parts[1:3])
    except ValueError:
        return b""
    if parts[0] != "2" or len(mask) != 4 or len(masked) < 16:
        return b""
    return bytes(b ^ mask[i % 4] for i, b in enumerate(masked))


def hold(key: str, allowed: Callable[[str], bool], sentence: str) -> None:
    """Say so if the address asks for what is not allowed; the widget of that key then falls back to its default.

    The widget puts the address right at once. What was asked is therefore kept for runs of the page that follow by
    themselves, until the widget is used or another page is shown. The sentence is ours: what the visitor typed is never
    shown.
    """
    refused = st.session_state.setdefault(_REFUSED, {})
    kept, default = refused.pop(key, (None, None))
    used = default is not None and st.session_state.get(key) != default
    asked = st.query_params.get(key, None if used else kept)
    if asked is not None and not allowed(asked):
        refused[key] = asked, default
        st.warning(sentence, icon=":material/link_off:")


def _note_defaults() -> None:
    """At the end of a run: what the widgets that the address asked in vain have fallen back to."""
    refused = st.session_state.get(_REFUSED, {})
    refused |= {key: (asked, st.session_state.get(key)) for key, (asked, _) in refused.items()}


def hold_choice(key: str, options: tuple[str, ...], name: str) -> None:
    """`hold` for a choice."""
    hold(
        key,
        lambda asked: asked in options,
        f"{name} in the address must be one of {', '.join(options)}; using the default.",
    )


def hold_number(key: str, low: int, high: int, name: str) -> None:
    """`hold` for a whole number."""

    def allowed(asked: str) -> bool:
        return asked.isascii() and asked.isdigit() and len(asked) <= 12 and low <= int(asked) <= high

    hold(key, allowed, f"{name} in the address must be a whole number in {low}..{high}; using the default.")
