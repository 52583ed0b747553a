"""Networks for square images: a small U-Net with a dense layer at its coarsest level, as energy and as policy.

Convolutions know that neighbouring pixels matter and a learned map of the position says where in the picture they are; the
dense layer, where the picture is a quarter as wide, sees all of it at once. Each block starts as the identity.

Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", 2015, arXiv 1505.04597.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ebgfn.core.energy import flipped_one_by_one
from ebgfn.core.policy import PolicyOutput
from ebgfn.core.states import Batch, Masks, Vectors
from ebgfn.nets.sizes import MOST_STEPS, check_sizes

Maps = Float[Tensor, "batch channels height width"]
COARSENING = 4


@dataclass(frozen=True)
class UNetSizes:
    """Of policy and energy: `channels` at full resolution, and a dense layer of `hidden`; the depth is fixed.

    The energy refines a density in `refined` steps; 0: it is a network alone.
    """

    kind: ClassVar[str] = "conv"

    hidden: int = 256
    channels: int = 16
    refined: int = 0

    def __post_init__(self):
        check_sizes(self, widths=(self.hidden, 16 * self.channels))
        if not 0 <= self.refined <= MOST_STEPS:
            raise ValueError(f"refined must be in 0..{MOST_STEPS}, got {self.refined}")

    def energy(self, side: int) -> "ConvEnergy":
        return ConvEnergy(side, width=self.channels, dense=self.hidden)

    def policy(self, side: int) -> "ConvPolicy":
        return ConvPolicy(side, width=self.channels, dense=self.hidden)


class Block(nn.Module):
    """h <- h + conv(silu(conv(silu(h)))), the second convolution zero at first."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        zero(self.second)

    def forward(self, h: Maps) -> Maps:
        return h + self.second(F.silu(self.first(F.silu(h))))


class UNet(nn.Module):
    """Maps (value, mask) of an image to one number a pixel, zero before training; `width` channels at full resolution.

    `side` must be a multiple of 4. The value is -1 or 1, and 0 where void.
    """

    def __init__(self, side: int, *, width: int = 16, dense: int = 256):
        super().__init__()
        if side % COARSENING:
            raise ValueError(f"side must be a multiple of {COARSENING}, got {side}")
        self.side = side
        fine, middle, coarse = width, 2 * width, 4 * width
        cells = coarse * (side // COARSENING) ** 2
        self.first = nn.Conv2d(2, fine, 3, padding=1)
        self.position = nn.Parameter(torch.zeros(1, fine, side, side))
        self.down_fine, self.to_middle = Block(fine), nn.Conv2d(fine, middle, 2, stride=2)
        self.down_middle, self.to_coarse = Block(middle), nn.Conv2d(middle, coarse, 2, stride=2)
        self.down_coarse, self.up_coarse = _twice(coarse), _twice(coarse)
        self.dense_in, self.dense_out = nn.Linear(cells, dense), nn.Linear(dense, cells)
        self.from_coarse, self.up_middle = nn.ConvTranspose2d(coarse, middle, 2, stride=2), Block(middle)
        self.from_middle, self.up_fine = nn.ConvTranspose2d(middle, fine, 2, stride=2), Block(fine)
        self.last = nn.Conv2d(fine, 1, 3, padding=1)
        for layer in (self.dense_out, self.last):
            zero(layer)
        # Channels last in memory: what oneDNN and tensor cores want.
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(
        self, value: Float[Tensor, "batch dim"], mask: Float[Tensor, "batch dim"]
    ) -> Float[Tensor, "batch dim"]:
        images = torch.stack([value, mask], dim=1).view(-1, 2, self.side, self.side)
        images = images.contiguous(memory_format=torch.channels_last)
        fine = self.down_fine(self.first(images) + self.position)
        middle = self.down_middle(self.to_middle(fine))
        coarse = self.down_coarse(self.to_coarse(middle))
        whole = self.dense_out(F.silu(self.dense_in(coarse.flatten(1))))
        coarse = self.up_coarse(coarse + whole.view_as(coarse))
        middle = self.up_middle(middle + self.from_coarse(coarse))
        fine = self.up_fine(fine + self.from_middle(middle))
        return self.last(F.silu(fine)).flatten(1).float()


@torch.no_grad()
def zero(layer: nn.Module) -> None:
    """Make all weights of a layer zero."""
    for weights in layer.parameters():
        weights.zero_()


def _twice(channels: int) -> nn.Sequential:
    return nn.Sequential(Block(channels), Block(channels))


class ConvEnergy(nn.Module):
    """Sum over pixels of a U-Net on a square image; flat before training.

    The network is that of `ConvPolicy`, asked about a complete image: what the sampler has learned to see is where the
    energy can start (`start_from`).
    """

    CHUNK = 128

    def __init__(self, side: int, *, width: int = 16, dense: int = 256):
        super().__init__()
        self.dim = side * side
        self.net = UNet(side, width=width, dense=dense)

    def forward(self, x: Vectors) -> Batch:
        return self.net(2.0 * x - 1.0, torch.ones_like(x)).sum(1)

    def neighbours(self, x: Vectors) -> Vectors:
        """For small images and few rows only."""
        return flipped_one_by_one(self, x, rows=self.CHUNK)

    @torch.no_grad()
    def start_from(self, policy: "ConvPolicy") -> None:
        """Take over all of a policy's network but its last layer: the energy stays flat, its features are not new."""
        ours = self.net.state_dict()
        for name, weights in policy.net.state_dict().items():
            if not name.startswith("last."):
                ours[name].copy_(weights)


class ConvPolicy(nn.Module):
    """A U-Net that reads value and mask and predicts all void pixels at once; `step_nats` are log 2 before training."""

    step_nats: Tensor
    order: Tensor | None
    learned_location = False
    learned_erasure = False
    rows = 128

    def __init__(self, side: int, *, width: int = 16, dense: int = 256):
        super().__init__()
        self.dim = side * side
        self.net = UNet(side, width=width, dense=dense)
        self.register_buffer("step_nats", torch.full((self.dim,), math.log(2)))
        self.register_buffer("order", None, persistent=False)

    def forward(self, x: Vectors, mask: Masks) -> PolicyOutput:
        filled = mask.to(x.dtype)
        return PolicyOutput(self.net((2.0 * x - 1.0) * filled, filled), None, None)
