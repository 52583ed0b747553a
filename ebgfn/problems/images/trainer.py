"""EB-GFN on images, where a trajectory of D network calls is out of reach: sampler first, energy from it, then both as one.

Warm start. The sampler learns by maximum likelihood on backward trajectories from data; one network call predicts all void
pixels of one random state of each. Where pixels are drawn anew from grey levels each time, the label of a void pixel is its
grey level: the mean of the draws, without their noise.

Distilling. The energy begins as the sampler's network and learns the sampler's density: trajectory balance with the sampler
held fixed. The variance of log P_F - log P_B + E over a batch vanishes iff E = -log q up to a constant, so log Z is not
needed (Richter et al., "VarGrad", 2020, arXiv 2010.10436). Half of the points are data; the others are made by the sampler
at many numbers of steps, down to a single one, so that the energy also knows what is no image.

Contrast. Data x against the ends x' of back-and-forth moves of many lengths: -log alpha are the log-odds that x is the data
point, and the logistic loss on them has its optimum at the data's own energy, whatever the sampler. Where moves from data
never come, only distilling says what the energy is, so a little of it goes on.

Joint training. Beside the contrasts the sampler learns by maximum likelihood and back-and-forth balance at once: the latter
is (log alpha)^2, differentiated at a few of a move's blocks only, which is unbiased and keeps a step's cost apart from D.

Points and their log-probabilities are made by the averaged sampler, a few hundred at a time, and kept: each is used several
times. Paths go in the blocks of `ebgfn.core.schedules`.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from ebgfn import parallel
from ebgfn.core.losses import any_order_likelihood, back_and_forth_contrastive
from ebgfn.core.schedules import best_schedule, measured_step_nats
from ebgfn.core.states import Batch, Vectors, random_masks, uniform_orders
from ebgfn.core.trajectories import complete, log_ratio
from ebgfn.mcmc.back_and_forth import BackAndForth, propose
from ebgfn.model import Model
from ebgfn.nets.mlp import MLPSizes
from ebgfn.nets.unet import UNetSizes
from ebgfn.train.device import half_precision
from ebgfn.train.learner import EnergyAndSampler, Learner, Moment, Sampler, warm_cosine
from ebgfn.train.source import WithMeans


@dataclass(frozen=True)
class ImagesRecipe:
    """Settings, tuned on MNIST with minutes of two cores.

    `lr_learned` is the sampler's rate where it starts from a trained one. `warm_share` of the budget is the sampler's, the
    next `distil_share` teaches the energy the sampler's density. `fresh` points are made at a time, `kept` of them
    remembered; each makes for `reuse` updates' share of a batch. `path_steps`: blocks of a path. In the rest of the budget,
    once in `balance_every` updates of the energy the sampler's loss is likelihood + `balance` x balance, of `chosen` blocks,
    at `balance_rate` of its learning rate. `huber`: nats beyond which a residual counts linearly. `anchor`: weight of
    distilling beside the contrast.
    """

    batch: int = 64
    lr: float = 5e-3
    lr_learned: float = 2e-3
    kernel_lr: float = 0.01
    kernel_decay: float = 0.1
    energy_batch: int = 128
    energy_lr: float = 2e-3
    average: float = 0.999
    clip: float = 200.0
    energy_clip: float = 50.0
    warm_share: float = 0.6
    distil_share: float = 0.15
    fresh: int = 256
    kept: int = 65_536
    reuse: int = 8
    path_steps: int = 16
    balance: float = 0.02
    balance_every: int = 2
    balance_rate: float = 0.1
    chosen: int = 4
    anchor: float = 0.1
    huber: float = 10.0
    curve_points: int = 4096
    sizes: UNetSizes | MLPSizes = UNetSizes(hidden=256)


# Points made together share the length of their moves.
PART = 32

RECIPES = {
    "fast": ImagesRecipe(),
    "small": ImagesRecipe(sizes=UNetSizes(hidden=128, channels=8)),
    "mlp": ImagesRecipe(lr=2e-3, energy_lr=1e-3, batch=128, sizes=MLPSizes(hidden=1024, depth=3)),
}


@dataclass(frozen=True)
class Pairs:
    """Data `x`, ends `x_new` of moves from them, and log-probabilities of paths from the sampler up to constants.

    `log_q`, `log_q_new`: of independent complete paths to either, nan where not known. `log_flow`: of the path s -> x less
    that of s -> x_new.
    """

    x: Tensor
    x_new: Tensor
    log_q: Batch
    log_q_new: Batch
    log_flow: Batch

    def rows(self, index: Tensor) -> "Pairs":
        return Pairs(*(part[index] for part in vars(self).values()))

    def packed(self) -> dict[str, Tensor]:
        """The same in an eighth of the memory."""
        return {name: pack(part) if part.dtype == torch.uint8 else part for name, part in vars(self).items()}

    @classmethod
    def unpacked(cls, parts: dict[str, Tensor], *, dim: int) -> "Pairs":
        """Inverse of `packed`."""
        return cls(**{name: unpack(part, dim) if part.dtype == torch.uint8 else part for name, part in parts.items()})

    def joined(self, other: "Pairs", *, keep: int) -> "Pairs":
        """With newer ones behind; the oldest go when there are more than `keep`."""
        both = zip(vars(self).values(), vars(other).values(), strict=True)
        return Pairs(*(torch.cat(parts)[-keep:] for parts in both))


def pack(bits: UInt8[Tensor, "rows dim"]) -> UInt8[Tensor, "rows bytes"]:
    """Eight bits a byte, the last byte filled up with zeros."""
    return torch.from_numpy(np.packbits(bits.cpu().numpy(), axis=1))


def unpack(packed: UInt8[Tensor, "rows bytes"], dim: int) -> UInt8[Tensor, "rows dim"]:
    """Inverse of `pack`."""
    return torch.from_numpy(np.unpackbits(packed.cpu().numpy(), axis=1, count=dim))


class ImagesTrainer(EnergyAndSampler):
    """Our algorithm for images."""

    def __init__(self, model: Model, recipe: ImagesRecipe):
        self.recipe = recipe
        learner = partial(Learner, average=recipe.average)
        self.energy = learner(model.energy, lr=recipe.energy_lr, clip=recipe.energy_clip)
        # Networks that have learned already go on gently, with Adam alone; Muon was not measured there.
        self._learned = model.config.start != "zero"
        lr, kernel_lr = (recipe.lr_learned, 0.0) if self._learned else (recipe.lr, recipe.kernel_lr)
        self.sampler = learner(
            Sampler(model.policy, model.log_z),
            lr=lr,
            clip=recipe.clip,
            kernel_lr=kernel_lr,
            kernel_decay=recipe.kernel_decay,
        )
        self._pairs: Pairs | None = None
        self._left = 0

    def pool(self) -> dict[str, Any]:
        return {"pairs": None if self._pairs is None else self._pairs.packed(), "left": self._left}

    def refill(self, pool: dict[str, Any]) -> None:
        if pool["pairs"] is not None:
            pairs, device = Pairs.unpacked(pool["pairs"], dim=self.energy.module.dim), self.sampler.module.log_z.device
            self._pairs = Pairs(*(part.to(device) for part in vars(pairs).values()))
        self._left = pool["left"]

    def step(self, source: WithMeans, now: Moment, generator: torch.Generator) -> dict[str, float]:
        warm = self.recipe.warm_share
        if now.progress < warm:
            rate = warm_cosine(now.step, now.progress / warm)
            return {"any_order": self.sampler.update(self._any_order(source, generator), rate=rate)}
        if self.energy.updates == 0:
            self._hand_over(source, generator)
        pairs = self._next_pairs(source, now, generator)
        rate = warm_cosine(self.energy.updates, (now.progress - warm) / (1 - warm))
        told = {"energy": self.energy.update(self._energy_loss(pairs, now), rate=rate)}
        if self.recipe.balance and not self._distils(now) and self.energy.updates % self.recipe.balance_every == 0:
            told["balance"] = self.sampler.update(
                self._joint_loss(source, generator), rate=rate * self.recipe.balance_rate
            )
        return told

    def _distils(self, now: Moment) -> bool:
        return now.progress < self.recipe.warm_share + self.recipe.distil_share

    def _any_order(self, source: WithMeans, generator: torch.Generator) -> Float[Tensor, ""]:
        x, mean = source.draw_with_means(self.recipe.batch)
        mask = random_masks(len(x), x.shape[1], generator)
        with half_precision(generator.device):
            logits = self.sampler.module.policy(x, mask).value_logits.float()
        return any_order_likelihood(logits, mean, mask).mean()

    def _hand_over(self, source: WithMeans, generator: torch.Generator) -> None:
        """From the sampler to the energy: what the network has learned to see, and the best sizes of blocks."""
        policy = self.sampler.averaged.policy
        nats = parallel.mean(measured_step_nats(policy, source.draw(self.recipe.curve_points), generator=generator))
        for part in (policy, self.sampler.module.policy):
            part.step_nats.copy_(nats)
        if not self._learned:
            for energy in (self.energy.module, self.energy.averaged):
                energy.start_from(policy.net)

    def _energy_loss(self, pairs: Pairs, now: Moment) -> Float[Tensor, ""]:
        both = torch.cat([pairs.x, pairs.x_new]).float()
        with half_precision(both.device):
            energy = self.energy.module(both).float()
        log_q = torch.cat([pairs.log_q, pairs.log_q_new])
        self._follow_log_z(-energy - log_q)
        known = ~log_q.isnan()
        residual = (energy + log_q)[known]
        distilling = torch.zeros((), device=energy.device)
        if len(residual):
            centre = _centre(residual.detach(), self.recipe.huber)
            distilling = F.huber_loss(residual, centre.expand_as(residual), delta=self.recipe.huber)
        if self._distils(now):
            return distilling
        old, new = energy.chunk(2)
        return back_and_forth_contrastive(old - new + pairs.log_flow).mean() + self.recipe.anchor * distilling

    @torch.no_grad()
    def _follow_log_z(self, log_z: Batch) -> None:
        """A running mean of what trajectory balance says of log Z, where known; no loss here needs it."""
        total, known = parallel.mean(torch.stack([log_z.nansum(), (~log_z.isnan()).sum().float()]))
        if known == 0:
            return
        share = 1.0 if self.energy.updates == 0 else 0.02
        for part in (self.sampler.module, self.sampler.averaged):
            part.log_z.lerp_(total / known, share)

    def _joint_loss(self, source: WithMeans, generator: torch.Generator) -> Float[Tensor, ""]:
        """Maximum likelihood, and back-and-forth balance of moves from data against the averaged energy."""
        recipe, policy = self.recipe, self.sampler.module.policy
        x = source.draw(recipe.batch // 2)
        length, steps = _lengths(policy.dim, recipe.path_steps, generator)
        schedule = best_schedule(policy.step_nats, steps, start=policy.dim - length)
        with half_precision(generator.device):
            move = propose(policy, x, length, generator, schedule=schedule)
            ratio = BackAndForth(self.energy.averaged, policy, length, schedule).log_ratio(move)
            both, orders = torch.cat([move.x, move.x_new]), torch.cat([move.order_back, move.order_forward])
            size = len(both), min(recipe.chosen, steps)
            chosen = torch.randint(0, steps, size, generator=generator, device=both.device)
            old, new = log_ratio(policy, both, orders, schedule=schedule, chosen=chosen).chunk(2)
        # The gradient of (log alpha)^2 is 2 log alpha times that of log alpha, which need not be whole.
        balance = 2 * ratio.clamp(-recipe.huber, recipe.huber) * (old - new)
        return self._any_order(source, generator) + recipe.balance * balance.mean()

    def _next_pairs(self, source: WithMeans, now: Moment, generator: torch.Generator) -> Pairs:
        """A batch of those kept; new ones are made when the last have been used enough."""
        half = self.recipe.energy_batch // 2
        if self._pairs is None or self._left == 0:
            # Whole paths are for distilling; later a few are enough to follow log Z.
            whole = self.recipe.fresh if self._distils(now) else PART
            fresh = self._make(source.draw(self.recipe.fresh), generator, whole=whole)
            self._pairs = fresh if self._pairs is None else self._pairs.joined(fresh, keep=self.recipe.kept)
            self._left = max(1, self.recipe.reuse * self.recipe.fresh // half)
        self._left -= 1
        return self._pairs.rows(
            torch.randint(0, len(self._pairs.x), (half,), generator=generator, device=generator.device)
        )

    @torch.no_grad()
    def _make(self, x: Vectors, generator: torch.Generator, *, whole: int) -> Pairs:
        """One move from each point, in groups of one length and number of steps; of the first `whole` points also complete
        paths to either end."""
        policy, dim, most = self.sampler.averaged.policy, x.shape[1], self.recipe.path_steps
        made = []
        for first, part in zip(range(0, len(x), PART), x.split(PART), strict=True):
            length, steps = _lengths(dim, most, generator)
            schedule = best_schedule(policy.step_nats, steps, start=dim - length)
            order, order_new = (uniform_orders(len(part), dim, generator) for _ in range(2))
            kept = order[:, : dim - length]
            refill = order[:, dim - length :].gather(1, uniform_orders(len(part), length, generator))
            order_new = torch.cat([kept, refill], dim=1)
            with half_precision(generator.device):
                new = complete(policy, part, order_new, schedule=schedule, generator=generator)
                both, orders = torch.cat([part, new.x]), torch.cat([order, order_new])
                old_flow, new_flow = log_ratio(policy, both, orders, schedule=schedule).chunk(2)
                log_q, log_q_new = torch.full((2, len(part)), math.nan, device=part.device)
                if first < whole:
                    paths = uniform_orders(len(both), dim, generator)
                    ends = best_schedule(policy.step_nats, most)
                    log_q, log_q_new = log_ratio(policy, both, paths, schedule=ends).chunk(2)
            made.append(Pairs(part.byte(), new.x.byte(), log_q, log_q_new, old_flow - new_flow))
        return Pairs(*(torch.cat(parts) for parts in zip(*(vars(m).values() for m in made), strict=True)))


def _centre(values: Batch, huber: float) -> Float[Tensor, ""]:
    """The constant that a Huber loss is least at. Seen from the mean, skewed values would drive the energy's
    constant away without end, until half precision no longer tells one image from another."""
    centre = values.median()
    for _ in range(4):
        centre = centre + (values - centre).clamp(-huber, huber).mean()
    return centre


def _lengths(dim: int, most: int, generator: torch.Generator) -> tuple[int, int]:
    """Entries K of a move, log-uniform with all of them in a third of cases, and its number of steps, a power of two."""
    whole, where, power = torch.rand(3, generator=generator, device=generator.device).tolist()
    shortest = min(16, dim)
    length = dim if whole < 1 / 3 else round(shortest * (dim / shortest) ** where)
    return length, min(length, 2 ** int(power * (math.log2(most) + 1)))
