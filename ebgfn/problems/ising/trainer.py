"""EB-GFN for the couplings of an Ising model, from a fixed set of samples.

A step makes negatives by back-and-forth moves from data, updates the couplings (see `ebgfn.optim.proximal`), and trains the
sampler on the negatives: one random partial state of each, where the label of a void spin is its conditional probability
under the energy. The sampler is led by the energy's couplings and fields, so it follows every change of them at once, and
its moves are nearly always accepted from the first step on.

The first part of the budget finds which couplings there are, the second how large they are. Samples in an ordered phase,
where all spins move together, do not tell the two apart: there the penalised couplings stand.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.energy import conditionals
from ebgfn.core.losses import any_order_likelihood
from ebgfn.core.states import Vectors, random_masks
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model
from ebgfn.nets.quadratic import FieldSizes
from ebgfn.optim.plan import MOST_VALUES, Plan, Scale, looked_at, scale
from ebgfn.optim.proximal import Couplings
from ebgfn.train.learner import EnergyAndSampler, Learner, Moment, Sampler, warm_cosine
from ebgfn.train.source import FixedSet


@dataclass(frozen=True)
class IsingRecipe:
    """Settings, tuned on 2000 samples of 10 x 10 lattices.

    `k_share`: share of the entries that a move voids. `inner`: steps of the couplings for each batch of negatives.
    """

    batch: int = 256
    k_share: float = 0.1
    inner: int = 4
    most_values: int = MOST_VALUES
    plan: Plan = Plan()
    memory: float = 0.98
    lr: float = 2e-3
    average: float = 0.995
    clip: float = 20.0
    sizes: FieldSizes = FieldSizes(hidden=192, depth=3)


class IsingTrainer(EnergyAndSampler):
    """Our algorithm for couplings."""

    def __init__(self, model: Model, recipe: IsingRecipe):
        self.recipe, self._estimate = recipe, model.config.estimate
        self.energy = Couplings(model.energy)
        self.sampler = Learner(
            Sampler(model.policy, model.log_z), lr=recipe.lr, average=recipe.average, clip=recipe.clip
        )
        self._spins: Vectors | None = None
        self._scale = Scale(0.0, ordered=False)

    def step(self, source: FixedSet, now: Moment, generator: torch.Generator) -> dict[str, float]:
        spins, plan = self._look_at(source), self.recipe.plan
        x = source.draw(self.recipe.batch)
        if self._scale.centre is None:
            # Without fields the energy cannot tell a state from its mirror image, so the sampler must see both.
            x = (x - torch.randint(0, 2, (len(x), 1), generator=generator, device=x.device)).abs()
        negative, accepted = self._negatives(x, generator)
        self.energy.correct(2 * x - 1, 2 * negative - 1, memory=self.recipe.memory)
        for _ in range(self.recipe.inner):
            plan.step(self.energy, spins, self._scale, progress=now.progress, estimate=self._estimate)
        loss = self._any_order(negative, generator)
        rate = warm_cosine(now.step, now.progress, warm_up=50)
        told = {"any_order": self.sampler.update(loss, rate=rate), "accepted": accepted}
        # What is shown and saved is led by the couplings that are shown and saved.
        self.sampler.averaged.policy.follow(self.energy.averaged)
        return told

    def _look_at(self, source: FixedSet) -> Vectors:
        """The data as spins, and what they say of fields, steps and phase."""
        if self._spins is None:
            self._spins = 2.0 * looked_at(source.all, most=self.recipe.most_values) - 1.0
            self._scale = scale(self._spins, ordered=self.recipe.plan.ordered, one_field=self.energy.module.one_field)
        return self._spins

    def _negatives(self, x: Vectors, generator: torch.Generator) -> tuple[Vectors, float]:
        """Ends of back-and-forth moves from data, and the share of moves accepted."""
        policy, energy = self.sampler.module.policy, self.energy.module
        policy.follow(energy)
        kernel = BackAndForth(energy, policy, k=max(1, round(self.recipe.k_share * x.shape[1])))
        state, info = kernel.step(kernel.init(x), generator)
        return state.x, info.accepted.float().mean().item()

    def _any_order(self, x: Vectors, generator: torch.Generator) -> Float[Tensor, ""]:
        mask = random_masks(len(x), x.shape[1], generator)
        logits = self.sampler.module.policy(x, mask).value_logits
        return any_order_likelihood(logits, conditionals(self.energy.module, x), mask).mean()
