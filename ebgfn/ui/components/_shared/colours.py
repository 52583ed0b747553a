"""What each colour stands for, on all pages, and the two scales of every picture, for both themes.

The scales are built in OKLab so that equal steps look equal. `amount` runs from the page's background to full strength
through lightness alone (readable without colour vision); `signed` runs from blue through the background to orange, a pair
that colour-blind readers tell apart: from where the sampler has more to where the energy has more, or over couplings of
either sign.

OKLab: Björn Ottosson, "A perceptual color space for image processing" (2020).
"""

from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

LEVELS = 256
Role = Literal["data", "energy", "sampler", "own", "peer1", "peer2", "peer3"]
# In the light theme and in the dark one. `own` is what the visitor chooses or draws. Roles are told apart by form or name as
# well: to some readers data and sampler look alike.
ROLES: dict[Role, tuple[str, str]] = {
    "data": ("#5b6b78", "#97a4b0"),
    "energy": ("#b4531a", "#f0945a"),
    "sampler": ("#1b6d91", "#62b8d8"),
    "own": ("#5b2a86", "#c77dff"),
    "peer1": ("#a8326e", "#ee8fbf"),
    "peer2": ("#3b7a3a", "#8fc28a"),
    "peer3": ("#7d6608", "#d3bb55"),
}
# Cells of images and lattices, and upon them what the sampler has filled, in its colour at a tone that both carry; words on
# `own`.
TONES = {
    "one": ("#111a22", "#e4e9ee"),
    "zero": ("#e3ebf0", "#28313d"),
    "fill": ("#1b6d91", "#2f86ad"),
    "on-own": ("#ffffff", "#0b1118"),
}
Colours = UInt8[np.ndarray, "levels 3"]

_LMS_OF_LAB = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
)
_RGB_OF_LMS = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def srgb(lightness: np.ndarray, chroma: np.ndarray, hue_degrees: np.ndarray) -> Colours:
    """OKLCh to 8-bit sRGB; what lies outside the screen's colours is clipped."""
    hue = np.deg2rad(hue_degrees)
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    linear = np.clip((lab @ _LMS_OF_LAB.T) ** 3 @ _RGB_OF_LMS.T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * encoded).astype(np.uint8)


def lightness(colours: Colours) -> Float[np.ndarray, " levels"]:
    """OKLab lightness of 8-bit sRGB colours, 0..1."""
    value = colours / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    lms = np.cbrt(linear @ np.linalg.inv(_RGB_OF_LMS).T)
    return (lms @ np.linalg.inv(_LMS_OF_LAB).T)[:, 0]


def amount(*, dark: bool) -> Colours:
    """From nothing (the background) to much, through evenly spaced lightness."""
    t = np.linspace(0, 1, LEVELS)
    if dark:
        return srgb(0.195 + 0.765 * t, 0.095 * np.sin(np.pi * t**0.8) ** 0.8 + 0.016, 268 - 158 * t**1.4)
    return srgb(0.985 - 0.70 * t, 0.098 * np.sin(np.pi * (0.08 + 0.72 * t)) * np.minimum(1, 4 * t), 195 + 82 * t**1.3)


def signed(*, dark: bool) -> Colours:
    """From negative (blue) over nothing (the background) to positive (orange)."""
    t = np.linspace(-1, 1, LEVELS)
    strength = np.abs(t)
    hue = np.where(t < 0, 255.0, 52.0)
    middle, reach = (0.195, 0.60) if dark else (0.985, -0.50)
    chroma = 0.135 * np.sin(np.pi * np.minimum(0.62 * strength, 0.5)) ** 1.1
    return srgb(middle + reach * strength, np.maximum(chroma, 0.016 if dark else 0), np.where(chroma < 0.016, 268, hue))
