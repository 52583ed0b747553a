"""Lattices against enumeration, a transfer matrix and Kaufman's closed form: energies, samples, numbers of states."""

import math
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import chisquare

from ebgfn.nets.torus import CRITICAL_SIGMA, adjacency, displacements, edges
from ebgfn.problems.lattice import exact, kaufman
from ebgfn.problems.lattice.exact import SIDES, SIGMAS, Lattice

N = 20_000
# Enough to forget the start on the smallest lattices, where tests need many samples.
FEW_SWEEPS = 8


@lru_cache(maxsize=2)
def all_states(side: int) -> np.ndarray:
    return (np.arange(2 ** (side * side))[:, None] >> np.arange(side * side) & 1).astype(np.uint8)


def spins(x: np.ndarray) -> np.ndarray:
    return 2.0 * x - 1.0


def probabilities(lattice: Lattice) -> np.ndarray:
    log_p = -lattice.energy(all_states(lattice.side))
    return np.exp(log_p - logsumexp(log_p))


@given(side=st.integers(*SIDES))
@settings(max_examples=20, deadline=None)
def test_every_site_has_four_neighbours(side):
    a, pairs = adjacency(side), edges(side)
    assert (a == a.T).all()
    assert not a.diagonal().any()
    assert (a.sum(0) == 4).all()
    assert pairs.shape == (2 * side * side, 2)
    assert len({frozenset(pair) for pair in pairs.tolist()}) == len(pairs)
    assert a[pairs[:, 0], pairs[:, 1]].all()


@given(side=st.integers(*SIDES), step=st.sampled_from([(0, 1), (1, 0)]))
@settings(max_examples=20, deadline=None)
def test_sites_are_numbered_row_by_row(side, step):
    site = np.arange(side * side).reshape(side, side)
    assert adjacency(side)[site, np.roll(site, step, (0, 1))].all()


