"""Turn a finished run into a shipped checkpoint with a card of its figures: `python -m benchmarks.ship RUN [RUN ...]`.

A card records what made the model (command, machine, seconds, threads) and everything `evaluate` says of it; a preview
holds the pictures that the pages show at once.
"""

import argparse
import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from ebgfn.files import write_json
from ebgfn.problems import evaluate
from ebgfn.problems.checkpoint import load
from ebgfn.problems.lattice import curves
from ebgfn.problems.plane.gray import FULL_BITS
from ebgfn.runs.folder import RunFolder
from ebgfn.ui.plane import preview

SHOWN = ("gfn_excess", "ebm_excess", "total_variation", "neg_log_rmse", "log_z_error", "gfn_nll", "ebm_nll")
SHOWN += ("mh_acceptance", "ess")
CHECKPOINTS = Path(__file__).parent.parent / "checkpoints"


def machine() -> str:
    """Processor and software, as far as they decide how fast training goes."""
    return f"{os.cpu_count()} cores, {platform.machine()} {platform.system()}, torch {torch.__version__}"


def ship(run: RunFolder, *, threads: int) -> Path:
    """Write the checkpoint of one run under its data set's name."""
    model, status = load(run.checkpoint), run.read_status()
    folder = CHECKPOINTS / name(model.config)
    before = started_from(model.config, folder)
    # Images' networks are large; what they lose by rounding is in their figures, which are of the shipped weights.
    model.save(folder, half=model.config.kind == "images")
    model = load(folder)
    card = {
        "command": command(model.config),
        "machine": machine(),
        "threads": threads,
        "date": datetime.date.today().isoformat(),
        "train_seconds": round(status.elapsed_s, 1),
        "steps": status.step,
        **before,
        "evaluate_command": f"python -m ebgfn evaluate {folder.name} --json",
    }
    write_json(folder / "card.json", card | evaluate(model))
    if model.config.kind == "toy2d":
        preview.save(preview.compute(folder, run=run), folder)
    if model.config.kind == "lattice":
        sigmas = curves.sigmas(model.config.side)
        seen = curves.curves(model, sigmas, curves.SAMPLES, torch.Generator().manual_seed(0))
        curves.save(seen, folder)
    return folder


def started_from(config: Any, folder: Path) -> dict[str, Any]:
    """What made the model of images that the run began with: it is about to be replaced."""
    if config.kind != "images" or config.start == "zero":
        return {}
    card = json.loads((folder / "card.json").read_text())
    return {"started_from": {key: card[key] for key in ("command", "train_seconds", "steps") if key in card}}


def name(config: Any) -> str:
    """Folder of a shipped model."""
    if config.kind == "toy2d":
        return f"toy2d-{config.dataset}" + ("" if config.bits == FULL_BITS else f"-{config.bits}bits")
    if config.kind == "images":
        # Of MNIST there are two: the better one, and a smaller one that samples sooner.
        quick = config.dataset == "mnist" and config.preset != "fast"
        return f"images-{config.dataset}" + (f"-{config.preset}" if quick else "")
    sigma = f"-{config.sigma:g}" if config.kind == "ising" else ""
    return f"{config.kind}-{config.side}x{config.side}{sigma}"


def command(config: Any) -> str:
    """What trains such a model again."""
    options = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in config.to_json().items())
    return f"python -m ebgfn train {config.kind} {options}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, required=True, help="threads that the runs were trained with")
    arguments = parser.parse_args()
    for path in arguments.runs:
        folder = ship(RunFolder(path), threads=arguments.threads)
        card = json.loads((folder / "card.json").read_text())
        print(folder.name, *(f"{key} {card[key]:.4f}" for key in SHOWN if key in card))


if __name__ == "__main__":
    main()
