"""Learning the couplings J of a quadratic energy from samples: the proximal update of the EB-GFN's energy.

The gradient of -log p is E(x) - E(x') with a negative x' drawn from the model, which for a coupling is the difference of
-2 s_i s_j. Two measures make it precise enough to tell a weak coupling from none. A negative's spins are replaced, one at
a time, by their conditional means m = tanh(2 J s) (Rao-Blackwell): a random spin becomes a number. And the gradient for
negatives x' = x, which is that of the pseudo-likelihood, is taken over all data at once, while what back-and-forth moves
from a batch of data add to it is averaged over batches (a control variate).

The penalty's weight is `threshold` standard errors of each coupling's own gradient, so it needs no tuning. Its bias is
lifted from couplings that stand out (the minimax concave penalty). Steps are those of FISTA with restarts.

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


@dataclass(frozen=True)
class Scale:
    """`step`: how far the couplings may move at once. `ordered`: whether all spins of the data nearly always agree."""

    step: float
    ordered: bool


def scale(spins: Spins, *, ordered: float) -> Scale:
    """What the largest eigenvalue of the spins' correlations says; the phase is ordered above this share of their sum."""
    largest = torch.linalg.eigvalsh(spins.T @ spins / len(spins))[-1].item()
    # The loss curves most where all spins move together.
    return Scale(min(0.3, 1.0 / largest), largest / spins.shape[1] > ordered)


@dataclass(frozen=True)
class Plan:
    """How couplings are found and then measured; tuned on 2000 samples of 10 x 10 lattices.

    Until `find_share` of the budget penalised steps find which couplings there are, then those are refitted, towards what
    they have in common if `pooled`; with `sparse` the penalised ones stand. So they do in an ordered phase, where all
    spins move together and the two cannot be told apart, unless few weights are shared by many pairs. `threshold` is in
    standard errors: of 4950 pairs without coupling, 4.1 let one in five data sets pass one. `ordered`: share of the largest
    eigenvalue of the spins' correlations in their sum, above which a phase is ordered.
    """

    threshold: float = 4.1
    ordered_threshold: float = 1.5
    ordered: float = 0.85
    find_share: float = 0.5

    def step(self, couplings: "Couplings", spins: Spins, how: Scale, *, progress: float, estimate: str) -> None:
        """One step, at this share of the budget, of an `estimate` that is sparse, refit or pooled."""
        shared = len(couplings.module.weights) < couplings.module.dim
        penalised = estimate == "sparse" or (how.ordered and not shared)
        if penalised or progress < self.find_share:
            threshold = self.ordered_threshold if penalised and how.ordered else self.threshold
            concave = not penalised and progress > 0.25 * self.find_share
            couplings.penalised_step(spins, step=how.step, threshold=threshold, concave=concave)
        else:
            couplings.refit_step(spins, step=how.step, pooled=estimate == "pooled" and not shared)


