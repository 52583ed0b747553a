"""scikit-learn's imputers as peers that fill hidden entries: numbers in 0..1 that are read as probabilities of a 1."""

import warnings
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.states import Masks, Vectors

# Neighbours over which a mean is taken; training rows beside the incomplete ones, as imputers slow down with them.
NEIGHBOURS, NEIGHBOUR_ROWS, ITERATIVE_ROWS = 20, 10_000, 2000
# What an imputer says is no probability: none counts as more certain.
LEAST = 0.01

Train = Float[Tensor, "train dim"]


def nearest_rows(train: Train, x: Vectors, mask: Masks) -> Vectors:
    """Means over the training rows that are nearest in what is known (`KNNImputer`)."""
    from sklearn.impute import KNNImputer

    imputer = KNNImputer(n_neighbors=NEIGHBOURS, keep_empty_features=True).fit(train[:NEIGHBOUR_ROWS].numpy())
    return _clipped(imputer.transform(_with_gaps(x, mask)), x, mask)


def regressions(train: Train, x: Vectors, mask: Masks, *, seed: int) -> Vectors:
    """A linear regression of each entry on all others, in rounds, known rows and incomplete ones together
    (`IterativeImputer`)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    known = train[:ITERATIVE_ROWS].numpy()
    imputer = IterativeImputer(min_value=0.0, max_value=1.0, keep_empty_features=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        told: Any = imputer.fit_transform(np.concatenate([known, _with_gaps(x, mask)]))
    return _clipped(told[len(known) :], x, mask)


def _with_gaps(x: Vectors, mask: Masks) -> np.ndarray:
    return torch.where(mask, x, torch.nan).numpy()


def _clipped(told: Any, x: Vectors, mask: Masks) -> Tensor:
    return torch.where(mask, x, torch.from_numpy(told).float().clamp(LEAST, 1 - LEAST))
