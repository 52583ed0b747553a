"""The table of recovered couplings: ours beside all peers, each from the same samples.

Scores are -log RMSE over all D^2 entries of J; higher is better. Methods may give each pair a coupling of its own; the
`homogeneous` ones are told that the lattice looks the same everywhere, the oracle which pairs are coupled.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ebgfn.baselines import pooled
from ebgfn.nets.torus import displacements
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.scores import neg_log_rmse, peers
from ebgfn.problems.training import start, train
from ebgfn.reproduce.markdown import table

BUDGET_S = 120.0
ISING = ((10, 0.1), (10, 0.2), (10, 0.3), (10, 0.4), (10, 0.5), (9, -0.1), (9, -0.2))
METHODS = {
    "neg_log_rmse_pooled": "EB-GFN",
    "neg_log_rmse_refit": "EB-GFN without pooling",
    "neg_log_rmse_homogeneous": "EB-GFN, homogeneous",
    "neg_log_rmse_l1_pl": "L1 pseudo-likelihood, held-out choice",
    "neg_log_rmse_l1_pl_best": "L1 pseudo-likelihood, best by the truth",
    "neg_log_rmse_pl_pooled": "pseudo-likelihood, pooled like ours",
    "neg_log_rmse_pl_homogeneous": "pseudo-likelihood, homogeneous",
    "neg_log_rmse_pl_homogeneous_oracle": "pseudo-likelihood, homogeneous, that knows the support",
    "neg_log_rmse_pcd_gibbs": "PCD, Gibbs",
    "neg_log_rmse_pcd_gwg": "PCD, Gibbs-with-Gradients",
    "neg_log_rmse_oracle": "pseudo-likelihood that knows the support",
    "neg_log_rmse_zero": "J = 0",
}
TRAINED = {
    "neg_log_rmse_pooled": {"estimate": "pooled"},
    "neg_log_rmse_refit": {"estimate": "refit"},
    "neg_log_rmse_homogeneous": {"couplings": "homogeneous", "estimate": "refit"},
    "neg_log_rmse_pcd_gibbs": {"method": "pcd-gibbs"},
    "neg_log_rmse_pcd_gwg": {"method": "pcd-gwg"},
}


def work(seeds: int) -> int:
    return len(ISING) * seeds


def rows(
    budget_s: float, *, seeds: int, on_row: Callable[[], Any], lattices: tuple[tuple[int, float], ...] = ISING
) -> list[dict[str, Any]]:
    """One row for each lattice and data set; `budget_s` seconds for each training."""
    found = []
    for side, sigma in lattices:
        for seed in range(seeds):
            found.append({"side": side, "sigma": sigma, "seed": seed, **_scores(side, sigma, seed, budget_s)})
            on_row()
    return found


def _scores(side: int, sigma: float, seed: int, budget_s: float) -> dict[str, float]:
    config = IsingConfig(side=side, sigma=sigma, seed=seed, budget_s=budget_s)
    assert config.lattice is not None
    x, true = config.data(), config.lattice.couplings()
    scores = {name: _trained(config, changes, true) for name, changes in TRAINED.items()}
    scores |= peers(x, true)
    shared = peers(x, true, shared=displacements(side))
    scores["neg_log_rmse_pl_homogeneous"] = shared["neg_log_rmse_l1_pl"]
    scores["neg_log_rmse_pl_homogeneous_oracle"] = shared["neg_log_rmse_oracle"]
    scores["neg_log_rmse_pl_pooled"] = neg_log_rmse(pooled.fit(torch.from_numpy(x).float()).numpy(), true)
    return scores


def _trained(config: IsingConfig, changes: dict[str, Any], true: Float[np.ndarray, "dim dim"]) -> float:
    state = start(replace(config, **changes))
    for _ in train(state, event_interval_s=config.budget_s):
        pass
    return neg_log_rmse(state.model().energy.couplings().numpy(), true)


def as_text(rows: list[dict[str, Any]]) -> str:
    """Markdown: a line for each method, a column for each lattice, the mean over data sets."""
    lattices = list(dict.fromkeys((row["side"], row["sigma"]) for row in rows))
    lines = []
    for name, title in METHODS.items():
        means = [
            np.mean([row[name] for row in rows if (row["side"], row["sigma"]) == lattice and name in row] or [np.nan])
            for lattice in lattices
        ]
        lines.append([title, *(f"{mean:.2f}" for mean in means)])
    return table(["", *(f"{side}x{side}: {sigma:g}" for side, sigma in lattices)], lines)
