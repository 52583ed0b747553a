"""A model of binary vectors: an energy, the GFlowNet that samples from it, and log Z; saved without any code in the file."""

import copy
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save

from ebgfn.files import write_bytes, write_json
from ebgfn.shipped import CONFIG_FILE, WEIGHTS_FILE


class Networks(NamedTuple):
    """What training makes: the energy, its sampler, and log Z as trajectory balance learns it; the two may be None."""

    energy: Any
    policy: Any | None
    log_z: torch.Tensor | None


@dataclass(frozen=True)
class Model:
    """Energy and sampler, in evaluation mode, with the config they were trained by; `log_z` is a learned number, in nats.

    `sizes` are those of the networks. A model that was trained without a GFlowNet has neither policy nor log Z. Of all
    sigma of a lattice there is one model, see `ebgfn.nets.lattice.at_sigma`.
    """

    config: Any
    sizes: Any
    energy: Any
    policy: Any
    log_z: Any

    @property
    def dim(self) -> int:
        """Number of binary variables."""
        return self.energy.dim

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return next(self.energy.parameters()).device if self.log_z is None else self.log_z.device

    def on(self, device: torch.device | str) -> "Model":
        """Itself if it is on that device, else a copy there."""
        if self.device == torch.device(device):
            return self
        parts = (self.energy, self.policy)
        energy, policy = (None if part is None else copy.deepcopy(part).to(device) for part in parts)
        return replace(self, energy=energy, policy=policy, log_z=None if self.log_z is None else self.log_z.to(device))

    def tensors(self) -> dict[str, torch.Tensor]:
        """All weights by name."""
        named = {"energy": self.energy, "policy": self.policy}
        found = {f"{name}.{k}": v for name, part in named.items() if part for k, v in part.state_dict().items()}
        return found if self.log_z is None else found | {"log_z": self.log_z.reshape(-1)}

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
            "architecture": {"kind": self.sizes.kind, **vars(self.sizes)},
        }
        write_json(folder / CONFIG_FILE, description)


def flat_log_z(dim: int) -> torch.Tensor:
    """log Z of the energy that is zero everywhere, of which a uniform policy is the exact sampler."""
    return torch.tensor(dim * math.log(2))
