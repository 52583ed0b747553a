"""The seven densities in the plane on which discrete energy-based models are compared, and densities drawn by hand.

Definitions, units and entropies follow the protocol of Dai et al. (2020, arXiv 2011.05363): a set's `units` leave an empty
border of 2 around the data on the 16-bit grid; its entropy there is the floor of any model's negative log-likelihood.
Draws are independent (scikit-learn spaces the points of its moons and circles evenly before adding noise; we do not).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from ebgfn.problems.plane.gray import FULL_BITS, Grid

Points = Float[np.ndarray, "n 2"]


def _rings(angle: np.ndarray, radius: np.ndarray | float) -> np.ndarray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def two_spirals(n: int, rng: np.random.Generator) -> Points:
    """Two arms of one and a half turns, one the mirror of the other."""
    r = np.sqrt(rng.random(n)) * np.deg2rad(540)
    arm = np.stack([-np.cos(r) * r + rng.random(n) * 0.5, np.sin(r) * r + rng.random(n) * 0.5], axis=1) / 3
    return arm * rng.choice([-1.0, 1.0], (n, 1)) + 0.1 * rng.standard_normal((n, 2))


def eight_gaussians(n: int, rng: np.random.Generator) -> Points:
    """Eight normal distributions on a circle."""
    centres = _rings(rng.integers(0, 8, n) * np.pi / 4, 4.0)
    return (centres + 0.5 * rng.standard_normal((n, 2))) / 1.414


def circles(n: int, rng: np.random.Generator) -> Points:
    """Two circles about one centre."""
    ring = _rings(rng.random(n) * 2 * np.pi, rng.choice([1.0, 0.5], n))
    return (ring + 0.08 * rng.standard_normal((n, 2))) * 3


def moons(n: int, rng: np.random.Generator) -> Points:
    """Two half circles that interlock."""
    angle, lower = rng.random(n) * np.pi, rng.random(n) < 0.5
    upper_moon = _rings(angle, 1.0)
    lower_moon = np.array([1.0, 0.5]) - upper_moon
    moon = np.where(lower[:, None], lower_moon, upper_moon) + 0.1 * rng.standard_normal((n, 2))
    return moon * 2 + np.array([-1.0, -0.2])


def pinwheel(n: int, rng: np.random.Generator) -> Points:
    """Five bent arms."""
    arm = rng.standard_normal((n, 2)) * [0.3, 0.1] + [1.0, 0.0]
    angle = rng.integers(0, 5, n) * (2 * np.pi / 5) + 0.25 * np.exp(arm[:, 0])
    cos, sin = np.cos(angle), np.sin(angle)
    return 2 * np.stack([arm[:, 0] * cos + arm[:, 1] * sin, arm[:, 1] * cos - arm[:, 0] * sin], axis=1)


def swissroll(n: int, rng: np.random.Generator) -> Points:
    """One spiral of one and a half turns."""
    t = 1.5 * np.pi * (1 + 2 * rng.random(n))
    return (_rings(t, t) + rng.standard_normal((n, 2))) / 5


def checkerboard(n: int, rng: np.random.Generator) -> Points:
    """Uniform on the dark squares of a 4 x 4 board."""
    x1 = rng.random(n) * 4 - 2
    x2 = rng.random(n) - rng.integers(0, 2, n) * 2 + np.floor(x1) % 2
    return np.stack([x1, x2], axis=1) * 2


@dataclass(frozen=True)
class Density:
    """A distribution on the plane: how to draw from it and how finely it is cut into cells.

    `entropy` is in nats on the 16-bit grid, `entropy_error` the error of that figure (0 for a closed form).
    """

    draw: Callable[[int, np.random.Generator], Points]
    units: float
    entropy: float
    entropy_error: float

    def grid(self, bits: int = FULL_BITS) -> Grid:
        return Grid(self.units, bits)

    def sample(self, n: int, rng: np.random.Generator, *, bits: int = FULL_BITS) -> UInt8[np.ndarray, "n dim"]:
        """Draw `n` points and return their bits."""
        return self.grid(bits).encode(self.draw(n, rng))


# Entropies: mean of -log density + 2 log units over fresh draws, the density by quadrature along the generating curve
# (pinwheel: histograms of 30 million draws at three resolutions).
DENSITIES: dict[str, Density] = {
    "2spirals": Density(two_spirals, 5978.5, 20.037, 0.003),
    "8gaussians": Density(eight_gaussians, 5289.6, 19.979, 0.001),
    "circles": Density(circles, 5668.6, 20.552, 0.002),
    "moons": Density(moons, 5779.8, 19.716, 0.002),
    "pinwheel": Density(pinwheel, 5510.9, 19.549, 0.001),
    "swissroll": Density(swissroll, 6222.6, 20.143, 0.002),
    "checkerboard": Density(checkerboard, 5461.9, 20.677, 0.0),
}

DRAWN = "drawn"
DRAWN_HALF_WIDTH = 5.0
DRAWN_MAX_SIDE = 128


def drawn(weights: Float[np.ndarray, "rows columns"]) -> Density:
    """Density proportional to a picture: row 0 is the top, each pixel a uniform patch of the square [-5, 5]^2."""
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 2 or not 2 <= min(weights.shape) <= max(weights.shape) <= DRAWN_MAX_SIDE:
        raise ValueError(f"weights must be a table of 2..{DRAWN_MAX_SIDE} rows and columns, got shape {weights.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.max() == 0:
        raise ValueError("weights must be finite and not negative, with at least one above zero")
    weights = weights / weights.max()  # sums of very large or very small weights would leave the range of floats
    p = (weights / weights.sum()).ravel()
    rows, columns = weights.shape
    width, height = 2 * DRAWN_HALF_WIDTH / columns, 2 * DRAWN_HALF_WIDTH / rows

    def draw(n: int, rng: np.random.Generator) -> Points:
        row, column = np.divmod(rng.choice(len(p), n, p=p), columns)
        u = rng.random((2, n))
        return np.stack([(column + u[0]) * width, (rows - row - u[1]) * height], axis=1) - DRAWN_HALF_WIDTH

    # As with the seven, an empty border is left; landscapes show the square less 1, here just what was drawn.
    units = 2.0 ** (FULL_BITS - 1) / (DRAWN_HALF_WIDTH + 1)
    patch_entropy = np.log(width * height) + 2 * np.log(units)
    return Density(draw, units, float(-(p[p > 0] * np.log(p[p > 0])).sum() + patch_entropy), 0.0)


def density(name: str) -> Density:
    """Look a density up by name."""
    if name not in DENSITIES:
        raise ValueError(f"dataset must be one of {', '.join(DENSITIES)}; got {name!r}")
    return DENSITIES[name]
