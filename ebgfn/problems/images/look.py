"""A quick look at a model of images in training."""

import numpy as np
import torch

from ebgfn.core.schedules import draw
from ebgfn.evaluation.likelihood import bound, gfn_nll
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model
from ebgfn.problems.base import LOOK_SEED
from ebgfn.problems.images import sets
from ebgfn.problems.images.config import ImagesConfig


class ImagesLook:
    """The sampler's bound and the energy's acceptance on a few images that training does not see, and some samples."""

    IMAGES, SAMPLES, STEPS, K = 64, 16, 16, 64

    def __init__(self, config: ImagesConfig):
        held_out = sets.read(config.dataset, "validation").bits(np.random.default_rng(LOOK_SEED))
        self._x = torch.from_numpy(held_out[: self.IMAGES]).float()

    @torch.no_grad()
    def look(self, model: Model) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """One-call bound in nats, acceptance of moves of K pixels in one step, and samples in STEPS steps.

        Of a sampler that chooses its own locations: NLL by one path to each image, moves and samples entry by entry.
        """
        generator, policy, k = torch.Generator().manual_seed(LOOK_SEED), model.policy, min(self.K, model.dim)
        whole = policy.step_nats is None
        kernel = BackAndForth(model.energy, policy, k=k, schedule=None if whole else (model.dim - k, model.dim))
        _, info = kernel.step(kernel.init(self._x), generator)
        metrics = {"mh_acceptance": info.log_alpha.clamp(max=0).exp().mean().item()}
        if whole:
            metrics["gfn_nll"] = gfn_nll(policy, self._x, trajectories=1, generator=generator).value
        else:
            metrics["gfn_bound"] = bound(policy, self._x, generator=generator).mean().item()
        drawn = draw(policy, self.SAMPLES, generator, steps=None if whole else self.STEPS)
        return metrics, {"samples": drawn.x.numpy().astype(np.uint8)}
