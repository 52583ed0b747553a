"""Several processes that train one model: each sees data of its own, all take the mean of their gradients.

Started by `torchrun --nproc-per-node N -m ebgfn train images ...`. The first process, the leader, keeps the run: it writes
what there is to write and says how far training is; the others follow. Alone, nothing here does anything.
"""

import os
from collections.abc import Iterable
from typing import Any

import torch
from torch import distributed, nn


def rank() -> int:
    """Number of this process, 0 for the leader or where there is only one."""
    return int(os.environ.get("RANK", "0"))


def together() -> bool:
    """Whether there are several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def meet() -> None:
    """Wait until all processes of `torchrun` are there."""
    if together() and not distributed.is_initialized():
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def leave() -> None:
    """Go when all others are ready to go."""
    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def from_leader(value: Any) -> Any:
    """What the leader has, in all processes."""
    if not distributed.is_initialized():
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over all processes, in one message."""
    if not distributed.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))
