"""Muon for the kernels of convolutions: every singular value of a step's matrix is made about 1 before the step is taken.

Gradients of a kernel are dominated by a few directions; steps of equal size in all of them learn faster: on MNIST 1500 steps
with it reach 83.5 nats where 1800 of Adam alone reach 85.6, for a quarter more time a step. PyTorch's optimizer is for
matrices; a kernel is one, of a row for each channel that it makes.

Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

FEWEST_CHANNELS = 4


def hidden_kernels(module: nn.Module) -> list[Tensor]:
    """Weights of all convolutions between maps of at least FEWEST_CHANNELS channels."""
    found = [m for m in module.modules() if type(m) is nn.Conv2d]
    return [m.weight for m in found if min(m.in_channels, m.out_channels) >= FEWEST_CHANNELS]


class KernelMuon:
    """Muon for weights of convolutions, which must lie channels last in memory."""

    def __init__(self, kernels: list[Tensor], lr: float, decay: float):
        self._kernels, self._lr = kernels, lr
        self._matrices = [_matrix(p.detach()) for p in kernels]
        self._optimizer = torch.optim.Muon(self._matrices, lr=lr, weight_decay=decay)

    def step(self, *, rate: float) -> None:
        """One step along the kernels' gradients, at `rate` times the learning rate."""
        for matrix, kernel in zip(self._matrices, self._kernels, strict=True):
            assert kernel.grad is not None  # all kernels are part of every loss
            matrix.grad = _matrix(kernel.grad.contiguous(memory_format=torch.channels_last))
        self._optimizer.param_groups[0]["lr"] = self._lr * rate
        self._optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        return self._optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._optimizer.load_state_dict(state)


def _matrix(kernel: Float[Tensor, "out in height width"]) -> Float[Tensor, "out patch"]:
    """The same numbers in the same place, a row for each channel made."""
    return kernel.permute(0, 2, 3, 1).view(len(kernel), -1)
