"""What is made once, by the averaged sampler, and used in several steps: back-and-forth moves from data."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from ebgfn.core.energy import Energy, known_part
from ebgfn.core.policy import Policy
from ebgfn.core.states import Batch, Vectors
from ebgfn.core.trajectories import log_ratio
from ebgfn.mcmc.back_and_forth import propose
from ebgfn.nets.refined import RefinedEnergy
from ebgfn.train.chains import WHOLE, move_length
from ebgfn.train.device import half_precision

# Of the rows that a policy takes at once, the part that shares the length of its moves.
GROUPS = 4


@dataclass(frozen=True)
class Lessons:
    """Rows to learn from. Data `x`; ends `x_new` of moves from them; `log_flow`, `log_flow_new` are log P_F - log P_B of the
    paths from the state s that both share, and where the move was `whole`, of complete paths; `known`, `known_new` what the
    energy knows of either without learning."""

    x: UInt8[Tensor, "rows dim"]
    x_new: UInt8[Tensor, "rows dim"]
    log_flow: Batch
    log_flow_new: Batch
    whole: Bool[Tensor, " rows"]
    known: Batch
    known_new: Batch

    def rows(self, index: Tensor) -> "Lessons":
        return Lessons(*(part[index] for part in vars(self).values()))

    def some(self, n: int, generator: torch.Generator) -> "Lessons":
        """Any `n` rows."""
        return self.rows(torch.randint(0, len(self.x), (n,), generator=generator, device=generator.device))

    def joined(self, other: "Lessons", *, keep: int) -> "Lessons":
        """With newer ones behind; the oldest go when there are more than `keep`."""
        both = zip(vars(self).values(), vars(other).values(), strict=True)
        return Lessons(*(torch.cat(parts)[-keep:] for parts in both))

    def packed(self) -> dict[str, Tensor]:
        """The same with eight bits a byte."""
        return {name: pack(part) if part.dtype == torch.uint8 else part for name, part in vars(self).items()}

    @classmethod
    def unpacked(cls, parts: dict[str, Tensor], *, dim: int, device: torch.device) -> "Lessons":
        """Inverse of `packed`."""
        whole = {name: unpack(part, dim) if part.dtype == torch.uint8 else part for name, part in parts.items()}
        return cls(**{name: part.to(device) for name, part in whole.items()})


@torch.no_grad()
def lessons(
    energy: Energy, policy: Policy, x: Vectors, generator: torch.Generator, *, path_steps: int, whole: float = WHOLE
) -> Lessons:
    """From these data, by moves of at most so many steps, a share `whole` of them from void.

    Where the energy refines a density they are moves of that: the whole ones end in its draws, which is where its mass is.
    """
    policy = energy.base if isinstance(energy, RefinedEnergy) else policy
    ends, old, new, complete, known = [], [], [], [], []
    for part in x.split(max(1, policy.rows // GROUPS)):
        k, schedule = move_length(policy, path_steps, generator, whole=whole)
        with half_precision(generator.device):
            move = propose(policy, part, k, generator, schedule=schedule)
            old.append(log_ratio(policy, part, move.order_back, schedule=schedule).float())
            known.append(torch.stack([known_part(energy, end).float() for end in (part, move.x_new)]))
        ends.append(move.x_new.byte())
        new.append((move.log_pf - move.log_pb).float())
        complete.append(torch.full((len(part),), k == policy.dim, device=x.device))
    return Lessons(x.byte(), *(torch.cat(parts) for parts in (ends, old, new, complete)), *torch.cat(known, 1))


def pack(bits: UInt8[Tensor, "rows dim"]) -> UInt8[Tensor, "rows bytes"]:
    """Eight bits a byte, the last byte filled up with zeros."""
    return torch.from_numpy(np.packbits(bits.cpu().numpy(), axis=1))


def unpack(packed: UInt8[Tensor, "rows bytes"], dim: int) -> UInt8[Tensor, "rows dim"]:
    """Inverse of `pack`."""
    return torch.from_numpy(np.unpackbits(packed.cpu().numpy(), axis=1, count=dim))
