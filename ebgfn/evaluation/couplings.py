"""Reports of Ising models: recovered couplings beside what others make of the same samples, and the sampler of all sigma."""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from ebgfn.baselines import pseudo_likelihood
from ebgfn.config import IsingConfig
from ebgfn.data import ising, kaufman
from ebgfn.data.torus import displacements
from ebgfn.evaluation.ising import abs_magnetisation, correlation, mean_energy, neg_log_rmse
from ebgfn.evaluation.likelihood import effective_sample_size, log_weights, log_z, mh_acceptance
from ebgfn.model import Model
from ebgfn.policies.lattice import MAX_SIGMA
from ebgfn.trajectories import sample_forward

Square = Float[np.ndarray, "dim dim"]

SIGMAS = (-0.4, -0.2, 0.05, 0.15, 0.2, 0.22, 0.25, 0.3, 0.45)
MAX_STARTS = 1000


def of_couplings(model: Model, *, seed: int, points: int) -> dict[str, Any]:
    """Figures of recovered couplings; scores are -log RMSE over all D^2 entries, where the true ones are known."""
    config, generator = model.config, torch.Generator().manual_seed(seed)
    x = config.data()
    figures: dict[str, Any] = {"kind": config.kind, "samples": len(x), "couplings": config.couplings, "seed": seed}
    couplings = model.energy.couplings().detach().numpy()
    if isinstance(config, IsingConfig):
        figures |= {"side": config.side, "sigma": config.sigma, "estimate": config.estimate}
        true = config.lattice.couplings()
        figures["neg_log_rmse"] = neg_log_rmse(couplings, true)
        figures |= peers(x, true, shared=displacements(config.side) if config.couplings == "homogeneous" else None)
        figures["log_z_exact"] = kaufman.log_z(config.side, config.sigma)
    partition = log_z(model.energy, model.policy, samples=points, generator=generator)
    starts = torch.from_numpy(x[:MAX_STARTS]).float()
    k = max(1, model.dim // 10)
    return figures | {
        "pairs": int((couplings != 0).sum()) // 2,
        "log_z": partition.value,
        "log_z_lower": partition.lower,
        "log_z_upper": partition.upper,
        "ess": partition.ess,
        "mh_acceptance": mh_acceptance(model.energy, model.policy, starts, k=k, generator=generator),
    }


def peers(x: UInt8[np.ndarray, "samples dim"], true: Square, *, shared: np.ndarray | None = None) -> dict[str, float]:
    """Scores on the same samples: L1 pseudo-likelihood chosen by held-out data, that which knows the support, and J = 0.

    With `shared` couplings, pseudo-likelihood is told which are shared as well.
    """
    data, support = torch.from_numpy(x).float(), torch.from_numpy(true != 0)
    table = None if shared is None else torch.from_numpy(shared)
    path = pseudo_likelihood.path(data, shared=table)
    chosen = min(path, key=lambda candidate: candidate.held_out)
    figures = {
        "neg_log_rmse_l1_pl": neg_log_rmse(chosen.couplings.numpy(), true),
        "neg_log_rmse_l1_pl_best": max(neg_log_rmse(c.couplings.numpy(), true) for c in path),
        "neg_log_rmse_oracle": neg_log_rmse(pseudo_likelihood.refit(data, support, shared=table).numpy(), true),
        "neg_log_rmse_zero": neg_log_rmse(np.zeros_like(true), true),
    }
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def of_lattice(model: Model, *, seed: int, points: int) -> dict[str, Any]:
    """How far the sampler of all sigma is from exact values, worst over nine sigma (positive ones on an odd side).

    `log_z_error` is per site, of the learned curve; `log_z_is_error` that of importance sampling with `points` trajectories.
    The others count standard errors: of energy against Kaufman's, of |magnetisation| and correlations against as many exact
    samples; `_z` are the largest of all.
    """
    config, generator, rng = model.config, torch.Generator().manual_seed(seed), np.random.default_rng(seed)
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
    lattice, here = ising.Lattice(model.config.side, sigma), model.at(sigma)
    drawn = sample_forward(here.policy, points, generator)
    log_w = log_weights(here.energy, drawn)
    exact = kaufman.log_z(lattice.side, sigma)
    ours, theirs = drawn.x.numpy(), lattice.sample(points, rng)
    staggered = sigma < 0
    energy = mean_energy(ours, lattice)
    magnetisation = [abs_magnetisation(x, staggered=staggered) for x in (ours, theirs)]
    first, second = correlation(ours), correlation(theirs)
    return {
        "log_z_error": (here.log_z.item() - exact) / model.dim,
        "log_z_is_error": ((log_w.logsumexp(0) - math.log(points)).item() - exact) / model.dim,
        "divergence": exact - log_w.mean().item(),
        "energy_z": (energy.value - kaufman.mean_energy(lattice.side, sigma)) / energy.se,
        "magnetisation_z": (magnetisation[0].value - magnetisation[1].value)
        / math.hypot(magnetisation[0].se, magnetisation[1].se),
        "correlation_z": float(np.abs((first.value - second.value) / np.hypot(first.se, second.se)).max()),
        "ess": effective_sample_size(log_w),
    }
