"""A quick look at couplings in training."""

import numpy as np
import torch

from ebgfn.core.schedules import draw
from ebgfn.core.weights import effective_sample_size, log_weights
from ebgfn.evaluation.likelihood import mh_acceptance
from ebgfn.model import Model
from ebgfn.problems.base import LOOK_SEED
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.scores import neg_log_rmse


class CouplingsLook:
    """The couplings as they are now, how far from the true ones if these are known, and how well the sampler follows."""

    TRAJECTORIES = 64
    SAMPLES = 16

    def __init__(self, config: IsingConfig):
        self._true = config.true_couplings()
        self._x = torch.from_numpy(config.data()[: self.TRAJECTORIES]).float()

    @torch.no_grad()
    def look(self, model: Model) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """The score, the number of couplings and their mean; acceptance of moves of a tenth of the entries, ESS, log Z."""
        generator = torch.Generator().manual_seed(LOOK_SEED)
        couplings = model.energy.couplings()
        drawn = draw(model.policy, self.TRAJECTORIES, generator)
        log_w = log_weights(model.energy, drawn)
        found = couplings[couplings != 0]
        metrics = {
            "pairs": len(found) / 2,
            "mean_coupling": found.mean().item() if len(found) else 0.0,
            "mh_acceptance": mh_acceptance(
                model.energy, model.policy, self._x, k=max(1, model.dim // 10), generator=generator
            ),
            "ess": effective_sample_size(log_w),
            "log_z": (log_w.logsumexp(0) - np.log(len(log_w))).item(),
        }
        if self._true is not None:
            metrics["neg_log_rmse"] = neg_log_rmse(couplings.numpy(), self._true)
        samples = drawn.x[: self.SAMPLES].numpy().astype(np.uint8)
        return metrics, {"couplings": couplings.numpy(), "samples": samples}
