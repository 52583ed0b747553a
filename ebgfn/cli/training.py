"""Commands of runs: train, resume, list, cancel."""

import argparse
import dataclasses
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ebgfn import problems, shipped
from ebgfn.arguments import refuse
from ebgfn.cli.said import BAR, answer, progress_bar
from ebgfn.runs import jobs, store
from ebgfn.runs.folder import DAMAGED, RunError, RunFolder, Status

CANCEL_PATIENCE_S = 20.0
TICKS = 10_000
NEVER_S = 1e9
SHOWN = {"gfn_nll": "sampler NLL", "neg_log_rmse": "-log RMSE", "divergence": "divergence"}


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
