"""How much of the data samples cover: the share of points whose nearest neighbours hold a sample.

Coverage of Naeem et al., "Reliable fidelity and diversity metrics for generative models", ICML 2020, arXiv 2002.09797: the
ball around a point reaches to the NEAREST-th of the other points. A mode that is never drawn takes its share away, whatever
the likelihood says. As many samples as points, of one distribution, cover 1 - 2^-NEAREST of them.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.weights import Estimate, mean_estimate

NEAREST = 5


def coverage(samples: Float[Tensor, "samples axes"], points: Float[Tensor, "points axes"]) -> Estimate:
    """Share of the points that are covered. Errors: ValueError for too few points."""
    if len(points) <= NEAREST:
        raise ValueError(f"coverage needs more than {NEAREST} points, got {len(points)}")
    covered = []
    for part in points.split(1024):
        # The first of the neighbours is the point itself.
        reach = torch.cdist(part, points).kthvalue(NEAREST + 1, dim=1).values
        covered.append(torch.cdist(part, samples).min(1).values < reach)
    return mean_estimate(torch.cat(covered).float())
