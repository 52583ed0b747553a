"""A quick look at a model in training: a few numbers and one small picture, cheap enough to be taken every half second."""

import numpy as np
import torch

from ebgfn.config import Toy2DConfig
from ebgfn.data.gray import FULL_BITS
from ebgfn.data.truth import LOG_DENSITIES, log_density
from ebgfn.evaluation.landscape import energy_picture, sampler_picture
from ebgfn.evaluation.likelihood import effective_sample_size, gfn_nll, log_weights, mh_acceptance
from ebgfn.model import Model
from ebgfn.trajectories import sample_forward

TEST_POINTS = 256
TEST_SEED = 2**31
SIDE = 64
# The sampler's picture costs more than all the rest together, so each look renews one part of its rows only.
PICTURE_PARTS = 8


class Watch:
    """Holds a fixed test set, so that its curves move with the model and not with the points.

    Where the true density is known, likelihoods are corrected by what these points lie off the entropy (a control variate).
    """

    def __init__(self, config: Toy2DConfig):
        density = config.density()
        xy = density.draw(TEST_POINTS, np.random.default_rng(TEST_SEED))
        self._grid = density.grid(config.bits)
        self._x = torch.from_numpy(self._grid.encode(xy)).float()
        self._correction = 0.0
        if config.bits == FULL_BITS and config.dataset in LOG_DENSITIES:
            truth = 2 * np.log(density.units) - log_density(config.dataset, xy).mean()
            self._correction = density.entropy - float(truth)
        self._log_q: np.ndarray | None = None
        self._part = 0

    @torch.no_grad()
    def look(self, model: Model) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Estimates in nats on 256 test points with one trajectory each, and the landscape on 64 x 64 pixels."""
        generator = torch.Generator().manual_seed(TEST_SEED)
        drawn = sample_forward(model.policy, TEST_POINTS, generator)
        log_w = log_weights(model.energy, drawn)
        log_z = (log_w.logsumexp(0) - np.log(TEST_POINTS)).item()
        metrics = {
            "gfn_nll": gfn_nll(model.policy, self._x, trajectories=1, generator=generator).value + self._correction,
            "ebm_nll": model.energy(self._x).mean().item() + log_z + self._correction,
            "log_z": log_z,
            "ess": effective_sample_size(log_w),
            "mh_acceptance": mh_acceptance(
                model.energy, model.policy, self._x, k=min(8, model.dim), generator=generator
            ),
        }
        samples = self._grid.decode(drawn.x.numpy().astype(np.uint8))
        log_p = energy_picture(model, log_z=log_z, side=SIDE)
        return metrics, {"log_p": log_p, "log_q": self._sampler_picture(model), "samples": samples}

    def _sampler_picture(self, model: Model) -> np.ndarray:
        """log q with every eighth row, counted from `_part`, evaluated now; all of them at the first look."""
        if self._log_q is None:
            self._log_q = sampler_picture(model, side=SIDE)
        else:
            rows = slice(self._part, None, PICTURE_PARTS)
            self._log_q[rows] = sampler_picture(model, side=SIDE, rows=rows)
            self._part = (self._part + 1) % PICTURE_PARTS
        return self._log_q.copy()
