"""Couplings of an Ising model by pseudo-likelihood: each spin is predicted from all others; no normaliser, no sampling.

For E(x) = -s^T J s on spins s = 2x - 1 the conditionals are p(x_i = 1 | rest) = sigmoid(4 (J s)_i), so that

    f(J) = mean over the data of sum_i softplus(-4 s_i (J s)_i)

is convex. J is symmetric: both spins of a pair share its weight. An L1 penalty on every pair finds a support; a second fit
without it, on that support, takes back the shrinkage.

Besag, "Statistical analysis of non-lattice data", 1975. Penalty: Ravikumar, Wainwright, Lafferty, "High-dimensional Ising
model selection using l1-regularized logistic regression", 2010, arXiv 1010.0311. Steps: Beck and Teboulle, "A fast
iterative shrinkage-thresholding algorithm for linear inverse problems", 2009, with the restarts of O'Donoghue and Candès,
"Adaptive restart for accelerated gradient schemes", 2015, arXiv 1204.3982.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from ebgfn.nets.quadratic import QuadraticEnergy

Vectors = Float[Tensor, "batch dim"]
Couplings = Float[Tensor, "dim dim"]
Table = Int[Tensor, "dim dim"]
Weights = Float[Tensor, " weights"]

# Precision of a normal prior on each weight, in both fits. Without it a spin that never flips sends its couplings to
# infinity, and among spins that always agree nothing says which are coupled. A neighbour's flip moves a logit by 8 J_ij; the
# prior gives it the variance of a logistic variable, whose sigmoid is uniform in 0..1: one such guess beside all the data.
PRIOR = 8**2 / (math.pi**2 / 3)

# L1 weights of a path, as parts of the smallest one that leaves no coupling.
GRID = (0.7, 0.4, 0.2, 0.1, 0.05)
HELD_OUT = 0.2

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


@dataclass(frozen=True)
class Candidate:
    """What one L1 weight leads to: couplings refitted on the support that it found, and how well they predict.

    `held_out` is the negative log pseudo-likelihood in nats a row of a fifth of the data, after both fits to the rest;
    `couplings` are those of all data.
    """

    l1: float
    couplings: Couplings
    held_out: float

    @property
    def pairs(self) -> int:
        """Size of the support."""
        return int((self.couplings != 0).sum()) // 2


def fit(x: Vectors, *, l1: float, shared: Table | None = None) -> Couplings:
    """Couplings that minimise f(J) + prior + l1 * sum over pairs of |J_ij|, computed in the precision of `x`.

    Pairs with one number in `shared` have one coupling, and -1 means none (see `QuadraticEnergy`).
    """
    if not 0 <= l1 < math.inf:
        raise ValueError(f"l1 must be a number of at least 0, got {l1}")
    problem = Problem.of(x, _table(x, shared))
    return problem.spread(solve(problem, problem.zero, l1=l1))


def refit(x: Vectors, support: Bool[Tensor, "dim dim"], *, shared: Table | None = None) -> Couplings:
    """Couplings without the penalty, where `support` holds; zero elsewhere."""
    if support.shape != (x.shape[1], x.shape[1]) or not torch.equal(support, support.T):
        raise ValueError(f"support must be a symmetric {x.shape[1]} x {x.shape[1]} table, got {tuple(support.shape)}")
    problem = Problem.of(x, _table(x, shared))
    return problem.refitted(support, problem.zero)


def path(x: Vectors, *, shared: Table | None = None, seed: int = 0) -> list[Candidate]:
    """One candidate for each of five L1 weights, largest first; `seed` says which rows are held out."""
    if len(x) < 10:
        raise ValueError(f"a path needs at least 10 rows, got {len(x)}")
    table = _table(x, shared)
    rows = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    unseen, seen = rows[: int(HELD_OUT * len(x))], rows[int(HELD_OUT * len(x)) :]
    whole, part = Problem.of(x, table), Problem.of(x[seen], table)
    largest = whole.largest_l1()
    candidates, w = [], part.zero
    for l1 in (fraction * largest for fraction in GRID):
        w = solve(part, w, l1=l1, effort=ROUGH)
        held_out = nats(x[unseen], part.refitted(part.spread(w) != 0, w, effort=ROUGH))
        w_all = solve(whole, w, l1=l1, effort=ROUGH)  # all data lead to nearly the same place
        couplings = whole.refitted(whole.spread(w_all) != 0, w_all, effort=ROUGH)
        candidates.append(Candidate(l1, couplings, held_out))
    return candidates


def nats(x: Vectors, couplings: Couplings) -> float:
    """Mean negative log pseudo-likelihood of a row, all spins together."""
    spins = 2 * x - 1
    return F.softplus(-4 * spins * (spins @ couplings)).sum(1).mean().item()


def _table(x: Vectors, shared: Table | None) -> Table:
    if not len(x) or not ((x == 0) | (x == 1)).all():
        raise ValueError(f"x must hold rows with entries 0 or 1, got shape {tuple(x.shape)}")
    return QuadraticEnergy(x.shape[1], shared=shared).shared


@dataclass(frozen=True)
class Problem:
    """f and the prior as a function of the weights, numbered by `table` (-1: no coupling).

    A row and its mirror image have equal f, and rows of strongly coupled spins repeat: each stands for its `share` of them.
    """

    spins: Vectors
    share: Float[Tensor, "batch 1"]
    prior: float
    table: Table

    @classmethod
    def of(cls, x: Vectors, table: Table) -> "Problem":
        spins = 2 * x - 1
        spins, counts = torch.unique(spins * spins[:, :1], dim=0, return_counts=True)
        return cls(spins, (counts / len(x)).to(x.dtype)[:, None], PRIOR / len(x), table)

    @cached_property
    def zero(self) -> Weights:
        return self.spins.new_zeros(max(0, int(self.table.max()) + 1))

    @cached_property
    def pairs(self) -> Weights:
        """Number of pairs of each weight."""
        return self.gather(self.spins.new_ones(self.table.shape))

    def spread(self, w: Weights) -> Couplings:
        """Table of couplings."""
        return torch.cat([w.new_zeros(1), w])[self.table + 1]

    def gather(self, table: Couplings) -> Weights:
        """Sum over the pairs of each weight."""
        sums = table.new_zeros(len(self.zero) + 1)
        return sums.index_add(0, (self.table + 1).flatten(), table.flatten())[1:] / 2

    def at(self, w: Weights) -> "Point":
        return Point(w, self.spins @ self.spread(w))

    def slope(self, fields: Vectors) -> Vectors:
        """Derivative of f in the fields."""
        return -4 * self.share * self.spins * torch.sigmoid(-4 * self.spins * fields)

    def gradient(self, point: "Point") -> Weights:
        pull = self.slope(point.fields).T @ self.spins
        return self.gather(pull + pull.T) + self.prior * point.w

    def curvature(self, point: "Point") -> Weights:
        """Diagonal of the Hessian."""
        v = (self.share * (1 - torch.tanh(2 * point.fields).square())).sum(0)
        return self.gather(4 * (v[:, None] + v)) + self.prior

    def rise(self, a: "Point", b: "Point") -> Float[Tensor, ""]:
        """Change of the gradient from a to b, along b - a; with the fields at hand it needs no product of matrices."""
        along = (self.slope(b.fields) - self.slope(a.fields)) * (b.fields - a.fields)
        return along.sum() + self.prior * (b.w - a.w).square().sum()

    def largest_l1(self) -> float:
        """Smallest L1 weight at which all couplings vanish."""
        gradient = self.gradient(self.at(self.zero)).abs() / self.pairs.clamp(min=1)
        return gradient.max().item() if len(gradient) else 0.0

    def refitted(self, support: Bool[Tensor, "dim dim"], w: Weights, *, effort: Effort = FINE) -> Couplings:
        """Couplings without penalty on a support, found from `w`."""
        restricted = replace(self, table=self.table.masked_fill(~support, -1))
        return restricted.spread(solve(restricted, w[: len(restricted.zero)], effort=effort))


@dataclass(frozen=True)
class Point:
    """Weights with the fields J s that they cause."""

    w: Weights
    fields: Vectors

    def beyond(self, before: "Point", part: float) -> "Point":
        """Go on in the direction from `before` to here; the fields follow for free."""
        return Point(self.w + part * (self.w - before.w), self.fields + part * (self.fields - before.fields))


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
