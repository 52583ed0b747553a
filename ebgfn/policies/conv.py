"""A convolutional policy for square images."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ebgfn.convolutions import UNet
from ebgfn.policies.policy import Batch, Locations, Masks, PolicyOutput, Vectors


class ConvPolicy(nn.Module):
    """A U-Net that reads value and mask and predicts all void pixels at once; made for block steps.

    `step_nats` holds, for t = 0..D-1, the mean nats of a void pixel after t have been filled, measured after training: from
    it follow the best block sizes for any number of steps and what these cost (`ebgfn.blocks`). log 2 before training.
    `carry` of the walk pixel by pixel is the state itself, value and mask: a convolution has nothing cheaper to keep.
    """

    step_nats: Tensor
    learned_location = False
    learned_erasure = False

    def __init__(self, side: int, *, width: int = 16, dense: int = 256):
        super().__init__()
        self.dim = side * side
        self.net = UNet(side, width=width, dense=dense)
        self.register_buffer("step_nats", torch.full((self.dim,), math.log(2)))

    def forward(self, x: Vectors, mask: Masks) -> PolicyOutput:
        filled = mask.to(x.dtype)
        return PolicyOutput(self.net((2.0 * x - 1.0) * filled, filled), None, None)

    def begin(self, x: Vectors, mask: Masks) -> Float[Tensor, "batch carry"]:
        filled = mask.to(x.dtype)
        return torch.cat([(2.0 * x - 1.0) * filled, filled], dim=1)

    def value_logit(self, carry: Float[Tensor, "batch carry"], location: Locations) -> Batch:
        logits = self.net(carry[:, : self.dim], carry[:, self.dim :])
        return logits.gather(1, location.unsqueeze(1)).squeeze(1)

    def fill(
        self, carry: Float[Tensor, "batch carry"], location: Locations, value: Batch
    ) -> Float[Tensor, "batch carry"]:
        at = location.unsqueeze(1)
        return carry.scatter(1, torch.cat([at, at + self.dim], 1), torch.stack([2.0 * value - 1.0, 0 * value + 1.0], 1))
