"""Noise of known density that reaches far from the data: what an energy must be told to leave empty.

One mixture of products of Bernoulli distributions. Its components are bits that are one at many rates, from nearly blank to
nearly full, and a mixture fitted to the data, thinned and mixed with coin flips by many degrees.
"""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ebgfn import parallel
from ebgfn.core.states import Vectors
from ebgfn.nets.bernoulli_mixture import BernoulliMixture, fit

RATES = (0.002, 0.01, 0.03, 0.06, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.99)
# How much of the ones of a fitted component is kept, and the share of entries that become coin flips.
KEPT, FLIPPED = (1.0, 0.6, 0.3, 0.1, 0.02), (0.02, 0.1, 0.3)
# Rows of data for each component that is fitted, at least.
ROWS_EACH = 20
# No entry is certain.
LEAST = 1e-3
# Steps in which an energy becomes that of the noise, vectors in each, and the first learning rate.
STEPS, VECTORS, LR = 400, 128, 2e-3


def broad_noise(x: Vectors, *, uniform: float = 0.25, components: int = 60, seed: int = 0) -> BernoulliMixture:
    """The mixture for data of which `x` are some rows, or means of their entries; coin flips weigh `uniform`."""
    fitted = fit(x, components=max(1, min(components, len(x) // ROWS_EACH)), seed=seed)
    shapes = _degraded(torch.sigmoid(fitted.log_odds))
    flat = torch.tensor((0.5, *RATES), device=x.device)[:, None].expand(-1, x.shape[1])
    weights = fitted.log_weight.exp().repeat(len(KEPT) * len(FLIPPED))
    rest = (1 - uniform) / 2
    weight = torch.cat(
        [weights.new_tensor([uniform] + [rest / len(RATES)] * len(RATES)), rest * weights / weights.sum()]
    )
    p = torch.cat([flat, shapes]).clamp(LEAST, 1 - LEAST)
    return BernoulliMixture(weight.log(), torch.logit(p))


def become(energy: nn.Module, noise: BernoulliMixture, data: Vectors, generator: torch.Generator) -> None:
    """Fit an energy to -log density of the noise, on vectors of it and half as many of the data, in two seconds.

    Noise and data are then as hard to tell apart as they are, and not all noise held for data: from a flat energy the first
    thousand steps lead far past where they should, and the rest of a short training leads back.
    """
    optimizer = torch.optim.Adam(energy.parameters(), lr=LR)
    for step in range(STEPS):
        some = torch.randint(0, len(data), (VECTORS // 2,), generator=generator, device=data.device)
        x = torch.cat([noise.sample(VECTORS, generator), data[some]])
        loss = F.smooth_l1_loss(energy(x), -noise.log_prob(x))
        optimizer.zero_grad()
        loss.backward()
        parallel.average_gradients(energy.parameters())
        for group in optimizer.param_groups:
            group["lr"] = LR * (1 - step / STEPS)
        optimizer.step()


def _degraded(p: Float[Tensor, "components dim"]) -> Float[Tensor, "more dim"]:
    """Each component with ones taken away and coin flips thrown in."""
    return torch.cat([(1 - flipped) * kept * p + flipped / 2 for kept, flipped in itertools.product(KEPT, FLIPPED)])
