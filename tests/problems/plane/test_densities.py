"""The seven densities against closed forms, scikit-learn and stated entropies; drawn ones against their picture."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import i0e, logsumexp
from scipy.stats import ks_2samp
from sklearn.datasets import make_circles, make_moons, make_swiss_roll

from ebgfn.problems.plane.densities import DENSITIES, DRAWN_HALF_WIDTH, density, drawn

N = 100_000


def draws(name: str, n: int = N, seed: int = 0) -> np.ndarray:
    return density(name).draw(n, np.random.default_rng(seed))


def integral(function, low: float, high: float) -> float:
    return quad(function, low, high, limit=200)[0]


def swissroll_moments():
    low, high = 1.5 * np.pi, 4.5 * np.pi
    mean = [integral(lambda t, f=f: t * f(t), low, high) / (high - low) / 5 for f in (np.cos, np.sin)]
    return mean, ((high**3 - low**3) / 3 / (high - low) + 2) / 25


def spirals_square():
    end = np.deg2rad(540)
    curve = integral(lambda r: (r**2 + 0.5 * r * (np.sin(r) - np.cos(r))) * 2 * r / end**2, 0, end)
    return (curve + 2 * 0.25 / 3) / 9 + 2 * 0.01


# name: mean of (x, y), mean of x^2 + y^2
MOMENTS = {
    "swissroll": swissroll_moments(),
    "circles": ((0, 0), 9 * (0.5 * (1 + 0.25) + 2 * 0.08**2)),
    "moons": ((0, 0.3), None),
    "8gaussians": ((0, 0), (16 + 0.5) / 1.414**2),
    "pinwheel": ((0, 0), 4 * (1 + 0.09 + 0.01)),
    "2spirals": ((0, 0), spirals_square()),
    "checkerboard": ((0, 0), 2 * 16 / 3),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_moments(name):
    xy, (mean, square) = draws(name), MOMENTS[name]
    assert (np.abs(xy.mean(0) - mean) < 4.5 * xy.std(0) / N**0.5).all()
    radius = (xy**2).sum(1)
    assert square is None or abs(radius.mean() - square) < 4.5 * radius.std() / N**0.5


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("swissroll", lambda: make_swiss_roll(N, noise=1.0, random_state=1)[0][:, [0, 2]] / 5),
        ("circles", lambda: make_circles(N, factor=0.5, noise=0.08, random_state=1)[0] * 3),
        ("moons", lambda: make_moons(N, noise=0.1, random_state=1)[0] * 2 + [-1, -0.2]),
    ],
)
def test_agrees_with_scikit_learn(name, reference):
    ours, theirs = draws(name), reference()
    for direction in ([1, 0], [0, 1], [0.6, 0.8], [0.6, -0.8]):
        assert ks_2samp(ours @ np.array(direction), theirs @ np.array(direction)).pvalue > 1e-4


def test_checkerboard_fills_every_other_square():
    xy = draws("checkerboard")
    square = np.floor(xy / 2).astype(int)
    assert np.abs(xy).max() <= 4
    assert (square.sum(1) % 2 == 0).all()
    counts = np.unique(square, axis=0, return_counts=True)[1]
    assert len(counts) == 8
    assert (np.abs(counts - N / 8) < 4.5 * (N / 8 * 7 / 8) ** 0.5).all()


def test_pinwheel_has_five_equal_arms():
    xy = draws("pinwheel")
    fifth = 2 * np.pi / 5
    turned = xy @ np.array([[np.cos(fifth), np.sin(fifth)], [-np.sin(fifth), np.cos(fifth)]])
    for axis in (0, 1):
        assert ks_2samp(xy[: N // 2, axis], turned[N // 2 :, axis]).pvalue > 1e-4


def log_mixture(xy: np.ndarray, centres: np.ndarray, sigma: float) -> np.ndarray:
    """log density of an equal mixture of round Gaussians."""
    parts = []
    for chunk in np.array_split(xy, max(1, len(xy) // 500)):
        square = ((chunk[:, None] - centres[None]) ** 2).sum(2)
        parts.append(logsumexp(-square / (2 * sigma**2), axis=1))
    return np.concatenate(parts) - np.log(len(centres) * 2 * np.pi * sigma**2)


def log_eight_gaussians(xy):
    angle = np.arange(8) * np.pi / 4
    return log_mixture(xy, 4 / 1.414 * np.stack([np.cos(angle), np.sin(angle)], 1), 0.5 / 1.414)


def log_circles(xy):
    # A Gaussian around a circle of radius R, integrated over the angle: exp(-(r^2 + R^2) / 2 s^2) I_0(r R / s^2).
    r, s = np.hypot(*xy.T), 0.24
    rings = [-((r - radius) ** 2) / (2 * s**2) + np.log(i0e(r * radius / s**2)) for radius in (3.0, 1.5)]
    return logsumexp(rings, axis=0) - np.log(2 * 2 * np.pi * s**2)


def log_moons(xy):
    angle = (np.arange(600) + 0.5) / 600 * np.pi
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    return log_mixture(xy, 2 * np.concatenate([upper, [1, 0.5] - upper]) + [-1, -0.2], 0.2)


def log_swissroll(xy):
    t = 1.5 * np.pi * (1 + 2 * (np.arange(2000) + 0.5) / 2000)
    return log_mixture(xy, np.stack([np.cos(t), np.sin(t)], 1) * t[:, None] / 5, 0.2)


def log_checkerboard(xy):
    return np.full(len(xy), -np.log(32.0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "log_density", "n"),
    [
        ("8gaussians", log_eight_gaussians, N),
        ("circles", log_circles, N),
        ("moons", log_moons, 10_000),
        ("swissroll", log_swissroll, 5_000),
        ("checkerboard", log_checkerboard, 2),
    ],
)
def test_stated_entropy(name, log_density, n):
    it = density(name)
    nats = -log_density(draws(name, n)) + 2 * np.log(it.units)
    # The figures are given to three decimals.
    assert abs(nats.mean() - it.entropy) < 4.5 * nats.std() / n**0.5 + it.entropy_error + 0.0006


def test_stated_entropy_of_the_pinwheel():
    # Without overlap of the arms: entropy of one arm's two Gaussians, plus that of the arm, plus the stretching by 2
    # and by the turn, whose angle grows along the arm: |1 - b * d angle / d a|. Arms overlap only near the middle.
    rng = np.random.default_rng(0)
    a, b = 0.3 * rng.standard_normal(N) + 1, 0.1 * rng.standard_normal(N)
    arm = np.log(2 * np.pi * np.e * 0.3 * 0.1) + np.log(np.abs(1 - b * 0.25 * np.exp(a))).mean()
    it = density("pinwheel")
    bound = arm + np.log(5) + np.log(4) + 2 * np.log(it.units)
    assert bound - 0.03 < it.entropy < bound + 0.002


@pytest.mark.parametrize("name", DENSITIES)
def test_data_fill_the_grid(name):
    # `units` put the largest of 5000 draws at 2 below the border: 20 times as many come nearer, hardly any beyond 1.
    it = density(name)
    border = it.grid().cell * it.grid().side / 2
    reach = np.abs(draws(name)).max(1)
    assert border - 2.1 < reach.max() < border
    assert (reach > border - 1).mean() < 1e-4
    x = it.sample(100, np.random.default_rng(0), bits=6)
    assert x.shape == (100, 12)
    assert np.array_equal(x, it.sample(100, np.random.default_rng(0), bits=6))


def test_unknown_density_is_refused():
    with pytest.raises(ValueError, match=r"dataset must be one of 2spirals, .*; got 'spiral'"):
        density("spiral")


def test_a_drawn_density_follows_its_picture():
    weights = np.array([[4.0, 0.0, 1.0], [0.0, 2.0, 0.0]])
    xy = drawn(weights).draw(N, np.random.default_rng(0))
    column = np.floor((xy[:, 0] + DRAWN_HALF_WIDTH) / (10 / 3)).astype(int)
    row = 1 - np.floor((xy[:, 1] + DRAWN_HALF_WIDTH) / 5).astype(int)
    counts = np.zeros((2, 3))
    np.add.at(counts, (row, column), 1)
    p = weights / weights.sum()
    assert (np.abs(counts - N * p) <= 4.5 * (N * p * (1 - p)) ** 0.5).all()
    inside = xy[(row == 0) & (column == 0)]
    assert ks_2samp(inside[:, 0], np.random.default_rng(1).uniform(-5, -5 / 3, N)).pvalue > 1e-4
    assert ks_2samp(inside[:, 1], np.random.default_rng(1).uniform(0, 5, N)).pvalue > 1e-4


def test_a_drawn_density_knows_its_entropy():
    full, half = drawn(np.ones((4, 4))), drawn(np.array([[1.0, 1.0], [0.0, 0.0]]))
    assert full.entropy == pytest.approx(np.log(100) + 2 * np.log(full.units))
    assert half.entropy == pytest.approx(full.entropy - np.log(2))
    uneven = drawn(np.array([[3.0, 1.0], [0.0, 0.0]]))
    assert uneven.entropy == pytest.approx(full.entropy - np.log(4) - 0.75 * np.log(0.75) - 0.25 * np.log(0.25))


@pytest.mark.parametrize("scale", [1e-300, 1e308, 5e-324])
def test_a_drawn_density_takes_weights_of_any_size(scale):
    it = drawn(np.full((2, 2), scale))
    assert it.entropy == pytest.approx(np.log(100) + 2 * np.log(it.units))
    assert it.sample(10, np.random.default_rng(0)).shape == (10, 32)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros((3, 3)), "at least one above zero"),
        (np.array([[1.0, -1.0], [1.0, 1.0]]), "not negative"),
        (np.array([[1.0, np.nan], [1.0, 1.0]]), "finite"),
        (np.array([[1.0, np.inf], [1.0, 1.0]]), "finite"),
        (np.ones((1, 5)), r"2\.\.128 rows and columns, got shape \(1, 5\)"),
        (np.ones((129, 5)), r"2\.\.128 rows and columns"),
    ],
)
def test_bad_pictures_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        drawn(weights)
