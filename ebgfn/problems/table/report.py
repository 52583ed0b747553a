"""What `python -m ebgfn evaluate` says of a model of a table: likelihoods of rows that training did not see."""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from ebgfn.baselines import chow_liu
from ebgfn.core.policy import bernoulli_log_prob
from ebgfn.core.schedules import fill, usual_schedule
from ebgfn.core.states import Masks, Vectors
from ebgfn.core.weights import mean_estimate
from ebgfn.evaluation.likelihood import bound, log_ratios
from ebgfn.evaluation.log_z import Budget, Limits, LogZ, log_z
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model
from ebgfn.nets.refined import RefinedEnergy
from ebgfn.problems.table.schema import Encoded

# Random orders over which a sampler's likelihood is a mean; calls of its network for what that gains over one order, and for
# that of one order.
ORDERS, CALLS, STATES = 16, 1_000_000, 200_000
# Up to this dimension annealing by local moves is sure to arrive.
ARRIVES_DIM = 128
K = 8
# Training rows that tell where data are.
REFERENCE = 10_000
BUDGET = Budget(draws=2000, others=2000, chains=96, moves=200, annealed=128, temperatures=300, steps=49)
# An energy that refines a density costs dozens of calls, and its log Z is bounded without a search.
LESS = replace(BUDGET, others=500, chains=32, moves=60, annealed=32, temperatures=100)


def report(model: Model, *, seed: int, points: int | None, budget: Budget | None = None) -> dict[str, Any]:
    """Figures in nats; `_se` are standard errors.

    `gfn_nll`: of the sampler, by the mean over ORDERS random orders entry by entry; `gfn_bound`: by one order. Of a refuted
    energy there is no NLL. `independent_nll`: of bits that know nothing of each other, `tree_nll`: of bits of which each
    depends on one other.

    Where cells are empty the sampler and independent bits are asked for the known ones alone, the energy for the
    `whole_rows` without gaps, and there is no tree.
    """
    split = model.config.split
    generator = torch.Generator(model.device).manual_seed(seed)
    train, test = (tensors(part, model) for part in (split.train, split.test))
    if points is not None and points < len(test.x):
        test = test.rows(torch.randperm(len(test.x), generator=generator, device=model.device)[:points])
    figures = {"kind": "table", "dataset": model.config.label, "seed": seed, "test_rows": len(test.x)}
    figures |= {"independent_nll": independent_nll(train, test)}
    if train.known.all() and test.known.all():
        figures |= {"tree_nll": tree_nll(train.x, test.x)}
    else:
        figures |= {"whole_rows": int(test.whole.sum())}
    figures |= of_sampler(model, test, generator)
    x = whole_rows(model, test, generator)
    found = partition(model, x, generator, budget)
    figures |= found.figures() | (found.nll() if test.whole.any() else {})
    figures |= {"mh_acceptance": acceptance(model, x, generator)}
    entries = test.known.sum().item() / len(test.x)
    bits = {f"{name}_bits_per_dim": f"{name}_nll" for name in ("gfn", "ebm") if f"{name}_nll" in figures}
    return figures | {name: figures[nll] / (entries * math.log(2)) for name, nll in bits.items()}


class Known(NamedTuple):
    """Vectors, and which of their entries are known."""

    x: Vectors
    known: Masks

    @property
    def whole(self) -> Bool[Tensor, " batch"]:
        return self.known.all(1)

    def rows(self, chosen: Tensor) -> "Known":
        return Known(self.x[chosen], self.known[chosen])


def tensors(part: Encoded, model: Model) -> Known:
    """Where the model is."""
    return Known(torch.from_numpy(part.x).float().to(model.device), torch.from_numpy(part.known).to(model.device))


def whole_rows(model: Model, part: Known, generator: torch.Generator) -> Vectors:
    """Rows without gaps; if all have some, rows that the sampler completed."""
    if part.whole.any():
        return part.x[part.whole]
    return fill(model.policy, *part, generator)


def partition(model: Model, x: Vectors, generator: torch.Generator, budget: Budget | None = None) -> LogZ:
    """log Z of the energy and what refutes it; `x` are whole rows that training did not see.

    Of an energy that refines a density log Z is bounded on both sides, by draws of that density: chains and annealing, which
    need not arrive where codes of many bits have to change at once, may only refute it.
    """
    refined = isinstance(model.energy, RefinedEnergy)
    policy = model.energy.base if refined else model.policy
    train = whole_rows(model, tensors(model.config.split.train.rows(slice(REFERENCE)), model), generator)
    budget = budget or (LESS if refined else BUDGET)
    blocks = None if policy.step_nats is None or budget.steps is None else min(budget.steps, model.dim)
    return log_z(
        model.energy,
        policy,
        train=train,
        test=x,
        budget=replace(budget, steps=blocks),
        limits=Limits(tolerance=0.05, arrives=model.dim <= ARRIVES_DIM and not refined),
        generator=generator,
    )


def independent_nll(train: Known, test: Known) -> float:
    """Mean -log p of rows whose bits are drawn one by one, with a half of a row of each value thrown in."""
    p = ((train.x * train.known).sum(0) + 0.5) / (train.known.sum(0) + 1)
    return -(bernoulli_log_prob(torch.logit(p), test.x) * test.known).sum(1).mean().item()


def tree_nll(train: Vectors, x: Vectors) -> float:
    """The same where each bit depends on one other."""
    return -chow_liu.fit(train.cpu()).log_prob(x.cpu()).mean().item()


@torch.no_grad()
def of_sampler(model: Model, test: Known, generator: torch.Generator) -> dict[str, float]:
    """The bound by one order on all rows, and what complete paths in several gain on as many as the calls allow."""
    policy, count = model.policy, len(test.x)
    chosen = torch.randperm(count, generator=generator, device=test.x.device)[: max(16, CALLS // (ORDERS * model.dim))]
    some = test.rows(chosen)
    each = log_ratios(policy, some.x, trajectories=ORDERS, generator=generator, known=some.known)
    whole = math.log(ORDERS) - each.logsumexp(1)
    if policy.step_nats is None or len(chosen) == count:
        found = mean_estimate(whole)
        return {"gfn_nll": found.value, "gfn_nll_se": found.se}
    states = min(64, max(2, STATES // count))
    one, gain = (
        mean_estimate(bound(policy, test.x, states=states, generator=generator, known=test.known)),
        mean_estimate(-each.mean(1) - whole),
    )
    return {
        "gfn_bound": one.value,
        "gfn_bound_se": one.se,
        "gfn_nll": one.value - gain.value,
        "gfn_nll_se": math.hypot(one.se, gain.se),
    }


def acceptance(model: Model, x: Vectors, generator: torch.Generator) -> float:
    """Mean acceptance of one back-and-forth move of K bits."""
    k = min(K, model.dim)
    kernel = BackAndForth(model.energy, model.policy, k=k, schedule=usual_schedule(model.policy, k=k))
    _, info = kernel.step(kernel.init(x[:512]), generator)
    return info.log_alpha.clamp(max=0).exp().mean().item()
