"""Sizes of networks: what has to be known, beside the weights, to build them again; limits, because they come from files."""

from typing import Any

MAX_WIDTH, MAX_DEPTH = 4096, 16
# Of the density that an energy refines: each is a call of its network.
MOST_STEPS = 128


def check_sizes(sizes: Any, *, widths: tuple[int, ...], depths: tuple[int, ...] = ()) -> None:
    """Errors: ValueError for sizes that no network here may have."""
    whole = all(type(size) is int for size in (*widths, *depths))
    if (
        not whole
        or not all(1 <= width <= MAX_WIDTH for width in widths)
        or not all(1 <= depth <= MAX_DEPTH for depth in depths)
    ):
        raise ValueError(f"networks of kind {sizes.kind} must have width 1..{MAX_WIDTH} and depth 1..{MAX_DEPTH}")