@given(side=st.integers(*SIDES), sigma=st.floats(*SIGMAS), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_energy_is_that_of_the_couplings(side, sigma, seed):
    lattice = Lattice(side, sigma)
    x = np.random.default_rng(seed).integers(0, 2, (3, side * side))
    s = spins(x)
    assert lattice.dim == side * side
    assert np.allclose(lattice.energy(x), -((s @ lattice.couplings()) * s).sum(1), atol=1e-10)


def test_the_critical_point():
    # Where the lattice is its own dual: sinh(2 K)^2 = 1 with K = 2 sigma.
    assert math.sinh(4 * CRITICAL_SIGMA) == pytest.approx(1)


@pytest.mark.parametrize(
    ("side", "sigma", "message"),
    [
        (2, 0.1, r"side must be in 3\.\.16, got 2"),
        (17, 0.1, r"side must be in 3\.\.16, got 17"),
        (10, 0.61, r"sigma must be in -0\.6\.\.0\.6, got 0\.61"),
        (10, math.nan, "sigma must be in"),
    ],
)
def test_bad_lattices_are_refused(side, sigma, message):
    with pytest.raises(ValueError, match=message):
        Lattice(side, sigma)


def test_other_bad_input_is_refused():
    with pytest.raises(ValueError, match="side must be at least 3, got 2"):
        adjacency(2)
    with pytest.raises(ValueError, match="side must be at least 3, got 2"):
        kaufman.counts(2)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        Lattice(3, 0.1).sample(0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="states of this lattice have 9 sites, got 16"):
        Lattice(3, 0.1).energy(np.zeros((1, 16)))


@pytest.mark.parametrize("side", [3, 4])
def test_counts_are_those_of_enumeration(side):
    s = all_states(side).reshape(-1, side, side)
    unequal = sum((s != np.roll(s, 1, axis)).sum((1, 2)) for axis in (1, 2))
    assert kaufman.counts(side) == tuple(np.bincount(unequal, minlength=2 * side * side + 1))


@pytest.mark.parametrize("side", range(SIDES[0], SIDES[1] + 1))
def test_counts_cover_all_states(side):
    g = kaufman.counts(side)
    assert sum(g) == 2 ** (side * side)
    assert min(g) >= 0
    # Two states have all neighbours equal; one flipped spin makes four unequal pairs.
    assert g[:5] == (2, 0, 0, 0, 2 * side * side)
    # Flipping every second spin turns equal into unequal, on an even side; on an odd one each row and column keeps a pair.
    assert g == g[::-1] if side % 2 == 0 else not any(g[2 * side * (side - 1) + 1 :])


@pytest.mark.parametrize("side", [3, 4])
@pytest.mark.parametrize("sigma", [-0.6, -0.22, 0.0, 0.1, 0.2203, 0.6])
def test_moments_are_those_of_enumeration(side, sigma):
    lattice = Lattice(side, sigma)
    e, p = lattice.energy(all_states(side)), probabilities(lattice)
    assert kaufman.log_z(side, sigma) == pytest.approx(logsumexp(-e), rel=1e-12)
    assert kaufman.mean_energy(side, sigma) == pytest.approx(p @ e, rel=1e-11, abs=1e-12)
    assert kaufman.specific_heat(side, sigma) == pytest.approx(p @ (e - p @ e) ** 2, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("side", [5, 6, 7])
@pytest.mark.parametrize("sigma", [-0.6, -0.2, 0.2203, 0.6])
def test_log_z_is_that_of_the_transfer_matrix(side, sigma):
    rows = spins(np.arange(2**side)[:, None] >> np.arange(side) & 1)
    within = 2 * sigma * (rows * np.roll(rows, 1, 1)).sum(1)
    between = np.exp(2 * sigma * rows @ rows.T + (within + within[:, None]) / 2)
    assert kaufman.log_z(side, sigma) == pytest.approx(
        math.log(np.trace(np.linalg.matrix_power(between, side))), rel=1e-11
    )


@pytest.mark.parametrize("side", [10, 15, 16])
def test_curves_are_consistent(side):
    sigmas = np.linspace(*SIGMAS, 121)
    curves, h = kaufman.curves(side, sigmas), 1e-4
    above, below = (kaufman.curves(side, sigmas + d).log_z for d in (h, -h))
    assert np.allclose(curves.mean_energy, -sigmas * (above - below) / (2 * h), rtol=1e-6, atol=1e-6)
    curvature = sigmas**2 * (above - 2 * curves.log_z + below) / h**2
    assert np.allclose(curves.specific_heat, curvature, rtol=1e-4, atol=1e-3)
    assert curves.log_z[60] == pytest.approx(side * side * math.log(2))
    assert curves.log_z[7] == kaufman.log_z(side, sigmas[7])


def test_log_z_of_strong_coupling():
    # Two ordered states; those with one spin flipped come next.
    assert kaufman.log_z(16, 0.6) == pytest.approx(4 * 256 * 0.6 + math.log(2) + 256 * math.exp(-9.6), rel=1e-6)


@pytest.mark.parametrize("sigma", [-0.5, -0.2, 0.0, 0.3])
def test_samples_of_three_by_three_follow_enumeration(sigma):
    lattice = Lattice(3, sigma)
    x = lattice.sample(N, np.random.default_rng(1), sweeps=FEW_SWEEPS)
    expected = N * probabilities(lattice)
    found = np.bincount(x @ (1 << np.arange(9)), minlength=512)
    # States rarer than five in the sample are put together.
    common = expected > 5
    assert (~common).sum() == 0 or expected[~common].sum() > 5
    pool = [[counts[~common].sum()] if (~common).any() else [] for counts in (found, expected)]
    assert chisquare(*(np.append(c[common], p) for c, p in zip((found, expected), pool, strict=True))).pvalue > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [-0.6, 0.15, 0.2203])
def test_samples_of_four_by_four_follow_enumeration(sigma):
    lattice = Lattice(4, sigma)
    x, p, everything = (
        lattice.sample(N, np.random.default_rng(2), sweeps=FEW_SWEEPS),
        probabilities(lattice),
        all_states(4),
    )
    board = 1 - 2 * (np.indices((4, 4)).sum(0).ravel() % 2)
    for f in (
        lattice.energy,
        lambda x: np.abs(spins(x).mean(1)),
        lambda x: np.abs((spins(x) * board).mean(1)),
        lambda x: spins(x)[:, 0],
        lambda x: spins(x)[:, 0] * spins(x)[:, 2],
        lambda x: spins(x)[:, 5] * spins(x)[:, 10],
    ):
        mean = p @ f(everything)
        se = math.sqrt(p @ (f(everything) - mean) ** 2 / N)
        assert abs(f(x).mean() - mean) < 4.5 * se


@pytest.mark.parametrize(("side", "sigma"), [(4, 0.2203), (4, -0.3), (3, -0.2)])
def test_clusters_alone_lead_to_the_same_energies(side, sigma, monkeypatch):
    # Single spins would hide a small error of the clusters.
    monkeypatch.setattr(exact, "GIBBS_SWEEPS", 0)
    lattice = Lattice(side, sigma)
    e = lattice.energy(lattice.sample(N, np.random.default_rng(8), sweeps=2 * FEW_SWEEPS))
    assert abs(e.mean() - kaufman.mean_energy(side, sigma)) < 4.5 * (kaufman.specific_heat(side, sigma) / N) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("side", "sigma"),
    [(10, -0.3), (10, 0.2), (10, 0.2203), (10, 0.45), (9, -0.2), (9, -0.5), (15, -0.6), (16, 0.2203)],
)
def test_energies_of_samples_follow_the_exact_ones(side, sigma):
    lattice, n = Lattice(side, sigma), 100_000 // side**2
    e = lattice.energy(lattice.sample(n, np.random.default_rng(3)))
    assert abs(e.mean() - kaufman.mean_energy(side, sigma)) < 4.5 * (kaufman.specific_heat(side, sigma) / n) ** 0.5
    # All of the distribution, in ten classes or fewer of about equal probability.
    b = np.rint((e / sigma / 4) + side * side).astype(int)
    g = np.array([math.log(g) if g else -math.inf for g in kaufman.counts(side)])
    p = np.exp(g - 4 * sigma * (np.arange(len(g)) - side * side) - kaufman.log_z(side, sigma))
    classes = np.minimum((10 * (np.cumsum(p) - p / 2)).astype(int), 9)
    found, expected = np.bincount(classes[b], minlength=10), n * np.bincount(classes, p, minlength=10)
    assert chisquare(found[expected > 0], expected[expected > 0]).pvalue > 1e-4


