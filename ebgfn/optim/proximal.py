"""Learning couplings J and fields h of a quadratic energy from samples: the proximal update of the EB-GFN's energy.

The gradient of -log p is E(x) - E(x') with a negative x' drawn from the model, which for a coupling is the difference of
-2 s_i s_j. Two measures make it precise enough to tell a weak coupling from none. A negative's spins are replaced, one at
a time, by their conditional means m = tanh(2 J s + h) (Rao-Blackwell): a random spin becomes a number. And the gradient for
negatives x' = x, which is that of the pseudo-likelihood, is taken over all data at once, while what samples of the model
say beyond it is averaged over batches (a control variate). Which couplings there are is found by the pseudo-likelihood
alone, which has no noise; how large they are, by both.

Where rows and their mirror images differ, the energy has fields, and couplings are those of centred spins:
-E = (s - c)^T J (s - c) + f^T s with c the mean spins, so that h = f - 2 J c. A coupling then answers for what two spins do
together, and not for how often each of them is up, and steps of J and f hardly disturb each other.

The penalty's weight is a number of standard errors of each coupling's own gradient, so it needs no tuning; fields have none.
Its bias is lifted from couplings that stand out (the minimax concave penalty). Steps are those of FISTA with restarts.

The refit may pool: the couplings found are taken to come from one normal distribution, whose mean and variance are learned
with them (empirical Bayes). Couplings that really are equal then share all data; where they differ, little changes.

Beck and Teboulle, 2009; Zhang, "Nearly unbiased variable selection under minimax concave penalty", 2010, arXiv 1002.4734.
"""

import copy
import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ebgfn import parallel
from ebgfn.nets.quadratic import QuadraticEnergy

Square = Float[Tensor, "dim dim"]
Weights = Float[Tensor, " weights"]
Spins = Float[Tensor, "batch dim"]

CONCAVITY = 2.0
# Precision of a normal prior on each coupling: of spins that hardly ever flip, data alone do not say how strong they are
# coupled. It allows a change of log-odds of about 2.5 by a neighbour's flip (Gelman et al., 2008).
PRIOR = (8 / 2.5) ** 2
# Of a field, whose log-odds may be 10 (as the same authors give an intercept).
FIELD_PRIOR = (2 / 10) ** 2


@dataclass(frozen=True)
class Slope:
    """Gradient of the mean energy difference in each weight, its curvature, and its variance over data points."""

    gradient: Weights
    curvature: Weights
    variance: Weights

    def standard_error(self, rows: int) -> Weights:
        """Of the minimising weight, from `rows` independent data points."""
        return (self.variance / rows).sqrt() / self.curvature


@dataclass
class Shrinkage:
    """What couplings of the support are taken to share: a normal distribution with this mean and variance."""

    mean: float
    variance: float


