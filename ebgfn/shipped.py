"""The models that come with the project: where they lie, and what tells whether something was made from their weights."""

import hashlib
import os
from pathlib import Path

from ebgfn import bundle

# A checkpoint is a folder of these.
CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"


def folder() -> Path:
    """Folder of the shipped models; EBGFN_CHECKPOINTS names another."""
    return Path(os.environ.get("EBGFN_CHECKPOINTS") or bundle.root() / "checkpoints")


def fingerprint(folder: Path) -> str:
    """Identity of a checkpoint's weights. Errors: OSError."""
    return hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()[:16]
