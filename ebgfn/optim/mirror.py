"""Are rows and their mirror images (every spin turned) equally likely? Then an energy of them has no fields.

With mirrored rows as likely every mean spin is zero. Two tests of that, each at half of the level. One is for many small
means: the share R^2 of the constant 1 that the spins explain, which of n rows of rank r is distributed like
Beta(r / 2, (n - r) / 2) (Hotelling's T^2 about a mean known to be zero). One is for a single large mean: the largest
z = sqrt(n) |mean|, of a spin whose variance about zero is one.

Hotelling, "The generalization of Student's ratio", Annals of Mathematical Statistics, 1931.
"""

import math

import torch
from jaxtyping import Float
from scipy.special import betainc, ndtr
from torch import Tensor

# Of so many data sets with mirror images as likely, one is given fields. Small: fields that are missed are small as well.
LEVEL = 0.001


def mirrored(spins: Float[Tensor, "rows dim"], *, level: float = LEVEL) -> bool:
    """Whether independent rows of -1 and 1 agree with mean spins of zero."""
    rows, dim = spins.shape
    s = spins.double()
    mean = s.mean(0)
    second = s.T @ s / rows
    rank = int(torch.linalg.matrix_rank(second, hermitian=True))
    explained = (mean @ torch.linalg.pinv(second, hermitian=True) @ mean).item()
    p_all = 1.0 if rank >= rows else 1.0 - float(betainc(rank / 2, (rows - rank) / 2, min(1.0, explained)))
    p_largest = 2.0 * dim * float(ndtr(-math.sqrt(rows) * mean.abs().max().item()))
    return 2.0 * min(p_all, p_largest) > level
