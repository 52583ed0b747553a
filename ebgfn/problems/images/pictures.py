"""Pictures that visitors bring: PNG or JPEG in, a small binary image out, with a sentence on everything that was done.

Ink is 1. As in MNIST a drawing is scaled until its longer side takes 20 of 28 pixels, and its centre of mass is put in the
middle: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
"""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES = 5 * 2**20
MAX_SIDE = 4096
FORMATS = ("PNG", "JPEG")
# Levels of grey by which ink must differ from paper, and what part of the frame a drawing takes.
LEAST_CONTRAST, SHARE = 32, 20 / 28
ALLOWED = f"PNG or JPEG, at most {MAX_BYTES // 2**20} MB and {MAX_SIDE} pixels a side"

Grey = UInt8[np.ndarray, "height width"]


@dataclass(frozen=True)
class Picture:
    """Bits of the small image row by row, the grey levels that they come from, and what was done, in sentences."""

    bits: UInt8[np.ndarray, " dim"]
    grey: UInt8[np.ndarray, "side side"]
    notes: tuple[str, ...]


def read_picture(raw: bytes, side: int) -> Picture:
    """A picture as an image of `side` x `side` bits. Errors: ValueError, one sentence that says what is allowed."""
    if len(raw) > MAX_BYTES:
        raise ValueError(f"the file is larger than {MAX_BYTES // 2**20} MB; allowed are {ALLOWED}")
    grey, notes = _ink(raw)
    height, width = grey.shape
    if (height, width) != (side, side):
        grey = _fitted(grey, side)
        notes.append(f"{width} × {height} pixels became {side} × {side}, the ink in the middle.")
    notes.append("Pixels at least half as dark as the darkest ink are ink, all others paper.")
    return Picture((grey >= 128).astype(np.uint8).reshape(-1), grey, tuple(notes))


def _ink(raw: bytes) -> tuple[Grey, list[str]]:
    """Amount of ink, from 0 to 255, at the picture's own size."""
    notes: list[str] = []
    picture = _opened(raw, notes)
    grey = np.asarray(picture, np.float32)
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(edge))
    if paper > 127:
        grey, paper = 255 - grey, 255 - paper
        notes.append("It is dark on light: dark is ink.")
    else:
        notes.append("It is light on dark: light is ink.")
    ink = np.clip(grey - paper, 0, None)
    if ink.max() < LEAST_CONTRAST:
        raise ValueError("the picture is blank: nothing in it differs enough from its border")
    return np.round(ink * (255 / ink.max())).astype(np.uint8), notes


def _opened(raw: bytes, notes: list[str]) -> Image.Image:
    """The picture in grey, upright, on white where transparent."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(raw), formats=FORMATS)
            if max(picture.size) > MAX_SIDE or min(picture.size) < 1:
                raise ValueError(f"it has {picture.width} x {picture.height} pixels; allowed are {ALLOWED}")
            if getattr(picture, "n_frames", 1) > 1:
                notes.append("Only its first frame is used.")
            picture.load()
            return _grey(ImageOps.exif_transpose(picture), notes)
    except ValueError:
        raise
    except UnidentifiedImageError:
        raise ValueError(f"it cannot be read as a picture; allowed are {ALLOWED}") from None
    except Exception as error:  # decoders meet damaged files with errors of every kind
        raise ValueError(f"it is damaged ({type(error).__name__}); allowed are {ALLOWED}") from None


def _grey(picture: Image.Image, notes: list[str]) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        # Sixteen bits a pixel: the upper eight.
        levels = np.asarray(picture, np.float64)
        return Image.fromarray((levels / max(levels.max(), 1) * 255).astype(np.uint8))
    if picture.has_transparency_data:
        notes.append("Transparent parts count as white.")
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    if picture.mode not in ("1", "L"):
        notes.append("Colours became levels of grey.")
    return picture.convert("L")


def _fitted(ink: Grey, side: int) -> UInt8[np.ndarray, "side side"]:
    """The ink scaled to its usual share of the frame and centred; thin strokes keep their strength."""
    rows, columns = (np.flatnonzero((ink >= LEAST_CONTRAST).any(axis)) for axis in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = max(1, round(SHARE * side)) / max(cut.shape)
    height, width = (max(1, round(length * scale)) for length in cut.shape)
    filter_ = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    small = np.asarray(Image.fromarray(cut).resize((width, height), filter_), np.float32)
    # A line thinner than a pixel of the small image has paled: the palest that counts as a line becomes dark again.
    strong = np.percentile(small[small > 0], 75)
    small = np.clip(small * (255 / max(strong, 1)), 0, 255)
    return _centred(small, side)


def _centred(small: np.ndarray, side: int) -> UInt8[np.ndarray, "side side"]:
    height, width = small.shape
    total = small.sum()
    centre = ((small.sum(1) @ np.arange(height)) / total, (small.sum(0) @ np.arange(width)) / total)
    top, left = (
        int(np.clip(round((side - 1) / 2 - at), 0, side - length))
        for at, length in zip(centre, small.shape, strict=True)
    )
    frame = np.zeros((side, side), np.uint8)
    frame[top : top + height, left : left + width] = np.round(small)
    return frame
