"""Fast matrix products of float32 on processors, through oneDNN.

PyTorch sends float32 products to MKL, which on AMD processors reaches half of what oneDNN does (Zen 5: 105 against 235
GFLOP/s a core at width 256, forward and backward). The only public way to oneDNN is to allow it to compute in bfloat16; it
makes use of that only where a processor has matrix units (AMX), and computes in float32 everywhere else. So: allow it, look
whether anything is lost, and take it back if so. A setting of the whole process: programs choose it, no import does.
"""

import torch
from torch import Tensor

MOST_ERROR = 1e-5


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
