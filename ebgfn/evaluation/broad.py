"""Where a sampler need not look: distributions of known density that reach everywhere, and states to start from.

The broad family is a mixture of products of Bernoulli distributions: one rate of ones for all entries, at many rates, and
the means of the data, thinned and thickened. On purpose it has nothing in common with the noise that energies are trained
against (`ebgfn.train.noise`): a measure does not trust what the model has seen.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.nets.bernoulli_mixture import BernoulliMixture

Places = Float[Tensor, "places dim"]

RATES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99)
FACTORS = (0.1, 0.3, 0.6, 1.0, 1.5)
# Of random starting points: from nearly blank to nearly full.
DENSITIES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
LEAST = 1e-3


def mixture(rates: Float[Tensor, "components dim"]) -> BernoulliMixture:
    """Of products with these rates of ones, all equally likely."""
    weight = rates.new_full((len(rates),), -math.log(len(rates)))
    return BernoulliMixture(weight, torch.logit(rates))


def family(means: Float[Tensor, " dim"]) -> BernoulliMixture:
    """The broad family; `means` are those of the data, entry by entry."""
    flat = means.new_tensor(RATES)[:, None].expand(-1, len(means))
    shaped = means.new_tensor(FACTORS)[:, None] * means
    return mixture(torch.cat([flat, shaped.clamp(LEAST, 1 - LEAST)]))


def softened(means: Float[Tensor, " dim"], *, uniform: float = 0.1) -> BernoulliMixture:
    """One product: of the means of the data, a share of `uniform` bits mixed in."""
    return mixture(((1 - uniform) * means + uniform / 2)[None])


def starts(dim: int, n: int, generator: torch.Generator) -> Places:
    """About `n` states, or all patterns if these are more: blank, full, patterns, and random ones of every density."""
    fixed = patterns(dim, device=generator.device)
    random = max(0, n - len(fixed))
    rates = torch.tensor(DENSITIES, device=generator.device).repeat(-(-random // len(DENSITIES)))[:random]
    bits = torch.rand(random, dim, generator=generator, device=generator.device) < rates[:, None]
    return torch.cat([fixed, bits.float()])


def patterns(dim: int, *, device: torch.device | None = None) -> Places:
    """Blank, full, and stripes of every width that is a power of four; in a square also along both sides, and a
    checkerboard."""
    place, side = torch.arange(dim, device=device), math.isqrt(dim)
    blank = torch.zeros_like(place)
    rows = [blank, 1 - blank, *(place // 4**i % 2 for i in range(dim.bit_length()) if 4**i < dim)]
    if side * side == dim:
        rows += [place // side % 2, place % side % 2, (place // side + place % side) % 2]
    return torch.stack(rows).unique(dim=0).float()
