"""The order of pictures: every pixel once, each part of it spread evenly."""

import numpy as np
import pytest

from ebgfn.problems.images.order import coarse_to_fine


@pytest.mark.parametrize("side", [1, 8, 12, 28])
def test_every_pixel_comes_once(side):
    assert sorted(coarse_to_fine(side)) == list(range(side * side))


@pytest.mark.parametrize(("side", "stride"), [(8, 4), (8, 2), (28, 4), (28, 2)])
def test_first_come_those_far_apart(side, stride):
    """A quarter of a quarter is a grid, then every second pixel of every second row."""
    order = coarse_to_fine(side)
    first = order[: len(order) // stride**2]
    assert set(first) == {r * side + c for r in range(0, side, stride) for c in range(0, side, stride)}


def test_the_first_half_is_a_chessboard():
    row, column = np.divmod(coarse_to_fine(28)[:392], 28)
    assert ((row + column) % 2 == 0).all()
