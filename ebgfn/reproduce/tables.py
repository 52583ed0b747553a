"""The tables of tables: ours beside independent columns, trees, mixtures, restricted Boltzmann machines and scikit-learn.

A row is one set and seed. Every model has the same seconds, and the rows held out choose its size and when it stops. All
figures are of bits; where a column takes several, it is hidden and swapped as a whole.

- Likelihood: mean -log p of the test rows, in nats. Of ours the sampler by several orders, and the energy where nothing
  refutes it; of the Boltzmann machine by annealed log Z, which flatters it if at all.
- Filling: 30 % of the cells of 500 test rows are hidden; log-loss in nats and accuracy of each hidden bit alone, given all
  that is known. The sampler tells it by one call, as the probability with which it would fill that bit next; trees and
  mixtures sum exactly; the machine by Gibbs sampling; what imputers say is clipped to 0.01..0.99.
- Odd rows: a quarter of the cells of a test row comes from another one. The area under the ROC curve of -log p (of a refuted
  energy too: it needs no log Z), of as many odd rows as usual ones, on whose numbers the area does not depend. Detectors
  learn from the training rows, as models do.
- Drawn rows: how well boosted trees tell 2000 of them from test rows, by the area under the ROC curve, 0.5 being perfect;
  and the accuracy on test rows of boosted trees that learn from drawn ones to tell each of the five bits nearest to even.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from threadpoolctl import threadpool_limits

from ebgfn.baselines import chow_liu, mixtures, rbm_training
from ebgfn.baselines.density import Density
from ebgfn.core.policy import Policy
from ebgfn.core.schedules import draw
from ebgfn.core.states import Batch, Masks, Vectors
from ebgfn.evaluation.likelihood import log_likelihood
from ebgfn.model import Model
from ebgfn.nets import bernoulli_mixture
from ebgfn.problems import evaluate
from ebgfn.problems.table import sets
from ebgfn.problems.table.config import TableConfig
from ebgfn.problems.table.report import ORDERS
from ebgfn.problems.training import start, train
from ebgfn.reproduce.markdown import figure, table
from ebgfn.reproduce.measured import over_seeds
from ebgfn.reproduce.table_measures import Exam, as_vectors, drawings, fillings, likelihoods, oddities
from ebgfn.train.loop import TrainingDiverged

BUDGET_S = 120.0
OURS = {"sampler": "EB-GFN, sampler", "energy": "EB-GFN, energy"}
METHODS = OURS | {
    "independent": "independent columns",
    "tree": "Chow-Liu tree",
    "products": "mixture of Bernoulli products",
    "trees": "mixture of Chow-Liu trees",
    "rbm": "RBM, PCD",
    "nearest": "KNNImputer",
    "regressions": "IterativeImputer",
    "forest": "IsolationForest",
    "factor": "LocalOutlierFactor",
}
# What is asked of the energy; the rest takes draws, which are the sampler's.
OF_ENERGY = ("nll", "odd_auc")
# What no method is: rows of the data themselves.
LIMIT = {"training": "training rows"}


class Measure(NamedTuple):
    """A table: its title, digits of its figures, and what is smallest of the best one."""

    title: str
    digits: int
    badness: Callable[[float], float]


MEASURES = {
    "nll": Measure("Likelihood: nats of a test row, less is better", 3, lambda value: value),
    "fill_nats": Measure("Filling: log-loss of a hidden bit in nats, less is better", 3, lambda value: value),
    "fill_accuracy": Measure("Filling: accuracy of a hidden bit", 3, lambda value: -value),
    "odd_auc": Measure("Odd rows: area under the ROC curve", 3, lambda value: -value),
    "drawn_auc": Measure(
        "Drawn rows told from test rows: area under the ROC curve, 0.5 is perfect", 3, lambda value: abs(value - 0.5)
    ),
    "drawn_accuracy": Measure("Learned from drawn rows: accuracy on test rows", 3, lambda value: -value),
}


@dataclass(frozen=True)
class Sampler:
    """Our sampler as a density; orders over which its likelihood is a mean are drawn by the seed."""

    policy: Policy
    seed: int

    def log_prob(self, x: Vectors) -> Batch:
        generator = torch.Generator().manual_seed(self.seed)
        return log_likelihood(self.policy, x, trajectories=ORDERS, generator=generator)

    @torch.no_grad()
    def conditional(self, x: Vectors, mask: Masks, generator: torch.Generator) -> Vectors:
        parts = zip(x.split(self.policy.rows), mask.split(self.policy.rows), strict=True)
        one = torch.cat([torch.sigmoid(self.policy(*part).value_logits) for part in parts])
        return torch.where(mask, x, one)

    def sample(self, n: int, generator: torch.Generator) -> Vectors:
        """Entry by entry."""
        return draw(self.policy, n, generator, steps=self.policy.dim).x


def tasks(seeds: int, names: Iterable[str] = tuple(sets.BINARY)) -> list[tuple[str, int]]:
    """One for each set and seed."""
    return [(name, seed) for name in names for seed in range(seeds)]


def row(task: tuple[str, int], budget_s: float) -> dict[str, Any]:
    """All figures of one set; of a training that diverged there are none of ours."""
    config = TableConfig(dataset=task[0], seed=task[1], budget_s=budget_s)
    with threadpool_limits(torch.get_num_threads()):
        model, told = trained(config)
        exam, known = Exam(config), peers(config)
        ours: dict[str, Density] = {} if model is None else {"sampler": Sampler(model.policy, config.seed)}
        told |= likelihoods(exam, known) | fillings(exam, ours | known) | drawings(exam, ours | known)
        log_p = {name: density.log_prob for name, density in (ours | known).items()}
        if model is not None:
            log_p["energy"] = torch.no_grad()(lambda x: -model.energy(x))
        return {"dataset": task[0], "seed": task[1]} | told | oddities(exam, log_p)


def trained(config: TableConfig) -> tuple[Model | None, dict[str, Any]]:
    """Our model and its likelihoods; None if the training diverged."""
    state = start(config)
    try:
        for _ in train(state, event_interval_s=10):
            pass
    except TrainingDiverged as error:
        return None, {"diverged": str(error), "steps": state.step, "train_seconds": round(state.elapsed_s, 1)}
    model = state.model()
    found = evaluate(model)
    names = {"gfn_nll": "sampler_nll", "ebm_nll": "energy_nll"}
    names |= {f"{old}_se": f"{new}_se" for old, new in names.items()}
    told = {new: found[old] for old, new in names.items() if old in found}
    told |= {key: found[key] for key in ("refuted", "refuted_by") if key in found}
    return model, told | {"steps": state.step, "train_seconds": round(state.elapsed_s, 1)}


def peers(config: TableConfig) -> dict[str, Density]:
    """Each fitted to the same rows in the same time."""
    learned, held_out = as_vectors(config.whole("train")), as_vectors(config.whole("valid"))
    seconds, seed = config.budget_s, config.seed
    return {
        "independent": bernoulli_mixture.fit(learned, components=1),
        "tree": chow_liu.fit(learned),
        "products": mixtures.best_products(learned, held_out, seconds=seconds, seed=seed),
        "trees": mixtures.best_trees(learned, held_out, seconds=seconds, seed=seed),
        "rbm": rbm_training.fit(learned, held_out, seconds=seconds, seed=seed),
    }


def as_text(rows: list[dict[str, Any]]) -> str:
    """A table in Markdown for each measure, below a line that says where ours is not the best; ± two standard errors."""
    found = {}
    for name in dict.fromkeys(row["dataset"] for row in rows):
        of_set = [row for row in rows if row["dataset"] == name]
        keys = [f"{method}_{measure}" for measure in MEASURES for method in METHODS | LIMIT]
        found[name] = over_seeds(of_set, keys) | {
            "refuted": any(row.get("refuted") for row in of_set),
            "diverged": any("diverged" in row for row in of_set),
        }
    return "\n\n".join(_section(name, measure, found) for name, measure in MEASURES.items())


def _section(name: str, measure: Measure, found: dict[str, dict[str, Any]]) -> str:
    winners = {of: _best(figures, name, measure) for of, figures in found.items()}
    lost = [of for of, winner in winners.items() if winner not in OURS]
    said = f"Ours is the best on {len(found) - len(lost)} of {len(found)}" + (
        f", not on {', '.join(lost)}" if lost else ""
    )
    lines = []
    for method, title in (METHODS | LIMIT).items():
        cells = [_cell(figures, method, name, measure.digits) for figures in found.values()]
        marked = [f"**{c}**" if method == winners[of] else c for of, c in zip(found, cells, strict=True)]
        lines += [[title, *marked]] if any(cells) else []
    return f"{measure.title}. {said}.\n\n{table(['', *found], lines)}"


def _best(figures: dict[str, Any], measure: str, how: Measure) -> str | None:
    """The method whose figure is best; an equal one of ours comes first."""
    known = [method for method in METHODS if f"{method}_{measure}" in figures]
    return min(known, key=lambda method: how.badness(figures[f"{method}_{measure}"]), default=None)


def _cell(figures: dict[str, Any], method: str, measure: str, digits: int) -> str:
    if figures["diverged"] and (method == "sampler" or (method == "energy" and measure in OF_ENERGY)):
        return "diverged"
    if figures["refuted"] and (method, measure) == ("energy", "nll"):
        return "refuted"
    return figure(figures, f"{method}_{measure}", digits)
