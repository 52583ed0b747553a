"""Turn a finished run into a shipped checkpoint with a card of its figures: `python -m benchmarks.ship RUN [RUN ...]`.

A card records what made the model (command, machine, seconds, threads) and everything `evaluate` says of it; a preview
holds the pictures that the pages show at once.
"""

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

from benchmarks.provenance import machine
from ebgfn import problems
from ebgfn.files import write_json
from ebgfn.problems.checkpoint import load
from ebgfn.runs.folder import RunFolder
from ebgfn.ui.plane import preview

SHOWN = ("gfn_excess", "ebm_excess", "total_variation", "neg_log_rmse", "log_z_error", "gfn_nll", "ebm_nll")
SHOWN += ("mh_acceptance", "ess")
CHECKPOINTS = Path(__file__).parent.parent / "checkpoints"


def ship(run: RunFolder, *, threads: int, half: bool = False) -> Path:
    """Write the checkpoint of one run under its data set's name, its weights of half precision if they are many."""
    model, status = load(run.checkpoint), run.read_status()
    problem = problems.of(model.config)
    folder = CHECKPOINTS / problem.shipped_name(model.config)
    before = started_from(problem.begins_from(model.config, CHECKPOINTS))
    # What weights lose by rounding is in their figures, which are of the shipped ones.
    model.save(folder, half=half or problem.large)
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
    write_json(folder / "card.json", card | problems.evaluate(model))
    problem.keep_beside(model, folder)
    if run.frames and "log_q" in run.read_frame(run.frames[-1]):  # a page shows its pictures
        preview.save(preview.compute(folder, run=run), folder)
    return folder


def started_from(folder: Path | None) -> dict[str, Any]:
    """What made the shipped model that the run began with: it may be about to be replaced."""
    if folder is None:
        return {}
    card = json.loads((folder / "card.json").read_text())
    return {"started_from": {key: card[key] for key in ("command", "train_seconds", "steps") if key in card}}


def command(config: Any) -> str:
    """What trains such a model again."""
    # What is no plain value was understood from the data.
    plain = {key: value for key, value in config.to_json().items() if not isinstance(value, dict)}
    options = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in plain.items())
    return f"python -m ebgfn train {config.kind} {options}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, required=True, help="threads that the runs were trained with")
    parser.add_argument("--half", action="store_true", help="weights of half precision, as those of large networks are")
    arguments = parser.parse_args()
    for path in arguments.runs:
        folder = ship(RunFolder(path), threads=arguments.threads, half=arguments.half)
        card = json.loads((folder / "card.json").read_text())
        print(folder.name, *(f"{key} {card[key]:.4f}" for key in SHOWN if key in card))


if __name__ == "__main__":
    main()
