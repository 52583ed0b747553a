"""Benchmarks: what was measured of the shipped models."""

from ebgfn.ui.shell.routes import Page

PAGE = Page(
    "pages/benchmarks.py",
    "Benchmarks",
    ":material/table_chart:",
    "What was measured on every shipped model, and how to measure it again.",
    place=7,
)
