"""The table of recovered couplings: ours beside all peers, each from the same samples.

Scores are -log RMSE over all D^2 entries of J; higher is better. Methods may give each pair a coupling of its own; the
`homogeneous` ones are told that the lattice looks the same everywhere, the oracle which pairs are coupled. Lattices have
equal couplings, which pooling rewards; a glass has unequal ones of both signs, and no homogeneous rows. A sampler that is
not trained follows the couplings without its network: what training it adds is the difference to EB-GFN.
"""

import dataclasses
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from ebgfn.baselines import penalised
from ebgfn.nets.quadratic import QuadraticEnergy
from ebgfn.nets.torus import displacements
from ebgfn.problems.ising import gibbs, uploads
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.scores import neg_log_rmse, peers
from ebgfn.problems.ising.trainer import IsingRecipe
from ebgfn.problems.lattice import glass
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.problems.training import start, train
from ebgfn.reproduce.markdown import table

BUDGET_S = 120.0
SAMPLES, GLASS_SWEEPS = 2000, 300
UNTRAINED = IsingRecipe(lr=0.0)

Square = Float[np.ndarray, "dim dim"]
Samples = UInt8[np.ndarray, "samples dim"]


@dataclass(frozen=True)
class System:
    """What the samples are of: a lattice with equal couplings, or a glass."""

    side: int
    sigma: float
    glass: bool = False

    @property
    def title(self) -> str:
        return f"{self.side}x{self.side}: {self.sigma:g}{' glass' if self.glass else ''}"

    def made(self, seed: int) -> tuple[Samples, Square]:
        """Samples of one data set, and the true couplings."""
        rng = np.random.default_rng(seed)
        if not self.glass:
            lattice = Lattice(self.side, self.sigma)
            return lattice.sample(SAMPLES, rng), lattice.couplings()
        true = glass.couplings(self.side, self.sigma, rng)
        return gibbs.sample(true, np.zeros(len(true)), SAMPLES, rng, sweeps=GLASS_SWEEPS), true


SYSTEMS = (
    *(System(10, sigma) for sigma in (0.1, 0.2, 0.3, 0.4, 0.5)),
    *(System(9, sigma) for sigma in (-0.1, -0.2)),
    *(System(10, sigma, glass=True) for sigma in (0.1, 0.2)),
)
METHODS = {
    "neg_log_rmse_refit": "EB-GFN",
    "neg_log_rmse_untrained": "EB-GFN, sampler not trained",
    "neg_log_rmse_pl_refit": "the same penalty and refit without a sampler",
    "neg_log_rmse_l1_pl": "L1 pseudo-likelihood, held-out choice",
    "neg_log_rmse_l1_pl_best": "L1 pseudo-likelihood, best by the truth",
    "neg_log_rmse_pcd_gibbs": "PCD, Gibbs",
    "neg_log_rmse_pcd_gibbs_refit": "PCD, Gibbs, thresholded and refitted like ours",
    "neg_log_rmse_pcd_gwg": "PCD, Gibbs-with-Gradients",
    "neg_log_rmse_pcd_gwg_refit": "PCD, Gibbs-with-Gradients, thresholded and refitted like ours",
    "neg_log_rmse_oracle": "pseudo-likelihood that knows the support",
    "neg_log_rmse_pooled": "EB-GFN, pooled",
    "neg_log_rmse_pl_pooled": "the same, pooled, without a sampler",
    "neg_log_rmse_homogeneous": "EB-GFN, homogeneous",
    "neg_log_rmse_untrained_homogeneous": "EB-GFN, homogeneous, sampler not trained",
    "neg_log_rmse_pl_refit_homogeneous": "the same, homogeneous, without a sampler",
    "neg_log_rmse_pl_homogeneous": "L1 pseudo-likelihood, homogeneous",
    "neg_log_rmse_pl_homogeneous_oracle": "pseudo-likelihood, homogeneous, that knows the support",
    "neg_log_rmse_zero": "J = 0",
}
# What is trained: the settings, and a recipe of its own.
TRAINED: dict[str, tuple[dict[str, Any], Any]] = {
    "neg_log_rmse_refit": ({"estimate": "refit"}, None),
    "neg_log_rmse_untrained": ({"estimate": "refit"}, UNTRAINED),
    "neg_log_rmse_pooled": ({"estimate": "pooled"}, None),
    "neg_log_rmse_pcd_gibbs": ({"method": "pcd-gibbs"}, None),
    "neg_log_rmse_pcd_gwg": ({"method": "pcd-gwg"}, None),
    "neg_log_rmse_homogeneous": ({"couplings": "homogeneous"}, None),
    "neg_log_rmse_untrained_homogeneous": ({"couplings": "homogeneous"}, UNTRAINED),
}


