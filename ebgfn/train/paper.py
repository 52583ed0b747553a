"""EB-GFN as published, for any problem: trajectory balance for the sampler, contrastive divergence for the energy.

Zhang et al., "Generative Flow Networks for Discrete Probabilistic Modeling", ICML 2022, arXiv 2202.01361. Each step:

1. Sample trajectories, half forward from P_F and half backward from data by P_B.
2. One gradient step of the sampler on trajectory balance with the reward exp(-E).
3. A negative x' for each data point x: the end of a back-and-forth move of K entries from x, accepted or not by
   Metropolis-Hastings; K grows from 1 to D over training. In the basic version x' is the end of a forward trajectory.
4. One gradient step of the energy on E(x) - E(x').
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.losses import contrastive, trajectory_balance
from ebgfn.core.schedules import draw
from ebgfn.core.states import Vectors
from ebgfn.core.trajectories import finest, log_prob, sample_backward
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model
from ebgfn.nets.mlp import MLPSizes
from ebgfn.train.learner import EnergyAndSampler, Learner, Moment, Sampler
from ebgfn.train.source import Source

Scalar = Float[Tensor, ""]


@dataclass(frozen=True)
class PaperRecipe:
    """Settings of the published runs on 2D data; `back_share` is the share of trajectories that start from data.

    `moves`: whether negatives are made by back-and-forth moves from data; False is the basic version.
    """

    batch: int = 128
    lr: float = 1e-3
    log_z_lr: float = 1.0
    back_share: float = 0.5
    moves: bool = True
    sizes: MLPSizes = MLPSizes(hidden=256, depth=3, learned_location=True, learned_erasure=True)


class Paper(EnergyAndSampler):
    """The published algorithm."""

    def __init__(self, model: Model, recipe: PaperRecipe):
        self.recipe = recipe
        self.energy = Learner(model.energy, lr=recipe.lr)
        self.sampler = Learner(Sampler(model.policy, model.log_z), lr=recipe.lr, rates={"log_z": recipe.log_z_lr})

    def step(self, source: Source, now: Moment, generator: torch.Generator) -> dict[str, float]:
        x, knobs = source.draw(self.recipe.batch), now.knobs
        rate = 1.0 if knobs.rate is None else knobs.rate
        balance = self.sampler.update(self._trajectory_balance(x, generator, knobs.temperature or 1.0), rate=rate)
        k = min(x.shape[1], knobs.k or max(1, round(now.progress * x.shape[1])))
        negative, energy = self._negatives(x, k, knobs.share, generator), self.energy.module
        difference = self.energy.update(contrastive(energy(x), energy(negative)).mean(), rate=rate)
        return {"balance": balance, "contrastive": difference} | ({"k": float(k)} if self.recipe.moves else {})

    def _negatives(self, x: Vectors, k: int, share: float | None, generator: torch.Generator) -> Vectors:
        """For each data point one; `share` of them, if it is not the recipe's, are the sampler's own."""
        drawn = len(x) * (not self.recipe.moves) if share is None else round(share * len(x))
        parts = [self._drawn(drawn, generator)] if drawn else []
        parts += [self._moved(x[drawn:], k, generator)] if drawn < len(x) else []
        return torch.cat(parts)

    def _trajectory_balance(self, data: Vectors, generator: torch.Generator, temperature: float = 1.0) -> Scalar:
        policy, log_z = self.sampler.module.policy, self.sampler.module.log_z
        back = round(self.recipe.back_share * len(data))
        forward = draw(policy, len(data) - back, generator)
        order = sample_backward(policy, data[:back], k=data.shape[1], generator=generator)
        x, order = torch.cat([forward.x, data[:back]]), torch.cat([forward.order, order])
        with torch.no_grad():
            energy = self.energy.module(x) / temperature
        log_pf, log_pb = log_prob(policy, x, order, schedule=finest(policy.dim))
        return trajectory_balance(log_z, log_pf, log_pb, energy).mean()

    def _moved(self, x: Vectors, k: int, generator: torch.Generator) -> Vectors:
        """Ends of back-and-forth moves from data."""
        kernel = BackAndForth(self.energy.module, self.sampler.module.policy, k=k)
        return kernel.step(kernel.init(x), generator)[0].x

    def _drawn(self, n: int, generator: torch.Generator) -> Vectors:
        """Ends of forward trajectories."""
        return draw(self.sampler.module.policy, n, generator).x
