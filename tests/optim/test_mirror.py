"""When data are given fields: seldom where mirror images are as likely, surely where they are not."""

import numpy as np
import pytest
import torch
from scipy.stats import f

from ebgfn.optim.mirror import mirrored
from ebgfn.optim.plan import looked_at, scale
from ebgfn.problems.lattice.exact import Lattice


def columns(shares, rows: int, rng) -> torch.Tensor:
    return torch.from_numpy(2.0 * (rng.random((rows, len(shares))) < shares) - 1).float()


@pytest.mark.parametrize(("rows", "dim"), [(400, 5), (400, 100), (60, 80)])
def test_the_level_is_kept(rows, dim):
    """Of fair columns a share of `level` at most is called skewed; by one test alone about half of it would be."""
    rng = np.random.default_rng(0)
    called = sum(not mirrored(columns(np.full(dim, 0.5), rows, rng), level=0.2) for _ in range(200))
    assert (16 if dim < rows else 4) <= called <= 40 + 2 * 32**0.5


@pytest.mark.parametrize("sigma", [0.2, 0.4, -0.3])
def test_spins_that_move_together_are_mirrored(sigma):
    x = Lattice(6, sigma).sample(1000, np.random.default_rng(1))
    assert mirrored(2.0 * torch.from_numpy(x) - 1)


def test_one_skewed_column_or_many_small_means_are_noticed():
    rng = np.random.default_rng(2)
    one, many = np.full(50, 0.5), np.full(50, 0.522)
    one[7] = 0.56
    for shares in (one, many):
        assert not mirrored(columns(shares, 2000, rng))


def test_many_small_means_are_held_against_the_f_test_of_a_regression():
    """Of the constant 1 on the spins, without a constant; each of the two tests has half of the level."""
    s = columns(np.full(30, 0.52), 500, np.random.default_rng(5))
    left = 500 - np.linalg.lstsq(s.numpy(), np.ones(500))[1].item()
    p = float(f.sf((left / 30) / ((500 - left) / 470), 30, 470))
    assert 1e-6 < p < 0.1
    assert mirrored(s, level=1.98 * p)
    assert not mirrored(s, level=2.02 * p)


def test_columns_that_are_equal_or_never_change_are_no_obstacle():
    rng = np.random.default_rng(3)
    s = columns(np.full(4, 0.5), 200, rng)
    assert mirrored(torch.cat([s, s, -s], 1))
    assert not mirrored(torch.cat([s, torch.ones(200, 1)], 1))


def test_skewed_columns_are_no_ordered_phase():
    """Nine columns of 97 % ones nearly always agree, and yet nothing couples them."""
    rng = np.random.default_rng(4)
    s = columns(np.full(9, 0.97), 2000, rng)
    found = scale(s, ordered=0.85)
    assert not found.ordered
    assert found.step > 0.25
    torch.testing.assert_close(found.centre, s.mean(0))
    one = scale(s, ordered=0.85, one_field=True).centre
    torch.testing.assert_close(one, s.mean().expand(9))


def test_of_many_rows_some_at_equal_distances_are_looked_at():
    x = torch.arange(20.0).view(10, 2)
    assert torch.equal(looked_at(x), x)
    assert looked_at(x, most=8)[:, 0].tolist() == [0, 6, 12, 18]