def tasks(seeds: int) -> list[tuple[System, int]]:
    """One for each system and data set."""
    return [(system, seed) for system in SYSTEMS for seed in range(seeds)]


def row(task: tuple[System, int], budget_s: float) -> dict[str, Any]:
    system, seed = task
    return dataclasses.asdict(system) | {"seed": seed} | _scores(system, seed, budget_s)


def _scores(system: System, seed: int, budget_s: float) -> dict[str, float]:
    x, true = system.made(seed)
    data = torch.from_numpy(x).float()
    scores = peers(x, true)
    for name, energy in _trained(system, x, seed, budget_s).items():
        scores[name] = score(energy, true)
        if "pcd" in name:
            scores[f"{name}_refit"] = score(penalised.thresholded(data, energy), true)
    scores["neg_log_rmse_pl_refit"] = score(penalised.fit(data, estimate="refit"), true)
    scores["neg_log_rmse_pl_pooled"] = score(penalised.fit(data, estimate="pooled"), true)
    return scores if system.glass else scores | _homogeneous(system, x, true)


def _homogeneous(system: System, x: Samples, true: Square) -> dict[str, float]:
    """Scores of those that know that the lattice looks the same everywhere."""
    table = displacements(system.side)
    shared = peers(x, true, shared=table)
    energy = QuadraticEnergy(len(true), shared=torch.from_numpy(table), one_field=True)
    found = penalised.fit(torch.from_numpy(x).float(), estimate="refit", energy=energy)
    return {
        "neg_log_rmse_pl_refit_homogeneous": score(found, true),
        "neg_log_rmse_pl_homogeneous": shared["neg_log_rmse_l1_pl"],
        "neg_log_rmse_pl_homogeneous_oracle": shared["neg_log_rmse_oracle"],
    }


def _trained(system: System, x: Samples, seed: int, budget_s: float) -> dict[str, QuadraticEnergy]:
    """Energies of everything that is trained, by name. All read the same file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.npz"
        path.write_bytes(uploads.pack(x))
        config = IsingConfig(path=str(path), side=system.side, seed=seed, budget_s=budget_s)
        return {
            name: energy_of(replace(config, **changes), recipe)
            for name, (changes, recipe) in TRAINED.items()
            if not (system.glass and "homogeneous" in name)
        }


def energy_of(config: IsingConfig, recipe: Any) -> QuadraticEnergy:
    """The energy after training."""
    state = start(config, recipe)
    for _ in train(state, event_interval_s=config.budget_s):
        pass
    return state.model().energy


def score(energy: QuadraticEnergy, true: Square) -> float:
    """-log RMSE of its couplings."""
    return neg_log_rmse(energy.couplings().detach().double().cpu().numpy(), true)


def as_text(rows: list[dict[str, Any]]) -> str:
    """Markdown: a line for each method, a column for each system; the mean over data sets, with their standard deviation."""
    systems = list(dict.fromkeys(System(row["side"], row["sigma"], row.get("glass", False)) for row in rows))

    def cell(name: str, system: System) -> str:
        of = [row for row in rows if System(row["side"], row["sigma"], row.get("glass", False)) == system]
        found = [row[name] for row in of if name in row]
        if not found:
            return ""
        spread = f" ± {np.std(found, ddof=1):.2f}" if len(found) > 1 else ""
        return f"{np.mean(found):.2f}{spread}"

    lines = [[title, *(cell(name, system) for system in systems)] for name, title in METHODS.items()]
    return table(["", *(system.title for system in systems)], lines)
