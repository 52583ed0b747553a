"""Rows that a sampler draws: what has a code of no value is drawn again, and counted."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8

from ebgfn.core.schedules import draw
from ebgfn.model import Model

# More refused rows than this for each that is asked for: such a sampler is given up.
MOST_AGAIN = 20
BRIEFLY = "hardly anything that this sampler draws stands for a row: it was trained too briefly"


class Drawn(NamedTuple):
    """Rows as bits, and how many more were drawn that stand for none."""

    x: UInt8[np.ndarray, "rows dim"]
    again: int


def drawn(model: Model, n: int, *, seed: int) -> Drawn:
    """So many rows. Errors: ValueError for a sampler that hardly draws any."""
    parts = list(pieces(model, n, seed=seed, piece=max(1, n)))
    return joined(parts)


def joined(parts: list[Drawn]) -> Drawn:
    """Pieces as one."""
    return Drawn(np.concatenate([part.x for part in parts]), sum(part.again for part in parts))


def pieces(model: Model, n: int, *, seed: int, piece: int) -> Iterator[Drawn]:
    """The same in pieces of at most so many rows, for whoever tells how far it is."""
    generator, left, again = torch.Generator(model.device).manual_seed(seed), n, 0
    while left:
        count = min(piece, left)
        with torch.no_grad():
            x = draw(model.policy, count, generator).x.cpu().numpy().astype(np.uint8)
        x = x[model.config.columns.legal(x)]
        left, again = left - len(x), again + count - len(x)
        if again > MOST_AGAIN * n:
            raise ValueError(BRIEFLY)
        yield Drawn(x, count - len(x))
