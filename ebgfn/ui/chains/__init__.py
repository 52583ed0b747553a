"""Chains: back-and-forth moves of a model of the plane, bit by bit, and what K buys."""

from ebgfn.ui.shell.routes import Page

PAGE = Page(
    "pages/chains.py",
    "Chains",
    ":material/conversion_path:",
    "Erase K bits, fill them again, accept or not: what one number does to a Markov chain.",
    place=3,
)
