"""Several processes that train one model: each sees data of its own, all take the mean of their gradients.

Started by `torchrun --nproc-per-node N -m ebgfn train images ...`. The first process, the leader, keeps the run: it writes
what there is to write and says how far training is; the others follow. Alone, nothing here does anything.
"""

import io
import os
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, distributed, nn


def rank() -> int:
    """Number of this process, 0 for the leader or where there is only one."""
    return int(os.environ.get("RANK", "0"))


def together() -> bool:
    """Whether there are several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def meet() -> None:
    """Wait until all processes of `torchrun` are there."""
    if together() and not distributed.is_initialized():
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if torch.cuda.is_available() and local < torch.cuda.device_count():
            torch.cuda.set_device(local)  # otherwise every process would keep a context on the first device
        # Each tensor by what its device needs: small models train on processors also where there is a GPU.
        distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")


def leave() -> None:
    """Go when all others are ready to go."""
    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def from_leader(value: Any) -> Any:
    """What the leader has, tensors and plain values, in all processes; tensors come to the processor's memory."""
    if not distributed.is_initialized():
        return value
    buffer = io.BytesIO()
    if rank() == 0:
        torch.save(value, buffer)
    box = [buffer.getvalue()]
    distributed.broadcast_object_list(box, src=0)
    return torch.load(io.BytesIO(box[0]), map_location="cpu", weights_only=True)


@torch.no_grad()
def mean(tensor: Tensor) -> Tensor:
    """The mean of a tensor over all processes."""
    if not distributed.is_initialized():
        return tensor
    total = tensor.clone()
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


def number_from_leader(value: float) -> float:
    """A number that the leader has, in all processes: once a step, so as a tensor, not as a pickled object."""
    if not distributed.is_initialized():
        return value
    box = torch.tensor([value], dtype=torch.float64, device="cpu")
    distributed.broadcast(box, src=0)
    return box.item()


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over all processes, in one message."""
    if not distributed.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = mean(torch.cat([g.flatten() for g in gradients]))
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
