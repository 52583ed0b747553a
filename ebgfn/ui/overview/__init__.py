"""The Overview: what EB-GFN is, shown on a trained model of the plane, with its own numbers."""

from ebgfn.ui.shell.routes import Page

PAGE = Page(
    "pages/overview.py",
    "Overview",
    ":material/explore:",
    "What EB-GFN is, shown on a trained model; where to go next.",
    place=1,
)
