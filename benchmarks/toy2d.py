"""Quality on the seven densities from one wall-clock budget: ours (`fast`), the published algorithm (`paper`), the floors.

    python -m benchmarks.toy2d --budget-s 120                    # the table of docs/results.md
    python -m benchmarks.toy2d --ablate --sets 2spirals          # fast with one part taken away at a time

Every row is trained and evaluated here and now, one after another; results go to a JSON file beside this script.
"""

import argparse
import datetime
import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

import torch

from ebgfn.files import write_json
from ebgfn.nets.mlp import MLPSizes
from ebgfn.nets.products import use_onednn
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.densities import DENSITIES
from ebgfn.reproduce.toy2d import PRESETS, measure, over_seeds
from ebgfn.train.chains import ChainPlan

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("gfn_excess", "ebm_excess", "mh_acceptance", "ess", "steps", "train_seconds")

# What `fast` is without each of its parts, and with those that it has for images only.
ABLATIONS: dict[str, dict[str, Any]] = {
    "fast": {},
    "networks for both": {"sizes": MLPSizes(hidden=192, depth=3, energy_hidden=128, energy_depth=6)},
    "two models apart": {"plan": ChainPlan(chains=0)},
    "chains only teach": {"chain_loss": 0.0},
    "chains only negatives": {"taught": 0.0},
    "no noise": {"noise": 0.0},
    "fitted noise": {"uniform": 0.25, "components": 60},
    "with moves from data": {"pairs": 1.0},
    "with flips": {"flips": 1.0},
    "no decay": {"decay": False},
    "no averaging": {"average": 0.0},
}


def row(name: str, figures: dict[str, Any]) -> str:
    """One line of the table."""
    if "error" in figures:
        return f"{name:32} {figures['error']}"
    values = (figures.get(column, "") for column in COLUMNS)
    return f"{name:32}" + "".join(f" {v:>13.4f}" if isinstance(v, float) else f" {v:>13}" for v in values)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget-s", type=float, default=120.0)
    parser.add_argument("--sets", nargs="+", choices=DENSITIES, default=list(DENSITIES))
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=PRESETS)
    parser.add_argument("--ablate", action="store_true", help="fast with one part taken away at a time")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="the mean over them is printed")
    parser.add_argument("--out", type=Path, help="file for the results; by default named for what was run")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    use_onednn()
    variants = ABLATIONS if args.ablate else {preset: {} for preset in args.presets}
    rows: dict[str, dict[str, Any]] = {}
    print(f"{'nats above the floor':32}" + "".join(f" {column:>13}" for column in COLUMNS))
    for dataset in args.sets:
        for name, changes in variants.items():
            preset = "fast" if args.ablate else name
            configs = [
                Toy2DConfig(dataset=dataset, preset=preset, budget_s=args.budget_s, seed=seed) for seed in args.seeds
            ]
            trained = [measure(config, changes) for config in configs]
            rows[f"{dataset}, {name}"] = figures = over_seeds(trained)
            print(row(f"{dataset}, {name}", figures), flush=True)
    kind = "ablation" if args.ablate else "-".join(args.presets)
    path = args.out or RESULTS / f"toy2d-{kind}-{args.budget_s:g}s.json"
    path.parent.mkdir(exist_ok=True)
    write_json(path, provenance(args.threads) | {"rows": rows})
    print(f"written to {path}", file=sys.stderr)


def provenance(threads: int | None) -> dict[str, Any]:
    """Where, when and how the figures came about."""
    return {
        "command": " ".join(["python -m benchmarks.toy2d", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()} {platform.system()}, torch {torch.__version__}",
        "threads": threads,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if __name__ == "__main__":
    main()
