"""Area under the ROC curve: how probable it is that a row of one kind scores higher than one of the other.

The standard error is that of DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver
operating characteristic curves", 1988.
"""

import math

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from ebgfn.core.weights import Estimate


def roc_auc(odd: Float[np.ndarray, " odd"], usual: Float[np.ndarray, " usual"]) -> Estimate:
    """Of scores that should be higher for `odd`; equal ones count half. Errors: ValueError for fewer than two of a kind."""
    if min(len(odd), len(usual)) < 2:
        raise ValueError(f"the area needs at least 2 scores of each kind, got {len(odd)} and {len(usual)}")
    ranks = rankdata(np.concatenate([odd, usual]))
    above = (ranks[: len(odd)] - rankdata(odd)) / len(usual)
    below = 1 - (ranks[len(odd) :] - rankdata(usual)) / len(odd)
    variance = above.var(ddof=1) / len(odd) + below.var(ddof=1) / len(usual)
    return Estimate(float(above.mean()), math.sqrt(variance))
