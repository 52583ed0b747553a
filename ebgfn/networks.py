"""Networks shared by energies and policies: the trunk of a residual multilayer perceptron."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ebgfn.processor import use_onednn

# Whoever computes with these networks, trainer or page or library, gets the fast products.
use_onednn()


class ResidualMLP(nn.Module):
    """`depth` hidden layers of equal width with skip connections: h <- h + W silu(h).

    `first` is kept apart from the rest (`after_first`) because a GFlowNet step changes one input only, so that its
    pre-activation can be updated by a single column instead of being computed again.
    """

    def __init__(self, inputs: int, outputs: int, *, hidden: int, depth: int):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(depth - 1))
        self.last = nn.Linear(hidden, outputs)

    def features(self, pre: Float[Tensor, "batch hidden"]) -> Float[Tensor, "batch hidden"]:
        """Last hidden activations from the first layer's pre-activation."""
        for layer in self.hidden:
            pre = layer(F.silu(pre)).add_(pre)
        return F.silu(pre)

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch outputs"]:
        return self.last(self.features(self.first(inputs)))


def zero_last(mlp: ResidualMLP) -> ResidualMLP:
    """Make the network's output zero: an energy starts flat, a policy starts uniform."""
    nn.init.zeros_(mlp.last.weight)
    nn.init.zeros_(mlp.last.bias)
    return mlp


def inference_chunks(batch: int, *, states: int = 1) -> list[slice]:
    """Cut a batch, each row of which stands for `states` network inputs, so that activations stay in cache.

    Each thread gets about 1024 inputs at a time: tuned at width 256, where their activations fill a core's 1 MB.
    """
    rows = max(1, 1024 * torch.get_num_threads() // states)
    return [slice(i, min(i + rows, batch)) for i in range(0, batch, rows)]
