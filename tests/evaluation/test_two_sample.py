"""Halves of one set cannot be told apart, other rows can; and who learns from good rows knows real ones."""

import numpy as np
import pytest

from ebgfn.evaluation.odd_rows import with_swapped_cells
from ebgfn.evaluation.two_sample import even_bits, told_apart, transferred

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows():
    """Pairs of bits that agree mostly; the last is rarely set."""
    rng = np.random.default_rng(0)
    first = rng.random((1000, 4)) < (0.5, 0.4, 0.45, 0.1)
    second = np.where(rng.random((1000, 4)) < 0.9, first, ~first)
    return np.concatenate([first, second], axis=1).astype(np.uint8)


def test_halves_of_one_set_are_not_told_apart_and_others_are(rows):
    same = told_apart(rows[:500], rows[500:], seed=0)
    assert 0 < same.se < 0.03
    assert abs(same.value - 0.5) < 4.5 * same.se
    rng = np.random.default_rng(1)
    independent = np.stack([rng.permutation(column) for column in rows[:500].T], axis=1)
    other = told_apart(independent, rows[500:], seed=0)
    assert other.value > 0.6 + 4.5 * other.se


def test_good_rows_teach_and_independent_ones_do_not(rows):
    targets = even_bits(rows, 2)
    rng = np.random.default_rng(1)
    independent = np.stack([rng.permutation(column) for column in rows[:500].T], axis=1)
    good = transferred(rows[:500], rows[500:], targets=targets, seed=0)
    bad = transferred(independent, rows[500:], targets=targets, seed=0)
    assert good.value > 0.85
    assert bad.value < 0.7
    never = rows[:500].copy()
    never[:, targets[0]] = 0
    assert transferred(never, rows[500:], targets=targets[:1], seed=0).value == (rows[500:, targets[0]] == 0).mean()


def test_even_bits_are_those_nearest_to_a_half():
    x = np.array([[0, 1, 1, 0], [0, 1, 0, 1], [0, 1, 1, 1], [1, 1, 0, 1]], dtype=np.uint8)
    assert even_bits(x, 2) == [2, 0]


def test_odd_rows_have_whole_cells_of_one_other_row():
    rng = np.random.default_rng(0)
    column = np.repeat(np.arange(5), 3)
    x = np.repeat(np.arange(50), 15).reshape(50, 15)
    x = (x >> np.tile(np.arange(3), 5) * 2 & 1).astype(np.uint8) ^ rng.integers(0, 2, (50, 15), dtype=np.uint8)
    odd = with_swapped_cells(x, column, rng, share=0.4)
    cells, others = odd.reshape(50, 5, 3), x.reshape(50, 5, 3)
    changed = (cells != others).any(2)
    assert (changed.sum(1) >= 1).all()
    assert (changed.sum(1) <= 2).all()
    for row in range(50):
        fits = (cells[row] == others[:, :, :]).all(2) | ~changed[row]
        assert fits.all(1).any()


def test_a_row_without_others_that_differ_remains():
    x = np.ones((4, 6), dtype=np.uint8)
    assert np.array_equal(with_swapped_cells(x, np.arange(6), np.random.default_rng(0)), x)
