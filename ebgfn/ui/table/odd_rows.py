"""Placeholder of a section."""

from pathlib import Path


def show(folder: Path, *, seed: int) -> None:
    """Nothing yet."""
