"""What `python -m ebgfn evaluate` says of a model of the plane, by the protocol of the papers on these data."""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn.core.schedules import draw
from ebgfn.core.weights import mean_estimate
from ebgfn.evaluation.coverage import coverage
from ebgfn.evaluation.exact import MAX_POLICY_DIM, log_marginal, log_p, total_variation
from ebgfn.evaluation.likelihood import log_likelihood, mh_acceptance
from ebgfn.evaluation.log_z import Budget, Limits, log_z
from ebgfn.evaluation.mmd import mmd_estimate
from ebgfn.model import Model
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.problems.plane.truth import LOG_DENSITIES, log_density

# Trajectories a point: of all points, and of some.
TRAJECTORIES, MORE, SOME = 20, 200, 200
ACCEPTANCE_K = 8
MMD_REPEATS = 10
# Fresh points that stand for training data: their means, and how far from the nearest of them a test point may lie.
REFERENCE = 10_000
# Three ways to log Z agree within 0.02 on all shipped models; of 1000 annealed chains the error is 0.015.
LIMITS = Limits(tolerance=0.05)


def report(model: Model, *, seed: int, points: int) -> dict[str, Any]:
    """Figures of a model of the plane on fresh points, in nats; `_se` are standard errors, what does not apply is left out.

    `gfn_excess` and `ebm_excess` are the distances from the floor on these very points: NLL of the model less that of the
    true density, point by point, so that the scatter of the points drops out; `gfn_excess_200` is by more trajectories.
    `coverage`: share of the points that as many samples cover. `seed` names points and trajectories. Of a refuted energy
    there is no NLL.
    """
    density, bits = model.config.density(), model.config.bits
    rng = np.random.default_rng([seed, 1])
    generator = torch.Generator(model.device).manual_seed(seed)
    xy = density.draw(points, rng)
    x = torch.from_numpy(density.grid(bits).encode(xy)).float().to(model.device)
    train = torch.from_numpy(density.sample(REFERENCE, rng, bits=bits)).float().to(model.device)
    partition = log_z(
        model.energy, model.policy, train=train, test=x, budget=budget(points), limits=LIMITS, generator=generator
    )
    sampler_nats = -log_likelihood(model.policy, x, trajectories=TRAJECTORIES, generator=generator)
    k = min(ACCEPTANCE_K, model.dim)
    figures = {"kind": "toy2d", "dataset": model.config.dataset, "seed": seed}
    figures |= _nll("gfn", "nll", sampler_nats) | partition.figures() | partition.nll()
    figures["mh_acceptance"] = mh_acceptance(model.energy, model.policy, x, k=k, generator=generator)
    distance = mmd_estimate(
        lambda n: draw(model.policy, n, generator).x,
        lambda n: torch.from_numpy(density.sample(n, rng, bits=bits)).float().to(model.device),
        size=points,
        repeats=MMD_REPEATS,
    )
    figures |= {"mmd": distance.value, "mmd_se": distance.se, "mmd_data": distance.data}
    drawn = density.grid(bits).decode(draw(model.policy, points, generator).x.byte().cpu().numpy())
    covered = coverage(torch.from_numpy(drawn), torch.from_numpy(xy).float())
    figures |= {"coverage": covered.value, "coverage_se": covered.se}
    if bits == FULL_BITS:
        figures["entropy_floor"] = density.entropy
    if bits == FULL_BITS and model.config.dataset in LOG_DENSITIES:
        truth = 2 * math.log(density.units) - torch.from_numpy(log_density(model.config.dataset, xy)).float().to(
            model.device
        )
        figures |= _nll("gfn", "excess", sampler_nats - truth)
        more = -log_likelihood(model.policy, x[:SOME], trajectories=MORE, generator=generator)
        gain = mean_estimate(sampler_nats[:SOME] - more)
        figures[f"gfn_excess_{MORE}"] = figures["gfn_excess"] - gain.value
        figures[f"gfn_excess_{MORE}_se"] = math.hypot(figures["gfn_excess_se"], gain.se)
        if not partition.refuted:
            figures |= _nll("ebm", "excess", partition.energies + partition.value - truth, partition.se)
    if model.dim <= MAX_POLICY_DIM:
        here = model.on("cpu")  # where states are enumerated
        exact_energy, _ = log_p(here.energy, here.dim)
        figures["total_variation"] = total_variation(exact_energy, log_marginal(here.policy))
    return figures


def budget(points: int) -> Budget:
    """At 4000 points about 8 s of one core."""
    return Budget(
        draws=5 * points,
        others=2 * points,
        chains=max(64, points // 16),
        moves=300,
        annealed=max(100, points // 4),
        temperatures=200,
    )


def _nll(model: str, what: str, nats: Float[Tensor, " points"], more_se: float = 0.0) -> dict[str, float]:
    """Mean and standard error under their keys; `more_se` is an independent error of the mean."""
    mean = mean_estimate(nats)
    return {f"{model}_{what}": mean.value, f"{model}_{what}_se": math.hypot(mean.se, more_se)}
