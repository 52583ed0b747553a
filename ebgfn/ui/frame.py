"""What all pages share: navigation, the guard of deep links, a page's head, who visits, addresses held to limits."""

import hashlib
import secrets
from collections.abc import Callable
from contextvars import ContextVar

import streamlit as st

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
    ("pages/runs.py", "Runs", ":material/list_alt:", "Queue, progress, log, downloads of training runs."),
)

# True while app.py runs a page. Streamlit may run a file of pages/ by itself: a cold deep link does so until somebody
# has opened the root, because a folder of that name is its older way to declare pages.
_framed: ContextVar[bool] = ContextVar("framed", default=False)


def navigation() -> st.Page:  # pyright: ignore[reportGeneralTypeIssues]
    """Declare the pages and return the one that the address names."""
    pages = [st.Page(path, title=title, icon=icon, help=text) for path, title, icon, text in PAGES]
    return st.navigation(pages, position="top")


def run() -> None:
    """Body of app.py: navigation, then the page inside its frame."""
    current = navigation()
    st.set_page_config(page_title=f"{current.title} · {NAME}", page_icon=":material/landscape:", layout="wide")
    token = _framed.set(True)
    try:
        current.run()
    finally:
        _framed.reset(token)


def page(title: str, lead: str) -> None:
    """First line of every page: come back through app.py after a cold deep link, then draw the page's head."""
    if not _framed.get():
        navigation()
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title(title, anchor=False, width="content")
        copy_link.button()
    st.markdown(lead, width=860)


def visitor() -> str:
    """A name for whoever visits, the same after a reload: a digest of the browser's cross-site token."""
    mask, _, rest = st.context.cookies.get("_streamlit_xsrf", "").removeprefix("2|").partition("|")
    masked = rest.partition("|")[0]
    try:
        key, token = bytes.fromhex(mask), bytes.fromhex(masked)
    except ValueError:
        key, token = b"", b""
    if len(key) == 4 and len(token) >= 16:
        # The cookie is masked anew whenever it is set; the token beneath stays.
        plain = bytes(b ^ key[i % 4] for i, b in enumerate(token))
        return hashlib.sha256(plain).hexdigest()[:24]
    return st.session_state.setdefault("visitor", secrets.token_hex(12))


def hold(key: str, allowed: Callable[[str], bool], sentence: str) -> None:
    """Say so if the address asks for what is not allowed; the widget of that key then falls back to its default.

    The sentence is ours: what the visitor typed is never shown.
    """
    asked = st.query_params.get(key)
    if asked is not None and not allowed(asked):
        st.warning(sentence, icon=":material/link_off:")


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
