"""What `python -m ebgfn evaluate` says of a model of a table: likelihoods of rows that training did not see."""

import math
from dataclasses import replace
from typing import Any

import torch

from ebgfn.baselines import chow_liu
from ebgfn.core.schedules import usual_schedule
from ebgfn.core.states import Vectors
from ebgfn.core.weights import mean_estimate
from ebgfn.evaluation.likelihood import bound, log_ratios
from ebgfn.evaluation.log_z import Budget, Limits, LogZ, log_z
from ebgfn.mcmc import BackAndForth
from ebgfn.model import Model

# Random orders over which a sampler's likelihood is a mean; calls of its network for what that gains over one order, and for
# that of one order.
ORDERS, CALLS, STATES = 16, 1_000_000, 200_000
# Up to this dimension annealing by local moves is sure to arrive.
ARRIVES_DIM = 128
K = 8
# Training rows that tell where data are.
REFERENCE = 10_000
BUDGET = Budget(draws=2000, others=2000, chains=96, moves=200, annealed=128, temperatures=300, steps=49)


def report(model: Model, *, seed: int, points: int | None, budget: Budget | None = None) -> dict[str, Any]:
    """Figures in nats; `_se` are standard errors.

    `gfn_nll`: of the sampler, by the mean over ORDERS random orders entry by entry; `gfn_bound`: by one order. Of a refuted
    energy there is no NLL. `independent_nll`: of bits that know nothing of each other, `tree_nll`: of bits of which each
    depends on one other.
    """
    split = model.config.split
    generator = torch.Generator(model.device).manual_seed(seed)
    train, x = (torch.from_numpy(part).float().to(model.device) for part in (split.train, split.test))
    if points is not None and points < len(x):
        x = x[torch.randperm(len(x), generator=generator, device=x.device)[:points]]
    figures = {"kind": "table", "dataset": model.config.label, "seed": seed, "test_rows": len(x)}
    figures |= {"independent_nll": independent_nll(train, x), "tree_nll": tree_nll(train, x)} | of_sampler(
        model, x, generator
    )
    found = partition(model, x, generator, budget)
    figures |= found.figures() | found.nll() | {"mh_acceptance": acceptance(model, x, generator)}
    bits = {f"{name}_bits_per_dim": f"{name}_nll" for name in ("gfn", "ebm") if f"{name}_nll" in figures}
    return figures | {name: figures[nll] / (model.dim * math.log(2)) for name, nll in bits.items()}


def partition(model: Model, x: Vectors, generator: torch.Generator, budget: Budget | None = None) -> LogZ:
    """log Z of the energy and what refutes it; `x` are rows that training did not see."""
    train = torch.from_numpy(model.config.split.train[:REFERENCE]).float().to(model.device)
    budget = budget or BUDGET
    blocks = None if model.policy.step_nats is None or budget.steps is None else min(budget.steps, model.dim)
    return log_z(
        model.energy,
        model.policy,
        train=train,
        test=x,
        budget=replace(budget, steps=blocks),
        limits=Limits(tolerance=0.05, arrives=model.dim <= ARRIVES_DIM),
        generator=generator,
    )


def independent_nll(train: Vectors, x: Vectors) -> float:
    """Mean -log p of rows whose bits are drawn one by one, with a half of a row of each value thrown in."""
    p = (train.sum(0) + 0.5) / (len(train) + 1)
    return -(x @ p.log() + (1 - x) @ (1 - p).log()).mean().item()


def tree_nll(train: Vectors, x: Vectors) -> float:
    """The same where each bit depends on one other."""
    return -chow_liu.fit(train.cpu()).log_prob(x.cpu()).mean().item()


@torch.no_grad()
def of_sampler(model: Model, x: Vectors, generator: torch.Generator) -> dict[str, float]:
    """The bound by one order on all rows, and what complete paths in several gain on as many as the calls allow."""
    policy = model.policy
    some = x[torch.randperm(len(x), generator=generator, device=x.device)[: max(16, CALLS // (ORDERS * model.dim))]]
    each = log_ratios(policy, some, trajectories=ORDERS, generator=generator)
    whole = math.log(ORDERS) - each.logsumexp(1)
    if policy.step_nats is None or len(some) == len(x):
        found = mean_estimate(whole)
        return {"gfn_nll": found.value, "gfn_nll_se": found.se}
    states = min(64, max(2, STATES // len(x)))
    one, gain = (
        mean_estimate(bound(policy, x, states=states, generator=generator)),
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
