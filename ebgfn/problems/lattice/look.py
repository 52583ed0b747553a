"""A quick look at a sampler of all sigma in training."""

import numpy as np
import torch

from ebgfn.core.schedules import draw
from ebgfn.core.weights import effective_sample_size, log_weights
from ebgfn.model import Model
from ebgfn.problems.base import LOOK_SEED
from ebgfn.problems.lattice import kaufman
from ebgfn.problems.lattice.config import LatticeConfig


class LatticeLook:
    """How well the sampler of all sigma does at a few of them, against Kaufman's log Z; no picture."""

    SIGMAS = (0.1, 0.18, 0.22, 0.26, 0.4)
    TRAJECTORIES = 64

    def __init__(self, config: LatticeConfig):
        self._exact = [kaufman.log_z(config.side, sigma) for sigma in self.SIGMAS]

    @torch.no_grad()
    def look(self, model: Model) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Excess of the mean of log weights below log Z (the sampler's divergence, in nats), worst and mean over sigma."""
        generator = torch.Generator().manual_seed(LOOK_SEED)
        gaps, ess = [], []
        for sigma, exact in zip(self.SIGMAS, self._exact, strict=True):
            energy, policy = model.energy.at(sigma), model.policy.at(sigma)
            log_w = log_weights(energy, draw(policy, self.TRAJECTORIES, generator))
            gaps.append(exact - log_w.mean().item())
            ess.append(effective_sample_size(log_w))
        metrics = {"divergence": float(np.mean(gaps)), "worst_divergence": max(gaps), "ess": min(ess)}
        return metrics, {}
