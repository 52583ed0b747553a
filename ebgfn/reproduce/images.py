"""The table of images: both likelihoods of ours beside a mixture of Bernoulli products and published models.

Nats of the whole test set, binarised once. Published figures are of dynamic MNIST; on Omniglot there are none beside ours,
whose data are the two small sets with a split by drawers.
"""

from dataclasses import replace
from typing import Any

from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.images.published import IMAGES
from ebgfn.reproduce.markdown import figure, table
from ebgfn.reproduce.measured import measure

BUDGET_S = 1200.0
OURS = (("mnist", "fast"), ("mnist", "small"), ("mnist", "mlp"), ("omniglot", "fast"), ("digits", "digits"))
HEAD = ("", "sampler", "sampler, 49 steps", "energy", "acceptance, K = 64", "minutes")


def tasks(seeds: int) -> list[ImagesConfig]:
    """One for each model of ours and seed."""
    return [
        ImagesConfig(dataset=dataset, preset=preset, seed=seed) for dataset, preset in OURS for seed in range(seeds)
    ]


def row(task: ImagesConfig, budget_s: float) -> dict[str, Any]:
    """The mixture's figures stand in each."""
    return {"preset": task.preset, **measure(replace(task, budget_s=budget_s), {}), "seed": task.seed}


def as_text(rows: list[dict[str, Any]]) -> str:
    """Nats ± two standard errors; of an energy that nothing refutes, by the largest estimate of log Z."""
    lines = []
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        ours = [row for row in rows if row["dataset"] == dataset]
        lines += [line(f"{dataset}, {row['preset']}", row) for row in ours]
        if "mixture_nll" in ours[0]:
            mixture = figure(ours[0], "mixture_nll", 1)
            title = f"{dataset}, mixture of {ours[0]['mixture_components']} Bernoulli products"
            lines.append([title, mixture, "", mixture, "", ""])
        lines += [line(f"{dataset}, {other.title}", {other.figure: other.nats}) for other in IMAGES.get(dataset, ())]
    return table(HEAD, lines)


def line(name: str, row: dict[str, Any]) -> list[str]:
    """One row of the table."""
    nats = [figure(row, key, 1) for key in ("gfn_nll", "gfn_nll_49")]
    minutes = f"{row['train_seconds'] / 60:.0f}" if "train_seconds" in row else ""
    return [name, *nats, of_energy(row), figure(row, "mh_acceptance", 2), minutes]


def of_energy(row: dict[str, Any]) -> str:
    """Its figure, unless it is refuted; published ones as their authors give them."""
    return "refuted" if row.get("refuted") else figure(row, "ebm_nll", 1)
