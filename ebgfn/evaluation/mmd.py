"""Maximum mean discrepancy between two samples of binary vectors, kernel exp(-0.1 * Hamming distance).

MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y). The diagonal is left out of the first two means, which makes the estimate
unbiased: for two samples of one distribution it scatters around zero and may be negative. As the field does, the square
is what is reported and called MMD.

Gretton et al., "A kernel two-sample test", 2012; the kernel is that of Dai et al., 2020, arXiv 2011.05363.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.nn import functional as F

RATE = 0.1
SIZE, REPEATS = 4000, 10
CHUNK = 1024

Draw = Callable[[int], Tensor]


class MMDEstimate(NamedTuple):
    """Mean over repeats with its standard error; `data` is the same between two samples of the data."""

    value: float
    se: float
    data: float
    data_se: float


def mmd(x: Shaped[Tensor, "n dim"], y: Shaped[Tensor, "m dim"]) -> float:
    """Unbiased MMD of two samples of at least two rows each."""
    if min(len(x), len(y)) < 2:
        raise ValueError(f"mmd needs at least 2 rows of each sample, got {len(x)} and {len(y)}")
    return _within(x) + _within(y) - 2 * _kernel_sum(x, y) / (len(x) * len(y))


def mmd_estimate(model: Draw, data: Draw, *, size: int = SIZE, repeats: int = REPEATS) -> MMDEstimate:
    """MMD of `size` fresh samples of the model against as many of the data, and of the data against the data."""
    if repeats < 2:
        raise ValueError(f"repeats must be at least 2, got {repeats}")
    pairs = torch.tensor([_pair(model(size), data(size), data(size)) for _ in range(repeats)], dtype=torch.float64)
    mean, se = pairs.mean(0), pairs.std(0) / repeats**0.5
    return MMDEstimate(mean[0].item(), se[0].item(), mean[1].item(), se[1].item())


def _pair(model: Tensor, data: Tensor, other: Tensor) -> tuple[float, float]:
    """Model against data, and data against data, with the common term computed once."""
    size = len(data)
    within = _within(data)
    cross_model = _kernel_sum(model, data) / (len(model) * size)
    cross_data = _kernel_sum(other, data) / (len(other) * size)
    return _within(model) + within - 2 * cross_model, _within(other) + within - 2 * cross_data


def _within(x: Tensor) -> float:
    """Mean of the kernel over pairs of different rows; k = 1 on the diagonal."""
    return (_kernel_sum(x, x) - len(x)) / (len(x) * (len(x) - 1))


def _kernel_sum(x: Tensor, y: Tensor) -> float:
    """Sum of the kernel over all pairs, in blocks that stay in cache."""
    # With s = +-1, Hamming = (dim - s_x . s_y) / 2; one more column carries dim into the product, which stays a whole
    # number: the kernel of equal rows is exactly 1.
    left = F.pad(2 * x.float() - 1, (0, 1), value=-float(x.shape[1]))
    right = F.pad(2 * y.float() - 1, (0, 1), value=1.0)
    total = 0.0
    for rows in left.split(CHUNK):
        for columns in right.split(CHUNK):
            total += (rows @ columns.T).mul_(RATE / 2).exp_().sum(1).sum(dtype=torch.float64).item()
    return total
