"""EB-GFN as published: trajectory balance, learned P_B, K annealed, Metropolis-Hastings negatives.

Zhang et al., "Generative Flow Networks for Discrete Probabilistic Modeling", ICML 2022, arXiv 2202.01361. Each step:
sample trajectories, half forward from P_F and half backward from data by P_B; one gradient step on trajectory balance with
reward exp(-E); then one on E(x) - E(x') where x' is the end of a K-step back-and-forth move from the data point x.
K grows from 1 to D over training. Batch, sizes and learning rates are those of the authors' runs on 2D data.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.losses import contrastive, trajectory_balance
from ebgfn.core.schedules import draw
from ebgfn.core.trajectories import finest, log_prob, sample_backward
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model
from ebgfn.nets.mlp import MLPSizes
from ebgfn.train.learner import EnergyAndSampler, Learner, Moment, Sampler
from ebgfn.train.source import Source


@dataclass(frozen=True)
class PaperRecipe:
    """Settings of the published runs; `back_share` is the share of trajectories that start from data."""

    batch: int = 128
    lr: float = 1e-3
    log_z_lr: float = 1.0
    back_share: float = 0.5
    sizes: MLPSizes = MLPSizes(hidden=256, depth=3, learned_location=True, learned_erasure=True)


class Paper(EnergyAndSampler):
    """The published algorithm."""

    def __init__(self, model: Model, recipe: PaperRecipe):
        self.recipe = recipe
        self.energy = Learner(model.energy, lr=recipe.lr)
        self.sampler = Learner(Sampler(model.policy, model.log_z), lr=recipe.lr, rates={"log_z": recipe.log_z_lr})

    def step(self, source: Source, now: Moment, generator: torch.Generator) -> dict[str, float]:
        x = source.draw(self.recipe.batch)
        balance = self.sampler.update(self._trajectory_balance(x, generator))
        k = min(x.shape[1], max(1, round(now.progress * x.shape[1])))
        difference = self.energy.update(self._contrastive(x, k, generator))
        return {"balance": balance, "contrastive": difference, "k": float(k)}

    def _trajectory_balance(self, data: Float[Tensor, "batch dim"], generator: torch.Generator) -> Float[Tensor, ""]:
        policy, log_z = self.sampler.module.policy, self.sampler.module.log_z
        back = round(self.recipe.back_share * len(data))
        forward = draw(policy, len(data) - back, generator)
        order = sample_backward(policy, data[:back], k=data.shape[1], generator=generator)
        x, order = torch.cat([forward.x, data[:back]]), torch.cat([forward.order, order])
        with torch.no_grad():
            energy = self.energy.module(x)
        return trajectory_balance(log_z, *log_prob(policy, x, order, schedule=finest(policy.dim)), energy).mean()

    def _contrastive(self, x: Float[Tensor, "batch dim"], k: int, generator: torch.Generator) -> Float[Tensor, ""]:
        kernel = BackAndForth(self.energy.module, self.sampler.module.policy, k=k)
        negative, _ = kernel.step(kernel.init(x), generator)
        return contrastive(self.energy.module(x), self.energy.module(negative.x)).mean()
