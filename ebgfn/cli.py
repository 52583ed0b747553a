"""The command line: one function a command. A bad value ends with one line and exit code 2.

With `--json` exactly one JSON object goes to stdout, everything else to stderr. What needs torch is imported only where
it is used, so that help and refusals come at once.
"""

import argparse
import dataclasses
import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ebgfn import bundle, problems, shipped
from ebgfn.arguments import parse, refuse
from ebgfn.files import write_bytes
from ebgfn.runs import jobs, store
from ebgfn.runs.folder import DAMAGED, STATUS, RunError, RunFolder, Status

MAX_CHAIN_BITS = 5 * 10**8
USUAL_K = 8
CANCEL_PATIENCE_S = 20.0
# Samples that stand for nothing, for each that is wanted, until drawing is given up.
MOST_AGAIN = 100
SCORE_DIGITS = 5
TICKS = 10_000
NEVER_S = 1e9
SHOWN = {"gfn_nll": "sampler NLL", "neg_log_rmse": "-log RMSE", "divergence": "divergence"}
BAR = "{percentage:3.0f}%|{bar:24}| {elapsed}, {remaining} left"


def train(args: argparse.Namespace) -> int:
    problem = problems.PROBLEMS[args.kind]
    names = {f.name for f in dataclasses.fields(problem.config)} & set(vars(args))
    config = problem.config(**{name: getattr(args, name) for name in names})
    # What is wrong with data, with a model to start from or with the device is said before there is a run.
    _ = config.dim, problem.begins_from(config, shipped.folder())
    check_device(args.device)
    problem.prepare(config)
    if following():
        return follow(config, device=args.device)
    path = Path(args.run) if args.run else jobs.new_path(config)
    run = store.create(path, config, jobs.foreground_status())
    return train_here(run, device=args.device, as_json=args.json)


def resume(args: argparse.Namespace) -> int:
    run = named_run(args.run)
    check_device(args.device)
    if following():
        return follow(run.config, device=args.device)
    jobs.take_over(run)
    return train_here(run, device=args.device, as_json=args.json)


def check_device(name: str) -> None:
    """One that is not there is refused before there is a run; `auto` always is."""
    if name != "auto":
        from ebgfn.train.device import device

        device(name)


def following() -> bool:
    """Whether this is a process of `torchrun`, and not the one that keeps the run (see `ebgfn.parallel`)."""
    return int(os.environ.get("RANK", "0")) > 0


def follow(config: Any, *, device: str) -> int:
    """Train beside the process that keeps the run; the weights to begin with are its."""
    from ebgfn.nets.products import use_onednn
    from ebgfn.problems import training

    use_onednn()
    for _ in training.train(training.start(config, device=device), event_interval_s=NEVER_S):
        pass
    return 0


def train_here(run: RunFolder, *, device: str, as_json: bool) -> int:
    """Train a claimed run in this process."""
    from ebgfn.nets.products import use_onednn
    from ebgfn.problems import training
    from ebgfn.runs.worker import Interruptions, Worker

    use_onednn()

    begun = run.read_status()
    with progress_bar(TICKS, begun=round(TICKS * begun.progress), bar_format=BAR + "{postfix}") as bar:
        steps, began = begun.step, time.monotonic()

        def show(event: training.Event) -> None:
            rate = (event.step - steps) / max(time.monotonic() - began, 1e-9)
            shown = [f", {text} {event.metrics[name]:.3f}" for name, text in SHOWN.items() if name in event.metrics]
            text = "".join(shown)
            bar.set_postfix_str(f"step {event.step}, {rate:.0f} steps/s{text}", refresh=False)
            bar.update(round(TICKS * event.progress) - bar.n)

        interrupted = Interruptions(run).listen()
        status = Worker(run, training, device=device, on_event=show, interrupted=interrupted).work()
    report_run(run, status, as_json=as_json)
    if run.path.parent == store.runs_folder():
        jobs.poll()  # the next one that waits may have this one's place
    if status.state == "failed":
        refuse(f"run {run.path} failed: {status.error}")
    if status.state != "done":
        print(f"ebgfn: {status.state}; `resume {run.path}` goes on with it", file=sys.stderr)
    return 130 if status.state == "cancelled" and status.error else 0


