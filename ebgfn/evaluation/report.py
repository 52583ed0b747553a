"""Everything `python -m ebgfn evaluate` says of a model of the plane, by the protocol common to the papers on these data."""

from typing import Any

import numpy as np
import torch

from ebgfn.data.gray import FULL_BITS
from ebgfn.evaluation.exact import MAX_POLICY_DIM, log_marginal, log_p, total_variation
from ebgfn.evaluation.likelihood import ebm_nll, gfn_nll, log_z, mh_acceptance
from ebgfn.evaluation.mmd import mmd_estimate
from ebgfn.model import Model
from ebgfn.trajectories import sample_forward

POINTS = 4000
TRAJECTORIES = 20
ACCEPTANCE_K = 8
MMD_REPEATS = 10


def evaluate(model: Model, *, seed: int = 0, points: int = POINTS) -> dict[str, Any]:
    """Figures of a model on fresh test points, in nats; `_se` are standard errors, keys that do not apply are left out.

    `seed` names the test points and the trajectories: another seed gives an independent estimate.
    """
    density, bits = model.config.density(), model.config.bits
    rng = np.random.default_rng([seed, 1])
    generator = torch.Generator().manual_seed(seed)

    x = torch.from_numpy(density.sample(points, rng, bits=bits)).float()
    sampler = gfn_nll(model.policy, x, trajectories=TRAJECTORIES, generator=generator)
    partition = log_z(model.energy, model.policy, samples=5 * points, generator=generator)
    energy = ebm_nll(model.energy, x, partition)
    figures = {
        "kind": "toy2d",
        "dataset": model.config.dataset,
        "seed": seed,
        "gfn_nll": sampler.value,
        "gfn_nll_se": sampler.se,
        "ebm_nll": energy.value,
        "ebm_nll_se": energy.se,
        "log_z": partition.value,
        "log_z_lower": partition.lower,
        "log_z_upper": partition.upper,
        "ess": partition.ess,
        "mh_acceptance": mh_acceptance(
            model.energy, model.policy, x, k=min(ACCEPTANCE_K, model.dim), generator=generator
        ),
    }
    distance = mmd_estimate(
        lambda n: sample_forward(model.policy, n, generator).x,
        lambda n: torch.from_numpy(density.sample(n, rng, bits=bits)).float(),
        size=points,
        repeats=MMD_REPEATS,
    )
    figures |= {"mmd": distance.value, "mmd_se": distance.se, "mmd_data": distance.data}
    if bits == FULL_BITS:
        figures["entropy_floor"] = density.entropy
    if model.dim <= MAX_POLICY_DIM:
        exact_energy, _ = log_p(model.energy, model.dim)
        figures["total_variation"] = total_variation(exact_energy, log_marginal(model.policy))
    return figures
