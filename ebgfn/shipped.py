"""The models that come with the project: where they lie, and which one is nearest to what shall be trained."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebgfn import bundle
from ebgfn.config import ImagesConfig, IsingConfig

if TYPE_CHECKING:
    from ebgfn.model import Model


def folder() -> Path:
    """Folder of the shipped models; EBGFN_CHECKPOINTS names another."""
    return Path(os.environ.get("EBGFN_CHECKPOINTS") or bundle.root() / "checkpoints")


def nearest(config: IsingConfig) -> Path | None:
    """Checkpoint of the same side and kind of couplings whose sigma is nearest, or None where there is none."""
    from ebgfn.model import CONFIG_FILE, WEIGHTS_FILE  # late: pages ask for the folder before they need torch

    found = []
    for weights in sorted(folder().glob(f"ising-{config.side}x{config.side}-*/{WEIGHTS_FILE}")):
        try:
            other = json.loads((weights.parent / CONFIG_FILE).read_text())["config"]
            if other.get("couplings", "free") == config.couplings:
                found.append((abs(other["sigma"] - config.sigma), weights.parent))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a damaged one is no start; where it is opened, it is reported
    return min(found)[1] if found else None


def first(config: Any) -> Path | None:
    """Checkpoint that a training starts from; None if it starts from zero. Errors: ValueError where there is none."""
    if not isinstance(config, IsingConfig | ImagesConfig) or config.start == "zero":
        return None
    if isinstance(config, ImagesConfig):
        return _same(config)
    path = nearest(config)
    if path is None:
        side = f"{config.side} x {config.side}"
        raise ValueError(
            f"start must be zero: no model of a {side} lattice with {config.couplings} couplings is shipped"
        )
    return path


def _same(config: ImagesConfig) -> Path:
    """Checkpoint of the same images and preset. Errors: ValueError where there is none."""
    for path in sorted(folder().glob(f"images-{config.dataset}*/config.json")):
        try:
            other = json.loads(path.read_text())["config"]
            if (other["dataset"], other["preset"]) == (config.dataset, config.preset):
                return path.parent
        except (OSError, ValueError, KeyError, TypeError):
            continue  # as above
    raise ValueError(f"start must be zero: no model of {config.dataset} with preset {config.preset} is shipped")


def give(model: "Model", path: Path) -> None:
    """Give an untrained model the weights of a checkpoint. Errors: ValueError if its networks have other sizes."""
    from ebgfn.model import load

    shipped = load(path)
    if shipped.architecture != model.architecture:
        raise ValueError(f"start must be zero: {path.name} has networks of other sizes")
    model.energy.load_state_dict(shipped.energy.state_dict())
    model.policy.load_state_dict(shipped.policy.state_dict())
