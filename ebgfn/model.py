"""A trained EB-GFN: energy, policy and log Z with the config they were trained by; saved without any code in the file."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from ebgfn.config import CONFIGS, Config, ImagesConfig, LatticeConfig
from ebgfn.data import uploads
from ebgfn.data.torus import displacements
from ebgfn.energies import ConvEnergy, LatticeEnergy, MLPEnergy, QuadraticEnergy
from ebgfn.files import write_bytes, write_json
from ebgfn.policies import ConvPolicy, FieldPolicy, LatticePolicy, MLPPolicy
from ebgfn.policies.lattice import KNOTS, MAX_SIGMA, curve

Networks = tuple[nn.Module, nn.Module, torch.Tensor]
Build = Callable[[Any, Any, int], Networks]

MAX_WIDTH, MAX_DEPTH, MAX_FILE_BYTES = 4096, 16, 64 * 2**20
CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"


class CheckpointError(ValueError):
    """A checkpoint that cannot be read; the message says which file and why."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of the two networks: what has to be known, beside the weights, to build them again.

    `hidden` and `depth` are those of the policy, and of the energy too unless it has its own. A convolutional network has
    a dense layer of `hidden` and, at full resolution, `channels`; its depth is fixed.
    """

    hidden: int = 256
    depth: int = 3
    learned_location: bool = False
    learned_erasure: bool = False
    kind: str = "mlp"
    energy_hidden: int | None = None
    energy_depth: int | None = None
    channels: int = 16

    def __post_init__(self):
        if not all(isinstance(v, bool) for v in (self.learned_location, self.learned_erasure)):
            raise ValueError("learned_location and learned_erasure must be true or false")
        widths, depths = (
            (self.hidden, self.energy_hidden or 1, 16 * self.channels),
            (self.depth, self.energy_depth or 1),
        )
        fits = all(1 <= width <= MAX_WIDTH for width in widths) and all(1 <= depth <= MAX_DEPTH for depth in depths)
        if self.kind not in NETWORKS or not fits:
            raise ValueError(
                f"networks must be of kind {', '.join(NETWORKS)}, width 1..{MAX_WIDTH}, depth 1..{MAX_DEPTH}"
            )


def _mlp(config: Config, sizes: Architecture, dim: int) -> Networks:
    """For any data: both fully connected."""
    energy_sizes = {"hidden": sizes.energy_hidden or sizes.hidden, "depth": sizes.energy_depth or sizes.depth}
    choices = {"learned_location": sizes.learned_location, "learned_erasure": sizes.learned_erasure}
    choices |= {"blocks": config.kind == "images"}
    policy = MLPPolicy(dim, hidden=sizes.hidden, depth=sizes.depth, **choices)
    return MLPEnergy(dim, **energy_sizes), policy, flat_log_z(dim)


def _field(config: Any, sizes: Architecture, dim: int) -> Networks:
    """For couplings to be found: a quadratic energy, and a policy that follows its fields."""
    shared = torch.from_numpy(displacements(config.side)) if config.couplings == "homogeneous" else None
    return (
        QuadraticEnergy(dim, shared=shared),
        FieldPolicy(dim, hidden=sizes.hidden, depth=sizes.depth),
        flat_log_z(dim),
    )


def _conv(config: ImagesConfig, sizes: Architecture, dim: int) -> Networks:
    """For images: both convolutional."""
    shape = {"width": sizes.channels, "dense": sizes.hidden}
    return ConvEnergy(config.side, **shape), ConvPolicy(config.side, **shape), flat_log_z(dim)


def _lattice(config: LatticeConfig, sizes: Architecture, dim: int) -> Networks:
    """For all couplings of a lattice: the known energy, a policy given sigma, and log Z at knots of sigma."""
    sigma = torch.linspace(0.0, MAX_SIGMA, KNOTS)
    # As if all loops of the lattice were open, which is a fair start.
    log_z = flat_log_z(dim) + 2 * dim * (2 * sigma).cosh().log()
    return LatticeEnergy(config.side), LatticePolicy(config.side, hidden=sizes.hidden, depth=sizes.depth), log_z


def flat_log_z(dim: int) -> torch.Tensor:
    """log Z of the energy that is zero everywhere, of which a uniform policy is the exact sampler."""
    return torch.tensor(dim * 0.6931471805599453)


NETWORKS: dict[str, Build] = {"mlp": _mlp, "field": _field, "conv": _conv, "lattice": _lattice}
KINDS = {
    "toy2d": ("mlp",), "ising": ("field",), "file": ("field",), "images": ("conv", "mlp"), "lattice": ("lattice",)
}  # fmt: skip


@dataclass(frozen=True)
class Model:
    """Energy and sampler, in evaluation mode; `log_z` is the learned number of trajectory balance, in nats.

    Which classes they are follows from the kind of config; of a lattice, energy, policy and log Z are those of all sigma.
    """

    config: Any
    architecture: Architecture
    energy: Any
    policy: Any
    log_z: torch.Tensor

    @property
    def dim(self) -> int:
        """Number of binary variables."""
        return self.policy.dim

    def at(self, sigma: float) -> "Model":
        """Of a lattice's model, the one of this coupling; any other is itself."""
        if self.config.kind != "lattice":
            return self
        if not isinstance(sigma, int | float) or not -MAX_SIGMA <= sigma <= MAX_SIGMA:
            raise ValueError(f"sigma must be a number in {-MAX_SIGMA:g}..{MAX_SIGMA:g}, got {sigma}")
        log_z = curve(self.log_z, torch.tensor([float(sigma)]))[0]
        return replace(self, energy=self.energy.at(sigma), policy=self.policy.at(sigma), log_z=log_z)

    def on(self, device: torch.device) -> "Model":
        """Itself if it is on that device, else a copy there."""
        if self.log_z.device == device:
            return self
        energy, policy = (copy.deepcopy(module).to(device) for module in (self.energy, self.policy))
        return replace(self, energy=energy, policy=policy, log_z=self.log_z.to(device))

    def tensors(self) -> dict[str, torch.Tensor]:
        parts = {f"energy.{k}": v for k, v in self.energy.state_dict().items()}
        parts |= {f"policy.{k}": v for k, v in self.policy.state_dict().items()}
        return parts | {"log_z": self.log_z.reshape(-1)}

    def save(self, folder: Path, *, half: bool = False) -> None:
        """Write config.json and model.safetensors, each atomically; `half`: weights in half precision, half the size."""
        folder.mkdir(parents=True, exist_ok=True)
        kind = torch.float16 if half else torch.float32
        tensors = {k: v.detach().to(kind if v.is_floating_point() else v.dtype) for k, v in self.tensors().items()}
        write_bytes(folder / WEIGHTS_FILE, save({k: v.contiguous() for k, v in tensors.items()}))
        description = {
            "kind": self.config.kind,
            "dim": self.dim,
            "config": self.config.to_json(),
            "architecture": vars(self.architecture),
        }
        write_json(folder / CONFIG_FILE, description)


