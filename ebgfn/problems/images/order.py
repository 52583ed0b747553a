"""The order in which pictures are drawn: from coarse to fine, as in ordered dithering.

Each quarter of the pixels lies evenly between those before it, so that pixels filled in one step are far apart and nearly
independent given what is there. The likelihood of a whole picture needs no mean over orders then, and few steps suffice.
Bayer, "An optimum method for two-level rendition of continuous-tone pictures", ICC 1973.
"""

import numpy as np
from jaxtyping import Int


def coarse_to_fine(side: int) -> Int[np.ndarray, " dim"]:
    """All pixels of a picture so wide, row by row, sorted by the threshold that Bayer's matrix has there."""
    threshold = np.zeros((1, 1), dtype=np.int64)
    while len(threshold) < side:
        threshold = np.block([[4 * threshold, 4 * threshold + 2], [4 * threshold + 3, 4 * threshold + 1]])
    return np.argsort(threshold[:side, :side].ravel())
