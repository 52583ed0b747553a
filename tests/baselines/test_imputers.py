"""Imputers fill what is hidden better than guessing, and detectors find what was planted."""

import pytest
import torch

from ebgfn.baselines import imputers, outliers
from ebgfn.evaluation.roc import roc_auc

pytestmark = pytest.mark.slow
DIM = 8


@pytest.fixture
def rows(generator):
    """The second half of each row repeats the first."""
    first = (torch.rand(700, DIM // 2, generator=generator) < 0.5).float()
    return torch.cat([first, first], dim=1)


@pytest.mark.parametrize("name", ["nearest_rows", "regressions"])
def test_what_is_hidden_is_told_by_what_is_known(rows, generator, name):
    train, x = rows[:500], rows[500:]
    mask = torch.ones_like(x, dtype=torch.bool).scatter(1, torch.randint(0, DIM, (200, 1), generator=generator), False)
    asked = {"seed": 0} if name == "regressions" else {}
    told = getattr(imputers, name)(train, x, mask, **asked)
    assert torch.equal(told[mask], x[mask])
    assert ((told[~mask] > 0.5) == (x[~mask] > 0.5)).all()
    assert told[~mask].min() >= imputers.LEAST
    assert told[~mask].max() <= 1 - imputers.LEAST


@pytest.mark.parametrize("name", ["forest", "local_factor"])
def test_rows_full_of_what_is_rare_are_odd(generator, name):
    rare, common = (torch.rand(500, 20, generator=generator) < p for p in (0.5, 0.08))
    train, usual, odd = common[:400].float(), common[400:].float(), rare[:100].float()
    asked = {"seed": 0} if name == "forest" else {}
    scores = [getattr(outliers, name)(train, x, **asked) for x in (odd, usual)]
    assert roc_auc(*(one.astype(float) for one in scores)).value > 0.95
