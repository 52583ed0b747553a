"""A quick look at a model in training: a few numbers and one small picture, cheap enough to be taken every half second."""

import math

import numpy as np
import torch

from ebgfn.core.policy import Tractable
from ebgfn.core.schedules import draw
from ebgfn.core.weights import effective_sample_size, log_mean_exp, log_weights, mean_estimate
from ebgfn.evaluation.likelihood import log_likelihood, mh_acceptance
from ebgfn.model import Model
from ebgfn.problems.base import LOOK_SEED
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.problems.plane.landscape import cells_per_pixel, energy_picture, sampler_picture
from ebgfn.problems.plane.truth import LOG_DENSITIES, log_density

TEST_POINTS = 256
SIDE = 128
# Where a network is the sampler, its picture costs more than all the rest: pictures are coarser, and this one is renewed by
# every eighth look.
COARSE, LOOKS_A_PICTURE = 64, 8


class PlaneLook:
    """Holds a fixed test set, so that its curves move with the model and not with the points.

    Where the true density is known, likelihoods are corrected by what these points lie off the entropy (a control variate).
    """

    def __init__(self, config: Toy2DConfig):
        density = config.density()
        xy = density.draw(TEST_POINTS, np.random.default_rng(LOOK_SEED))
        self._grid = density.grid(config.bits)
        self._x = torch.from_numpy(self._grid.encode(xy)).float()
        # What each point costs under the truth beyond the entropy.
        self._excess = torch.zeros(TEST_POINTS)
        if config.bits == FULL_BITS and config.dataset in LOG_DENSITIES:
            truth = 2 * np.log(density.units) - log_density(config.dataset, xy)
            self._excess = torch.from_numpy(truth - density.entropy).float()
        self._log_q: np.ndarray | None = None
        self._looks = 0

    @torch.no_grad()
    def look(self, model: Model) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Estimates in nats on 256 test points with one trajectory each, and the landscape on side x side pixels.

        log Z is the larger of two estimates, both too low on average: by weights of the sampler's trajectories, of which few
        may count, and by the points of the pixels, which miss what lies outside of the picture.
        """
        generator = torch.Generator().manual_seed(LOOK_SEED)
        side = SIDE if _tractable(model) else COARSE
        drawn = draw(model.policy, TEST_POINTS, generator)
        log_w = log_weights(model.energy, drawn)
        by_sampler, ess = log_mean_exp(log_w), effective_sample_size(log_w)
        minus_energy = energy_picture(model, log_z=0.0, side=side)
        by_pixels = np.logaddexp.reduce(minus_energy, axis=None) + np.log(cells_per_pixel(self._grid, side))
        # The log of a mean is too low by half the relative variance of that mean.
        log_z = max(by_sampler.value + (1 / ess - 1) / (2 * TEST_POINTS), float(by_pixels))
        energy = mean_estimate(model.energy(self._x) - self._excess)
        log_q = log_likelihood(model.policy, self._x, trajectories=1, generator=generator)
        sampler = mean_estimate(-log_q - self._excess)
        metrics = {
            "gfn_nll": sampler.value,
            "gfn_nll_se": sampler.se,
            "ebm_nll": energy.value + log_z,
            "ebm_nll_se": math.hypot(energy.se, by_sampler.se),
            "log_z": log_z,
            "ess": ess,
            "mh_acceptance": mh_acceptance(
                model.energy, model.policy, self._x, k=min(8, model.dim), generator=generator
            ),
        }
        samples = self._grid.decode(drawn.x.numpy().astype(np.uint8))
        return metrics, {
            "log_p": minus_energy - np.float32(log_z),
            "log_q": self._sampler_picture(model),
            "samples": samples,
        }

    def _sampler_picture(self, model: Model) -> np.ndarray:
        """log q of every pixel at one moment of training: now, or at the last whole picture."""
        if _tractable(model):
            return sampler_picture(model, side=SIDE)
        if self._log_q is None or self._looks % LOOKS_A_PICTURE == 0:
            self._log_q = sampler_picture(model, side=COARSE)
        self._looks += 1
        return self._log_q


def _tractable(model: Model) -> bool:
    return isinstance(model.policy, Tractable)
