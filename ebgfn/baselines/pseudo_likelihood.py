"""Couplings and fields of an Ising model by pseudo-likelihood: each spin is predicted from all others; no normaliser, no
sampling.

For E(x) = -s^T J s - h^T s on spins s = 2x - 1 the conditionals are p(x_i = 1 | rest) = sigmoid(4 (J s)_i + 2 h_i), so that

    f(J, h) = mean over the data of sum_i softplus(-s_i (4 (J s)_i + 2 h_i))

is convex. J is symmetric: both spins of a pair share its weight. An L1 penalty on every pair finds a support; a second fit
without it, on that support, takes back the shrinkage. A field is the coupling h_i / 2 to one more spin that is always up and
that nobody predicts; it has no penalty. Where rows and their mirror images are as likely, there are no fields.

Besag, "Statistical analysis of non-lattice data", 1975. Penalty: Ravikumar, Wainwright, Lafferty, "High-dimensional Ising
model selection using l1-regularized logistic regression", 2010, arXiv 1010.0311. Steps: Beck and Teboulle, "A fast
iterative shrinkage-thresholding algorithm for linear inverse problems", 2009, with the restarts of O'Donoghue and Candès,
"Adaptive restart for accelerated gradient schemes", 2015, arXiv 1204.3982.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional as F

from ebgfn.baselines.convex import ROUGH, Couplings, Estimate, Fields, Problem, Table, Vectors, solve

# L1 weights of a path, as parts of the smallest one that leaves no coupling.
GRID = (0.7, 0.4, 0.2, 0.1, 0.05)
HELD_OUT = 0.2


@dataclass(frozen=True)
class Candidate:
    """What one L1 weight leads to: couplings refitted on the support that it found, and how well they predict.

    `held_out` is the negative log pseudo-likelihood in nats a row of a fifth of the data, after both fits to the rest;
    `couplings` and `fields` are those of all data.
    """

    l1: float
    couplings: Couplings
    fields: Fields
    held_out: float

    @property
    def pairs(self) -> int:
        """Size of the support."""
        return int((self.couplings != 0).sum()) // 2


def fit(x: Vectors, *, l1: float, shared: Table | None = None, fields: bool | None = None) -> Estimate:
    """Couplings that minimise f(J) + prior + l1 * sum over pairs of |J_ij|, computed in the precision of `x`.

    Pairs with one number in `shared` have one coupling, and -1 means none (see `QuadraticEnergy`); with it all spins share
    one field. `fields`: whether there are any; by default the data say so.
    """
    if not 0 <= l1 < math.inf:
        raise ValueError(f"l1 must be a number of at least 0, got {l1}")
    problem = Problem.of(x, shared, fields=fields)
    return problem.estimate(solve(problem, problem.zero, l1=l1))


def refit(
    x: Vectors, support: Bool[Tensor, "dim dim"], *, shared: Table | None = None, fields: bool | None = None
) -> Estimate:
    """Couplings without the penalty, where `support` holds; zero elsewhere."""
    if support.shape != (x.shape[1], x.shape[1]) or not torch.equal(support, support.T):
        raise ValueError(f"support must be a symmetric {x.shape[1]} x {x.shape[1]} table, got {tuple(support.shape)}")
    problem = Problem.of(x, shared, fields=fields)
    return problem.refitted(support, problem.zero)


def path(x: Vectors, *, shared: Table | None = None, seed: int = 0) -> list[Candidate]:
    """One candidate for each of five L1 weights, largest first; `seed` says which rows are held out."""
    if len(x) < 10:
        raise ValueError(f"a path needs at least 10 rows, got {len(x)}")
    whole = Problem.of(x, shared)
    rows = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    unseen, seen = rows[: int(HELD_OUT * len(x))], rows[int(HELD_OUT * len(x)) :]
    part = Problem.of(x[seen], shared, fields=whole.fields)
    largest = whole.largest_l1()
    candidates, w = [], part.zero
    for l1 in (fraction * largest for fraction in GRID):
        w = solve(part, w, l1=l1, effort=ROUGH)
        held_out = nats(x[unseen], *part.refitted(part.estimate(w).couplings != 0, w, effort=ROUGH))
        w_all = solve(whole, w, l1=l1, effort=ROUGH)  # all data lead to nearly the same place
        found = whole.refitted(whole.estimate(w_all).couplings != 0, w_all, effort=ROUGH)
        candidates.append(Candidate(l1, *found, held_out))
    return candidates


def nats(x: Vectors, couplings: Couplings, fields: Fields | None = None) -> float:
    """Mean negative log pseudo-likelihood of a row, all spins together."""
    spins = 2 * x - 1
    logits = 4 * spins @ couplings + (0 if fields is None else 2 * fields)
    return F.softplus(-spins * logits).sum(1).mean().item()
