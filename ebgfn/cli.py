"""The command line. Options come from the fields of the config; a bad value ends with one line and exit code 2.

With `--json` exactly one JSON object goes to stdout, everything else to stderr. What needs torch is imported only where it
is used, so that help and refusals come at once.
"""

import argparse
import dataclasses
import io
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ebgfn.config import Toy2DConfig
from ebgfn.files import write_bytes
from ebgfn.runs import jobs, store
from ebgfn.runs.folder import RunError, RunFolder, Status

SHIPPED = Path(__file__).parent.parent / "checkpoints"
MAX_SAMPLES = 1_000_000
MAX_CHAINS = 100_000
MAX_CHAIN_BITS = 5 * 10**8
MAX_SEED = 2**31 - 1
CANCEL_PATIENCE_S = 20.0
SAMPLE_CHUNK = 20_000
BAR = "{percentage:3.0f}%|{bar:24}| {elapsed}, {remaining} left{postfix}"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def __init__(self, **settings: Any):
        super().__init__(allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter, **settings)

    def error(self, message: str) -> NoReturn:
        refuse(message)


def refuse(message: str) -> NoReturn:
    print(f"ebgfn: {message}", file=sys.stderr)
    raise SystemExit(2)


def number(text: str) -> int | float | str:
    """A number if the text is one; else the text itself, which the config refuses with its limits."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parser() -> Parser:
    root = Parser(prog="python -m ebgfn", description="Energy-based models of discrete data, trained with a GFlowNet.")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a model").add_subparsers(dest="kind", required=True, metavar="KIND")
    toy2d = train.add_parser("toy2d", help="a density in the plane")
    add_fields(toy2d, Toy2DConfig)
    toy2d.add_argument("--run", metavar="DIR", help="new folder of the run; by default one under the user's data folder")
    evaluate = commands.add_parser("evaluate", help="likelihoods, log Z, acceptance, MMD")
    add_whole(evaluate, "points", 4000, "fresh test points", low=2, high=MAX_CHAINS)
    sample = commands.add_parser("sample", help="draw from the sampler")
    add_whole(sample, "n", 1000, "number of samples", low=1, high=MAX_SAMPLES, flag="-n")
    chain = commands.add_parser("chain", help="run back-and-forth chains from data points")
    chain.add_argument("--k", default=8, type=number, metavar="K", help="entries voided and refilled a step (1..D)")
    add_whole(chain, "steps", 100, "steps of each chain", low=1, high=10**6)
    add_whole(chain, "chains", 64, "chains side by side", low=1, high=MAX_CHAINS)
    for command in (evaluate, sample, chain):
        command.add_argument("model", metavar="DIR_OR_CHECKPOINT", help="run, checkpoint folder or shipped model")
        add_whole(command, "seed", 0, "random seed", low=0, high=MAX_SEED)
    for command in (sample, chain):
        command.add_argument("--out", required=True, metavar="FILE.npz", help="where the arrays go")
    runs = commands.add_parser("runs", help="list runs")
    cancel = commands.add_parser("cancel", help="stop a run; its last state is kept")
    cancel.add_argument("run", metavar="RUN", help="id or folder")
    resume = commands.add_parser("resume", help="go on with a run that was stopped or failed")
    resume.add_argument("run", metavar="DIR", help="folder or id")
    for command in (toy2d, evaluate, sample, chain, runs, cancel, resume):
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return root


def add_fields(command: Parser, config: type) -> None:
    """One option for each field that has limits or choices; the config itself checks the values."""
    for f in dataclasses.fields(config):
        limits = f.metadata
        if "options" in limits:
            text = f"{limits['help']} ({', '.join(limits['options'])})"
            command.add_argument(flag(f.name), default=f.default, help=text, metavar="NAME")
        elif "low" in limits:
            text = f"{limits['help']} ({limits['low']:g}..{limits['high']:g})"
            command.add_argument(flag(f.name), default=f.default, help=text, metavar="N", type=number)


def add_whole(
    command: Parser, name: str, default: int, text: str, *, low: int, high: int, flag: str | None = None
) -> None:
    def whole(value: str) -> int:
        if not value.lstrip("+-").isdecimal() or not low <= int(value) <= high:
            refuse(f"{name} must be a whole number in {low}..{high}, got {value!r}")
        return int(value)

    command.add_argument(flag or f"--{name}", default=default, type=whole, metavar="N", help=f"{text} ({low}..{high})")


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def train(args: argparse.Namespace) -> int:
    names = {f.name for f in dataclasses.fields(Toy2DConfig)} & set(vars(args))
    config = Toy2DConfig(**{name: getattr(args, name) for name in names})
    path = Path(args.run) if args.run else jobs.new_path(config)
    return train_here(store.create(path, config, jobs.foreground_status()), as_json=args.json)


def resume(args: argparse.Namespace) -> int:
    run = named_run(args.run)
    jobs.take_over(run)
    return train_here(run, as_json=args.json)


def train_here(run: RunFolder, *, as_json: bool) -> int:
    """Train a claimed run in this process."""
    from ebgfn import training
    from ebgfn.runs.worker import Interruptions, Worker

    begun = run.read_status()
    with progress_bar(begun.progress) as bar:
        steps, began = begun.step, time.monotonic()

        def show(event: training.Event) -> None:
            rate = (event.step - steps) / max(time.monotonic() - began, 1e-9)
            nll = event.metrics.get("gfn_nll")
            text = "" if nll is None else f", sampler NLL {nll:.3f}"
            bar.set_postfix_str(f"step {event.step}, {rate:.0f} steps/s{text}", refresh=False)
            bar.update(event.progress - bar.n)

        status = Worker(run, training, on_event=show, interrupted=Interruptions(run).listen()).work()
    report_run(run, status, as_json=as_json)
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
    folder = store.locate(args.model, shipped=SHIPPED)
    from ebgfn.evaluation.likelihood import evaluate as measure
    from ebgfn.model import load

    figures = measure(load(folder), points=args.points, seed=args.seed)
    if (seconds := trained_seconds(folder)) is not None:
        figures = {"train_seconds": seconds} | figures
    text = "\n".join(f"{k:15} {v:.4f}" if isinstance(v, float) else f"{k:15} {v}" for k, v in figures.items())
    answer(figures, text, as_json=args.json)
    return 0


def trained_seconds(checkpoint: Path) -> float | None:
    """What the run that the checkpoint lies in, or the card beside it, says; None if neither is there."""
    if (checkpoint.parent / store.STATUS).is_file():
        return RunFolder(checkpoint.parent).read_status().elapsed_s
    card = checkpoint / "card.json"
    return json.loads(card.read_text()).get("train_seconds") if card.is_file() else None


def sample(args: argparse.Namespace) -> int:
    folder, out = store.locate(args.model, shipped=SHIPPED), writable(args.out)
    import numpy as np
    import torch

    from ebgfn.model import load
    from ebgfn.trajectories import sample_forward

    model, generator = load(folder), torch.Generator().manual_seed(args.seed)
    parts = []
    with progress_bar(0.0) as bar:
        for begin in range(0, args.n, SAMPLE_CHUNK):
            count = min(SAMPLE_CHUNK, args.n - begin)
            parts.append(sample_forward(model.policy, count, generator).x.byte().numpy())
            bar.update(count / args.n)
    x = np.concatenate(parts)
    save_arrays(out, x=x, xy=model.config.density().grid(model.config.bits).decode(x))
    answer({"out": str(out), "n": args.n, "dim": model.dim, "seed": args.seed}, str(out), as_json=args.json)
    return 0


def chain(args: argparse.Namespace) -> int:
    folder, out = store.locate(args.model, shipped=SHIPPED), writable(args.out)
    import numpy as np
    import torch

    from ebgfn.mcmc import BackAndForth, run_chain
    from ebgfn.model import load

    model, generator = load(folder), torch.Generator().manual_seed(args.seed)
    if not isinstance(args.k, int) or not 1 <= args.k <= model.dim:
        raise ValueError(f"k must be a whole number in 1..{model.dim}, got {args.k}")
    if (args.steps + 1) * args.chains * model.dim > MAX_CHAIN_BITS:
        raise ValueError(f"(steps + 1) * chains * {model.dim} bits must be at most {MAX_CHAIN_BITS}: ask for fewer")
    kernel = BackAndForth(model.energy, model.policy, k=args.k)
    data = model.config.density().sample(args.chains, np.random.default_rng(args.seed), bits=model.config.bits)
    states, accepted, piece = [data[None]], [], max(1, args.steps // 50)
    with progress_bar(0.0) as bar:
        for begin in range(0, args.steps, piece):
            count = min(piece, args.steps - begin)
            part = run_chain(kernel, torch.from_numpy(states[-1][-1]).float(), steps=count, generator=generator)
            states.append(part.x[1:].numpy())
            accepted.append(part.accepted.numpy())
            bar.update(count / args.steps)
    accept = np.concatenate(accepted)
    save_arrays(out, x=np.concatenate(states), accept=accept)
    figures = {"out": str(out), "k": args.k, "steps": args.steps, "chains": args.chains, "seed": args.seed}
    answer(figures | {"acceptance": float(accept.mean())}, f"{out}\nacceptance {accept.mean():.4f}", as_json=args.json)
    return 0


def runs(args: argparse.Namespace) -> int:
    for run, status in store.list_statuses():
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
    return described if status.state == store.DAMAGED else described | {"config": run.config.to_json()}


def place_of(run: RunFolder, places: dict[str, int]) -> dict[str, int]:
    return {"place": places[run.id]} if run.id in places else {}


def named_run(name: str) -> RunFolder:
    """A run by its folder or its id."""
    return RunFolder(Path(name)) if Path(name).is_dir() else store.find(name)


def writable(name: str) -> Path:
    """Refuse a place where nothing can be written before the work is done, not after it."""
    path = Path(name)
    if path.is_dir() or not path.parent.is_dir():
        raise RunError(f"--out must name a file in a folder that exists, got {name}")
    return path


def save_arrays(path: Path, **arrays: Any) -> None:
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getvalue())


def progress_bar(begun: float) -> Any:
    """A bar over 0..1 on stderr, with rate and time left; seldom renewed where it goes into a file."""
    from tqdm import tqdm

    pace = 0.2 if sys.stderr.isatty() else 10.0
    return tqdm(total=1.0, initial=begun, bar_format=BAR, mininterval=pace, maxinterval=pace, file=sys.stderr)


def answer(described: dict[str, Any], text: str, *, as_json: bool) -> None:
    print(json.dumps(described) if as_json else text)


COMMANDS = {
    "train": train,
    "resume": resume,
    "evaluate": evaluate,
    "sample": sample,
    "chain": chain,
    "runs": runs,
    "cancel": cancel,
}


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        return COMMANDS[args.command](args)
    except OSError as error:
        refuse(f"{error.filename or 'system'}: {error.strerror or error}")
    except ValueError as error:
        refuse(str(error).splitlines()[0] if str(error) else "a value is not allowed")
    except KeyboardInterrupt:
        print("ebgfn: interrupted", file=sys.stderr)
        return 130
