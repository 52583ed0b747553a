"""A trained EB-GFN: energy, policy and log Z with the config they were trained by; saved without any code in the file."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ebgfn.config import CONFIGS, Toy2DConfig
from ebgfn.energies import MLPEnergy
from ebgfn.files import write_bytes, write_json
from ebgfn.policies import MLPPolicy

ENERGIES: dict[str, Callable[..., MLPEnergy]] = {"mlp": MLPEnergy}
POLICIES: dict[str, Callable[..., MLPPolicy]] = {"mlp": MLPPolicy}

MAX_WIDTH, MAX_DEPTH, MAX_FILE_BYTES = 4096, 16, 64 * 2**20
CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"


class CheckpointError(ValueError):
    """A checkpoint that cannot be read; the message says which file and why."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of the two networks: what has to be known, beside the weights, to build them again.

    `hidden` and `depth` are those of the policy, and of the energy too unless it has its own.
    """

    hidden: int = 256
    depth: int = 3
    learned_location: bool = False
    learned_erasure: bool = False
    kind: str = "mlp"
    energy_hidden: int | None = None
    energy_depth: int | None = None

    def __post_init__(self):
        if not all(isinstance(v, bool) for v in (self.learned_location, self.learned_erasure)):
            raise ValueError("learned_location and learned_erasure must be true or false")
        widths, depths = (self.hidden, self.energy_hidden or 1), (self.depth, self.energy_depth or 1)
        fits = all(1 <= width <= MAX_WIDTH for width in widths) and all(1 <= depth <= MAX_DEPTH for depth in depths)
        if self.kind not in ENERGIES or not fits:
            raise ValueError(
                f"networks must be of kind {', '.join(ENERGIES)}, width 1..{MAX_WIDTH}, depth 1..{MAX_DEPTH}"
            )

    def energy(self, dim: int) -> MLPEnergy:
        return ENERGIES[self.kind](dim, hidden=self.energy_hidden or self.hidden, depth=self.energy_depth or self.depth)

    def policy(self, dim: int) -> MLPPolicy:
        return POLICIES[self.kind](
            dim,
            hidden=self.hidden,
            depth=self.depth,
            learned_location=self.learned_location,
            learned_erasure=self.learned_erasure,
        )


@dataclass(frozen=True)
class Model:
    """Energy and sampler, in evaluation mode; `log_z` is the learned number of trajectory balance, in nats."""

    config: Toy2DConfig
    architecture: Architecture
    energy: MLPEnergy
    policy: MLPPolicy
    log_z: torch.Tensor

    @property
    def dim(self) -> int:
        return self.config.dim

    def tensors(self) -> dict[str, torch.Tensor]:
        parts = {f"energy.{k}": v for k, v in self.energy.state_dict().items()}
        parts |= {f"policy.{k}": v for k, v in self.policy.state_dict().items()}
        return parts | {"log_z": self.log_z.reshape(1)}

    def save(self, folder: Path) -> None:
        """Write config.json and model.safetensors, each atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / WEIGHTS_FILE, save({k: v.detach().contiguous() for k, v in self.tensors().items()}))
        description = {"kind": "toy2d", "config": self.config.to_json(), "architecture": vars(self.architecture)}
        write_json(folder / CONFIG_FILE, description)


def build(config: Toy2DConfig, architecture: Architecture) -> Model:
    """An untrained model: flat energy, uniform policy."""
    energy, policy = architecture.energy(config.dim), architecture.policy(config.dim)
    # A flat energy has Z = 2^D, and a uniform policy samples from it exactly.
    return Model(config, architecture, energy, policy, torch.tensor(config.dim * 0.6931471805599453))


def load(folder: Path) -> Model:
    """Read a model; anything wrong with its files raises CheckpointError."""
    try:
        description = json.loads((folder / CONFIG_FILE).read_text())
        config, architecture = _described(description)
        if (folder / WEIGHTS_FILE).stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"{WEIGHTS_FILE} is larger than {MAX_FILE_BYTES // 2**20} MB")
        tensors = load_file(folder / WEIGHTS_FILE)
        _check_weights(config, architecture, tensors)
        return _with_weights(build(config, architecture), tensors)
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder} is no checkpoint: {Path(str(error.filename)).name} is missing") from None
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{folder} is no readable checkpoint: {reason}") from None


def _described(description: Any) -> tuple[Toy2DConfig, Architecture]:
    if not isinstance(description, dict) or description.get("kind") not in CONFIGS:
        raise ValueError(f"{CONFIG_FILE} must name a kind of {', '.join(CONFIGS)}")
    config = CONFIGS[description["kind"]].from_json(dict(description["config"]))
    return config, Architecture(**description["architecture"])


def _check_weights(config: Toy2DConfig, architecture: Architecture, tensors: dict[str, torch.Tensor]) -> None:
    # On the meta device nothing is allocated: a small file that describes huge networks costs no memory.
    with torch.device("meta"):
        expected = {k: v.shape for k, v in build(config, architecture).tensors().items()}
    if {k: v.shape for k, v in tensors.items()} != expected:
        raise ValueError(f"{WEIGHTS_FILE} holds weights of another shape than {CONFIG_FILE} describes")
    if not all(torch.isfinite(v).all() for v in tensors.values()):
        raise ValueError(f"{WEIGHTS_FILE} holds weights that are not finite")


def _with_weights(model: Model, tensors: dict[str, torch.Tensor]) -> Model:
    for name in ("energy", "policy"):
        part = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
        getattr(model, name).load_state_dict(part)
        getattr(model, name).requires_grad_(False).eval()
    model.log_z.copy_(tensors["log_z"][0])
    return model
