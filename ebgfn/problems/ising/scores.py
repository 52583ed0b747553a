"""How well couplings were recovered, and what others make of the same samples.

The score is -log of the root mean square error over all D^2 entries of J, natural logarithm; higher is better.
"""

import math

import numpy as np
import torch
from jaxtyping import Float, UInt8

from ebgfn.baselines import pseudo_likelihood

Square = Float[np.ndarray, "dim dim"]


def neg_log_rmse(couplings: Square, true: Square) -> float:
    """-log sqrt(mean (J - J_true)^2)."""
    square = float(np.mean((couplings - true) ** 2, dtype=np.float64))
    return math.inf if square == 0 else -0.5 * math.log(square)


def peers(x: UInt8[np.ndarray, "samples dim"], true: Square, *, shared: np.ndarray | None = None) -> dict[str, float]:
    """Scores on the same samples: L1 pseudo-likelihood chosen by held-out data, that which knows the support, and J = 0.

    With `shared` couplings, pseudo-likelihood is told which are shared as well.
    """
    data, support = torch.from_numpy(x).float(), torch.from_numpy(true != 0)
    table = None if shared is None else torch.from_numpy(shared)
    path = pseudo_likelihood.path(data, shared=table)
    chosen = min(path, key=lambda candidate: candidate.held_out)
    oracle = pseudo_likelihood.refit(data, support, shared=table)
    figures = {
        "neg_log_rmse_l1_pl": neg_log_rmse(chosen.couplings.numpy(), true),
        "neg_log_rmse_l1_pl_best": max(neg_log_rmse(c.couplings.numpy(), true) for c in path),
        "neg_log_rmse_oracle": neg_log_rmse(oracle.couplings.numpy(), true),
        "neg_log_rmse_zero": neg_log_rmse(np.zeros_like(true), true),
    }
    return {name: value for name, value in figures.items() if math.isfinite(value)}