def report_run(run: RunFolder, status: Status, *, as_json: bool) -> None:
    last = {k: v for k, v in (run.metrics or [{}])[-1].items() if k not in ("step", "elapsed_s", "progress")}
    described = describe(run, status) | {"metrics": last}
    lines = [f"{status.state} at step {status.step} after {status.elapsed_s:.1f} s", str(run.path)]
    lines[1:1] = [f"{name} {value:.4g}" for name, value in last.items()]
    answer(described, "\n".join(lines), as_json=as_json)


def evaluate(args: argparse.Namespace) -> int:
    folder = store.locate(args.model, shipped=shipped.folder())
    figures = problems.evaluate(loaded(folder, args.device), points=args.points, seed=args.seed)
    if (seconds := trained_seconds(folder)) is not None:
        figures = {"train_seconds": seconds} | figures
    text = "\n".join(f"{k:15} {v:.4f}" if isinstance(v, float) else f"{k:15} {v}" for k, v in figures.items())
    answer(figures, text, as_json=args.json)
    return 0


def loaded(folder: Path, device: str) -> Any:
    """The model of a checkpoint where it is to compute."""
    from ebgfn.nets.products import use_onednn
    from ebgfn.problems.checkpoint import load
    from ebgfn.train.device import device as device_of

    use_onednn()

    model = load(folder)
    return model.on(device_of(device, large=problems.of(model.config).large))


def trained_seconds(checkpoint: Path) -> float | None:
    """What the run that the checkpoint lies in, or the card beside it, says; None if neither is there."""
    if (checkpoint.parent / STATUS).is_file():
        return RunFolder(checkpoint.parent).read_status().elapsed_s
    path = checkpoint / "card.json"
    card = json.loads(path.read_text()) if path.is_file() else None
    return card.get("train_seconds") if isinstance(card, dict) else None


def sample(args: argparse.Namespace) -> int:
    folder, out = store.locate(args.model, shipped=shipped.folder()), writable(args.out)
    import torch

    model = loaded(folder, args.device)
    problem, generator = problems.of(model.config), torch.Generator(model.device).manual_seed(args.seed)
    model = problem.at(model, args.sigma)
    if model.policy is None:
        raise ValueError(
            f"{args.model} has no sampler: it is an energy alone, of which `chain --kernel gibbs` makes samples"
        )
    x, again = drawn(model, args.n, generator, steps=args.steps)
    if out.suffix == ".csv":
        write_bytes(out, problem.as_csv(model.config, x).encode())
    else:
        asked = {"model": args.model, "seed": args.seed, "steps": args.steps, "sigma": args.sigma}
        about = {name: value for name, value in asked.items() if value is not None}
        save(out, x, about, **problem.decode(model.config, x))
    told = {"out": str(out), "n": args.n, "dim": model.dim, "seed": args.seed} | (
        {"drawn_again": again} if again else {}
    )
    answer(told, str(out), as_json=args.json)
    return 0


def drawn(model: Any, n: int, generator: Any, *, steps: int | None) -> tuple[Any, int]:
    """So many samples, each of which stands for something, and how many more were drawn that do not."""
    import numpy as np

    from ebgfn.core.schedules import draw_pieces

    problem, parts, again, left = problems.of(model.config), [], 0, n
    with progress_bar(n) as bar:
        while left:
            for piece in draw_pieces(model.policy, left, generator, steps=steps):
                x = piece.cpu().numpy()
                parts.append(x[problem.legal(model.config, x)])
                again += len(x) - len(parts[-1])
                bar.update(len(parts[-1]))
            left = n - sum(map(len, parts))
            if again > MOST_AGAIN * n:
                raise ValueError("hardly anything that this sampler draws stands for a row: it was trained too briefly")
    return np.concatenate(parts), again


