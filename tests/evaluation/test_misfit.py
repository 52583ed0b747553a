"""The misfit test: silent where the rows are the model's own, and right about what is wrong where they are not."""

import numpy as np
import pytest

from ebgfn.evaluation import misfit as module
from ebgfn.evaluation.misfit import BATCHES, TESTS, misfit


def columns(shape, shares, rng) -> np.ndarray:
    return (rng.random((*shape, len(shares))) < shares).astype(np.uint8)


def drawn(shares, rng, rows: int = 200) -> np.ndarray:
    return columns((BATCHES, rows), shares, rng)


@pytest.mark.slow
@pytest.mark.parametrize("shares", [np.full(6, 0.5), np.linspace(0.02, 0.3, 6)], ids=["fair", "rare"])
def test_the_models_own_rows_are_seldom_called_a_misfit(shares):
    """At most 5 % if the model is known exactly, rare columns or not; 4 of 30 is what a fair test of 5 % may show."""
    rng = np.random.default_rng(0)
    samples = drawn(shares, rng)
    seen = [misfit(columns((200,), shares, rng), samples, fitted=10**9) for _ in range(30)]
    assert sum(not one.fits for one in seen) <= 4
    p = np.array([[family.p_largest, family.p_mean] for one in seen for family in one.families])
    assert 0.4 < p.mean() < 0.62


@pytest.mark.parametrize(
    ("change", "family", "where"),
    [
        (lambda x: x.__setitem__((slice(0, 80), 3), 1), "columns", (3,)),
        (lambda x: x.__setitem__((slice(0, 120), 4), x[:120, 1]), "pairs", (1, 4)),
        (lambda x: x.__setitem__((slice(None), 5), x[:, 0] ^ x[:, 2]), "triples", (0, 2, 5)),
    ],
)
def test_what_is_wrong_is_found_where_it_is(change, family, where):
    rng = np.random.default_rng(1)
    x = columns((200,), np.full(6, 0.5), rng)
    change(x)
    seen = misfit(x, drawn(np.full(6, 0.5), rng), fitted=800)
    assert not seen.fits
    (missed,) = [one for one in seen.missed if one.worst == where]
    assert missed.name == family
    # With exclusive or the product of three spins is -1 always; the others are 0.4 and 0.6 on average.
    assert missed.excess == pytest.approx({"columns": 0.4, "pairs": 0.6, "triples": -1.0}[family], abs=0.2)
    assert np.sign(missed.z) == np.sign(missed.excess)
    assert missed.z == pytest.approx(missed.excess * (200 / 1.25) ** 0.5, rel=0.1)


def test_many_small_differences_are_noticed_together():
    rng = np.random.default_rng(2)
    seen = misfit(columns((200,), np.full(40, 0.545), rng), drawn(np.full(40, 0.5), rng), fitted=10**9)
    shares = seen.families[0]
    assert shares.p_mean == 1 / (BATCHES + 1)
    assert shares.p == TESTS / (BATCHES + 1) < module.LEVEL


def test_triples_of_many_columns_are_those_of_a_few(monkeypatch):
    monkeypatch.setattr(module, "MOST_COLUMNS", 4)
    rng = np.random.default_rng(3)
    x = columns((100,), np.full(7, 0.5), rng)
    seen = misfit(x, drawn(np.full(7, 0.5), rng, 100), fitted=400, seed=1)
    few = set(np.random.default_rng(1).permutation(7)[:4].tolist())
    assert set(seen.families[2].worst) <= few


def test_two_columns_have_no_triples():
    rng = np.random.default_rng(4)
    x = columns((100,), np.full(2, 0.5), rng)
    assert [one.name for one in misfit(x, drawn(np.full(2, 0.5), rng, 100), fitted=400).families] == [
        "columns",
        "pairs",
    ]


def test_samples_of_another_shape_are_refused():
    x = np.zeros((50, 3), np.uint8)
    with pytest.raises(ValueError, match="at least 249 batches"):
        misfit(x, np.zeros((BATCHES - 1, 50, 3), np.uint8), fitted=100)