class Couplings:
    """The energy's part of the training: weights, momentum and, once it is found, the support.

    `averaged` is the energy that a page shows; in the refit its weights are the mean over the steps since. Vectors of
    `Weights` hold the couplings first, then the fields of centred spins; these are zero where `centre` is None.
    """

    def __init__(self, energy: QuadraticEnergy):
        self.module = energy.requires_grad_(False)
        self.averaged = copy.deepcopy(energy)
        self.centre: Float[Tensor, " dim"] | None = None
        self._table = energy.shared.clamp(min=0).flatten()
        self._there = (energy.shared >= 0).flatten().float()
        self._previous = self._weights()
        self._momentum = 1.0
        self._correction = torch.zeros_like(self._previous)
        self.support: Bool[Tensor, " weights"] | None = None
        self.shrinkage: Shrinkage | None = None
        self._refits, self._updates, self._corrections = 0, 0, 0

    @property
    def pairs(self) -> int:
        """Number of couplings in a vector of weights."""
        return len(self.module.weights)

    def collect(self, table: Square, by_spin: Float[Tensor, " dim"]) -> Weights:
        """Sums of a symmetric table over the pairs of each coupling, and of what belongs to the spins of each field."""
        of_pairs = torch.zeros_like(self.module.weights)
        of_pairs = of_pairs.index_add(0, self._table, table.flatten() * self._there) / 2
        return torch.cat([of_pairs, by_spin.view(len(self.module.field_weights), -1).sum(1)])

    def slope(self, data: Spins) -> Slope:
        """Of the pseudo-likelihood: negatives are the data themselves, each spin of them replaced by its mean."""
        rows, mean, here = len(data), self.means(data), self._centred(data)
        residual = data - mean
        uncertain, moved = 1.0 - mean.square(), residual * here
        spread = self._with_squares(residual.square(), here)
        spread = spread + spread.T + 2.0 * moved.T @ moved / rows
        bend = 2.0 * self._with_squares(uncertain, here)
        # A pair's two conditionals count by half each, so that of a field does as well.
        observed = self.collect(2.0 * here.T @ here / rows, data.mean(0) / 2)
        curvature = self.collect(bend + bend.T, uncertain.mean(0) / 2)
        variance = self.collect(spread, residual.square().mean(0) / 4)
        return Slope(self._moments(data) - observed, curvature, variance)

    def _moments(self, negative: Spins) -> Weights:
        """What each weight would have to explain if `negative` were the data, with less noise (Rao-Blackwell)."""
        mean, centre = self.means(negative), 0.0 if self.centre is None else self.centre
        across = (mean - centre).T @ self._centred(negative) / len(negative)
        return self.collect(across + across.T, mean.mean(0) / 2)

    def means(self, spins: Spins) -> Spins:
        """Conditional means of all spins under the energy."""
        return torch.tanh(2.0 * spins @ self.module.couplings() + self.module.fields())

    def _centred(self, spins: Spins) -> Spins:
        return spins if self.centre is None else spins - self.centre

    def _with_squares(self, of: Spins, there: Spins) -> Square:
        """Entry (i, j): mean over rows of `of` for spin i times the square of spin j, which is one if it is not centred."""
        if self.centre is None:
            return of.mean(0)[:, None].expand(-1, of.shape[1])
        return of.T @ there.square() / len(of)

    def correct(self, data: Spins, negative: Float[Tensor, "chains dim"], *, memory: float) -> None:
        """Average in what a batch of samples of the model says beyond the pseudo-likelihood of all data: the mean since the
        refit began, which alone uses it, then one with a `memory`."""
        beyond = self._moments(negative) - self._moments(data)
        self._corrections = self._corrections + 1 if self._refits else 1
        self._correction.lerp_(parallel.mean(beyond), max(1.0 - memory, 1.0 / self._corrections))

    @property
    def updates(self) -> int:
        """Steps made."""
        return self._updates

    def penalised_step(self, data: Spins, *, step: float, threshold: float, concave: bool) -> None:
        """One step down the penalised pseudo-likelihood of all `data`: in the noise of chains false pairs would be found."""
        slope, pairs = self._with_ridge(self.slope(data), len(data)), self.pairs
        rate = step / self._stable(slope.curvature)
        weights = self._ahead() - rate * slope.gradient
        penalty = threshold * (slope.variance[:pairs] / len(data)).sqrt()
        if concave:
            lifted = self.module.weights.abs() * slope.curvature[:pairs] / (CONCAVITY * penalty)
            penalty = penalty * (1.0 - lifted).clamp(min=0.0)
        found = weights[:pairs]
        found = found.sign() * (found.abs() - rate[:pairs] * penalty).clamp(min=0.0)
        self._accept(torch.cat([found, weights[pairs:]]))
        self._show(1.0)

    def refit_step(self, data: Spins, *, step: float, pooled: bool) -> None:
        """One step up the likelihood on the support alone, with what `correct` was told; towards the couplings' common
        distribution if `pooled`."""
        slope, pairs = self._corrected(data), self.pairs
        if self.support is None:
            self.support = self.module.weights != 0
            self.shrinkage = self._begin_pooling(slope, len(data)) if pooled else None
        curvature, gradient = self._stable(slope.curvature), slope.gradient
        if self.shrinkage is not None:
            prior = (slope.variance / slope.curvature)[:pairs] / (len(data) * self.shrinkage.variance)
            gradient[:pairs] += prior * (self.module.weights - self.shrinkage.mean)
            curvature[:pairs] += prior
            self._pool(slope, len(data))
        weights = self._ahead() - step / curvature * gradient
        self._accept(torch.cat([self.support * weights[:pairs], weights[pairs:]]))
        self._refits += 1
        # A mean over the later half of the steps so far.
        self._show(max(1.0 / self._refits, 2.0 / (self._refits + 1)))

    def _corrected(self, data: Spins) -> Slope:
        slope = self._with_ridge(self.slope(data), len(data))
        return replace(slope, gradient=slope.gradient + self._correction)

    def _with_ridge(self, slope: Slope, rows: int) -> Slope:
        ridge = torch.full_like(slope.gradient, PRIOR / rows)
        ridge[self.pairs :] = FIELD_PRIOR / rows
        return replace(slope, gradient=slope.gradient + ridge * self._weights())

    @staticmethod
    def _stable(curvature: Weights) -> Weights:
        """Keep steps finite where spins hardly ever flip."""
        return curvature + 0.01 * curvature.max()

    def _weights(self) -> Weights:
        """Where the energy stands: couplings, and fields of centred spins."""
        fields = self.module.field_weights
        if self.centre is None:
            return torch.cat([self.module.weights, torch.zeros_like(fields)])
        return torch.cat([self.module.weights, fields + self._pull_of_centre()])

    def _pull_of_centre(self) -> Float[Tensor, " fields"]:
        """What couplings of centred spins take from the fields: f - h = 2 J c."""
        assert self.centre is not None
        return (2.0 * self.module.couplings() @ self.centre)[: len(self.module.field_weights)]

    def _ahead(self) -> Weights:
        """Where the momentum leads (sets the state that `_accept` completes)."""
        growing = 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * self._momentum**2))
        lead = min((self._momentum - 1.0) / growing, 0.98)
        self._momentum = growing
        here = self._weights()
        return here + lead * (here - self._previous)

    def _accept(self, weights: Weights) -> None:
        self._updates += 1
        here, pairs = self._weights(), self.pairs
        if ((here - self._previous) * (weights - here)).sum() < 0:
            self._momentum = 1.0  # the momentum led uphill: begin anew
        self._previous = here
        self.module.weights.copy_(weights[:pairs])
        self.module.field_weights.zero_()
        if self.centre is not None:
            self.module.field_weights.copy_(weights[pairs:] - self._pull_of_centre())

    def _show(self, share: float) -> None:
        """Move the averaged energy this share of the way."""
        self.averaged.weights.lerp_(self.module.weights, share)
        self.averaged.field_weights.lerp_(self.module.field_weights, share)

    def _begin_pooling(self, slope: Slope, rows: int) -> Shrinkage | None:
        """First guess by median and median deviation; drops from the support what lies nearer to zero than to the others."""
        assert self.support is not None
        chosen, error = self.module.weights[self.support], slope.standard_error(rows)[: self.pairs][self.support]
        if len(chosen) < 3:
            return None
        mean = chosen.median()
        spread = max(1.48 * (chosen - mean).abs().median().item(), 1e-4)
        width = (spread**2 + error**2).sqrt()
        strays = (chosen.abs() / error < (chosen - mean).abs() / width) & ((chosen - mean).abs() > 4 * width)
        self.support[self.support.clone()] = ~strays
        return Shrinkage(mean.item(), spread**2)

    def _pool(self, slope: Slope, rows: int) -> None:
        """One step of expectation maximisation for the common distribution."""
        assert self.support is not None
        assert self.shrinkage is not None
        chosen, error = self.module.weights[self.support], slope.standard_error(rows)[: self.pairs][self.support]
        left = 1.0 / (1.0 / error.square() + 1.0 / self.shrinkage.variance)
        mean = chosen.mean().item()
        variance = ((chosen - mean).square() + left).mean().item()
        self.shrinkage = Shrinkage(mean, max(1e-8, 0.9 * self.shrinkage.variance + 0.1 * variance))

    def state_dict(self) -> dict[str, Any]:
        return {
            "module": self.module.state_dict(),
            "averaged": self.averaged.state_dict(),
            "previous": self._previous,
            "momentum": self._momentum,
            "correction": self._correction,
            "support": self.support,
            "shrinkage": None if self.shrinkage is None else vars(self.shrinkage),
            "refits": self._refits,
            "updates": self._updates,
            "corrections": self._corrections,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self.averaged.load_state_dict(state["averaged"])
        device = self.module.weights.device
        self._previous, self._momentum = state["previous"].to(device), state["momentum"]
        self._correction = state["correction"].to(device)
        self.support = None if state["support"] is None else state["support"].to(device)
        self.shrinkage = None if state["shrinkage"] is None else Shrinkage(**state["shrinkage"])
        self._refits, self._updates = state["refits"], state["updates"]
        self._corrections = state["corrections"]
