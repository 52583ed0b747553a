"""Does a sampler repeat the rows it was trained on? In how many cells each row differs from the nearest of them.

Rows that were held out tell what is to be expected: a sampler of the same distribution comes as near and no nearer.
"""

import numpy as np
from jaxtyping import Int

# Rows compared at once: bounds memory.
PIECE = 2000

Codes = Int[np.ndarray, "rows columns"]


def nearest(codes: Codes, training: Int[np.ndarray, "others columns"]) -> tuple[np.ndarray, np.ndarray]:
    """Number of cells that differ from the nearest training row, and which row that is (the first of several)."""
    levels = np.maximum(codes.max(0, initial=0), training.max(0, initial=0)) + 1
    told = _one_hot(codes, levels)
    agree, which = np.full(len(codes), -1.0, np.float32), np.zeros(len(codes), np.int64)
    for begin in range(0, len(training), PIECE):
        alike = told @ _one_hot(training[begin : begin + PIECE], levels).T
        best = alike.argmax(1)
        value = alike[np.arange(len(codes)), best]
        better = value > agree
        agree[better], which[better] = value[better], begin + best[better]
    return (codes.shape[1] - agree).astype(np.int64), which


def _one_hot(codes: np.ndarray, levels: np.ndarray) -> np.ndarray:
    starts = np.cumsum(levels) - levels
    told = np.zeros((len(codes), int(levels.sum())), np.float32)
    np.put_along_axis(told, codes + starts, 1.0, axis=1)
    return told
