"""EB-GFN, fast: the seed's two models and their common fixed point, by better conditioned steps; one algorithm for all data.

Locations and erasure are uniform, so they cancel in log P_F - log P_B and a trajectory's log-density is the sum of the
log-probabilities of its values (an any-order autoregressive model).

Persistent chains of p_phi hold the two models together (`ebgfn.train.chains`). They are the negatives of the seed's step 7,
and beside the data they teach the sampler: maximum likelihood on samples of p_phi is what trajectory balance converges to,
without its variance. What the energy holds for probable and the data do not show is found by a chain, learned by the
sampler, and taken from the energy.

The sampler learns by maximum likelihood on backward trajectories from data and from chains: a network by one random state
of each (`ebgfn.train.any_order`), a mixture by all of them at once (`ebgfn.train.online_em`). The energy learns to tell data
from chains, from ends of back-and-forth moves, from broad noise and from data with entries flipped (`ebgfn.train.contrast`).
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn import parallel
from ebgfn.core.schedules import draw, measured_step_nats
from ebgfn.core.states import Vectors, flip_some
from ebgfn.core.weights import log_mean_exp_rows, log_weights
from ebgfn.model import Model
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from ebgfn.nets.mixture import MixturePolicy
from ebgfn.nets.mlp import MLPSizes
from ebgfn.train.any_order import AnyOrder
from ebgfn.train.chains import PLAN, WHOLE, ChainPlan, PersistentChains, blocks
from ebgfn.train.contrast import Others, contrast
from ebgfn.train.knobs import turned
from ebgfn.train.learner import EnergyAndSampler, Learner, Moment, Sampler, warm_cosine
from ebgfn.train.lessons import Lessons, lessons
from ebgfn.train.noise import become, broad_noise
from ebgfn.train.online_em import OnlineEM
from ebgfn.train.source import Source, completed, with_means

# Rows of data that the broad noise is fitted to, and that a policy's curve is measured on.
ROWS = 4096


@dataclass(frozen=True)
class FastRecipe:
    """The first `warm_share` of the budget is the sampler's alone; until `teach_share` neither model learns from the other.

    `varied`: see `AnyOrder`. `lr_learned`, the sampler's rate if it starts from a trained one, without Muon; `joint_rate`,
    after `warm_share`, in parts of `lr` (0: it stays as it is). `start_from`: the energy begins as the "noise" or by the
    "sampler", else flat. `fresh` lessons are made at a time, by moves in at most `path_steps` steps, a share `whole` of them
    from void, and `kept` remembered; each stands in about `reuse` batches. `taught`: share of chains in the sampler's batch.
    `smooth`: share of the energy's data that the sampler draws, few being known soon. `noise`, `uniform`, `components`: of
    broad noise the weight, coin flips, fitted components; `chain_loss`, `pairs`, `flips` weigh the others, `rate` all rates.
    """

    batch: int = 512
    lr: float = 4e-3
    lr_learned: float = 2e-3
    kernel_lr: float = 0.0
    kernel_decay: float = 0.0
    weight_decay: float = 0.0
    clip: float = 20.0
    energy_batch: int = 256
    energy_lr: float = 8e-3
    energy_decay: float = 0.0
    energy_clip: float = 20.0
    average: float = 0.999
    varied: float = 0.0
    decay: bool = True
    warm_share: float = 0.0
    teach_share: float = 0.3
    joint_rate: float = 1.0
    start_from: str = ""
    fresh: int = 4096
    kept: int = 4096
    reuse: int = 16
    path_steps: int = 8
    whole: float = WHOLE
    plan: ChainPlan = PLAN
    rate: float = 1.0
    taught: float = 0.25
    smooth: float = 0.0
    noise: float = 1.0
    uniform: float = 1.0
    components: int = 1
    chain_loss: float = 0.25
    pairs: float = 0.0
    flips: float = 0.0
    sizes: Any = MLPSizes()


class Fast(EnergyAndSampler):
    """Our algorithm."""

    def __init__(self, model: Model, recipe: FastRecipe):
        self.recipe = self._usual = recipe
        self.energy = Learner(
            model.energy,
            lr=recipe.energy_lr,
            average=recipe.average,
            clip=recipe.energy_clip,
            weight_decay=recipe.energy_decay,
        )
        # Networks that have learned already go on gently, with Adam alone; Muon was not measured there.
        self._learned = getattr(model.config, "start", "zero") != "zero"
        sampler = Sampler(model.policy, model.log_z)
        names = ("lr", "kernel_lr", "average", "clip", "weight_decay", "kernel_decay", "varied")
        how: dict[str, Any] = {name: getattr(recipe, name) for name in names}
        how |= {"lr": recipe.lr_learned, "kernel_lr": 0.0} if self._learned else {}
        mixture = isinstance(model.policy, MixturePolicy)
        self.sampler: AnyOrder | OnlineEM = OnlineEM(sampler) if mixture else AnyOrder(sampler, **how)
        self._chains = PersistentChains(model.dim, recipe.plan, device=model.device)
        self._noise: Any = None  # a BernoulliMixture, once the energy begins
        self._lessons: Lessons | None = None
        self._drawn, self._left = self._chains.x, 0

    def step(self, source: Source, now: Moment, generator: torch.Generator) -> dict[str, float]:
        recipe = self.recipe = turned(self._usual, now.knobs)
        self._chains.plan = recipe.plan
        source = completed(source, self.sampler.averaged.policy, generator)
        if now.progress < recipe.warm_share:
            return self._learn(source, self._rate(now.step, now.progress / recipe.warm_share), generator)
        if self._noise is None:
            self._begin(source, generator)
        if now.progress >= recipe.teach_share:
            self._teach(source, generator)
        rate = self._rate(self.energy.updates, (now.progress - recipe.warm_share) / (1 - recipe.warm_share))
        told = self._learn_energy(source, now, rate, generator)
        if recipe.joint_rate:
            told |= self._learn(source, rate * recipe.joint_rate, generator)
        return told

    def _learn_energy(self, source: Source, now: Moment, rate: float, generator: torch.Generator) -> dict[str, float]:
        """The energy's step: data are told from chains and others."""
        return {"contrastive": self.energy.update(self._contrastive(source, generator), rate=rate)}

    def _learn(self, source: Source, rate: float, generator: torch.Generator) -> dict[str, float]:
        """The sampler's step: maximum likelihood on backward trajectories from data and from chains."""
        self.sampler.begin(source)
        return {"any_order": self.sampler.learn(*self._rows(source, generator), rate=rate, generator=generator)}

    def _rate(self, updates: int, progress: float) -> float:
        """Warm-up, then cosine decay to zero over the budget: most of the gain comes in its last third."""
        return self.recipe.rate * warm_cosine(updates, progress if self.recipe.decay else 0.0)

    def _begin(self, source: Source, generator: torch.Generator) -> None:
        """When the energy's time comes: the noise, the best sizes of blocks, and what the sampler has learned to see."""
        x, means = with_means(source, ROWS, whole=True)
        self._noise = broad_noise(means, uniform=self.recipe.uniform, components=self.recipe.components)
        policy = self.sampler.averaged.policy
        if policy.step_nats is not None:
            nats = parallel.mean(measured_step_nats(policy, x, generator=generator))
            for part in (policy, self.sampler.module.policy):
                part.step_nats.copy_(nats)
        if self.recipe.start_from == "sampler" and not self._learned:
            self.energy.module.start_from(policy)
        if self.recipe.start_from == "noise" and not self._learned:
            become(self.energy.module, self._noise, x, generator)
        self.energy.averaged.load_state_dict(self.energy.module.state_dict())

    def _teach(self, source: Source, generator: torch.Generator) -> None:
        """New lessons, and some chains begun anew, when the last lessons have been used enough."""
        recipe = self.recipe
        if self._left == 0:
            energy, policy = self.energy.averaged, self.sampler.averaged.policy
            if recipe.plan.chains:
                self._chains.begin_anew(energy, policy, self._noise, generator)
            if recipe.pairs:
                x = self._smoothed(source, recipe.fresh, generator)
                fresh = lessons(energy, policy, x, generator, path_steps=recipe.path_steps, whole=recipe.whole)
                self._lessons = fresh if self._lessons is None else self._lessons.joined(fresh, keep=recipe.kept)
            self._left = max(1, recipe.reuse * recipe.fresh // recipe.batch)
            self._draw_some(generator)
        self._left -= 1

    def _smoothed(self, source: Source, n: int, generator: torch.Generator) -> Vectors:
        """Data, and in the place of a share of them what the sampler drew."""
        x, drawn = source.draw(n), self._drawn
        if not (self.recipe.smooth and len(drawn)):
            return x
        index = torch.randint(0, len(drawn), (n,), generator=generator, device=x.device)
        chosen = torch.rand(n, 1, generator=generator, device=x.device) < self.recipe.smooth
        return torch.where(chosen, drawn[index].float(), x)

    @torch.no_grad()
    def _draw_some(self, generator: torch.Generator) -> None:
        """Trajectories of the sampler: their weights tell log Z, which needs no gradient here; their ends are remembered."""
        energy, policy = self.energy.averaged, self.sampler.averaged.policy
        schedule = None if policy.step_nats is None else blocks(policy, policy.dim, self.recipe.path_steps)
        drawn = draw(policy, max(1, policy.rows // 2), generator, schedule=schedule)
        log_z = parallel.mean(log_mean_exp_rows(log_weights(energy, drawn).unsqueeze(0))[0].squeeze(0))
        for part in (self.sampler.module, self.sampler.averaged):
            part.log_z.copy_(log_z)
        if self.recipe.smooth:
            self._drawn = torch.cat([self._drawn, drawn.x])[-self.recipe.kept :]

    def _rows(self, source: Source, generator: torch.Generator) -> tuple[Vectors, Vectors]:
        """What the sampler learns from, data and chains, and the means of their entries."""
        recipe = self.recipe
        taught = round(recipe.taught * recipe.batch) if len(self._chains) else 0
        x, means = with_means(source, recipe.batch - taught)
        if taught:
            chains = self._chains.some(taught, generator)
            mixed = torch.randperm(recipe.batch, generator=generator, device=x.device)  # as masks are stratified
            x, means = torch.cat([x, chains])[mixed], torch.cat([means, self._means_of(chains)])[mixed]
        return x, means

    def _means_of(self, chains: Vectors) -> Vectors:
        """Means of their entries, where the energy can tell them."""
        return chains

    def _next_chains(self, generator: torch.Generator) -> Vectors:
        """States of p_phi that were not used before."""
        return self._chains.next(self.energy.averaged, self.sampler.averaged.policy, generator)

    def _contrastive(self, source: Source, generator: torch.Generator) -> Float[Tensor, ""]:
        """The energy's loss: data told from noise and flips, from chains and from ends of moves."""
        recipe, noise = self.recipe, self._noise
        x = self._smoothed(source, recipe.energy_batch, generator)
        chain = self._next_chains(generator) if len(self._chains) else None  # moved even where they only teach
        others = Others(
            x,
            noise,
            noisy=noise.sample(len(x), generator) if recipe.noise else None,
            flipped=flip_some(x, generator) if recipe.flips else None,
            chain=chain if recipe.chain_loss else None,
            pairs=self._lessons.some(len(x), generator) if self._lessons and recipe.pairs else None,
        )
        return contrast(self.energy.module, self.energy.averaged, others, recipe)

    def pool(self) -> dict[str, Any]:
        return {
            "noise": None if self._noise is None else vars(self._noise),
            "lessons": None if self._lessons is None else self._lessons.packed(),
            "left": self._left,
            "drawn": self._drawn.byte(),
            "chains": self._chains.state_dict(),
        }

    def refill(self, pool: dict[str, Any]) -> None:
        device = self._chains.x.device
        if pool["noise"] is not None:
            self._noise = BernoulliMixture(**{name: part.to(device) for name, part in pool["noise"].items()})
        if pool["lessons"] is not None:
            self._lessons = Lessons.unpacked(pool["lessons"], dim=self.energy.module.dim, device=device)
        self._left, self._drawn = pool["left"], pool["drawn"].to(self._drawn)
        self._chains.load_state_dict(pool["chains"])
