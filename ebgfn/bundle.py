"""Where the files lie that belong to the package but are no part of its code: app.py, pages, assets and checkpoints.

In the project's folder (also installed with `pip install -e`) they lie beside the package; an installed wheel carries
copies of them inside it (see pyproject.toml).
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def root() -> Path:
    """Folder of app.py, .streamlit, pages, assets and checkpoints."""
    inside = _PACKAGE / "_bundle"
    return inside if inside.is_dir() else _PACKAGE.parent
