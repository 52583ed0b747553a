"""Placeholder."""

from ebgfn.ui import frame

frame.page("overview", "Soon.")
