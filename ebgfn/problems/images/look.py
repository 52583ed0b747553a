"""A quick look at a model of images in training."""

import numpy as np
import torch

from ebgfn.core.schedules import draw
from ebgfn.evaluation.likelihood import bound
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
        """One-call bound in nats, acceptance of moves of K pixels in one block, and samples in STEPS steps."""
        generator = torch.Generator().manual_seed(LOOK_SEED)
        k = min(self.K, model.dim)
        kernel = BackAndForth(model.energy, model.policy, k=k, schedule=(model.dim - k, model.dim))
        _, info = kernel.step(kernel.init(self._x), generator)
        metrics = {
            "gfn_bound": bound(model.policy, self._x, generator=generator).mean().item(),
            "mh_acceptance": info.log_alpha.clamp(max=0).exp().mean().item(),
        }
        drawn = draw(model.policy, self.SAMPLES, generator, steps=self.STEPS)
        return metrics, {"samples": drawn.x.numpy().astype(np.uint8)}
