"""Where training of images runs, and fast matrix products there.

On processors: float32 through oneDNN. PyTorch sends float32 products to MKL, which on AMD processors reaches half of what
oneDNN does (Zen 5: 105 against 235 GFLOP/s a core at width 256, forward and backward). The only public way to oneDNN is to
allow it to compute in bfloat16; it makes use of that only where a processor has matrix units (AMX), and computes in float32
everywhere else. So: allow it, look whether anything is lost, and take it back if so.
"""

import os
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

MOST_ERROR = 1e-5
DEVICE = "EBGFN_DEVICE"


def device() -> torch.device:
    """What EBGFN_DEVICE names (cpu, cuda:1 ...). For cuda, or nothing, the GPU of this process's number; else the processor.

    Errors: ValueError for a device that is not there.
    """
    asked = os.environ.get(DEVICE)
    if not torch.cuda.is_available():
        if asked not in (None, "", "cpu"):
            raise ValueError(f"device must be cpu where no CUDA device is found, got {asked}")
        return torch.device("cpu")
    own = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        return torch.device(own if asked in (None, "", "cuda") else asked)
    except RuntimeError:
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {asked}") from None


def working_on(where: torch.device) -> AbstractContextManager:
    """New tensors are made there. Costs microseconds a call, so nothing is done where it changes nothing."""
    return nullcontext() if where.type == "cpu" else where


def use_onednn() -> bool:
    """Send float32 products on the CPU to oneDNN if they stay as exact as they are; tell whether they go there."""
    settings = getattr(torch.backends.mkldnn, "matmul", None)
    # Before version 2.9 the switch did not exist for processors alone; on other processors there is no oneDNN.
    if settings is None or not hasattr(settings, "fp32_precision") or not torch.backends.mkldnn.is_available():
        return False
    settings.fp32_precision = "bf16"
    if relative_error() > MOST_ERROR:
        settings.fp32_precision = "ieee"
        return False
    return True


def relative_error() -> float:
    """Largest error of a float32 product of 256 x 256 matrices, relative to the largest entry."""
    angles = torch.arange(256.0)
    # Not representable with a short mantissa, and no random numbers used up.
    left = torch.cos(angles[:, None] * 0.7 + angles)
    right = torch.sin(angles[:, None] * 0.3 - angles)
    exact: Tensor = left.double() @ right.double()
    return ((left @ right).double() - exact).abs().max().item() / exact.abs().max().item()


def half_precision() -> AbstractContextManager:
    """Products and convolutions in bfloat16 where the device has instructions for it; float32 elsewhere.

    For training: weights and sums stay in float32. Saves a third of the time of a convolutional network on processors.
    """
    here = torch.get_default_device().type
    known = here == "cuda" or (here == "cpu" and _has_bfloat16())
    return torch.autocast(here, torch.bfloat16) if known else nullcontext()


def _has_bfloat16() -> bool:
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
