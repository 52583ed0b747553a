"""A shipped model's pictures, stored beside its weights so that a page shows them without loading torch.

`python -m ebgfn.ui.plane.preview CHECKPOINT [RUN]` writes preview.npz: the final landscape finely, a few trajectories with
what each partial state may still become, and, from the run folder that trained the model, moments and curves of the
training. Weights that changed since make a preview stale: it is then ignored.
"""

import io
import json
import sys
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ebgfn.files import write_bytes
from ebgfn.runs.folder import RunFolder
from ebgfn.shipped import fingerprint
from ebgfn.ui.components._shared import levels
from ebgfn.ui.components.landscape_view import Frame
from ebgfn.ui.components.trajectory_player import ToldTrajectories
from ebgfn.ui.plane.trajectories import tell
from ebgfn.ui.shell import history, models
from ebgfn.ui.shell.history import Columns, Metrics

FILE, FORMAT = "preview.npz", 3
SIDE, TRAJECTORIES, SAMPLES, DRAWS = 128, 8, 1000, 8_000_000
MOMENTS, MOMENT_SAMPLES, MOMENT_SIDE = 32, 256, 64
FIGURES = ("gfn_nll", "ebm_nll", "log_z", "ess", "mh_acceptance")
CURVES = ("elapsed_s", *FIGURES, "gfn_nll_se", "ebm_nll_se")


@dataclass(frozen=True)
class Preview:
    """Pictures of a trained model: the last moment finely, earlier ones coarsely; curves as in metrics.jsonl."""

    half: float
    top: float
    target: UInt8[np.ndarray, "side side"]
    final: Frame
    history: tuple[Frame, ...]
    curves: Columns
    trajectories: ToldTrajectories


def compute(
    folder: Path, *, run: RunFolder | None = None, side: int = SIDE, trajectories: int = TRAJECTORIES
) -> Preview:
    """Evaluate a checkpoint; takes seconds. Errors: CheckpointError."""
    import torch

    from ebgfn.core.schedules import draw
    from ebgfn.problems.plane import landscape

    model, card = models.load(models.stored(folder)), models.card(folder)
    grid = model.config.density().grid(model.config.bits)
    half = landscape.half_width(grid)
    target = landscape.target(model.config.density(), side=side, draws=DRAWS) / (2 * half / side) ** 2
    top = levels.top_of(target)
    log_z = card.get("log_z", model.log_z.item())
    seen = landscape.landscape(model, log_z=log_z, side=side, trajectories=trajectories)
    p, q = (levels.encode(levels.per_area(picture, grid.cell), top) for picture in (seen.log_p, seen.log_q))
    x = draw(model.policy, SAMPLES, torch.Generator().manual_seed(0)).x
    rows = [] if run is None else run.metrics
    earlier = () if run is None else moments(run, rows, grid.cell, top)
    step = int(rows[-1]["step"] if rows else card.get("steps", 0))
    samples = grid.decode(x.numpy().astype(np.uint8))
    final = Frame(step, float(card.get("train_seconds", 0.0)), p, q, samples, models.figures(card))
    return Preview(half, top, levels.encode(target, top), final, earlier, curves(rows), tell(model, grid, half))


def moments(run: RunFolder, rows: list[Metrics], cell: float, top: float) -> tuple[Frame, ...]:
    """Up to MOMENTS frames of a run: dense at the beginning, where most happens."""
    steps = history.shown_steps(run, rows)
    share = np.linspace(0, 1, min(MOMENTS, len(steps))) ** 1.7
    chosen = [steps[i] for i in sorted({round(s * (len(steps) - 1)) for s in share})]
    return tuple(moment(line, arrays, cell, top) for line, arrays in history.frames(run, rows, chosen))


def moment(row: Metrics, arrays: dict[str, np.ndarray], cell: float, top: float, *, side: int = MOMENT_SIDE) -> Frame:
    """A run's frame, with its line of metrics, in the view's form, on no more than side x side pixels."""
    fine = (levels.encode(levels.per_area(arrays[name], cell), top) for name in ("log_p", "log_q"))
    p, q = (levels.coarse(picture, side) for picture in fine)
    samples = arrays["samples"][:MOMENT_SAMPLES].astype(np.float32)
    values = {name: row[name] for name in FIGURES if name in row}
    return Frame(int(row["step"]), row["elapsed_s"], p, q, samples, values)


def curves(rows: list[Metrics]) -> Columns:
    """Metrics as columns for the curves."""
    return history.columns(rows, CURVES)


def save(preview: Preview, folder: Path) -> None:
    """Write preview.npz beside the weights it was made from."""
    final, earlier = preview.final, preview.history
    arrays: dict[str, Any] = {
        "format": FORMAT,
        "fingerprint": fingerprint(folder),
        "half": preview.half,
        "top": preview.top,
        "target": preview.target,
        "step": final.step,
        "seconds": final.seconds,
        "p": final.p,
        "q": final.q,
        "samples": final.samples.astype(np.float16),
        "history": len(earlier),
    }
    for i, frame in enumerate(earlier):
        arrays |= {f"p{i}": frame.p, f"q{i}": frame.q, f"samples{i}": frame.samples.astype(np.float16)}
        arrays[f"line{i}"] = json.dumps({"step": frame.step, "elapsed_s": frame.seconds, **frame.values})
    arrays["curves"] = json.dumps(preview.curves)
    arrays |= {f"story_{name}": value for name, value in vars(preview.trajectories).items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{k: np.asarray(v) for k, v in arrays.items()})
    write_bytes(folder / FILE, buffer.getvalue())


def load(folder: Path) -> Preview | None:
    """The stored preview, or None where there is none that belongs to these weights."""
    try:
        with np.load(folder / FILE, allow_pickle=False) as data:
            if int(data["format"]) != FORMAT or str(data["fingerprint"]) != fingerprint(folder):
                return None
            return _unpack(dict(data), models.figures(models.card(folder)))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None


def _unpack(data: dict[str, Any], card: dict[str, float]) -> Preview:
    earlier = []
    for i in range(int(data["history"])):
        row = json.loads(str(data[f"line{i}"]))
        step, seconds = row.pop("step"), row.pop("elapsed_s")
        samples = data[f"samples{i}"].astype(np.float32)
        earlier.append(Frame(step, seconds, data[f"p{i}"], data[f"q{i}"], samples, row))
    samples = data["samples"].astype(np.float32)
    final = Frame(int(data["step"]), float(data["seconds"]), data["p"], data["q"], samples, card)
    told = ToldTrajectories(**{field.name: data[f"story_{field.name}"] for field in fields(ToldTrajectories)})
    curves = json.loads(str(data["curves"]))
    return Preview(float(data["half"]), float(data["top"]), data["target"], final, tuple(earlier), curves, told)


def main() -> None:
    """Build the preview of one checkpoint."""
    if not 2 <= len(sys.argv) <= 3:
        sys.exit("usage: python -m ebgfn.ui.plane.preview CHECKPOINT [RUN]")
    folder = Path(sys.argv[1])
    try:
        save(compute(folder, run=RunFolder(Path(sys.argv[2])) if len(sys.argv) == 3 else None), folder)
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    print(f"{folder / FILE}: {(folder / FILE).stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