def build(config: Any, architecture: Architecture, *, dim: int | None = None) -> Model:
    """An untrained model: energy flat or given, policy uniform or led by the given energy.

    `dim` is the number of binary variables where the config would have to look into a file for it.
    """
    networks = NETWORKS[architecture.kind]
    return Model(config, architecture, *networks(config, architecture, config.dim if dim is None else dim))


def load(folder: str | Path) -> Model:
    """Read the model of a folder; anything wrong with its files raises CheckpointError. By name: `ebgfn.load`.

    The data that it was trained on are not needed.
    """
    folder = Path(folder)
    try:
        description = json.loads((folder / CONFIG_FILE).read_text())
        config, architecture, dim = _described(description)
        if (folder / WEIGHTS_FILE).stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"{WEIGHTS_FILE} is larger than {MAX_FILE_BYTES // 2**20} MB")
        tensors = load_file(folder / WEIGHTS_FILE)
        _check_weights(config, architecture, dim, tensors)
        return _with_weights(build(config, architecture, dim=dim), tensors)
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder} is no checkpoint: {Path(str(error.filename)).name} is missing") from None
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{folder} is no readable checkpoint: {reason}") from None


def _described(description: Any) -> tuple[Any, Architecture, int]:
    if not isinstance(description, dict) or description.get("kind") not in CONFIGS:
        raise ValueError(f"{CONFIG_FILE} must name a kind of {', '.join(CONFIGS)}")
    config = CONFIGS[description["kind"]].from_json(dict(description["config"]))
    architecture = Architecture(**description["architecture"])
    if architecture.kind not in KINDS[config.kind]:
        raise ValueError(f"a model of kind {config.kind} must have networks of kind {' or '.join(KINDS[config.kind])}")
    if config.kind != "file" or "dim" not in description:  # checkpoints of earlier versions do not say it
        return config, architecture, config.dim
    dim = description["dim"]
    if type(dim) is not int or not 2 <= dim <= uploads.MAX_DIM:
        raise ValueError(f"dim in {CONFIG_FILE} must be a whole number in 2..{uploads.MAX_DIM}, got {dim!r}")
    return config, architecture, dim


def _check_weights(config: Any, architecture: Architecture, dim: int, tensors: dict[str, torch.Tensor]) -> None:
    # On the meta device nothing is allocated: a small file that describes huge networks costs no memory.
    with torch.device("meta"):
        expected = {k: v.shape for k, v in build(config, architecture, dim=dim).tensors().items()}
    if {k: v.shape for k, v in tensors.items()} != expected:
        raise ValueError(f"{WEIGHTS_FILE} holds weights of another shape than {CONFIG_FILE} describes")
    if not all(torch.isfinite(v).all() for v in tensors.values()):
        raise ValueError(f"{WEIGHTS_FILE} holds weights that are not finite")


def _with_weights(model: Model, tensors: dict[str, torch.Tensor]) -> Model:
    for name in ("energy", "policy"):
        part = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
        getattr(model, name).load_state_dict(part)
        getattr(model, name).requires_grad_(False).eval()
    model.log_z.copy_(tensors["log_z"].view_as(model.log_z))
    return model
