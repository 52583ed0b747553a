"""scikit-learn's detectors of outliers as peers that score how odd rows are: higher is odder. Both learn from all rows that
are known to be usual, as the densities do."""

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.states import Vectors

# Rows of which neighbours are looked for among each other, which takes time in their square.
FACTOR_ROWS = 10_000

Train = Float[Tensor, "train dim"]
Scores = Float[np.ndarray, " batch"]


def forest(train: Train, x: Vectors, *, seed: int) -> Scores:
    """How few random cuts set a row apart (`IsolationForest`)."""
    from sklearn.ensemble import IsolationForest

    return -IsolationForest(n_estimators=200, random_state=seed).fit(train.numpy()).score_samples(x.numpy())


def local_factor(train: Train, x: Vectors) -> Scores:
    """How much farther a row is from its neighbours than these are from theirs (`LocalOutlierFactor`).

    Of the different rows: those that are there more often than there are neighbours would have no distance at all.
    """
    from sklearn.neighbors import LocalOutlierFactor

    different = np.unique(train[:FACTOR_ROWS].numpy(), axis=0)
    detector = LocalOutlierFactor(n_neighbors=min(20, len(different) - 1), novelty=True).fit(different)
    return -detector.score_samples(x.numpy())
