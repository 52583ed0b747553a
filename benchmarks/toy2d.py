"""Quality on the seven densities from one wall-clock budget: ours (`fast`), the published algorithm (`paper`), the floors.

    python -m benchmarks.toy2d --budget-s 120                    # the table of docs/results.md
    python -m benchmarks.toy2d --presets paper paper-uniform     # the published algorithm, the other with uniform orders

Every row is trained and evaluated here and now, one after another; results go to a JSON file beside this script.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.provenance import provenance
from ebgfn.files import write_json
from ebgfn.nets.products import use_onednn
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.densities import DENSITIES
from ebgfn.reproduce.measured import measure, over_seeds
from ebgfn.reproduce.toy2d import FIGURES, PRESETS
from ebgfn.train.paper import PaperRecipe

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("gfn_excess", "ebm_excess", "mh_acceptance", "ess", "coverage", "steps", "train_seconds")
# Presets with changes of their recipes; the published runs leave the order of locations to the sampler.
UNIFORM = replace(PaperRecipe().sizes, learned_location=False, learned_erasure=False)
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{preset: (preset, {}) for preset in PRESETS},
    "paper-uniform": ("paper", {"sizes": UNIFORM}),
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
    parser.add_argument("--presets", nargs="+", choices=VARIANTS, default=PRESETS)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="the mean over them is printed")
    parser.add_argument("--out", type=Path, help="file for the results; by default named for what was run")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    use_onednn()
    rows: dict[str, dict[str, Any]] = {}
    print(f"{'nats above the floor':32}" + "".join(f" {column:>13}" for column in COLUMNS))
    for dataset in args.sets:
        for name in args.presets:
            preset, changes = VARIANTS[name]
            configs = [
                Toy2DConfig(dataset=dataset, preset=preset, budget_s=args.budget_s, seed=seed) for seed in args.seeds
            ]
            trained = [measure(config, changes) for config in configs]
            rows[f"{dataset}, {name}"] = figures = over_seeds(trained, FIGURES)
            print(row(f"{dataset}, {name}", figures), flush=True)
    path = args.out or RESULTS / f"toy2d-{'-'.join(args.presets)}-{args.budget_s:g}s.json"
    path.parent.mkdir(exist_ok=True)
    write_json(path, provenance("toy2d", threads=args.threads) | {"rows": rows})
    print(f"written to {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
