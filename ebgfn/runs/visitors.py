"""Limits of a public address (EBGFN_HOSTED=1), and heartbeats by which a visitor is known to be there still."""

import hashlib
import os
import time
from pathlib import Path

from ebgfn.problems.config import Config
from ebgfn.runs import store
from ebgfn.runs.folder import RunError, writing

MAX_SECONDS = 900.0
MAX_STEPS = 20_000
MAX_QUEUED = 2
MAX_RUNNING = 1
GONE_S = 120.0
FORGOTTEN_S = 24 * 3600.0


def hosted() -> bool:
    """Whether this is a public address, with its limits."""
    return os.environ.get("EBGFN_HOSTED", "") == "1"


def check_limits(config: Config) -> None:
    """Hold a config against the caps of a public address."""
    if config.steps is None and config.budget_s > MAX_SECONDS:
        raise RunError(f"budget_s must be in 1..{MAX_SECONDS:g} here, got {config.budget_s:g}")
    if config.steps is not None and config.steps > MAX_STEPS:
        raise RunError(f"steps must be in 1..{MAX_STEPS} here, got {config.steps}")


def heartbeat(owner: str) -> None:
    """Say that this visitor is still here."""
    path = _file(owner)
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def gone(owner: str) -> bool:
    """Whether the visitor's last heartbeat is too long ago. Runs without owner come from the command line and stay."""
    if not owner:
        return False
    try:
        return time.time() - _file(owner).stat().st_mtime > GONE_S
    except FileNotFoundError:
        return True


def forget() -> None:
    """Drop heartbeats of long ago."""
    folder = store.home() / "owners"
    for path in folder.iterdir() if folder.is_dir() else ():
        if time.time() - path.stat().st_mtime > FORGOTTEN_S:
            path.unlink(missing_ok=True)


def _file(owner: str) -> Path:
    # A digest, because an owner's name comes from outside and must not become a path.
    return store.home() / "owners" / hashlib.sha256(owner.encode()).hexdigest()[:32]
