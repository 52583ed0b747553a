"""What all pages share: navigation, the guard of deep links, the head of a page, and checks of what the address asks for."""

from contextvars import ContextVar

from pathlib import Path

import streamlit as st

NAME = "EB-GFN Lab"
PAGES = (
    ("pages/overview.py", "Overview", ":material/explore:", "What EB-GFN is, from a trained model; where to go next."),
    ("pages/landscape_2d.py", "2D landscape", ":material/landscape:", "Energy and sampler in the plane; train them live."),
    ("pages/chains.py", "Chains", ":material/conversion_path:", "Erase K bits, fill K bits, accept or reject: live."),
    ("pages/runs.py", "Runs", ":material/list_alt:", "Queue, progress, log, downloads of training runs."),
)

# True while app.py runs a page. Streamlit may run a file of pages/ by itself: a cold deep link does so until somebody has
# opened the root, because a folder of that name is its older way to declare pages.
_framed: ContextVar[bool] = ContextVar("framed", default=False)


def navigation() -> st.Page:  # pyright: ignore[reportGeneralTypeIssues]
    """Declare the pages and return the one that the address names."""
    pages = [st.Page(path, title=title, icon=icon, help=text) for path, title, icon, text in PAGES if Path(path).is_file()]
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
    st.title(title, anchor=False)
    st.markdown(lead)
