"""MMD against its definition, its exact value for known distributions, and zero for equal ones."""

import itertools

import numpy as np
import pytest
import torch

from ebgfn.evaluation import exact
from ebgfn.evaluation.mmd import mmd, mmd_estimate

DIM = 4


def by_definition(x, y):
    def kernel(a, b):
        return float(np.exp(-0.1 * np.sum(a != b)))

    def within(rows):
        return np.mean([kernel(a, b) for a, b in itertools.permutations(rows, 2)])

    return within(x) + within(y) - 2 * np.mean([kernel(a, b) for a, b in itertools.product(x, y)])


def biased_bits(p, generator):
    return lambda n: (torch.rand(n, DIM, generator=generator) < p).float()


@pytest.mark.parametrize("dim", [1, 32, 784])
def test_follows_its_definition(dim, generator):
    x, y = (torch.rand(7, dim, generator=generator) < 0.3), (torch.rand(9, dim, generator=generator) < 0.6)
    assert mmd(x.float(), y.float()) == pytest.approx(by_definition(x.numpy(), y.numpy()), abs=1e-6)


def test_takes_bits_of_any_type(generator):
    x, y = (torch.rand(20, DIM, generator=generator) < 0.3), (torch.rand(20, DIM, generator=generator) < 0.6)
    assert mmd(x, y) == mmd(x.byte(), y.byte()) == mmd(x.float(), y.float())


def test_blocks_make_no_difference(generator):
    x, y = (torch.rand(n, 8, generator=generator).round() for n in (1100, 1500))
    distance = (x[:, None] != y[None]).sum(2)
    cross = torch.exp(-0.1 * distance.double()).mean().item()
    within = [
        (torch.exp(-0.1 * (v[:, None] != v[None]).sum(2).double()).sum().item() - len(v)) / (len(v) * (len(v) - 1))
        for v in (x, y)
    ]
    assert mmd(x, y) == pytest.approx(sum(within) - 2 * cross, abs=1e-6)


def test_estimate_covers_the_exact_value(generator):
    x = exact.all_states(DIM)
    p, q = (torch.where(x > 0, r, 1 - r).prod(1).double() for r in (0.3, 0.5))
    kernel = torch.exp(-0.1 * (x[:, None] != x[None]).sum(2).double())
    expected = ((p - q) @ kernel @ (p - q)).item()
    found = mmd_estimate(biased_bits(0.3, generator), biased_bits(0.5, generator), size=500, repeats=20)
    assert abs(found.value - expected) < 4.5 * found.se
    assert expected > 20 * found.se
    assert abs(found.data) < 4.5 * found.data_se


def test_equal_samples_may_be_negative(generator):
    draw = biased_bits(0.4, generator)
    values = torch.tensor([mmd(draw(100), draw(100)) for _ in range(50)])
    assert values.min() < 0 < values.max()
    assert values.mean().abs() < 4.5 * values.std() / 50**0.5


def test_bad_input_is_refused(generator):
    draw = biased_bits(0.5, generator)
    with pytest.raises(ValueError, match="at least 2 rows of each sample, got 1 and 5"):
        mmd(draw(1), draw(5))
    with pytest.raises(ValueError, match="repeats must be at least 2, got 1"):
        mmd_estimate(draw, draw, size=10, repeats=1)
