"""A quick look at a model in training: a few numbers and one small picture, cheap enough to be taken every half second."""

import math

import numpy as np
import torch

from ebgfn.blocks import best_schedule, sample_blocks
from ebgfn.config import FileConfig, ImagesConfig, IsingConfig, LatticeConfig, Toy2DConfig
from ebgfn.data import images, kaufman
from ebgfn.data.gray import FULL_BITS
from ebgfn.data.truth import LOG_DENSITIES, log_density
from ebgfn.evaluation.images import bound
from ebgfn.evaluation.ising import neg_log_rmse
from ebgfn.evaluation.landscape import cells_per_pixel, energy_picture, sampler_picture
from ebgfn.evaluation.likelihood import (
    effective_sample_size,
    log_likelihood,
    log_mean_exp,
    log_weights,
    mean_estimate,
    mh_acceptance,
)
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model
from ebgfn.trajectories import sample_forward

TEST_POINTS = 256
TEST_SEED = 2**31
SIDE = 64
# The sampler's picture costs more than all the rest together, so each look renews one part of its rows only.
PICTURE_PARTS = 8


class Toy2DWatch:
    """Holds a fixed test set, so that its curves move with the model and not with the points.

    Where the true density is known, likelihoods are corrected by what these points lie off the entropy (a control variate).
    """

    def __init__(self, config: Toy2DConfig):
        density = config.density()
        xy = density.draw(TEST_POINTS, np.random.default_rng(TEST_SEED))
        self._grid = density.grid(config.bits)
        self._x = torch.from_numpy(self._grid.encode(xy)).float()
        # What each point costs under the truth beyond the entropy.
        self._excess = torch.zeros(TEST_POINTS)
        if config.bits == FULL_BITS and config.dataset in LOG_DENSITIES:
            truth = 2 * np.log(density.units) - log_density(config.dataset, xy)
            self._excess = torch.from_numpy(truth - density.entropy).float()
        self._log_q: np.ndarray | None = None
        self._part = 0

    @torch.no_grad()
    def look(self, model: Model) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Estimates in nats on 256 test points with one trajectory each, and the landscape on 64 x 64 pixels.

        log Z is the larger of two estimates, both too low on average: by weights of the sampler's trajectories, of which few
        may count, and by the points of the pixels, which miss what lies outside of the picture.
        """
        generator = torch.Generator().manual_seed(TEST_SEED)
        drawn = sample_forward(model.policy, TEST_POINTS, generator)
        log_w = log_weights(model.energy, drawn)
        by_sampler, ess = log_mean_exp(log_w), effective_sample_size(log_w)
        minus_energy = energy_picture(model, log_z=0.0, side=SIDE)
        by_pixels = np.logaddexp.reduce(minus_energy, axis=None) + np.log(cells_per_pixel(self._grid, SIDE))
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
        """log q with every eighth row, counted from `_part`, evaluated now; all of them at the first look."""
        if self._log_q is None:
            self._log_q = sampler_picture(model, side=SIDE)
        else:
            rows = slice(self._part, None, PICTURE_PARTS)
            self._log_q[rows] = sampler_picture(model, side=SIDE, rows=rows)
            self._part = (self._part + 1) % PICTURE_PARTS
        return self._log_q.copy()


class CouplingsWatch:
    """The couplings as they are now, how far from the true ones if these are known, and how well the sampler follows."""

    TRAJECTORIES = 64
    SAMPLES = 16

    def __init__(self, config: IsingConfig | FileConfig):
        self._true = config.true_couplings()
        self._x = torch.from_numpy(config.data()[: self.TRAJECTORIES]).float()

    @torch.no_grad()
    def look(self, model: Model) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """The score, the number of couplings and their mean; acceptance of moves of a tenth of the entries, ESS, log Z."""
        generator = torch.Generator().manual_seed(TEST_SEED)
        couplings = model.energy.couplings()
        drawn = sample_forward(model.policy, self.TRAJECTORIES, generator)
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


class LatticeWatch:
    """How well the sampler of all sigma does at a few of them, against Kaufman's log Z; no picture."""

    SIGMAS = (0.1, 0.18, 0.22, 0.26, 0.4)
    TRAJECTORIES = 64

    def __init__(self, config: LatticeConfig):
        self._exact = [kaufman.log_z(config.side, sigma) for sigma in self.SIGMAS]

    @torch.no_grad()
    def look(self, model: Model) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Excess of the mean of log weights below log Z (the sampler's divergence, in nats), worst and mean over sigma."""
        generator = torch.Generator().manual_seed(TEST_SEED)
        gaps, ess = [], []
        for sigma, exact in zip(self.SIGMAS, self._exact, strict=True):
            energy, policy = model.energy.at(sigma), model.policy.at(sigma)
            log_w = log_weights(energy, sample_forward(policy, self.TRAJECTORIES, generator))
            gaps.append(exact - log_w.mean().item())
            ess.append(effective_sample_size(log_w))
        metrics = {"divergence": float(np.mean(gaps)), "worst_divergence": max(gaps), "ess": min(ess)}
        return metrics, {}


class ImagesWatch:
    """The sampler's bound and the energy's acceptance on a few images that training does not see, and some samples."""

    IMAGES, SAMPLES, STEPS, K = 64, 16, 16, 64

    def __init__(self, config: ImagesConfig):
        held_out = images.read(config.dataset, "validation").bits(np.random.default_rng(TEST_SEED))
        self._x = torch.from_numpy(held_out[: self.IMAGES]).float()

    @torch.no_grad()
    def look(self, model: Model) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """One-call bound in nats, acceptance of moves of K pixels in one block, and samples in STEPS steps."""
        generator = torch.Generator().manual_seed(TEST_SEED)
        k = min(self.K, model.dim)
        kernel = BackAndForth(model.energy, model.policy, k=k, schedule=(model.dim - k, model.dim))
        _, info = kernel.step(kernel.init(self._x), generator)
        metrics = {
            "gfn_bound": bound(model.policy, self._x, generator=generator).mean().item(),
            "mh_acceptance": info.log_alpha.clamp(max=0).exp().mean().item(),
        }
        schedule = best_schedule(model.policy.step_nats, self.STEPS)
        drawn = sample_blocks(model.policy, self.SAMPLES, schedule=schedule, generator=generator)
        return metrics, {"samples": drawn.x.numpy().astype(np.uint8)}
