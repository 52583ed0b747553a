"""EB-GFN, fast: the same two models and the same fixed point as `paper`, by better conditioned steps.

Locations and erasure are uniform, so they cancel in log P_F - log P_B and a trajectory's log-density is the sum of the
log-probabilities of its values (an any-order autoregressive model).

Sampler. Backward trajectories from data; one network call predicts all void entries of one random state of each. The label
of a void entry is not its value but its conditional probability under the energy given all other entries. Where the energy
fits the data the mean is the same and the variance far smaller; and so the sampler learns the energy, not the data alone.

Energy. The seed's update E(x) - E(x') with negatives x' from the sampler, each weighted by exp(-E(x')) P_B / P_F: the
gradient of the likelihood, log Z by importance sampling. Beside it, data are told from uniform bits, the samples of the
untrained sampler (noise-contrastive estimation): this reaches spurious modes that the trained one never visits, and keeps
log Z at zero.

Labels and negatives are made for a pool of points at a time and used several times; data for the energy are always fresh.
Until `warm_share` of the budget there are no negatives from the sampler, until `teach_share` no labels from the energy:
there is too little to learn from each other yet.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ebgfn import parallel
from ebgfn.core.energy import conditionals
from ebgfn.core.losses import any_order_likelihood, contrastive, noise_contrastive
from ebgfn.core.schedules import draw
from ebgfn.core.states import Batch, Vectors, random_masks
from ebgfn.model import Model
from ebgfn.nets.mlp import MLPSizes
from ebgfn.train.learner import EnergyAndSampler, Learner, Moment, Sampler, warm_cosine
from ebgfn.train.source import Source


@dataclass(frozen=True)
class FastRecipe:
    """Settings, tuned at D = 32 with 120 s on two cores.

    `teach_share`: share of the budget after which the energy labels the sampler's states. `states_per_point`: states of one
    trajectory that are trained on together; D would be whole trajectories.
    """

    batch: int = 512
    energy_batch: int = 256
    lr: float = 4e-3
    energy_lr: float = 8e-3
    decay: bool = True
    average: float = 0.999
    clip: float = 20.0
    warm_share: float = 0.1
    pool: int = 16_384
    reuse: int = 16
    teach_share: float = 0.3
    negatives: bool = True
    states_per_point: int = 1
    # Cells in Gray code are parities of bits, and parities want depth: after 3000 steps of noise-contrastive estimation on
    # 2spirals, five layers of 128 lay 0.05 nats above the floor, three of 192 0.21. The sampler gained little from it.
    sizes: MLPSizes = MLPSizes(hidden=192, depth=3, energy_hidden=128, energy_depth=6)


@dataclass(frozen=True)
class Lessons:
    """What the two models teach each other: data with labels from the energy, and the sampler's trajectories.

    `negative` and `log_q` are ends and log P_F - log P_B of the trajectories.
    """

    x: Vectors
    labels: Vectors
    negative: Vectors
    log_q: Batch

    def rows(self, index: Int[Tensor, " batch"]) -> "Lessons":
        return Lessons(*(part[index] for part in vars(self).values()))


class Fast(EnergyAndSampler):
    """Our algorithm."""

    def __init__(self, model: Model, recipe: FastRecipe):
        self.recipe = recipe
        self.energy = Learner(model.energy, lr=recipe.energy_lr, average=recipe.average, clip=recipe.clip)
        sampler = Sampler(model.policy, model.log_z)
        self.sampler = Learner(sampler, lr=recipe.lr, average=recipe.average, clip=recipe.clip)
        self._lessons: Lessons | None = None
        self._order = torch.empty(0, dtype=torch.int64, device=model.device)

    def step(self, source: Source, now: Moment, generator: torch.Generator) -> dict[str, float]:
        rate = self._rate(now)
        lesson = self._next_lesson(source, now, generator)
        if lesson is None or now.progress < self.recipe.teach_share:
            x = labels = source.draw(self.recipe.batch)
        else:
            x, labels = lesson.x, lesson.labels
        return {
            "any_order": self.sampler.update(self._any_order(x, labels, generator), rate=rate),
            "contrastive": self.energy.update(self._contrastive(source, lesson, generator), rate=rate),
        }

    def _rate(self, now: Moment) -> float:
        """Warm-up, then cosine decay to zero over the budget: most of the gain comes in its last third."""
        return warm_cosine(now.step, now.progress if self.recipe.decay else 0.0)

    def _any_order(self, x: Vectors, labels: Vectors, generator: torch.Generator) -> Float[Tensor, ""]:
        if (states := self.recipe.states_per_point) > 1:
            x, labels = (points[: len(points) // states].repeat(states, 1) for points in (x, labels))
        mask = random_masks(len(x), x.shape[1], generator)
        return any_order_likelihood(self.sampler.module.policy(x, mask).value_logits, labels, mask).mean()

    def _contrastive(self, source: Source, lesson: Lessons | None, generator: torch.Generator) -> Float[Tensor, ""]:
        x = source.draw(self.recipe.energy_batch)
        size, log_uniform = len(x), -x.shape[1] * math.log(2)
        uniform = torch.randint(0, 2, x.shape, generator=generator, device=x.device).float()
        negative = x[:0] if lesson is None else lesson.negative[:size]
        parts = self.energy.module(torch.cat([x, uniform, negative])).split([size, size, len(negative)])
        energy, energy_uniform, energy_negative = parts
        loss = noise_contrastive(-energy - log_uniform, -energy_uniform - log_uniform).mean()
        if lesson is None or not self.recipe.negatives:
            return loss
        weights = torch.softmax(-energy_negative.detach() - lesson.log_q[:size], 0)
        return loss + contrastive(energy.mean(), (weights * energy_negative).sum())

    def _next_lesson(self, source: Source, now: Moment, generator: torch.Generator) -> Lessons | None:
        """The next rows of the pool; a used-up pool is filled anew with the networks as they are now."""
        if now.progress < self.recipe.warm_share:
            return None
        if self._lessons is None or len(self._order) == 0:
            self._lessons = self._make(source.draw(self.recipe.pool), now, generator)
            pool, device = self.recipe.pool, generator.device
            orders = [torch.randperm(pool, generator=generator, device=device) for _ in range(self.recipe.reuse)]
            self._order = torch.cat(orders)
        index, self._order = self._order[: self.recipe.batch], self._order[self.recipe.batch :]
        return self._lessons.rows(index)

    def _make(self, x: Vectors, now: Moment, generator: torch.Generator) -> Lessons:
        """A pool of lessons, each of which will be used `reuse` times."""
        energy = self.energy.averaged
        labels = conditionals(energy, x) if now.progress >= self.recipe.teach_share else x
        drawn = draw(self.sampler.averaged.policy, len(x), generator)
        log_q = drawn.log_pf - drawn.log_pb
        self._set_log_z(parallel.mean((-energy(drawn.x) - log_q).logsumexp(0) - math.log(len(x))))
        return Lessons(x, labels, drawn.x, log_q)

    def pool(self) -> dict[str, Any]:
        return {"lessons": None if self._lessons is None else vars(self._lessons), "order": self._order.clone()}

    def refill(self, pool: dict[str, Any]) -> None:
        device = self._order.device
        kept = pool["lessons"]
        self._lessons = None if kept is None else Lessons(**{name: part.to(device) for name, part in kept.items()})
        self._order = pool["order"].to(device)

    @torch.no_grad()
    def _set_log_z(self, value: Tensor) -> None:
        """log Z needs no gradient here: the negatives' weights estimate it."""
        self.sampler.module.log_z.copy_(value)
        self.sampler.averaged.log_z.copy_(value)
