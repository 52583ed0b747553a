"""Cells are hidden whole, as many in each row, and what is told of them is judged there only."""

import math

import numpy as np
import pytest
import torch

from ebgfn.evaluation.filling import filling, known_bits


def test_columns_are_hidden_whole_and_as_many_in_each_row():
    column = np.repeat(np.arange(10), [1, 3, 1, 2, 1, 1, 1, 1, 1, 1])
    known = known_bits(column, 200, hidden=0.3, rng=np.random.default_rng(0)).numpy()
    assert known.shape == (200, 13)
    per_column = np.stack([known[:, column == one] for one in (1,)])[0]
    assert (per_column.all(1) | ~per_column.any(1)).all()
    hidden = np.stack([~known[:, column == one].all(1) for one in range(10)], axis=1)
    assert (hidden.sum(1) == 3).all()
    assert (hidden.mean(0) > 0.15).all()
    assert (hidden.mean(0) < 0.45).all()


def test_only_hidden_bits_count():
    x = torch.tensor([[1.0, 0, 1], [0, 0, 1]])
    mask = torch.tensor([[True, False, False], [True, False, False]])
    one = torch.tensor([[0.0, 0.25, 0.75], [1.0, 0.75, 0.5]])
    found = filling(one, x, mask)
    each = torch.tensor([[0.75, 0.75], [0.25, 0.5]])
    assert found.log_loss.value == pytest.approx(-each.log().mean().item())
    assert found.log_loss.se == pytest.approx((-each.log().mean(1)).std().item() / math.sqrt(2))
    assert found.accuracy.value == pytest.approx((1 + 1 + 0 + 0.5) / 4)


def test_certainty_that_is_wrong_costs_much_but_not_all():
    x, mask = torch.ones(2, 2), torch.zeros(2, 2, dtype=torch.bool)
    assert 10 < filling(torch.zeros(2, 2), x, mask).log_loss.value < 20
