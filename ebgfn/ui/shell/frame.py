"""The frame of all pages: navigation, the guard of deep links, a page's head."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import streamlit as st

from ebgfn import bundle
from ebgfn.ui.shell import address, copy_link, routes

NAME = "EB-GFN Lab"
STYLE = bundle.root() / "assets" / "style.css"
# A file of ours: an icon named as Streamlit names them is asked of a server elsewhere.
ICON = str(bundle.root() / "assets" / "icon.png")
TEXT_WIDTH = 860

# True while app.py runs a page. Streamlit may run a file of pages/ by itself: a cold deep link does so until somebody
# has opened the root, because a folder of that name is its older way to declare pages.
_framed: ContextVar[bool] = ContextVar("framed", default=False)


def navigation() -> Any:
    """Declare the pages and return the one that the address names."""
    st.set_page_config(page_icon=ICON, layout="wide")  # first, as the pages' own icons would be asked for elsewhere
    pages = [st.Page(page.file, title=page.title, icon=page.icon, help=page.text) for page in routes.pages()]
    return st.navigation(pages, position="top")


def run() -> None:
    """Body of app.py: navigation, then the page inside its frame."""
    current = navigation()
    st.set_page_config(page_title=f"{current.title} · {NAME}")
    st.html(STYLE)
    token = _framed.set(True)
    try:
        current.run()
    finally:
        _framed.reset(token)
        address.end()


def page(title: str, lead: str) -> None:
    """First line of every page: come back through app.py after a cold deep link, then draw the page's head."""
    if not _framed.get():
        navigation()
        st.rerun()
    address.begin(title)
    _narrow_navigation()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title(title, anchor=False, width="content")
        copy_link.button()
    st.markdown(lead, width=TEXT_WIDTH)


def _narrow_navigation() -> None:
    """All pages in one row, where Streamlit hides its own behind a button: shown on narrow screens alone (see STYLE)."""
    with st.container(horizontal=True, gap="small", key="narrow_navigation"):
        for page in routes.pages():
            st.page_link(page.file, label=page.title, width="content")


@contextmanager
def folded(title: str, key: str) -> Iterator[bool]:
    """A section that is folded until it is asked for, here or by the address; says whether it is open."""
    box = st.expander(f"**{title}**", on_change="rerun", **address.bound(key))
    with box:
        yield bool(box.open)


def section(title: str, *paragraphs: str) -> None:
    """A heading below the head, and what is to be said there."""
    st.header(title, anchor=False)
    for text in paragraphs:
        st.markdown(text, width=TEXT_WIDTH)
