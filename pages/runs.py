"""Placeholder."""

from ebgfn.ui import frame

frame.page("runs", "Soon.")
