"""Options of the command line, made from the fields of the config; a bad value ends with one line and exit code 2."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ebgfn import __version__
from ebgfn.problems import PROBLEMS
from ebgfn.problems.table import sets

MAX_SAMPLES = 1_000_000
MAX_CHAINS = 100_000
MAX_STEPS = 784
MAX_SEED = 2**31 - 1
DEVICES = ("auto", "cpu", "cuda")
ABOUT_KERNELS = (
    "gibbs, gwg, dmala, .. (ebgfn.mcmc.KERNELS), usually back-and-forth; of an energy without a sampler gibbs"
)

TABLES = {
    "toy2d": "densities in the plane, ours beside the published algorithm",
    "ising": "recovered couplings, all methods from the same samples",
    "images": "images, both likelihoods beside a mixture and published models",
    "tables": "tables, likelihoods, filled cells, odd and drawn rows beside trees, mixtures, RBMs and scikit-learn",
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def __init__(self, **settings: Any):
        super().__init__(allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter, **settings)

    def error(self, message: str) -> NoReturn:
        refuse(message)


def refuse(message: str) -> NoReturn:
    """End with one line on stderr and exit code 2."""
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
    """All commands with their options."""
    root = Parser(prog="ebgfn", description="Energy-based models of discrete data, trained with a GFlowNet.")
    root.add_argument("--version", action="version", version=f"ebgfn {__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a model")
    kinds = train.add_subparsers(dest="kind", required=True, metavar="KIND")
    trainings = [kinds.add_parser(problem.name, help=problem.text) for problem in PROBLEMS.values()]
    for training, problem in zip(trainings, PROBLEMS.values(), strict=True):
        add_fields(training, problem.config)
        training.add_argument(
            "--run", metavar="DIR", help="new folder of the run, otherwise one in the user's data folder"
        )
        add_device(training)
    evaluate = commands.add_parser("evaluate", help="likelihoods, log Z, acceptance, MMD; couplings")
    add_whole(evaluate, "points", None, "test points, usually 4000, of images all", low=2, high=MAX_CHAINS)
    sample = commands.add_parser("sample", help="draw from the sampler")
    add_whole(sample, "steps", None, "steps of a sampler of images, usually 49", low=1, high=MAX_STEPS)
    add_whole(sample, "n", 1000, "number of samples", low=1, high=MAX_SAMPLES, flag="-n")
    chain = commands.add_parser("chain", help="run back-and-forth chains from data points")
    chain.add_argument("--k", type=number, metavar="K", help="entries voided and refilled a step (1..D), usually 8")
    chain.add_argument("--kernel", metavar="NAME", help=ABOUT_KERNELS)
    add_whole(chain, "steps", 100, "steps of each chain", low=1, high=10**6)
    add_whole(chain, "chains", 64, "chains side by side", low=1, high=MAX_CHAINS)
    for command in (evaluate, sample, chain):
        add_device(command)
        command.add_argument("model", metavar="DIR_OR_CHECKPOINT", help="run, checkpoint folder or shipped model")
        add_whole(command, "seed", 0, "random seed", low=0, high=MAX_SEED)
    sample.add_argument("--out", required=True, metavar="FILE", help="where samples go: .npz, or .csv, a row a line")
    chain.add_argument("--out", required=True, metavar="FILE.npz", help="where the arrays go")
    of_tables = add_answers(commands)
    app = "open the app in a browser; further options are Streamlit's, as --server.port 8502"
    commands.add_parser("app", help=app, description=app)
    runs = commands.add_parser("runs", help="list runs")
    cancel = commands.add_parser("cancel", help="stop a run; its last state is kept")
    cancel.add_argument("run", metavar="RUN", help="id or folder")
    resume = commands.add_parser("resume", help="go on with a run that was stopped or failed")
    resume.add_argument("run", metavar="DIR", help="folder or id")
    add_device(resume)
    for command in (sample, chain):
        command.add_argument(
            "--sigma", type=number, metavar="N", help="coupling, for a lattice model only: -0.5..0.5, usually 0.2"
        )
    reproduce = commands.add_parser("reproduce", help="measure a table of results, ours beside peers and limits")
    tables = reproduce.add_subparsers(dest="table", required=True, metavar="TABLE")
    measured = [tables.add_parser(name, help=text) for name, text in TABLES.items()]
    for table in measured:
        add_seconds(table)
        add_whole(table, "seeds", 1, "times that each row is measured, each from another seed", low=1, high=20)
        add_whole(table, "jobs", 1, "rows that are measured at a time, if several in one thread each", low=1, high=64)
        text = "folder that keeps the rows, so that a table that was stopped goes on"
        table.add_argument("--keep", type=Path, default=None, metavar="DIR", help=text)
    text = f"which tables, usually the binary ones ({', '.join(sets.TABLES)})"
    tables.choices["tables"].add_argument(
        "--sets", nargs="+", default=argparse.SUPPRESS, choices=sets.TABLES, metavar="NAME", help=text
    )
    for command in (*trainings, evaluate, sample, chain, *of_tables, runs, cancel, resume, *measured):
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return root


def add_answers(commands: Any) -> tuple[argparse.ArgumentParser, ...]:
    """What a model of a table says of other rows of that."""
    fill = commands.add_parser("fill", help="fill the missing cells of a table's rows")
    score = commands.add_parser("score", help="say how probable a table's rows are, and which cells surprise")
    for command, text in ((fill, "where the rows go, without gaps"), (score, "where a line for each row goes")):
        command.add_argument(
            "model", metavar="DIR_OR_CHECKPOINT", help="run, checkpoint folder or shipped model of a table"
        )
        command.add_argument("--path", required=True, metavar="FILE", help="rows with the same columns")
        command.add_argument("--out", required=True, metavar="FILE.csv", help=text)
        add_whole(command, "seed", 0, "random seed", low=0, high=MAX_SEED)
        add_device(command)
    add_whole(fill, "draws", 20, "answers to each row", low=1, high=10_000)
    fill.add_argument("--cells", metavar="FILE.csv", help="where all answers go: row, column, value, share")
    return fill, score


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command with its options; those of `app` that are unknown here are Streamlit's (`streamlit`)."""
    args, unknown = parser().parse_known_args(arguments)
    if unknown and args.command != "app":
        refuse(f"unrecognized arguments: {' '.join(unknown)}")
    args.streamlit = unknown
    return args


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
        elif f.type in (str, str | None):
            command.add_argument(flag(f.name), default=f.default, help=limits["help"], metavar="FILE")


