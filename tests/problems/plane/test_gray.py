"""The two-way encoding, against a slow one written from its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ebgfn.problems.plane.gray import Grid

grids = st.builds(Grid, units=st.floats(100, 1e5), bits=st.integers(3, 16))
seeds = st.integers(0, 2**32 - 1)


def slow_encode(value: float, grid: Grid) -> str:
    """Sign bit, then the magnitude trunc(|value| * units) in Gray code, most significant bit first."""
    units = grid.units / 2 ** (16 - grid.bits)
    magnitude = min(int(abs(value) * units), 2 ** (grid.bits - 1) - 1)
    return ("1" if value < 0 else "0") + format(magnitude ^ (magnitude >> 1), f"0{grid.bits - 1}b")


@given(grid=grids, seed=seeds)
def test_levels_make_the_round_trip(grid, seed):
    levels = np.random.default_rng(seed).integers(0, grid.side, (100, 2))
    levels[:2] = [[0, grid.side - 1], [grid.side // 2 - 1, grid.side // 2]]
    x = grid.bits_of_levels(levels)
    assert x.shape == (100, grid.dim)
    assert x.dtype == np.uint8
    assert set(np.unique(x)) <= {0, 1}
    assert np.array_equal(grid.levels_of_bits(x), levels)


@given(grid=grids, seed=seeds)
def test_bits_make_the_round_trip(grid, seed):
    x = np.random.default_rng(seed).integers(0, 2, (100, grid.dim), dtype=np.uint8)
    assert np.array_equal(grid.encode(grid.decode(x)), x), "a cell's centre lies in the cell"


@given(grid=grids, seed=seeds)
def test_points_move_by_half_a_cell_at_most(grid, seed):
    edge = grid.cell * grid.side / 2
    xy = np.random.default_rng(seed).uniform(-edge, edge, (100, 2))
    error = np.abs(grid.decode(grid.encode(xy)) - xy)
    assert error.max() <= grid.cell / 2 + 1e-6 * edge


@given(bits=st.integers(3, 16), seed=seeds)
def test_follows_its_definition(bits, seed):
    grid = Grid(5461.9, bits)
    xy = np.random.default_rng(seed).normal(0, 3, (20, 2))
    expected = [slow_encode(x, grid) + slow_encode(y, grid) for x, y in xy]
    assert ["".join(map(str, row)) for row in grid.encode(xy)] == expected


@given(grid=grids)
def test_neighbouring_cells_differ_in_one_bit(grid):
    # Across zero too: magnitude 0 on either side, only the sign changes.
    first = np.random.default_rng(0).integers(0, grid.side - 1, 200)
    first[0] = grid.side // 2 - 1
    left, right = (grid.bits_of_levels(np.stack([v, v], axis=1))[:, : grid.bits] for v in (first, first + 1))
    assert ((left != right).sum(1) == 1).all()


@given(xy=arrays.arrays(np.float64, (5, 2), elements=st.floats(-1e300, 1e300)))
def test_far_points_go_to_the_nearest_border(xy):
    grid = Grid(5000.0, 8)
    levels = grid.levels(xy)
    assert levels.min() >= 0
    assert levels.max() < grid.side
    edge = grid.cell * grid.side / 2
    assert (levels[xy >= edge] == grid.side - 1).all()
    assert (levels[xy < -edge] == 0).all()


@pytest.mark.parametrize("bits", [2, 17, 0, -1])
def test_bad_bits_are_refused(bits):
    with pytest.raises(ValueError, match=rf"bits must be in 3\.\.16, got {bits}"):
        Grid(5000.0, bits)


@pytest.mark.parametrize("units", [0.0, -1.0, float("nan")])
def test_bad_units_are_refused(units):
    with pytest.raises(ValueError, match="units must be positive"):
        Grid(units)


def test_no_points_are_no_error():
    grid = Grid(5000.0, 5)
    assert grid.encode(np.zeros((0, 2))).shape == (0, 10)
    assert grid.decode(np.zeros((0, 10), dtype=np.uint8)).shape == (0, 2)
