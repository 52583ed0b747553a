"""Partial states: a vector x with a mask that is True where an entry is filled, and orders in which entries are filled.

There is no exit action, so the states that a trajectory passes are told by its end x and by the order of its entries: the
state s_t keeps the entries order[0..t-1] of x.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Batch = Float[Tensor, " batch"]
Vectors = Float[Tensor, "batch dim"]
Orders = Int[Tensor, "batch dim"]
Masks = Bool[Tensor, "batch dim"]


def uniform_orders(batch: int, dim: int, generator: torch.Generator) -> Orders:
    """Independent uniform permutations."""
    return torch.rand(batch, dim, generator=generator, device=generator.device).argsort(dim=1)


def ranks(order: Orders) -> Orders:
    """The step, from 0, at which each entry is filled: the inverse permutation."""
    steps = torch.arange(order.shape[1], device=order.device)
    return torch.empty_like(order).scatter_(1, order, steps.expand_as(order))


def random_masks(batch: int, dim: int, generator: torch.Generator, *, known: Masks | None = None) -> Masks:
    """Random states: the number t of filled entries uniform on 0..D-1 and stratified over the batch, their set uniform.

    Of rows of which some entries are not `known`, only the others are filled, and D is their number.
    """
    device = generator.device
    place = torch.arange(batch, device=device) + torch.rand(1, generator=generator, device=device)
    count = torch.full((batch,), dim, device=device) if known is None else known.sum(1)
    t = torch.minimum((place / batch * count).long(), count - 1)
    rank = uniform_orders(batch, dim, generator) if known is None else ranks(void_last(known, generator))
    return rank < t.unsqueeze(1)


def states_along(order: Int[Tensor, " dim"], batch: int, generator: torch.Generator) -> tuple[Masks, Masks]:
    """Random states of one order, with as many entries filled as in `random_masks`, and the D / 16 that come next."""
    dim = len(order)
    rank, t = ranks(order[None]), random_masks(batch, dim, generator).sum(1, keepdim=True)
    return rank < t, (rank >= t) & (rank < t + max(1, dim // 16))


def void_last(mask: Masks, generator: torch.Generator) -> Orders:
    """Random orders in which the filled entries of `mask` come first and the void ones in a uniform order."""
    order = uniform_orders(len(mask), mask.shape[1], generator)
    return order.gather(1, (~mask).gather(1, order).int().argsort(dim=1, stable=True))


def flip_some(x: Vectors, generator: torch.Generator) -> Vectors:
    """Each row with entries flipped at a rate of its own, log-uniform between 1 / D and 1 / 2."""
    dim, device = x.shape[1], x.device
    rate = torch.exp(-torch.rand(len(x), 1, generator=generator, device=device) * math.log(dim / 2)) / 2
    return (x - (torch.rand(x.shape, generator=generator, device=device) < rate).float()).abs()
