"""EB-GFN for the couplings of an Ising model, from a fixed set of samples: the one algorithm with a quadratic energy.

The energy's step is the gradient of the likelihood, with persistent chains as negatives and the pseudo-likelihood of all
data as control variate (see `ebgfn.optim.proximal`). The sampler learns from the chains alone, where the label of a void
spin is its conditional probability under the energy. It is led by the energy's couplings and fields, so it follows every
change of them at once, and its network learns what they leave.

The first part of the budget finds which couplings there are, the second how large they are. Samples in an ordered phase,
where all spins move together, do not tell the two apart: there the penalised couplings stand.
"""

from dataclasses import dataclass

import torch

from ebgfn.core.states import Vectors
from ebgfn.model import Model
from ebgfn.nets.quadratic import FieldSizes
from ebgfn.optim.plan import MOST_VALUES, Plan, Scale, looked_at, scale
from ebgfn.optim.proximal import Couplings
from ebgfn.train.chains import ChainPlan
from ebgfn.train.fast import Fast, FastRecipe
from ebgfn.train.learner import Moment
from ebgfn.train.source import FixedSet

CHAINS = ChainPlan(chains=512, batch=256, local_moves=8)


@dataclass(frozen=True)
class IsingRecipe(FastRecipe):
    """Settings, tuned on 2000 samples of 10 x 10 lattices.

    `inner`: steps of the couplings for each batch of chains. `memory`: of the mean over batches. `stages`: of the couplings.
    """

    batch: int = 256
    lr: float = 2e-3
    average: float = 0.995
    teach_share: float = 0.0
    plan: ChainPlan = CHAINS
    taught: float = 1.0
    inner: int = 2
    most_values: int = MOST_VALUES
    stages: Plan = Plan()
    memory: float = 0.995
    sizes: FieldSizes = FieldSizes(hidden=192, depth=3)


class IsingTrainer(Fast):
    """Our algorithm for couplings."""

    recipe: IsingRecipe
    energy: Couplings

    def __init__(self, model: Model, recipe: IsingRecipe):
        super().__init__(model, recipe)
        self.energy, self._estimate = Couplings(model.energy), model.config.estimate
        self._spins: Vectors | None = None
        self._scale = Scale(0.0, ordered=False)

    def _learn_energy(self, source: FixedSet, now: Moment, rate: float, generator: torch.Generator) -> dict[str, float]:
        spins, stages = self._look_at(source), self.recipe.stages
        chains = self._next_chains(generator)
        if not self._scale.ordered:  # there chains do not come from one order to the other
            self.energy.correct(spins, 2 * chains - 1, memory=self.recipe.memory)
        for _ in range(self.recipe.inner):
            stages.step(self.energy, spins, self._scale, progress=now.progress, estimate=self._estimate)
        # The sampler is led by the couplings that it is to sample from.
        for part in (self.sampler.module, self.sampler.averaged):
            part.policy.follow(self.energy.averaged)
        return {}

    def _means_of(self, chains: Vectors) -> Vectors:
        return (1 + self.energy.means(2 * chains - 1)) / 2

    def _look_at(self, source: FixedSet) -> Vectors:
        """The data as spins, and what they say of fields, steps and phase."""
        if self._spins is None:
            self._spins = 2.0 * looked_at(source.all, most=self.recipe.most_values) - 1.0
            self._scale = scale(self._spins, ordered=self.recipe.stages.ordered, one_field=self.energy.module.one_field)
        return self._spins
