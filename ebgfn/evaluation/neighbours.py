"""Is a sampler memorising? How far its samples are from the nearest training image, beside what test images are."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ebgfn.core.weights import Estimate, mean_estimate

Vectors = Float[Tensor, "n dim"]
ROWS = 8192


@dataclass(frozen=True)
class Memory:
    """Mean number of pixels in which samples, and test images, differ from their nearest training image.

    Samples that are clearly nearer than test images are a sign of memorising. `copies`: share of samples at distance 0.
    """

    samples: Estimate
    test: Estimate
    copies: float


def nearest(x: Vectors, train: Float[Tensor, "m dim"]) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """Number of the nearest training vector of each row, and in how many entries they differ."""
    best = torch.full((len(x),), torch.iinfo(torch.int64).max, device=x.device)
    index = torch.zeros_like(best)
    for first, part in zip(range(0, len(train), ROWS), train.split(ROWS), strict=True):
        differing = x.sum(1, keepdim=True) + part.sum(1) - 2 * x @ part.T
        least, at = differing.round().long().min(1)
        nearer = least < best
        best, index = torch.where(nearer, least, best), torch.where(nearer, at + first, index)
    return index, best


def memory(samples: Vectors, test: Float[Tensor, "k dim"], train: Float[Tensor, "m dim"]) -> Memory:
    """Both distances with their standard errors."""
    of_samples, of_test = nearest(samples, train)[1], nearest(test, train)[1]
    return Memory(
        mean_estimate(of_samples.float()), mean_estimate(of_test.float()), (of_samples == 0).float().mean().item()
    )
