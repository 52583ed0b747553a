"""Densities as bytes on one scale, fine near zero: what the pictures of the plane send to the browser."""

import numpy as np
from jaxtyping import Float, UInt8

Picture = Float[np.ndarray, "side side"]
Points = Float[np.ndarray, "n 2"]

# Bytes follow log(1 + FAINT p / top): a step is 2 % of a density at the top; a 200th of the top is 13 % of the scale.
FAINT = 200.0


def top_of(target: Picture) -> float:
    """Density at the top of the colour scale: above all but a two-hundredth of the target's own mass-bearing pixels."""
    bearing = target[target > 0]
    return float(1.1 * np.quantile(bearing, 0.995)) if bearing.size else 1.0


def encode(density: Picture, top: float) -> UInt8[np.ndarray, "side side"]:
    """Densities as bytes; what exceeds `top` becomes 255."""
    share = np.clip(np.nan_to_num(density, nan=0.0, posinf=top) / top, 0, 1)
    return np.round(255 * np.log1p(FAINT * share) / np.log1p(FAINT)).astype(np.uint8)


def decode(levels: UInt8[np.ndarray, "side side"], top: float) -> Picture:
    """Inverse of `encode`, up to rounding."""
    return top * np.expm1(levels / 255 * np.log1p(FAINT)) / FAINT


def coarse(picture: UInt8[np.ndarray, "side side"], side: int) -> UInt8[np.ndarray, "small small"]:
    """Means of the densities on so many pixels, or the picture itself if it is no whole multiple of them."""
    k, rest = divmod(len(picture), side)
    if k < 2 or rest:
        return picture
    return encode(decode(picture, 1.0).reshape(side, k, side, k).mean(axis=(1, 3)), 1.0)


def per_area(log_cell: Picture, cell: float) -> Picture:
    """Probability per unit area from nats per cell of width `cell`."""
    with np.errstate(over="ignore"):
        return np.exp(log_cell.astype(np.float64)) / cell**2
