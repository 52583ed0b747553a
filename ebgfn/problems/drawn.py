"""Samples that stand for something: what does not is drawn again, and counted."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8

from ebgfn.core.schedules import PIECE, draw
from ebgfn.model import Model
from ebgfn.problems import of

# More refused ones than this for each that is asked for: such a sampler is given up.
MOST_AGAIN = 20
BRIEFLY = "hardly anything that this sampler draws stands for a row: it was trained too briefly"


class Drawn(NamedTuple):
    """Vectors of bits, and how many more were drawn that stand for nothing."""

    x: UInt8[np.ndarray, "n dim"]
    again: int


def joined(parts: list[Drawn]) -> Drawn:
    """Pieces as one."""
    return Drawn(np.concatenate([part.x for part in parts]), sum(part.again for part in parts))


def pieces(
    model: Model, n: int, generator: torch.Generator, *, steps: int | None = None, piece: int = PIECE
) -> Iterator[Drawn]:
    """So many samples, at most `piece` of them at a time. Errors: ValueError for a sampler that hardly draws any."""
    problem, left, again = of(model.config), n, 0
    while left:
        count = min(piece, left)
        with torch.no_grad():
            x = draw(model.policy, count, generator, steps=steps).x.cpu().numpy().astype(np.uint8)
        x = x[problem.legal(model.config, x)]
        left, again = left - len(x), again + count - len(x)
        if again > MOST_AGAIN * n:
            raise ValueError(BRIEFLY)
        yield Drawn(x, count - len(x))
