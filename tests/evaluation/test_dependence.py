"""Mutual information of columns against closed forms, and its noise against columns that know nothing of each other."""

import math

import numpy as np
import pytest

from ebgfn.evaluation.dependence import agreement, counts, dependence
from ebgfn.evaluation.memorising import nearest


def test_columns_that_tell_each_other_have_all_their_entropy_in_common():
    codes = np.arange(12_000)[:, None] % 3 * np.array([1, 1])
    found = dependence(codes, [3, 3])
    assert found.nats[0, 1] == pytest.approx(math.log(3), abs=2e-3)
    assert found.normalised[0, 1] == pytest.approx(1, abs=2e-3)
    assert found.nats[0, 0] == found.normalised[1, 1] == 0
    assert found.real[0, 1]


def test_a_noisy_copy_has_the_mutual_information_of_its_channel():
    rng = np.random.default_rng(0)
    bit = rng.integers(0, 2, 100_000)
    codes = np.stack([bit, bit ^ (rng.random(len(bit)) < 0.2)], axis=1)
    told = math.log(2) + 0.2 * math.log(0.2) + 0.8 * math.log(0.8)
    found = dependence(codes, [2, 2])
    assert found.nats[0, 1] == pytest.approx(told, abs=0.004)
    assert found.normalised[0, 1] == pytest.approx(told / math.log(2), abs=0.006)
    assert np.array_equal(found.nats, found.nats.T)


def test_independent_columns_have_none_on_average_and_seldom_pass_for_dependent():
    rng = np.random.default_rng(1)
    levels, tries = [2, 4, 6, 3], 200
    found = [dependence(rng.integers(0, levels, (300, 4)), levels) for _ in range(tries)]
    above = np.triu_indices(4, 1)
    nats = np.array([one.nats[above] for one in found])
    assert np.abs(nats.mean(0) / (nats.std(0) / math.sqrt(tries))).max() < 4
    # Of all tries one in twenty shows a pair that is none.
    assert sum(one.real[above].any() for one in found) < 0.05 * tries + 4 * math.sqrt(0.05 * 0.95 * tries)


def test_noise_is_that_of_shuffled_columns():
    rng = np.random.default_rng(2)
    codes = rng.choice(5, (400, 2), p=(0.4, 0.3, 0.1, 0.1, 0.1))
    shuffled = [
        dependence(np.stack([codes[:, 0], rng.permutation(codes[:, 1])], 1), [5, 5]).nats[0, 1] for _ in range(400)
    ]
    assert dependence(codes, [5, 5]).noise[0, 1] == pytest.approx(np.quantile(shuffled, 0.95), rel=0.25)


def test_a_column_that_does_not_change_tells_nothing():
    codes = np.stack([np.zeros(50, np.int64), np.arange(50) % 2], axis=1)
    found = dependence(codes, [2, 2])
    assert found.nats[0, 1] == found.normalised[0, 1] == 0
    assert not found.real.any()
    assert all(np.isfinite(part).all() for part in (found.nats, found.noise, found.normalised))
    with pytest.raises(ValueError, match="at least one row"):
        dependence(codes[:0], [2, 2])


def test_counts_over_many_pieces_are_those_of_all_rows(monkeypatch):
    monkeypatch.setattr("ebgfn.evaluation.dependence.PIECE", 7)
    codes = np.random.default_rng(0).integers(0, [2, 3], (50, 2))
    told = counts(codes, [2, 3])
    for a in range(2):
        for b in range(3):
            assert told[a, 2 + b] == ((codes[:, 0] == a) & (codes[:, 1] == b)).sum()


def test_agreement_is_a_correlation_over_pairs():
    square = np.array([[0, 1, 2], [1, 0, 4], [2, 4, 0]], float)
    assert agreement(square, 3 * square + 1) == pytest.approx(1)
    assert agreement(square, -square) == pytest.approx(-1)
    assert math.isnan(agreement(square, np.zeros((3, 3))))


def test_the_nearest_training_row_is_found_by_comparing_all(monkeypatch):
    monkeypatch.setattr("ebgfn.evaluation.memorising.PIECE", 11)
    rng = np.random.default_rng(3)
    training, codes = rng.integers(0, 4, (60, 5)), rng.integers(0, 5, (30, 5))
    codes[0] = training[42]
    distance, which = nearest(codes, training)
    every = (codes[:, None] != training[None]).sum(2)
    assert np.array_equal(distance, every.min(1))
    assert np.array_equal(which, every.argmin(1))
    assert distance[0] == 0