@pytest.mark.slow
def test_the_wall_of_a_frustrated_lattice_lies_anywhere():
    lattice, n = Lattice(9, -0.6), 2000
    s = spins(lattice.sample(n, np.random.default_rng(4)))
    i, j = edges(9).T
    equal = (s[:, i] == s[:, j]).mean(0)
    assert equal.mean() > 0.1  # at least one pair of each row and each column: one in nine
    assert (np.abs(equal - equal.mean()) < 4.5 * (equal.mean() / n) ** 0.5).all()


def test_samples_depend_on_the_seed_alone():
    lattice = Lattice(5, 0.2)
    x = lattice.sample(20, np.random.default_rng(5))
    assert x.dtype == np.uint8
    assert x.max() == 1
    assert np.array_equal(x, lattice.sample(20, np.random.default_rng(5)))
    assert not np.array_equal(x, lattice.sample(20, np.random.default_rng(6)))


def test_samples_are_independent_of_each_other_and_of_their_block(monkeypatch):
    monkeypatch.setattr(exact, "BLOCK", 1000 * 16)
    lattice = Lattice(4, 0.3)
    s = spins(lattice.sample(N, np.random.default_rng(7), sweeps=FEW_SWEEPS))
    for lag in (1, 2, 1000):
        product = (s[lag:] * s[:-lag]).mean(1)
        assert abs(product.mean()) < 4.5 * product.std() / len(product) ** 0.5
    assert abs(lattice.energy((s + 1) / 2).mean() - kaufman.mean_energy(4, 0.3)) < 4.5 * math.sqrt(
        kaufman.specific_heat(4, 0.3) / N
    )


