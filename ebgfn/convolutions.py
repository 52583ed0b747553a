"""Networks for square images: a small U-Net with a dense layer at its coarsest level.

Convolutions know that neighbouring pixels matter and a learned map of the position says where in the picture they are; the
dense layer, where the picture is a quarter as wide, sees all of it at once. Each block starts as the identity.

Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", 2015, arXiv 1505.04597.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Maps = Float[Tensor, "batch channels height width"]
COARSENING = 4


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
