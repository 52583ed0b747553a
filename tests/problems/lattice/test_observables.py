"""The score of couplings and observables of samples, against definitions, closed forms and enumeration."""

import math

import numpy as np
import pytest

from ebgfn.nets.torus import adjacency
from ebgfn.problems.ising.scores import neg_log_rmse
from ebgfn.problems.lattice import kaufman
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.problems.lattice.observables import abs_magnetisation, correlation, mean_energy

BOARD = (np.indices((4, 4)).sum(0).ravel() % 2).astype(np.uint8)


@pytest.mark.parametrize(
    ("side", "sigma", "score"), [(10, 0.1, 3.91), (10, 0.2, 3.22), (10, 0.5, 2.30), (9, -0.1, 3.81), (9, -0.2, 3.11)]
)
def test_score_of_no_couplings(side, sigma, score):
    true = Lattice(side, sigma).couplings()
    assert neg_log_rmse(np.zeros_like(true), true) == pytest.approx(score, abs=0.006)


def test_score_counts_every_entry():
    true = np.zeros((4, 4))
    wrong = true.copy()
    wrong[0, 1] = wrong[1, 0] = 0.1
    assert neg_log_rmse(wrong, true) == pytest.approx(-math.log(math.sqrt(2 * 0.01 / 16)))
    assert neg_log_rmse(wrong, wrong) == math.inf


@pytest.mark.parametrize(("sigma", "staggered"), [(0.3, False), (-0.3, True), (0.2, True)])
def test_observables_of_samples_cover_enumeration(sigma, staggered):
    lattice, n = Lattice(4, sigma), 20_000
    x = lattice.sample(n, np.random.default_rng(0), sweeps=8)
    everything = (np.arange(2**16)[:, None] >> np.arange(16) & 1).astype(np.uint8)
    p = np.exp(-lattice.energy(everything) - kaufman.log_z(4, sigma))
    s = 2.0 * everything - 1
    energy, m, c = mean_energy(x, lattice), abs_magnetisation(x, staggered=staggered), correlation(x)
    assert abs(energy.value - kaufman.mean_energy(4, sigma)) < 4.5 * energy.se
    assert energy.se == pytest.approx(math.sqrt(kaufman.specific_heat(4, sigma) / n), rel=0.05)
    signs = 1.0 - 2 * BOARD if staggered else np.ones(16)
    assert abs(m.value - p @ np.abs(s @ signs / 16)) < 4.5 * m.se
    near, far = p @ (s[:, 0] * s[:, 1]), p @ (s[:, 0] * s[:, 2])
    assert c.value.shape == (2,)
    assert (np.abs(c.value - [near, far]) < 4.5 * c.se).all()
    # Neighbours make up the energy: 32 pairs, each counted twice.
    assert c.value[0] == pytest.approx(-energy.value / (64 * sigma))


def test_ordered_states():
    up, board = np.ones((2, 16), dtype=np.uint8), np.stack([BOARD, 1 - BOARD])
    assert (abs_magnetisation(up).value, abs_magnetisation(up, staggered=True).value) == (1, 0)
    assert (abs_magnetisation(board).value, abs_magnetisation(board, staggered=True).value) == (0, 1)
    assert abs_magnetisation(board, staggered=True).se == 0
    assert correlation(board).value.tolist() == [-1, 1]


def test_correlation_by_definition():
    x = np.random.default_rng(0).integers(0, 2, (5, 49))
    s = 2 * x - 1
    a = adjacency(7)
    pairs = np.argwhere(np.triu(a))
    by_sample = (s[:, pairs[:, 0]] * s[:, pairs[:, 1]]).mean(1)
    found = correlation(x)
    assert found.value.shape == found.se.shape == (3,)
    assert found.value[0] == pytest.approx(by_sample.mean())
    assert found.se[0] == pytest.approx(by_sample.std(ddof=1) / math.sqrt(5))
    shifted = [(s[:, 7 * r + c] * s[:, 7 * r + (c + 3) % 7]).mean() for r in range(7) for c in range(7)]
    below = [(s[:, i] * s[:, (i + 21) % 49]).mean() for i in range(49)]
    assert found.value[2] == pytest.approx((np.mean(shifted) + np.mean(below)) / 2)


def test_bad_input_is_refused():
    two = np.zeros((2, 9), dtype=np.uint8)
    with pytest.raises(ValueError, match="square number of columns, got 8"):
        correlation(np.zeros((2, 8)))
    with pytest.raises(ValueError, match="needs an even side, got 3"):
        abs_magnetisation(two, staggered=True)
    for f in (correlation, abs_magnetisation, lambda x: mean_energy(x, Lattice(3, 0.1))):
        with pytest.raises(ValueError, match="at least 2 samples, got 1"):
            f(two[:1])
    with pytest.raises(ValueError, match="9 sites, got 16"):
        mean_energy(np.zeros((2, 16)), Lattice(3, 0.1))