@pytest.mark.parametrize("sigma", [-0.5, -0.05, 0.05, 0.5])
def test_a_little_more_sigma_changes_little(sigma):
    # The page moves a slider: neighbouring values with one seed show much the same lattice, away from the critical point.
    def one(sigma, seed):
        return Lattice(10, sigma).sample(1, np.random.default_rng(seed))

    same = [(one(sigma, seed) == one(sigma + 0.01, seed)).mean() for seed in range(10)]
    assert np.mean(same) > 0.8


@pytest.mark.parametrize("step", ["_flip_clusters", "_gibbs"])
@pytest.mark.parametrize("sigma", [-0.3, 0.15])
def test_each_move_leaves_the_distribution_as_it_is(step, sigma):
    # Exact samples stay exact: no start to forget, so that a small error of either move shows.
    lattice, rng, p = Lattice(3, sigma), np.random.default_rng(9), probabilities(Lattice(3, sigma))
    x = all_states(3)[rng.choice(512, N, p=p)]
    s = 2 * x.astype(np.int8) - 1
    for _ in range(3):
        getattr(lattice, step)(s, rng)
    assert ((s > 0) != x).mean() > 0.1
    found = np.bincount((s > 0) @ (1 << np.arange(9)), minlength=512)
    common = N * p > 5
    observed, expected = (np.append(c[common], c[~common].sum() + 1e-9) for c in (found, N * p))
    assert chisquare(observed, expected).pvalue > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("side", "sigma"), [(10, 0.2203), (10, 0.6), (10, -0.6), (9, -0.6)])
def test_the_start_is_forgotten(side, sigma):
    # From perfect order, straight walls included, as many sweeps lead to what a random start leads to.
    lattice, n, rng = Lattice(side, sigma), 600, np.random.default_rng(10)
    order = 2 * (np.indices((side, side)).sum(0).ravel() % 2) - 1 if sigma < 0 else np.ones(side * side)
    cold = np.tile(order.astype(np.int8), (n, 1))
    for _ in range(exact.SWEEPS):
        lattice.sweep(cold, rng)
    starts = [cold, spins(lattice.sample(n, rng))]
    e = [lattice.energy((s + 1) / 2).mean() for s in starts]
    assert abs(e[0] - e[1]) < 4.5 * (2 * kaufman.specific_heat(side, sigma) / n) ** 0.5
    # Where walls lie: bonds are equal as often in each row, to the right and below.
    i, j = edges(side).T
    bonds = [(s[:, i] * s[:, j]).reshape(n, side, side, 2).mean(2).reshape(n, -1) for s in starts]
    spread = np.sqrt(sum(b.var(0) for b in bonds) / n) + 1e-3
    assert (np.abs(bonds[0].mean(0) - bonds[1].mean(0)) < 4.5 * spread).all()


@given(side=st.integers(*SIDES))
@settings(max_examples=20, deadline=None)
def test_displacements_are_the_same_all_over_the_torus(side):
    table, site = displacements(side), np.arange(side * side).reshape(side, side)
    assert np.array_equal(table, table.T)
    assert (table.diagonal() == -1).all()
    for step in ((0, 1), (1, 0)):
        shifted = np.roll(site, step, (0, 1)).ravel()
        assert np.array_equal(table[np.ix_(shifted, shifted)], table)
    # As many as there are displacements up to their sign; on an even side three are their own opposites.
    own = 3 if side % 2 == 0 else 0
    assert np.array_equal(np.unique(table), np.arange(-1, (side * side - 1 + own) // 2))
