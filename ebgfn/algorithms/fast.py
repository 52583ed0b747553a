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
Until `warm_share` of the budget there is nothing to learn from each other: values as labels, uniform noise alone.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.algorithms.learner import Learner, Moment, Sampler
from ebgfn.data.stream import Stream
from ebgfn.energies import conditionals
from ebgfn.losses import any_order_likelihood, contrastive, noise_contrastive
from ebgfn.model import Architecture, Model
from ebgfn.trajectories import sample_forward, uniform_orders

Batch = Float[Tensor, " batch"]
Vectors = Float[Tensor, "batch dim"]


@dataclass(frozen=True)
class FastRecipe:
    """Settings, tuned at D = 32 with 120 s on two cores."""

    batch: int = 512
    energy_batch: int = 256
    lr: float = 4e-3
    decay: bool = True
    average: float = 0.999
    clip: float = 20.0
    warm_share: float = 0.1
    pool: int = 16_384
    reuse: int = 16
    teach_share: float = 0.5
    negatives: bool = True
    architecture: Architecture = Architecture(hidden=192, depth=3)


@dataclass(frozen=True)
class Pool:
    """Data with the energy's conditionals as labels (None: it does not teach yet), and the sampler's trajectories: their
    ends and log P_F - log P_B."""

    x: Vectors
    labels: Vectors | None
    negative: Vectors
    log_q: Batch


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
        rows = None
        if now.progress >= self.recipe.warm_share:
            rows = self._next_rows(stream, now, generator)
        rate = self._rate(now)
        return {
            "any_order": self._update_sampler(stream, rows, rate, generator),
            "contrastive": self._update_energy(stream, rows, rate, generator),
        }

    def _next_rows(self, stream: Stream, now: Moment, generator: torch.Generator) -> Tensor:
        """The next rows of the pool; a used-up pool is filled anew with the networks as they are now."""
        if not self._queue:
            self._pool = self._fill(stream.draw(self.recipe.pool), now, generator)
            for _ in range(self.recipe.reuse):
                self._queue += torch.randperm(self.recipe.pool, generator=generator).split(self.recipe.batch)
        return self._queue.pop()

    def _rate(self, now: Moment) -> float:
        """Warm-up, then cosine decay to zero over the budget: most of the gain comes in its last third."""
        decay = 0.5 * (1 + math.cos(math.pi * now.progress)) if self.recipe.decay else 1.0
        return min(1.0, (now.step + 1) / 100) * decay

    def _update_sampler(self, stream: Stream, rows: Tensor | None, rate: float, generator: torch.Generator) -> float:
        if rows is None or self._pool.labels is None:
            x = labels = stream.draw(self.recipe.batch)
        else:
            x, labels = self._pool.x[rows], self._pool.labels[rows]
        mask = random_masks(*x.shape, generator)
        value_logits = self.sampler.module.policy(x, mask).value_logits
        return self.sampler.update(any_order_likelihood(value_logits, labels, mask).mean(), rate=rate)

    def _update_energy(self, stream: Stream, rows: Tensor | None, rate: float, generator: torch.Generator) -> float:
        x = stream.draw(self.recipe.energy_batch)
        uniform = torch.randint(0, 2, x.shape, generator=generator).float()
        batches = [x, uniform]
        if rows is not None and self.recipe.negatives:
            rows = rows[: len(x)]
            batches.append(self._pool.negative[rows])
        energy, energy_uniform, *energy_negative = self.energy.module(torch.cat(batches)).split(len(x))
        log_uniform = -x.shape[1] * math.log(2)
        loss = noise_contrastive(-energy - log_uniform, -energy_uniform - log_uniform).mean()
        if energy_negative:
            weights = torch.softmax(-energy_negative[0].detach() - self._pool.log_q[rows], 0)
            loss = loss + contrastive(energy.mean(), (weights * energy_negative[0]).sum())
        return self.energy.update(loss, rate=rate)

    def _fill(self, x: Vectors, now: Moment, generator: torch.Generator) -> Pool:
        labels = conditionals(self.energy.averaged, x) if now.progress >= self.recipe.teach_share else None
        if not self.recipe.negatives:
            return Pool(x, labels, x, torch.zeros(len(x)))
        drawn = sample_forward(self.sampler.averaged.policy, len(x), generator)
        log_q = drawn.log_pf - drawn.log_pb
        self._set_log_z((-self.energy.averaged(drawn.x) - log_q).logsumexp(0) - math.log(len(x)))
        return Pool(x, labels, drawn.x, log_q)

    @torch.no_grad()
    def _set_log_z(self, value: Tensor) -> None:
        """log Z needs no gradient here: the negatives' weights estimate it."""
        self.sampler.module.log_z.copy_(value)
        self.sampler.averaged.log_z.copy_(value)


def random_masks(batch: int, dim: int, generator: torch.Generator) -> Tensor:
    """Random states: the number t of filled entries uniform on 0..D-1 and stratified over the batch, their set uniform."""
    t = ((torch.arange(batch) + torch.rand(1, generator=generator)) / batch * dim).long().clamp(max=dim - 1)
    return uniform_orders(batch, dim, generator) < t.unsqueeze(1)
