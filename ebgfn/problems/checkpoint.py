"""Models from checkpoints: config.json says which networks, model.safetensors holds their weights; no code is in them."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ebgfn.model import Model
from ebgfn.problems import config_of, of
from ebgfn.shipped import CONFIG_FILE, WEIGHTS_FILE

MAX_FILE_BYTES = 64 * 2**20
# Earlier versions wrote the sizes of all kinds of networks into every checkpoint.
FORMER_SIZES = {
    "hidden", "depth", "learned_location", "learned_erasure", "energy_hidden", "energy_depth", "channels"
}  # fmt: skip


# Quadratic energies of earlier versions, and what follows them, have no fields.
LATER = ("energy.field_weights", "policy.fields")


class CheckpointError(ValueError):
    """A checkpoint that cannot be read; the message says which file and why."""


def build(config: Any, sizes: Any, *, dim: int | None = None) -> Model:
    """An untrained model; `dim` is the number of variables where the config would have to look into a file for it."""
    return Model(config, sizes, *of(config).networks(config, sizes, config.dim if dim is None else dim))


def load(folder: str | Path) -> Model:
    """Read the model of a folder; anything wrong with its files raises CheckpointError. By name: `ebgfn.load`.

    The data that it was trained on are not needed.
    """
    folder = Path(folder)
    try:
        config, sizes, dim = _described(json.loads((folder / CONFIG_FILE).read_text()))
        if (folder / WEIGHTS_FILE).stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"{WEIGHTS_FILE} is larger than {MAX_FILE_BYTES // 2**20} MB")
        tensors = _checked(config, sizes, dim, load_file(folder / WEIGHTS_FILE))
        return _with_weights(build(config, sizes, dim=dim), tensors)
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder} is not a checkpoint: {Path(str(error.filename)).name} is missing") from None
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{folder} is not a readable checkpoint: {reason}") from None


def give(model: Model, path: Path) -> None:
    """Give an untrained model the weights of a checkpoint. Errors: ValueError if its networks have other sizes."""
    other = load(path)
    if other.sizes != model.sizes:
        raise ValueError(f"start must be zero: {path.name} has networks of other sizes")
    model.energy.load_state_dict(other.energy.state_dict())
    model.policy.load_state_dict(other.policy.state_dict())


def _described(description: Any) -> tuple[Any, Any, int]:
    if not isinstance(description, dict):
        raise ValueError(f"{CONFIG_FILE} must describe a model")
    config = config_of(description)
    problem, sizes = of(config), dict(description["architecture"])
    known = {kind.kind: kind for kind in problem.sizes}
    kind = known.get(sizes.pop("kind", "mlp"))
    if kind is None:
        raise ValueError(f"a model of kind {problem.name} must have networks of kind {' or '.join(known)}")
    own = {f.name for f in fields(kind)}
    sizes = {name: size for name, size in sizes.items() if name in own or name not in FORMER_SIZES}
    return config, kind(**sizes), problem.dim(config, description)


def _checked(config: Any, sizes: Any, dim: int, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights, with zeros for what earlier versions lacked. Errors: ValueError."""
    # On the meta device nothing is allocated: a small file that describes huge networks costs no memory.
    with torch.device("meta"):
        expected = {k: v.shape for k, v in build(config, sizes, dim=dim).tensors().items()}
    tensors = {k: torch.zeros(expected[k]) for k in LATER if k in expected} | tensors
    if {k: v.shape for k, v in tensors.items()} != expected:
        raise ValueError(f"{WEIGHTS_FILE} holds weights of another shape than {CONFIG_FILE} describes")
    if not all(torch.isfinite(v).all() for v in tensors.values()):
        raise ValueError(f"{WEIGHTS_FILE} holds weights that are not finite")
    return tensors


def _with_weights(model: Model, tensors: dict[str, torch.Tensor]) -> Model:
    for name, part in (("energy", model.energy), ("policy", model.policy)):
        if part is not None:
            own = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
            part.load_state_dict(own)
            part.requires_grad_(False).eval()
    if model.log_z is not None:
        model.log_z.copy_(tensors["log_z"].view_as(model.log_z))
    return model
