"""The models that come with the project: where they lie, and what tells whether something was made from their weights."""

import functools
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
    file = folder / WEIGHTS_FILE
    stamp = file.stat()
    return _digest(file, stamp.st_mtime_ns, stamp.st_size)


@functools.lru_cache(maxsize=256)
def _digest(file: Path, *_stamp: int) -> str:
    """Read once as long as nobody writes the file: the first screen asks for all of them each time."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
