"""The convex problem of pseudo-likelihood (see `ebgfn.baselines.pseudo_likelihood`), and its solver: FISTA with a metric."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from ebgfn.nets.quadratic import QuadraticEnergy
from ebgfn.optim.mirror import mirrored

Vectors = Float[Tensor, "batch dim"]
Couplings = Float[Tensor, "dim dim"]
Fields = Float[Tensor, " dim"]
Table = Int[Tensor, "dim dim"]
Weights = Float[Tensor, " weights"]

# Precision of a normal prior on each weight, in both fits. Without it a spin that never flips sends its couplings to
# infinity, and among spins that always agree nothing says which are coupled. A neighbour's flip moves a logit by 8 J_ij; the
# prior gives it the variance of a logistic variable, whose sigmoid is uniform in 0..1: one such guess beside all the data.
PRIOR = 8**2 / (math.pi**2 / 3)
# Of h_i / 2: a logit of 4 times as much may well be 10.
FIELD_PRIOR = (4 / 10) ** 2

# Steps after which the diagonal of the Hessian, which scales them, is renewed.
PERIOD = 40


@dataclass(frozen=True)
class Effort:
    """The solver stops when a step without momentum would move no weight by more than `tolerance`, or after `steps`.

    Where nearly all spins agree f is almost flat: steps could go on for long, with nothing gained in what is predicted.
    """

    tolerance: float
    steps: int


FINE = Effort(1e-5, 400)
# On a path, where the choice between candidates matters more.
ROUGH = Effort(1e-4, 100)


class Estimate(NamedTuple):
    """J and h."""

    couplings: Couplings
    fields: Fields


def _table(x: Vectors, shared: Table | None, *, fields: bool) -> Int[Tensor, "spins spins"]:
    """Numbers of the couplings; with `fields`, those of the couplings to one more spin in front come after them."""
    dim = x.shape[1]
    table = QuadraticEnergy(dim, shared=shared).shared
    if not fields:
        return table
    own = torch.arange(dim) if shared is None else torch.zeros(dim, dtype=table.dtype)
    whole = F.pad(table, (1, 0, 1, 0), value=-1)
    whole[0, 1:] = whole[1:, 0] = max(0, int(table.max()) + 1) + own
    return whole


@dataclass(frozen=True)
class Problem:
    """f and the prior as a function of the weights, numbered by `table` (-1: no coupling).

    A row and its mirror image have equal f if there are no `fields`, and rows of strongly coupled spins repeat: each stands
    for its `share` of them. With fields the first spin is the one that is always up.
    """

    spins: Vectors
    share: Float[Tensor, "batch 1"]
    prior: Weights
    table: Table
    fields: bool

    @classmethod
    def of(cls, x: Vectors, shared: Table | None, *, fields: bool | None = None) -> "Problem":
        if not len(x) or not ((x == 0) | (x == 1)).all():
            raise ValueError(f"x must hold rows with entries 0 or 1, got shape {tuple(x.shape)}")
        spins = 2 * x - 1
        fields = not mirrored(spins) if fields is None else fields
        table = _table(x, shared, fields=fields)
        spins = F.pad(spins, (1, 0), value=1.0) if fields else spins
        spins, counts = torch.unique(spins * spins[:, :1], dim=0, return_counts=True)
        prior = spins.new_full((max(0, int(table.max()) + 1),), PRIOR / len(x))
        if fields:
            prior[table[0, 1:]] = FIELD_PRIOR / len(x)
        return cls(spins, (counts / len(x)).to(x.dtype)[:, None], prior, table, fields)

    @cached_property
    def zero(self) -> Weights:
        return torch.zeros_like(self.prior)

    @cached_property
    def pairs(self) -> Weights:
        """Number of pairs of each weight; fields, which have no penalty, have none."""
        counts = self.spins.new_ones(self.table.shape)
        if self.fields:
            counts[0] = counts[:, 0] = 0
        return self.gather(counts)

    def spread(self, w: Weights) -> Couplings:
        """Table of couplings, those to the spin in front too."""
        return torch.cat([w.new_zeros(1), w])[self.table + 1]

    def estimate(self, w: Weights) -> Estimate:
        whole = self.spread(w)
        return (
            Estimate(whole[1:, 1:], 2 * whole[0, 1:]) if self.fields else Estimate(whole, whole.new_zeros(len(whole)))
        )

    def gather(self, table: Couplings) -> Weights:
        """Sum over the pairs of each weight."""
        sums = table.new_zeros(len(self.zero) + 1)
        return sums.index_add(0, (self.table + 1).flatten(), table.flatten())[1:] / 2

    def at(self, w: Weights) -> "Point":
        return Point(w, self.spins @ self.spread(w))

    def slope(self, local: Vectors) -> Vectors:
        """Derivative of f in the local fields; nobody predicts the spin in front."""
        slope = -4 * self.share * self.spins * torch.sigmoid(-4 * self.spins * local)
        if self.fields:
            slope[:, 0] = 0
        return slope

    def gradient(self, point: "Point") -> Weights:
        pull = self.slope(point.local).T @ self.spins
        return self.gather(pull + pull.T) + self.prior * point.w

    def curvature(self, point: "Point") -> Weights:
        """Diagonal of the Hessian."""
        v = (self.share * (1 - torch.tanh(2 * point.local).square())).sum(0)
        if self.fields:
            v[0] = 0
        return self.gather(4 * (v[:, None] + v)) + self.prior

    def rise(self, a: "Point", b: "Point") -> Float[Tensor, ""]:
        """Change of the gradient from a to b, along b - a; with the local fields at hand it needs no product of matrices."""
        along = (self.slope(b.local) - self.slope(a.local)) * (b.local - a.local)
        return along.sum() + (self.prior * (b.w - a.w).square()).sum()

    def largest_l1(self) -> float:
        """Smallest L1 weight at which all couplings vanish."""
        alone = solve(replace(self, table=self._supported(torch.tensor(False))), self.zero)
        penalised = self.pairs > 0
        gradient = self.gradient(self.at(alone))[penalised].abs() / self.pairs[penalised]
        return gradient.max().item() if len(gradient) else 0.0

    def refitted(self, support: Bool[Tensor, "dim dim"], w: Weights, *, effort: Effort = FINE) -> Estimate:
        """Couplings without penalty on a support, found from `w`."""
        restricted = replace(self, table=self._supported(support))
        return restricted.estimate(solve(restricted, w * (restricted.gather(restricted._there) > 0), effort=effort))

    @property
    def _there(self) -> Couplings:
        return (self.table >= 0).to(self.spins.dtype)

    def _supported(self, support: Bool[Tensor, "..."]) -> Table:
        """The table with couplings on the support only, and all fields."""
        if not self.fields:
            return self.table.masked_fill(~support, -1)
        table = self.table.clone()
        table[1:, 1:] = table[1:, 1:].masked_fill(~support, -1)
        return table


@dataclass(frozen=True)
class Point:
    """Weights with the local fields J s that they cause."""

    w: Weights
    local: Vectors

    def beyond(self, before: "Point", part: float) -> "Point":
        """Go on in the direction from `before` to here; the local fields follow for free."""
        return Point(self.w + part * (self.w - before.w), self.local + part * (self.local - before.local))


def solve(problem: Problem, w: Weights, *, l1: float = 0.0, effort: Effort = FINE) -> Weights:
    """Minimise f + prior + L1 penalty from `w`."""
    if not len(w):
        return w
    penalty, here, scale = l1 * problem.pairs, problem.at(w), 1.0
    metric, ahead, momentum = problem.curvature(here), here, 1.0
    for step in range(1, effort.steps + 1):
        new, scale = _step(problem, ahead, metric, penalty, scale)
        moved = metric * (new.w - ahead.w)
        if moved @ (new.w - here.w) < 0:
            ahead, momentum = new, 1.0  # the momentum led uphill: begin anew
        else:
            growing = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
            ahead, momentum = new.beyond(here, (momentum - 1) / growing), growing
        here = new
        if scale * (moved / metric).abs().max() < effort.tolerance:
            break
        if step % PERIOD == 0:
            metric, ahead, momentum = problem.curvature(here), here, 1.0
        scale *= 0.95
    return here.w


def _step(problem: Problem, start: Point, metric: Weights, penalty: Weights, scale: float) -> tuple[Point, float]:
    """A gradient step, then shrinkage; `scale` grows until `scale * metric` bounds the curvature on the way."""
    gradient = problem.gradient(start)
    while True:
        bound = scale * metric
        w = start.w - gradient / bound
        new = problem.at(w.sign() * (w.abs() - penalty / bound).clamp(min=0))
        moved = new.w - start.w
        # Rounding outweighs the rise of a step that small.
        if problem.rise(start, new) <= (bound * moved) @ moved or moved.abs().max() < FINE.tolerance:
            return new, scale
        scale *= 1.5
