"""The models that come with the project: where they lie, and how training begins with one."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ebgfn import bundle

if TYPE_CHECKING:
    from ebgfn.model import Model


def folder() -> Path:
    """Folder of the shipped models; EBGFN_CHECKPOINTS names another."""
    return Path(os.environ.get("EBGFN_CHECKPOINTS") or bundle.root() / "checkpoints")


def give(model: "Model", path: Path) -> None:
    """Give an untrained model the weights of a checkpoint. Errors: ValueError if its networks have other sizes."""
    from ebgfn.model import load

    shipped = load(path)
    if shipped.architecture != model.architecture:
        raise ValueError(f"start must be zero: {path.name} has networks of other sizes")
    model.energy.load_state_dict(shipped.energy.state_dict())
    model.policy.load_state_dict(shipped.policy.state_dict())
