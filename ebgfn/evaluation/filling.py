"""Filling: some cells of rows are hidden, and a method tells how probable a 1 is in each bit of them."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ebgfn.core.states import Masks, Vectors
from ebgfn.core.weights import Estimate, mean_estimate

# No probability is closer to certain, as float32 can tell.
LEAST = 1e-6


class Filling(NamedTuple):
    """`log_loss`: -log p of a hidden bit in nats; `accuracy`: share of hidden bits whose likelier value is right."""

    log_loss: Estimate
    accuracy: Estimate


def known_bits(
    column: Int[np.ndarray, " dim"], rows: int, *, hidden: float, rng: np.random.Generator
) -> Bool[Tensor, "{rows} dim"]:
    """True where a bit stays known: a share `hidden` of the columns, others in each row, at least one, is not.

    `column` of each bit: those of one column are hidden together.
    """
    columns = int(column.max()) + 1
    count = max(1, round(hidden * columns))
    chosen = rng.random((rows, columns)).argsort(axis=1) < columns - count
    return torch.from_numpy(chosen[:, column])


def filling(one: Float[Tensor, "batch dim"], x: Vectors, mask: Masks) -> Filling:
    """How good the probabilities `one` of a 1 are where `mask` hides; errors are those of rows, as all hide as much."""
    p = one.clamp(LEAST, 1 - LEAST)
    right = torch.where(x > 0.5, p, 1 - p)
    # Half a hit where both values are as likely.
    hit = (right > 0.5).float() + 0.5 * (right == 0.5).float()
    void, count = ~mask, (~mask).sum(1)
    return Filling(*(mean_estimate((value * void).sum(1) / count) for value in (-right.log(), hit)))
