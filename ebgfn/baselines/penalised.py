"""Pseudo-likelihood with the same penalty, refit and pooling as our EB-GFN, but without any GFlowNet: what its moves add."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ebgfn.model import Model, Networks
from ebgfn.nets.quadratic import QuadraticEnergy, QuadraticSizes
from ebgfn.optim.plan import Plan, Scale, looked_at, scale
from ebgfn.optim.proximal import Couplings
from ebgfn.train.learner import Moment
from ebgfn.train.source import FixedSet

STEPS = 600
# From couplings that are nearly right.
AGAIN = 60


@dataclass(frozen=True)
class PenalisedRecipe:
    """Settings: those of our EB-GFN. `inner`: steps of the couplings a step."""

    plan: Plan = Plan()
    inner: int = 4
    sizes: QuadraticSizes = QuadraticSizes()


class PseudoLikelihood:
    """A `Trainer` of couplings that needs no samples of the model."""

    def __init__(self, model: Model, recipe: PenalisedRecipe):
        self.recipe, self._estimate, self._couplings = recipe, model.config.estimate, Couplings(model.energy)
        self._spins: Float[Tensor, "rows dim"] | None = None
        self._scale = Scale(0.0, ordered=False)

    def step(self, source: FixedSet, now: Moment, generator: torch.Generator) -> dict[str, float]:
        plan = self.recipe.plan
        if self._spins is None:
            self._spins = 2.0 * looked_at(source.all) - 1.0
            self._scale = scale(self._spins, ordered=plan.ordered, one_field=self._couplings.module.one_field)
        for _ in range(self.recipe.inner):
            plan.step(self._couplings, self._spins, self._scale, progress=now.progress, estimate=self._estimate)
        return {}

    def networks(self) -> Networks:
        return Networks(self._couplings.averaged, None, None)

    def state_dict(self) -> dict[str, Any]:
        return self._couplings.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._couplings.load_state_dict(state)


def fit(
    x: Float[Tensor, "rows dim"], *, estimate: str, energy: QuadraticEnergy | None = None, steps: int = STEPS
) -> QuadraticEnergy:
    """An `estimate` (sparse, refit or pooled) after `steps` steps that look for the support and as many that follow.

    `energy` is where it begins; it says which couplings are shared, and is changed.
    """
    spins, plan = 2.0 * x - 1.0, Plan()
    couplings = Couplings(QuadraticEnergy(x.shape[1]) if energy is None else energy)
    how = scale(spins, ordered=plan.ordered, one_field=couplings.module.one_field)
    for t in range(2 * steps):
        plan.step(couplings, spins, how, progress=t / (2 * steps), estimate=estimate)
    return couplings.averaged


def stability(
    x: Float[Tensor, "rows dim"], energy: QuadraticEnergy, generator: torch.Generator, *, steps: int = AGAIN
) -> Iterator[Bool[Tensor, "dim dim"]]:
    """Which pairs are found, again and again, in as many rows drawn with replacement (without end: take what is wanted).

    The search begins at `energy`, the estimate from all rows, and has fields if that has some. The share of resamples in
    which a pair is found says how far its finding hangs on the rows that happened to be there (Meinshausen and Bühlmann,
    "Stability selection", 2010, arXiv 0809.2932, who draw half of the rows).
    """
    plan, fields = Plan(), bool(energy.fields().any())
    while True:
        chosen = torch.randint(len(x), (len(x),), generator=generator)
        spins, couplings = 2.0 * x[chosen] - 1.0, Couplings(copy.deepcopy(energy))
        how = scale(spins, ordered=plan.ordered, one_field=energy.one_field, fields=fields)
        for t in range(steps):
            plan.step(couplings, spins, how, progress=plan.find_share * t / steps, estimate="refit")
        yield couplings.module.couplings() != 0


def thresholded(x: Float[Tensor, "rows dim"], energy: QuadraticEnergy, *, steps: int = STEPS) -> QuadraticEnergy:
    """Couplings of another estimate that stand out by as many standard errors as ours must, refitted as ours are."""
    spins, plan, couplings = 2.0 * x - 1.0, Plan(), Couplings(copy.deepcopy(energy))
    how = scale(spins, ordered=plan.ordered, one_field=energy.one_field)
    couplings.centre = how.centre
    error = couplings.slope(spins).standard_error(len(x))[: couplings.pairs]
    weights = couplings.module.weights
    weights *= weights.abs() > plan.threshold(couplings.pairs) * error
    for _ in range(steps):
        couplings.refit_step(spins, step=how.step, pooled=False)
    return couplings.averaged
