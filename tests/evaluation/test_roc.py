"""The area under the ROC curve is the share of pairs in the right order, with an error that is its scatter."""

import numpy as np
import pytest

from ebgfn.evaluation.roc import roc_auc


def test_it_is_the_share_of_pairs():
    rng = np.random.default_rng(0)
    odd, usual = rng.integers(0, 9, 40).astype(float) + 2, rng.integers(0, 9, 30).astype(float)
    pairs = (odd[:, None] > usual) + 0.5 * (odd[:, None] == usual)
    assert roc_auc(odd, usual).value == pytest.approx(pairs.mean())
    assert roc_auc(usual, odd).value == pytest.approx(1 - pairs.mean())


def test_its_error_is_how_it_scatters():
    rng = np.random.default_rng(0)
    found = [roc_auc(rng.normal(1, 2, 60), rng.normal(0, 1, 90)) for _ in range(400)]
    scatter = np.std([one.value for one in found])
    assert np.mean([one.se for one in found]) == pytest.approx(scatter, rel=0.15)


def test_one_score_of_a_kind_is_too_few():
    with pytest.raises(ValueError, match="at least 2 scores of each kind, got 1 and 3"):
        roc_auc(np.ones(1), np.ones(3))