class Couplings:
    """The energy's part of the training: weights, momentum and, once it is found, the support.

    `averaged` is the energy that a page shows; in the refit its weights are the mean over the steps since.
    """

    def __init__(self, energy: QuadraticEnergy):
        self.module = energy.requires_grad_(False)
        self.averaged = copy.deepcopy(energy)
        self._table = energy.shared.clamp(min=0).flatten()
        self._there = (energy.shared >= 0).flatten().float()
        self._previous = energy.weights.clone()
        self._momentum = 1.0
        self._correction = torch.zeros_like(energy.weights)
        self.support: Bool[Tensor, " weights"] | None = None
        self.shrinkage: Shrinkage | None = None
        self._refits = 0

    def collect(self, table: Square) -> Weights:
        """Sum of a symmetric table over the pairs that share each weight."""
        return torch.zeros_like(self.module.weights).index_add(0, self._table, table.flatten() * self._there) / 2

    def slope(self, data: Spins, negative: Spins) -> Slope:
        """Slope from data and their negatives."""
        couplings, rows = self.module.couplings(), len(data)
        mean = torch.tanh(2.0 * negative @ couplings)
        across = mean.T @ negative / rows
        residual = 1.0 - mean * negative
        square = residual.square().mean(0)
        spread = square[:, None] + square[None] + 2.0 * residual.T @ residual / rows
        uncertain = (1.0 - mean.square()).mean(0)
        gradient = self.collect(across + across.T - 2.0 * data.T @ data / rows)
        curvature = self.collect(2.0 * (uncertain[:, None] + uncertain[None]))
        return Slope(gradient, curvature, self.collect(spread))

    def correct(self, data: Spins, negative: Spins, *, memory: float) -> None:
        """Average in what the negatives of a batch say beyond the pseudo-likelihood of the same batch."""
        beyond = self.slope(data, negative).gradient - self.slope(data, data).gradient
        self._correction.lerp_(parallel.mean(beyond), 1.0 - memory)

    def penalised_step(self, data: Spins, *, step: float, threshold: float, concave: bool) -> None:
        """One step down the penalised loss over all `data`."""
        slope = self._corrected(data)
        rate = step / self._stable(slope.curvature)
        weights = self._ahead() - rate * slope.gradient
        penalty = threshold * (slope.variance / len(data)).sqrt()
        if concave:
            lifted = self.module.weights.abs() * slope.curvature / (CONCAVITY * penalty)
            penalty = penalty * (1.0 - lifted).clamp(min=0.0)
        self._accept(weights.sign() * (weights.abs() - rate * penalty).clamp(min=0.0))
        self.averaged.weights.copy_(self.module.weights)

    def refit_step(self, data: Spins, *, step: float, pooled: bool) -> None:
        """One step down the loss on the support alone, towards the couplings' common distribution if `pooled`."""
        slope = self._corrected(data)
        if self.support is None:
            self.support = self.module.weights != 0
            self.shrinkage = self._begin_pooling(slope, len(data)) if pooled else None
        curvature, gradient = self._stable(slope.curvature), slope.gradient
        if self.shrinkage is not None:
            prior = slope.variance / slope.curvature / (len(data) * self.shrinkage.variance)
            gradient = gradient + prior * (self.module.weights - self.shrinkage.mean)
            curvature = curvature + prior
            self._pool(slope, len(data))
        self._accept(self.support * (self._ahead() - step / curvature * gradient))
        self._refits += 1
        # A mean over the later half of the steps so far.
        self.averaged.weights.lerp_(self.module.weights, max(1.0 / self._refits, 2.0 / (self._refits + 1)))

    def _corrected(self, data: Spins) -> Slope:
        slope = self.slope(data, data)
        ridge = PRIOR / len(data)
        gradient = slope.gradient + self._correction + ridge * self.module.weights
        return replace(slope, gradient=gradient)

    @staticmethod
    def _stable(curvature: Weights) -> Weights:
        """Keep steps finite where spins hardly ever flip."""
        return curvature + 0.01 * curvature.max()

    def _ahead(self) -> Weights:
        """Where the momentum leads (sets the state that `_accept` completes)."""
        growing = 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * self._momentum**2))
        lead = min((self._momentum - 1.0) / growing, 0.98)
        self._momentum = growing
        return self.module.weights + lead * (self.module.weights - self._previous)

    def _accept(self, weights: Weights) -> None:
        here = self.module.weights
        if ((here - self._previous) * (weights - here)).sum() < 0:
            self._momentum = 1.0  # the momentum led uphill: begin anew
        self._previous = here.clone()
        here.copy_(weights)

    def _begin_pooling(self, slope: Slope, rows: int) -> Shrinkage | None:
        """First guess by median and median deviation; drops from the support what lies nearer to zero than to the others."""
        assert self.support is not None
        chosen, error = self.module.weights[self.support], slope.standard_error(rows)[self.support]
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
        chosen, error = self.module.weights[self.support], slope.standard_error(rows)[self.support]
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
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self.averaged.load_state_dict(state["averaged"])
        device = self.module.weights.device
        self._previous, self._momentum = state["previous"].to(device), state["momentum"]
        self._correction = state["correction"].to(device)
        self.support = None if state["support"] is None else state["support"].to(device)
        self.shrinkage = None if state["shrinkage"] is None else Shrinkage(**state["shrinkage"])
        self._refits = state["refits"]
