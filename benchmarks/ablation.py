"""What each part of `fast` is worth: it is taken away, or one that it does without here is added, at equal time.

    python -m benchmarks.ablation                           # the table of docs/results.md
    python -m benchmarks.ablation --data digits --seeds 0   # of 8 x 8 digits, one seed

Each training has one core; as many run side by side as there are cores. Results go to a JSON file beside this script.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.provenance import provenance
from ebgfn.files import write_json
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems import Config
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.images.recipes import DIGITS
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.reproduce.markdown import figure, table
from ebgfn.reproduce.measured import measure, over_seeds, side_by_side
from ebgfn.train.chains import ChainPlan

RESULTS = Path(__file__).parent / "results" / "ablation.json"
NO_CHAINS = ChainPlan(chains=0)

COMMON: dict[str, dict[str, Any]] = {
    "fast": {},
    "without chains": {"plan": NO_CHAINS},
    "chains only teach": {"chain_loss": 0.0},
    "chains are only negatives": {"taught": 0.0},
    "without noise": {"noise": 0.0},
    "without decay": {"decay": False},
    "without averaging": {"average": 0.0},
}
PLANE = COMMON | {
    # Before there are chains it would learn from nothing.
    "without noise": {"noise": 0.0, "teach_share": 0.0},
    "two networks": {"sizes": MLPSizes(hidden=192, depth=3, energy_hidden=128, energy_depth=6)},
    "with fitted noise": {"uniform": 0.25, "components": 60},
    "with moves from data": {"pairs": 1.0},
    "with flips": {"flips": 1.0},
}
DIGITS_8X8 = COMMON | {
    "two models apart": {"plan": NO_CHAINS, "pairs": 0.0, "smooth": 0.0},
    "coin flips as noise": {"uniform": 1.0, "components": 1},
    "without moves from data": {"pairs": 0.0},
    "without flips": {"flips": 0.0},
    "without data that the sampler drew": {"smooth": 0.0},
    "without varied images": {"varied": 0.0, "batch": 2 * DIGITS.batch},
    "without dropout": {"sizes": MLPSizes(**vars(DIGITS.sizes) | {"dropout": 0.0})},
    "both from the start": {"warm_share": 0.0, "teach_share": 0.0},
}
# Figures of a row, with their digits.
FIGURES = {
    "toy2d": {"gfn_excess": 3, "ebm_excess": 3, "mh_acceptance": 2, "ess": 2},
    "images": {"gfn_nll": 2, "ebm_nll": 2, "mh_acceptance": 2, "ess": 2, "spurious_mass": 3},
}
HEADS = {
    "toy2d": ("", "sampler", "energy", "acceptance, K = 8", "effective samples", "steps"),
    "images": (
        "",
        "sampler",
        "energy",
        "acceptance, K = 64",
        "effective samples",
        "chains that do not arrive",
        "steps",
    ),
}


def config(data: str, *, budget_s: float, seed: int) -> Config:
    """What is trained of a data set."""
    if data == "digits":
        return ImagesConfig(dataset="digits", preset="digits", budget_s=budget_s, seed=seed)
    return Toy2DConfig(dataset=data, budget_s=budget_s, seed=seed)


def variants(data: str) -> dict[str, dict[str, Any]]:
    """Changes of the recipe by what they are called."""
    return DIGITS_8X8 if data == "digits" else PLANE


def line(name: str, kind: str, figures: dict[str, Any]) -> list[str]:
    """One row of the table; of an energy that is refuted there is no figure."""
    if "error" in figures:
        return [name, figures["error"], *[""] * len(FIGURES[kind])]
    return [name, *(figure(figures, key, digits) for key, digits in FIGURES[kind].items()), str(figures["steps"])]


def tables(rows: dict[str, dict[str, dict[str, Any]]]) -> str:
    """One table for each data set, figures ± two standard errors."""
    kinds = {data: config(data, budget_s=1.0, seed=0).kind for data in rows}
    return "\n\n".join(
        f"**{data}**\n\n" + table(HEADS[kinds[data]], (line(name, kinds[data], one) for name, one in found.items()))
        for data, found in rows.items()
    )


def measured(task: tuple[Config, dict[str, Any]]) -> dict[str, Any]:
    """Figures of one training."""
    return measure(*task)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["2spirals", "checkerboard", "digits"])
    parser.add_argument("--budget-s", type=float, default=120.0)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="the mean over them is printed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trainings side by side")
    parser.add_argument("--keep", type=Path, help="folder that keeps rows, so that a stopped table goes on")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    named = [(data, name) for data in args.data for name in variants(data)]
    tasks = [
        (config(data, budget_s=args.budget_s, seed=seed), variants(data)[name])
        for data, name in named
        for seed in args.seeds
    ]
    found = side_by_side(measured, tasks, jobs=args.jobs, keep=args.keep)
    rows: dict[str, dict[str, Any]] = {data: {} for data in args.data}
    for data, name in named:
        kind = config(data, budget_s=1.0, seed=0).kind
        rows[data][name] = figures = over_seeds([next(found) for _ in args.seeds], FIGURES[kind])
        print(f"{data}, {' | '.join(line(name, kind, figures))}", file=sys.stderr, flush=True)
        write_json(args.out, provenance("ablation", threads=1) | {"rows": rows})
    print(tables(rows))


if __name__ == "__main__":
    main()
