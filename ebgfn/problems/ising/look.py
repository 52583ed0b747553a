"""A quick look at couplings in training."""

import numpy as np
import torch

from ebgfn.core.schedules import draw
from ebgfn.core.states import Vectors
from ebgfn.core.weights import effective_sample_size, log_weights
from ebgfn.evaluation.likelihood import mh_acceptance
from ebgfn.mcmc import Gibbs, run_chain
from ebgfn.model import Model
from ebgfn.problems.base import LOOK_SEED
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.scores import neg_log_rmse

SWEEPS = 50


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
        found = couplings[couplings != 0]
        metrics = {"pairs": len(found) / 2, "mean_coupling": found.mean().item() if len(found) else 0.0}
        if self._true is not None:
            metrics["neg_log_rmse"] = neg_log_rmse(couplings.numpy(), self._true)
        if model.policy is None:
            shown = samples(model, self.SAMPLES, generator)
        else:
            drawn = draw(model.policy, self.TRAJECTORIES, generator)
            shown, log_w = drawn.x[: self.SAMPLES], log_weights(model.energy, drawn)
            k = max(1, model.dim // 10)
            metrics["mh_acceptance"] = mh_acceptance(model.energy, model.policy, self._x, k=k, generator=generator)
            metrics["ess"] = effective_sample_size(log_w)
            metrics["log_z"] = (log_w.logsumexp(0) - np.log(len(log_w))).item()
        return metrics, {
            "couplings": couplings.numpy(),
            "fields": model.energy.fields().numpy(),
            "samples": shown.numpy().astype(np.uint8),
        }


def samples(model: Model, n: int, generator: torch.Generator) -> Vectors:
    """`n` samples of the sampler; of an energy without one, ends of chains of SWEEPS Gibbs sweeps from random bits."""
    if model.policy is not None:
        return draw(model.policy, n, generator).x
    x = torch.randint(0, 2, (n, model.dim), generator=generator, device=generator.device).float()
    return run_chain(Gibbs(model.energy, sites=model.dim), x, steps=SWEEPS, generator=generator).x[-1].float()
