"""What training changes: modules with their optimizers and averaged weights, and what a trainer is."""

import copy
import math
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from ebgfn import parallel
from ebgfn.model import Networks
from ebgfn.optim.muon import KernelMuon, hidden_kernels
from ebgfn.train.knobs import UNTURNED, Knobs

Module = TypeVar("Module", bound=nn.Module)


class Diverged(RuntimeError):
    """A loss stopped being finite; the message names which."""


class Sampler(nn.Module):
    """The GFlowNet: its policies and the learned number log Z."""

    policy: Any

    def __init__(self, policy: nn.Module, log_z: Tensor):
        super().__init__()
        self.policy = policy
        self.log_z = nn.Parameter(log_z.clone())


class Learner(Generic[Module]):
    """A module, its Adam optimizer and the exponential average of its weights (`average` 0: the weights themselves).

    Buffers, which no gradient moves, stand in the average as they are. `clip`: largest norm of Adam's gradients together;
    Muon's kernels do not count, as the length of their gradients does not matter to it.

    `rates` gives some parameters, by name, a learning rate of their own. With a `kernel_lr` the kernels of convolutions, if
    there are any, are Muon's (see `ebgfn.optim.muon`), which shrinks them by `kernel_decay` times its rate a step.
    """

    def __init__(
        self,
        module: Module,
        *,
        lr: float,
        average: float = 0.0,
        clip: float = 0.0,
        rates: dict[str, float] | None = None,
        kernel_lr: float = 0.0,
        kernel_decay: float = 0.0,
        weight_decay: float = 0.0,
    ):
        rates = rates or {}
        self.module = module
        kernels = hidden_kernels(module) if kernel_lr else []
        self._kernels = KernelMuon(kernels, kernel_lr, kernel_decay) if kernels else None
        named = [(n, p) for n, p in module.named_parameters() if all(p is not k for k in kernels)]
        groups = [{"params": [p], "lr": rates[n]} for n, p in named if n in rates]
        groups.append({"params": [p for n, p in named if n not in rates], "lr": lr})
        self._clipped = [p for _, p in named]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay, fused=True)
        self._base = [group["lr"] for group in groups]
        self.averaged = copy.deepcopy(module).requires_grad_(False).eval()
        self._average, self._clip, self._updates = average, clip, 0

    @property
    def updates(self) -> int:
        """Steps made."""
        return self._updates

    def update(self, loss: Tensor, *, rate: float = 1.0) -> float:
        """One step down the loss at `rate` times the learning rates; returns the loss, of several processes the mean."""
        value = parallel.mean(loss.detach()).item()  # so that all of them notice if one diverges
        if not math.isfinite(value):
            raise Diverged(f"the loss of the {type(self.module).__name__} became {value}")
        self.module.zero_grad(set_to_none=True)
        loss.backward()
        parallel.average_gradients(self.module.parameters())
        if self._clip:
            nn.utils.clip_grad_norm_(self._clipped, self._clip)
        for group, base in zip(self.optimizer.param_groups, self._base, strict=True):
            group["lr"] = base * rate
        self.optimizer.step()
        if self._kernels:
            self._kernels.step(rate=rate)
        self._updates += 1
        self._track()
        return value

    @torch.no_grad()
    def _track(self) -> None:
        # A short memory at first: the average must not remember the untrained weights.
        keep = min(self._average, self._updates / (self._updates + 9.0)) if self._average else 0.0
        torch._foreach_lerp_(list(self.averaged.parameters()), list(self.module.parameters()), 1.0 - keep)
        for averaged, buffer in zip(self.averaged.buffers(), self.module.buffers(), strict=True):
            averaged.copy_(buffer)

    def state_dict(self) -> dict[str, Any]:
        return {
            "module": self.module.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "kernels": self._kernels.state_dict() if self._kernels else None,
            "updates": self._updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self._kernels:
            self._kernels.load_state_dict(state["kernels"])
        self._updates = state["updates"]


@dataclass(frozen=True)
class Moment:
    """Where training stands: steps made, the share of the budget used, 0..1, and what somebody who watches has turned."""

    step: int
    progress: float
    knobs: Knobs = UNTURNED


def warm_cosine(updates: int, progress: float, *, warm_up: int = 100) -> float:
    """Share of the learning rates after so many updates: a linear rise over `warm_up`, a cosine fall to 0 at progress 1."""
    return min(1.0, (updates + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


@runtime_checkable
class Trainer(Protocol):
    """A way to train; made from an untrained `Model` and the recipe of its settings."""

    def step(self, source: Any, now: Moment, generator: torch.Generator) -> dict[str, float]:
        """One step; returns what is worth logging."""
        ...

    def networks(self) -> Networks:
        """What a page may show and a checkpoint keeps, as it is now: averaged weights."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All of it: weights, optimizers, chains and pools, so that training resumed goes on to the last digit."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        ...


class EnergyAndSampler:
    """What `Trainer`s of EB-GFN's two models share: all but `step`. `averaged` of either is what a page may show."""

    energy: Any
    sampler: Learner[Sampler]

    def networks(self) -> Networks:
        sampler = self.sampler.averaged
        return Networks(self.energy.averaged, sampler.policy, sampler.log_z.detach())

    def pool(self) -> dict[str, Any]:
        """What was made for later steps and is not used up yet: tensors and numbers."""
        return {}

    def refill(self, pool: dict[str, Any]) -> None:
        """Inverse of `pool`."""
        assert not pool

    def state_dict(self) -> dict[str, Any]:
        return {"energy": self.energy.state_dict(), "sampler": self.sampler.state_dict(), "pool": self.pool()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.energy.load_state_dict(state["energy"])
        self.sampler.load_state_dict(state["sampler"])
        self.refill(state["pool"])