def chain(args: argparse.Namespace) -> int:
    folder, out = store.locate(args.model, shipped=shipped.folder()), writable(args.out)
    import numpy as np
    import torch

    from ebgfn.mcmc import run_chain

    model = loaded(folder, args.device)
    problem, generator = problems.of(model.config), torch.Generator(model.device).manual_seed(args.seed)
    model = problem.at(model, args.sigma)
    if (args.steps + 1) * args.chains * model.dim > MAX_CHAIN_BITS:
        raise ValueError(f"(steps + 1) * chains * {model.dim} bits must be at most {MAX_CHAIN_BITS}: ask for fewer")
    kernel = kernel_of(model, args)
    rng = np.random.default_rng(args.seed)
    data = problem.data(model.config, args.chains, rng, sigma=args.sigma)
    states, parts, piece = [data[None]], [], max(1, args.steps // 50)
    with progress_bar(args.steps) as bar:
        for begin in range(0, args.steps, piece):
            count = min(piece, args.steps - begin)
            x = torch.from_numpy(states[-1][-1]).float().to(model.device)
            part = run_chain(kernel, x, steps=count, generator=generator)
            states.append(part.x[1:].cpu().numpy())
            parts.append((part.accepted.cpu().numpy(), part.log_alpha.cpu().numpy()))
            bar.update(count)
    accepted, log_alpha = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    asked = {name: getattr(args, name) for name in ("steps", "chains", "seed")}
    asked |= {"k": kernel.k} if hasattr(kernel, "k") else {}
    about = {"model": args.model, "kernel": args.kernel, **asked}
    save(out, np.concatenate(states), about, accepted=accepted, log_alpha=log_alpha)
    figures = {"out": str(out), **asked, "acceptance": float(accepted.mean())}
    answer(figures, f"{out}\nacceptance {accepted.mean():.4f}", as_json=args.json)
    return 0


def kernel_of(model: Any, args: argparse.Namespace) -> Any:
    """Back-and-forth moves in the usual schedule, where there is a sampler, or whichever kernel is asked for."""
    from ebgfn.core.schedules import usual_schedule
    from ebgfn.mcmc import KERNELS, BackAndForth

    name = args.kernel or ("gibbs" if model.policy is None else "back-and-forth")
    if name not in KERNELS:
        raise ValueError(f"kernel must be one of {', '.join(KERNELS)}, got {name!r}")
    if name == "back-and-forth" and model.policy is not None:
        k = USUAL_K if args.k is None else args.k
        if not isinstance(k, int) or not 1 <= k <= model.dim:
            raise ValueError(f"k must be a whole number in 1..{model.dim}, got {k}")
        return BackAndForth(model.energy, model.policy, k=k, schedule=usual_schedule(model.policy, k=k))
    if args.k is not None:
        raise ValueError(f"k must not be given with kernel {name}: it is of back-and-forth moves")
    return KERNELS[name].make(model.energy, model.policy)


def reproduce(args: argparse.Namespace) -> int:
    from ebgfn.nets.products import use_onednn
    from ebgfn.reproduce.measured import side_by_side

    use_onednn()
    table = importlib.import_module(f"ebgfn.reproduce.{args.table}")
    tasks, rows = table.tasks(args.seeds, args.sets) if "sets" in args else table.tasks(args.seeds), []
    budget_s = args.budget_s or table.BUDGET_S
    with progress_bar(len(tasks)) as bar:
        for row in side_by_side(table.row, tasks, jobs=args.jobs, keep=args.keep, budget_s=budget_s):
            rows.append(row)
            bar.update(1)
    answer({"table": args.table, "rows": rows}, table.as_text(rows), as_json=args.json)
    return 0


def app(args: argparse.Namespace) -> int:
    """Until it is interrupted; pages, theme and models are found whatever the current folder is."""
    command = ["run", str(bundle.root() / "app.py"), *args.streamlit]
    return importlib.import_module("streamlit.web.cli").main(command, prog_name="streamlit")


def runs(args: argparse.Namespace) -> int:
    for run, status in store.list_statuses():
        with suppress(RunError):  # a folder that cannot be written to can be listed
            jobs.notice_dead(run, status)
    known = store.list_statuses()
    places = {run.id: place for place, (run, _) in enumerate(jobs.waiting(known), 1)}
    described = [describe(run, status) | place_of(run, places) for run, status in known]
    lines = [f"{d['id']:44} {d['state']:9} {d['progress']:5.0%} {d.get('error', '')}".rstrip() for d in described]
    answer({"runs": described}, "\n".join(lines) or f"no runs in {store.runs_folder()}", as_json=args.json)
    return 0


def cancel(args: argparse.Namespace) -> int:
    run = named_run(args.run)
    jobs.cancel_run(run)
    deadline = time.monotonic() + CANCEL_PATIENCE_S
    while not run.read_status().finished and time.monotonic() < deadline:
        time.sleep(0.1)
    status = run.read_status()
    text = f"{run.path} is {status.state}" + ("" if status.finished else "; it stops at its next event")
    answer(describe(run, status), text, as_json=args.json)
    return 0


def describe(run: RunFolder, status: Status) -> dict[str, Any]:
    described = {"run": str(run.path), "id": run.id, **status.to_json()}
    return described if status.state == DAMAGED else described | {"config": run.config.to_json()}


def place_of(run: RunFolder, places: dict[str, int]) -> dict[str, int]:
    return {"place": places[run.id]} if run.id in places else {}


def named_run(name: str) -> RunFolder:
    """A run by its folder or its id."""
    return RunFolder(Path(name)) if Path(name).is_dir() else store.find(name)


def fill(args: argparse.Namespace) -> int:
    model, rows, out = of_table(args)
    cells = None if args.cells is None else writable(args.cells)
    from ebgfn.problems.table import answers, files

    found = answers.filled(model, rows, draws=args.draws, seed=args.seed)
    write_bytes(out, files.to_csv(found.table).encode())
    if cells is not None:
        write_bytes(cells, files.to_csv(found.cells).encode())
    gaps = found.cells.groupby(["row", "column"]).ngroups
    told = {"out": str(out), "rows": len(rows), "cells": gaps, "draws": args.draws, "seed": args.seed}
    answer(told, f"{gaps} missing cells filled: {out}", as_json=args.json)
    return 0


def score(args: argparse.Namespace) -> int:
    model, rows, out = of_table(args)
    from ebgfn.problems.table import answers, files

    found = answers.scores(model, rows, seed=args.seed)
    write_bytes(out, files.to_csv(found.round(SCORE_DIGITS)).encode())
    told = {"out": str(out), "rows": len(rows), "seed": args.seed, "refuted": "log_p_energy" not in found}
    told |= {name: found[name].to_numpy().mean().item() for name in ("log_p_sampler", "log_p_energy") if name in found}
    answer(told, str(out), as_json=args.json)
    return 0


def of_table(args: argparse.Namespace) -> tuple[Any, Any, Path]:
    """A model of a table, other rows of that, and where to write."""
    folder, out = store.locate(args.model, shipped=shipped.folder()), writable(args.out)
    model = loaded(folder, args.device)
    from ebgfn.problems.table import files
    from ebgfn.problems.table.config import TableConfig

    if not isinstance(model.config, TableConfig):
        raise ValueError(f"{args.model} is a model of kind {model.config.kind}; this needs one of a table")

    numbered = list(model.config.columns.names) == files.numbered(len(model.config.columns.names))
    return model, files.read(Path(args.path), header=False if numbered else None), out


def writable(name: str) -> Path:
    """Refuse a place where nothing can be written before the work is done, not after it."""
    path = Path(name)
    if path.is_dir() or not path.parent.is_dir():
        raise RunError(f"--out must name a file in a folder that exists, got {name}")
    return path


def save(path: Path, x: Any, about: dict[str, Any], **others: Any) -> None:
    from ebgfn.samples import to_npz

    write_bytes(path, to_npz(x, about=about, **others))


def progress_bar(total: int, *, begun: int = 0, bar_format: str = BAR + ", {rate_noinv_fmt}") -> Any:
    """A bar on stderr with rate and time left; seldom renewed where it goes into a file."""
    from tqdm import tqdm

    pace = 0.2 if sys.stderr.isatty() else 10.0
    return tqdm(
        total=total, initial=begun, bar_format=bar_format, unit="", mininterval=pace, maxinterval=pace, file=sys.stderr
    )


def answer(described: dict[str, Any], text: str, *, as_json: bool) -> None:
    print(json.dumps(described) if as_json else text)


COMMANDS = {
    "train": train,
    "resume": resume,
    "evaluate": evaluate,
    "sample": sample,
    "chain": chain,
    "fill": fill,
    "score": score,
    "reproduce": reproduce,
    "app": app,
    "runs": runs,
    "cancel": cancel,
}


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    try:
        return COMMANDS[args.command](args)
    except OSError as error:
        refuse(f"{error.filename or 'system'}: {error.strerror or error}")
    except ValueError as error:
        refuse(str(error).splitlines()[0] if str(error) else "a value is not allowed")
    except KeyboardInterrupt:
        print("ebgfn: interrupted", file=sys.stderr)
        return 130
