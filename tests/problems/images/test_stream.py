"""Training images as a stream: varied ones are those of the set, a little moved."""

import numpy as np
import torch

from ebgfn.problems.images import sets, stream
from ebgfn.problems.images.stream import BinaryImages

DIGITS = sets.read("digits", "train")


def rows(images: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in images.astype(np.uint8)}


def test_images_that_are_not_moved_are_those_of_the_set(monkeypatch):
    for name in ("TURN", "SHEAR", "SCALE", "MOVE"):
        monkeypatch.setattr(stream, name, 0.0)
    drawn = BinaryImages(DIGITS, seed=0).draw_varied(500).numpy()
    assert rows(drawn) <= rows(DIGITS.static())
    assert len(rows(drawn)) > 300


def test_varied_images_are_new_and_near_to_those_of_the_set():
    drawn = BinaryImages(DIGITS, seed=0).draw_varied(500).numpy()
    assert len(rows(drawn) - rows(DIGITS.static())) > 400
    nearest = np.abs(drawn[:, None] - DIGITS.static()[None]).sum(2).min(1)
    # Test images lie 3.2 entries from the nearest training image.
    assert 1.5 < nearest.mean() < 6
    # Turned and moved either way: on average they are where the set is, but for what left the picture.
    assert np.abs(drawn.mean(0) - DIGITS.static().mean(0)).mean() < 0.08


def test_where_pixels_are_drawn_from_grey_levels_varied_ones_are_too():
    grey = np.full((1, 16), 128, np.uint8)
    drawn = BinaryImages(sets.Images(grey, np.zeros(1, np.int64), True), seed=0).draw_varied(400).view(-1, 4, 4)
    # The middle of the picture stays within it.
    assert abs(drawn[:, 1:3, 1:3].mean() - 0.5) < 4.5 * 0.5 / 40


def test_a_stream_that_goes_on_varies_alike():
    first, second = BinaryImages(DIGITS, seed=0), BinaryImages(DIGITS, seed=1)
    first.draw_varied(3)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.draw_varied(5), second.draw_varied(5))
