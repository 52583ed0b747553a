"""A quick look at a model of images in training."""

import numpy as np
import torch

from ebgfn.core.schedules import draw, fill
from ebgfn.evaluation.likelihood import bound, gfn_nll
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model
from ebgfn.problems.base import LOOK_SEED
from ebgfn.problems.images import sets
from ebgfn.problems.images.config import ImagesConfig

# A pixel that is not given, in what a page draws.
VOID = 2


class ImagesLook:
    """On images that training does not see: the sampler's bound, the energy's acceptance, one filled in; and samples.

    Pictures of few pixels are many: they cost and take little.
    """

    IMAGES, STEPS = 64, 16
    FEWEST_SAMPLES, MOST_SAMPLES, ANSWERS = 16, 64, 8
    # A part of the pixels that moves erase, but no more than so many.
    PART, MOST_K = 4, 64

    def __init__(self, config: ImagesConfig):
        held_out = sets.read(config.dataset, "validation").bits(np.random.default_rng(LOOK_SEED))
        self._x = torch.from_numpy(held_out[: self.IMAGES]).float()
        left = np.arange(config.dim) % config.side < config.side // 2
        chosen = held_out[self._liveliest(held_out[: self.IMAGES])]
        self._given = np.where(left, chosen, VOID).astype(np.uint8)
        self._samples = max(self.FEWEST_SAMPLES, min(self.MOST_SAMPLES, self.MOST_SAMPLES * 64 // config.dim))

    @staticmethod
    def _liveliest(x: np.ndarray) -> int:
        """The image whose left half changes most from row to row, so that there is something to go on from."""
        side = round(x.shape[1] ** 0.5)
        left = x.reshape(-1, side, side)[:, :, : side // 2]
        return int((left[:, 1:] != left[:, :-1]).sum((1, 2)).argmax())

    @torch.no_grad()
    def look(self, model: Model) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """One-call bound in nats, acceptance of moves in one step, samples in STEPS steps, and right halves to a left one.

        Of a sampler that chooses its own locations: NLL by one path to each image, moves and samples entry by entry.
        """
        generator, policy = torch.Generator().manual_seed(LOOK_SEED), model.policy
        whole, k = policy.step_nats is None, min(self.MOST_K, model.dim // self.PART)
        kernel = BackAndForth(model.energy, policy, k=k, schedule=None if whole else (model.dim - k, model.dim))
        _, info = kernel.step(kernel.init(self._x), generator)
        metrics = {"mh_acceptance": info.log_alpha.clamp(max=0).exp().mean().item()}
        if whole:
            metrics["gfn_nll"] = gfn_nll(policy, self._x, trajectories=1, generator=generator).value
        else:
            metrics["gfn_bound"] = bound(policy, self._x, generator=generator).mean().item()
        drawn = draw(policy, self._samples, generator, steps=None if whole else self.STEPS)
        start = torch.from_numpy(self._given).repeat(self.ANSWERS, 1)
        answers = fill(policy, torch.where(start == VOID, 0, start).float(), start != VOID, generator)
        frame = {"samples": drawn.x, "given": torch.from_numpy(self._given), "answers": answers}
        return metrics, {name: x.numpy().astype(np.uint8) for name, x in frame.items()}