def add_device(command: Parser) -> None:
    """`--device`: where networks compute; by itself only what is large enough to be quicker there goes to a GPU."""

    def known(text: str) -> str:
        if text not in DEVICES:
            refuse(f"device must be one of {', '.join(DEVICES)}, got {text!r}")
        return text

    command.add_argument(
        "--device", default="auto", type=known, metavar="NAME", help=f"where networks compute ({', '.join(DEVICES)})"
    )


def add_seconds(command: Parser) -> None:
    """`--budget-s` of a table: seconds for each training."""

    def seconds(text: str) -> float:
        value = number(text)
        if isinstance(value, str) or not 1 <= value <= 86_400:
            refuse(f"budget_s must be a number in 1..86400, got {text!r}")
        return float(value)

    command.add_argument(
        "--budget-s", type=seconds, metavar="N", help="seconds for each training; each table has its own"
    )


def add_whole(
    command: Parser, name: str, default: int | None, text: str, *, low: int, high: int, flag: str | None = None
) -> None:
    """An option for a whole number in low..high."""

    def whole(value: str) -> int:
        if not value.lstrip("+-").isdecimal() or not low <= int(value) <= high:
            refuse(f"{name} must be a whole number in {low}..{high}, got {value!r}")
        return int(value)

    command.add_argument(flag or f"--{name}", default=default, type=whole, metavar="N", help=f"{text} ({low}..{high})")


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")
