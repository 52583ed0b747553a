"""The models that come with the project: where they lie."""

import os
from pathlib import Path

from ebgfn import bundle


def folder() -> Path:
    """Folder of the shipped models; EBGFN_CHECKPOINTS names another."""
    return Path(os.environ.get("EBGFN_CHECKPOINTS") or bundle.root() / "checkpoints")
