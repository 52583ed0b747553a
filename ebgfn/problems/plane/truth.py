"""log-densities of the seven sets, from their definitions in toy2d.py: closed forms, or quadrature along the curve.

With them the distance of a model from the floor is measured on the very points that it is tested on: the scatter of the
points, ten times larger than that distance for a good model, drops out.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.special import i0e, logsumexp, ndtr

Points = Float[np.ndarray, "n 2"]
LogDensity = Float[np.ndarray, " n"]

QUADRATURE = 400
CHUNK = 1000


def _gaussians(xy: Points, centres: Float[np.ndarray, "m 2"], sigma: float) -> LogDensity:
    """Equal mixture of round Gaussians; with many centres, the rule of equal weights along a curve."""
    square = ((xy[:, None] - centres[None]) ** 2).sum(2)
    return np.asarray(logsumexp(-square / (2 * sigma**2), axis=1)) - math.log(2 * math.pi * sigma**2 * len(centres))


def _midpoints(low: float, high: float) -> Float[np.ndarray, " nodes"]:
    return low + (np.arange(QUADRATURE) + 0.5) * (high - low) / QUADRATURE


def eight_gaussians(xy: Points) -> LogDensity:
    angle = np.arange(8) * np.pi / 4
    return _gaussians(xy, 4 / 1.414 * np.stack([np.cos(angle), np.sin(angle)], 1), 0.5 / 1.414)


def checkerboard(xy: Points) -> LogDensity:
    column, row = np.floor(xy[:, 0] / 2), np.floor(xy[:, 1] / 2)
    black = (np.abs(xy).max(1) <= 4) & ((column + row) % 2 == 0)
    return np.where(black, -math.log(32), -np.inf)


def circles(xy: Points) -> LogDensity:
    r, sigma = np.linalg.norm(xy, axis=1)[:, None], 0.24
    ring = np.array([3.0, 1.5])
    # A Gaussian spread along a circle: Bessel function i0, here scaled by its exponential growth.
    log_ring = -((r - ring) ** 2) / (2 * sigma**2) + np.log(i0e(r * ring / sigma**2))
    return np.asarray(logsumexp(log_ring, axis=1)) - math.log(2 * 2 * math.pi * sigma**2)


def moons(xy: Points) -> LogDensity:
    angle = _midpoints(0.0, np.pi)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    both = np.concatenate([upper, np.array([1.0, 0.5]) - upper])
    return _gaussians(xy, both * 2 + np.array([-1.0, -0.2]), 0.2)


def swissroll(xy: Points) -> LogDensity:
    t = _midpoints(1.5 * np.pi, 4.5 * np.pi)
    return _gaussians(xy, np.stack([t * np.cos(t), t * np.sin(t)], 1) / 5, 0.2)


def two_spirals(xy: Points) -> LogDensity:
    # r = sqrt(u) * 540 degrees: nodes at equal steps of u. Along each axis the noise is uniform plus Gaussian.
    r = np.sqrt(_midpoints(0.0, 1.0)) * np.deg2rad(540)
    start = np.stack([-np.cos(r) * r, np.sin(r) * r], 1) / 3
    width, sigma = 0.5 / 3, 0.1
    arms = []
    for side in (1, -1):
        from_left = (side * xy[:, None] - start[None]) / sigma
        smeared = (ndtr(from_left) - ndtr(from_left - width / sigma)) / width
        arms.append(smeared.prod(2).mean(1))
    with np.errstate(divide="ignore"):
        return np.log(0.5 * (arms[0] + arms[1]))


def pinwheel(xy: Points) -> LogDensity:
    """The arms twist by an angle that depends on where along the arm a point came from: solve for that place."""
    z = xy / 2
    radius, angle = np.linalg.norm(z, axis=1)[:, None], np.arctan2(z[:, 1], z[:, 0])[:, None]
    # A point of polar angle phi before the twist ends at phi - twist(phi), at the same radius.
    phi = np.linspace(-np.pi, np.pi, 4 * QUADRATURE + 1)[None]
    along = radius * np.cos(phi)
    density = np.zeros(len(xy))
    for arm in range(5):
        miss = phi - arm * 2 * np.pi / 5 - 0.25 * np.exp(along) - angle
        turns = np.floor(miss / (2 * np.pi) + 0.5)
        near = miss - 2 * np.pi * turns
        point, left = np.nonzero((near[:, :-1] * near[:, 1:] <= 0) & (turns[:, :-1] == turns[:, 1:]))
        a, b = near[point, left], near[point, left + 1]
        root = phi[0, left] + (phi[0, 1] - phi[0, 0]) * a / np.where(a == b, 1.0, a - b)
        f = radius[point, 0][:, None] * np.stack([np.cos(root), np.sin(root)], 1)
        stretch = np.abs(1 + 0.25 * np.exp(f[:, 0]) * f[:, 1])
        log_f = -0.5 * (((f - [1.0, 0.0]) / [0.3, 0.1]) ** 2).sum(1) - math.log(2 * math.pi * 0.3 * 0.1)
        np.add.at(density, point, np.exp(log_f) / stretch)
    with np.errstate(divide="ignore"):
        return np.log(density / 5 / 4)


LOG_DENSITIES: dict[str, Callable[[Points], LogDensity]] = {
    "2spirals": two_spirals,
    "8gaussians": eight_gaussians,
    "circles": circles,
    "moons": moons,
    "pinwheel": pinwheel,
    "swissroll": swissroll,
    "checkerboard": checkerboard,
}


def log_density(name: str, xy: Points) -> LogDensity:
    """log of the density of set `name`, per unit area of the plane; -inf where it is zero."""
    truth = LOG_DENSITIES[name]
    parts = [truth(np.asarray(xy[i : i + CHUNK], dtype=np.float64)) for i in range(0, len(xy), CHUNK)]
    return np.concatenate(parts) if parts else np.empty(0)
