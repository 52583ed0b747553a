"""EB-GFN, fast: the same two models and the same fixed point as `paper`, by better conditioned steps.

Locations and erasure are uniform, so they cancel in log P_F - log P_B and a trajectory's log-density is the sum of the
log-probabilities of its values (an any-order autoregressive model).

Sampler. Backward trajectories from data; one network call predicts all void entries of one random state of each. The label
of a void entry is not its value but its conditional probability under the energy given all the other entries. Its mean is
the same when the energy fits the data, its variance far smaller, and so the sampler learns from the energy, not from the data alone.

Energy. The seed's update E(x) - E(x') with each example weighted by how wrongly it is classified: data against trajectories
of known density (noise-contrastive estimation), half of them from the sampler and half from the untrained, uniform sampler,
which is what reaches spurious modes that the trained one never visits. When sampler and energy agree, the weights are 1/2.

What the energy teaches and the densities of the noise are computed for a pool of points at a time and used several times.
Until `warm_share` of the budget there is nothing to learn from each other: plain labels, uniform noise.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.algorithms.learner import Learner, Moment, Sampler
from ebgfn.data.stream import Stream
from ebgfn.energies import conditionals
from ebgfn.losses import any_order_likelihood, noise_contrastive
from ebgfn.model import Architecture, Model
from ebgfn.trajectories import log_probs_chunked, sample_forward, uniform_orders

Batch = Float[Tensor, " batch"]
Vectors = Float[Tensor, "batch dim"]


@dataclass(frozen=True)
class FastRecipe:
    """Settings, tuned at D = 32 with 120 s on two cores."""

    batch: int = 512
    lr: float = 4e-3
    decay: bool = True
    average: float = 0.999
    clip: float = 20.0
    warm_share: float = 0.25
    pool: int = 16_384
    reuse: int = 16
    teacher: bool = True
    sampler_noise: bool = True
    energy_every: int = 2
    architecture: Architecture = Architecture(hidden=192, depth=3)


@dataclass(frozen=True)
class Pool:
    """Data with the energy's conditionals as labels, noise, and the log-density of the noise at both, along one order each."""

    x: Vectors
    labels: Vectors
    noise: Vectors
    log_noise_x: Batch
    log_noise_noise: Batch

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, index: Tensor) -> "Pool":
        return Pool(*(part[index] for part in vars(self).values()))


class Fast:
    """Our algorithm."""

    def __init__(self, model: Model, recipe: FastRecipe):
        self.recipe = recipe
        settings = {"lr": recipe.lr, "average": recipe.average, "clip": recipe.clip}
        self.energy = Learner(model.energy, **settings)
        self.sampler = Learner(Sampler(model.policy, model.log_z), **settings)
        self._pool: Pool | None = None
        self._queue: list[Tensor] = []

    def step(self, stream: Stream, now: Moment, generator: torch.Generator) -> dict[str, float]:
        batch = self._next(stream, now, generator)
        rate = min(1.0, (now.step + 1) / 100) * (0.5 * (1 + math.cos(math.pi * now.progress)) if self.recipe.decay else 1.0)
        mask = random_masks(len(batch), batch.x.shape[1], generator)
        value_logits = self.sampler.module.policy(batch.x, mask).value_logits
        losses = {"any_order": self.sampler.update(any_order_likelihood(value_logits, batch.labels, mask).mean(), rate=rate)}
        if now.step % self.recipe.energy_every == 0:
            energy = self.energy.module(torch.cat([batch.x, batch.noise]))
            log_ratio = -energy - torch.cat([batch.log_noise_x, batch.log_noise_noise])
            losses["noise_contrastive"] = self.energy.update(noise_contrastive(*log_ratio.chunk(2)).mean(), rate=rate)
        return losses

    def _next(self, stream: Stream, now: Moment, generator: torch.Generator) -> Pool:
        if now.progress < self.recipe.warm_share:
            return warm_pool(stream.draw(self.recipe.batch), generator)
        if not self._queue:
            self._pool = self._joint_pool(stream.draw(self.recipe.pool), generator)
            for _ in range(self.recipe.reuse):
                self._queue += torch.randperm(len(self._pool), generator=generator).split(self.recipe.batch)
        return self._pool.rows(self._queue.pop())

    def _joint_pool(self, x: Vectors, generator: torch.Generator) -> Pool:
        policy = self.sampler.averaged.policy
        warm = warm_pool(x, generator)
        labels = conditionals(self.energy.averaged, x) if self.recipe.teacher else x
        if not self.recipe.sampler_noise:
            return Pool(x, labels, warm.noise, warm.log_noise_x, warm.log_noise_noise)
        drawn = sample_forward(policy, len(x) // 2, generator)
        uniform = warm.noise[len(drawn.x) :]
        known = torch.cat([x, uniform])
        log_pf, log_pb = log_probs_chunked(policy, known, uniform_orders(*known.shape, generator))
        log_q = torch.cat([log_pf - log_pb, drawn.log_pf - drawn.log_pb])
        log_noise = torch.logaddexp(log_q, torch.full_like(log_q, -x.shape[1] * math.log(2))) - math.log(2)
        return Pool(x, labels, torch.cat([uniform, drawn.x]), log_noise[: len(x)], log_noise[len(x) :])


def warm_pool(x: Vectors, generator: torch.Generator) -> Pool:
    """Data with their own values as labels, against uniform noise."""
    noise = torch.randint(0, 2, x.shape, generator=generator).float()
    log_noise = torch.full((len(x),), -x.shape[1] * math.log(2))
    return Pool(x, x, noise, log_noise, log_noise)


def random_masks(batch: int, dim: int, generator: torch.Generator) -> Tensor:
    """Random states: the number t of filled entries uniform on 0..D-1 and stratified over the batch, their set uniform."""
    t = ((torch.arange(batch) + torch.rand(1, generator=generator)) / batch * dim).long().clamp(max=dim - 1)
    return uniform_orders(batch, dim, generator) < t.unsqueeze(1)
