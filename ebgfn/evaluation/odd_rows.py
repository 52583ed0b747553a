"""Odd rows: rows in which some cells come from other rows. Each cell is usual; that they stand together is not."""

import numpy as np
from jaxtyping import Int, UInt8

# Share of the cells that come from another row.
SWAPPED = 0.25


def with_swapped_cells(
    x: UInt8[np.ndarray, "rows dim"],
    column: Int[np.ndarray, " dim"],
    rng: np.random.Generator,
    *,
    share: float = SWAPPED,
) -> UInt8[np.ndarray, "rows dim"]:
    """Each row with a share of its cells from one other row, at random; `column` of each bit: it is swapped as a whole.

    A row that remained what it was, as the other has the same values there, is given cells of further rows, a few times.
    """
    columns = int(column.max()) + 1
    count, odd = max(1, round(share * columns)), x.copy()
    for _ in range(20):
        same = np.flatnonzero((odd == x).all(1))
        if not len(same):
            break
        others = (same + rng.integers(1, len(x), len(same))) % len(x)
        chosen = (rng.random((len(same), columns)).argsort(axis=1) < count)[:, column]
        odd[same] = np.where(chosen, x[others], x[same])
    return odd
