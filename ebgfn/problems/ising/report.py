"""What `python -m ebgfn evaluate` says of recovered couplings."""

from typing import Any

import torch

from ebgfn.evaluation.likelihood import mh_acceptance
from ebgfn.evaluation.log_z import Budget, Limits, log_z
from ebgfn.model import Model
from ebgfn.nets.torus import displacements
from ebgfn.problems.ising.check import check
from ebgfn.problems.ising.reliability import PENALISED
from ebgfn.problems.ising.scores import neg_log_rmse, peers
from ebgfn.problems.lattice import kaufman

MAX_STARTS = 1000
# Strong couplings keep local annealing from arriving.
LIMITS = Limits(tolerance=0.3, arrives=False)


def report(model: Model, *, seed: int, points: int) -> dict[str, Any]:
    """Figures of recovered couplings; scores are -log RMSE over all D^2 entries, where the true ones are known. `misfit_p`:
    how likely rows as far from the model are, if it is right (see `ebgfn.evaluation.misfit`)."""
    config, generator = model.config, torch.Generator(model.device).manual_seed(seed)
    x = config.data()
    figures: dict[str, Any] = {"kind": config.kind, "samples": len(x), "couplings": config.couplings, "seed": seed}
    couplings = model.energy.couplings().detach().cpu().numpy()
    if config.lattice is not None:
        figures |= {"side": config.side, "sigma": config.sigma, "estimate": config.estimate}
        true = config.lattice.couplings()
        figures["neg_log_rmse"] = neg_log_rmse(couplings, true)
        figures |= peers(x, true, shared=displacements(config.side) if config.couplings == "homogeneous" else None)
        figures["log_z_true_couplings"] = kaufman.log_z(config.side, config.sigma)
    figures["pairs"] = int((couplings != 0).sum()) // 2
    fields = model.energy.fields()
    figures |= {"fields_low": fields.min().item(), "fields_high": fields.max().item()}
    if config.trainer in PENALISED:
        figures["misfit_p"] = check(model.on("cpu"), x, seed=seed).p
    if model.policy is None:
        return figures
    starts = torch.from_numpy(x).float().to(model.device)
    budget = Budget(draws=points, others=points, chains=96, moves=200, annealed=200, temperatures=200)
    partition = log_z(
        model.energy,
        model.policy,
        train=starts[::2],
        test=starts[1::2],
        budget=budget,
        limits=LIMITS,
        generator=generator,
    )
    k = max(1, model.dim // 10)
    acceptance = mh_acceptance(model.energy, model.policy, starts[:MAX_STARTS], k=k, generator=generator)
    return figures | partition.figures() | {"mh_acceptance": acceptance}
