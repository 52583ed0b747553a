"""What `python -m ebgfn evaluate` says of the sampler of all sigma."""

import math
from typing import Any

import numpy as np
import torch

from ebgfn.core.schedules import draw
from ebgfn.core.weights import effective_sample_size, log_weights
from ebgfn.model import Model
from ebgfn.nets.lattice import MAX_SIGMA, at_sigma
from ebgfn.problems.lattice import kaufman
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.problems.lattice.observables import abs_magnetisation, correlation, mean_energy

SIGMAS = (-0.4, -0.2, 0.05, 0.15, 0.2, 0.22, 0.25, 0.3, 0.45)


def report(model: Model, *, seed: int, points: int) -> dict[str, Any]:
    """How far the sampler of all sigma is from exact values, worst over nine sigma (positive ones on an odd side).

    `log_z_error` is per site, of the learned curve; `log_z_is_error` that of importance sampling with `points` trajectories.
    The others count standard errors: of energy against Kaufman's, of |magnetisation| and correlations against as many exact
    samples; `_z` are the largest of all.
    """
    config, generator, rng = model.config, torch.Generator(model.device).manual_seed(seed), np.random.default_rng(seed)
    sigmas = [s for s in SIGMAS if s > 0 or config.side % 2 == 0]
    rows = [_at_sigma(model, s, points=points, generator=generator, rng=rng) for s in sigmas]
    worst = {name: max(abs(row[name]) for row in rows) for name in rows[0] if name != "ess"}
    return {
        "kind": config.kind,
        "side": config.side,
        "max_sigma": MAX_SIGMA,
        "seed": seed,
        "points": points,
        **worst,
        "ess": min(row["ess"] for row in rows),
    }


def _at_sigma(
    model: Model, sigma: float, *, points: int, generator: torch.Generator, rng: np.random.Generator
) -> dict[str, float]:
    lattice, here = Lattice(model.config.side, sigma), at_sigma(model, sigma)
    drawn = draw(here.policy, points, generator)
    log_w = log_weights(here.energy, drawn)
    exact = kaufman.log_z(lattice.side, sigma)
    ours, theirs = drawn.x.cpu().numpy(), lattice.sample(points, rng)
    staggered = sigma < 0
    energy = mean_energy(ours, lattice)
    magnetisation = [abs_magnetisation(x, staggered=staggered) for x in (ours, theirs)]
    first, second = correlation(ours), correlation(theirs)
    return {
        "log_z_error": (here.log_z.item() - exact) / model.dim,
        "log_z_is_error": ((log_w.logsumexp(0) - math.log(points)).item() - exact) / model.dim,
        "divergence": exact - log_w.mean().item(),
        "energy_z": in_errors(energy.value - kaufman.mean_energy(lattice.side, sigma), energy.se),
        "magnetisation_z": in_errors(
            magnetisation[0].value - magnetisation[1].value, math.hypot(magnetisation[0].se, magnetisation[1].se)
        ),
        "correlation_z": in_errors(first.value - second.value, np.hypot(first.se, second.se)),
        "ess": effective_sample_size(log_w),
    }


def in_errors(differences: Any, errors: Any) -> float:
    """The largest of the differences in standard errors; none counts where nothing scatters."""
    differences, errors = np.abs(np.atleast_1d(differences)), np.atleast_1d(errors)
    return float(np.divide(differences, errors, out=np.zeros_like(differences), where=errors > 0).max())
