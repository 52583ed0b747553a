"""The command line: one function a command. A bad value ends with one line and exit code 2.

With `--json` exactly one JSON object goes to stdout, everything else to stderr. What needs torch is imported only where
it is used, so that help and refusals come at once.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from ebgfn import bundle
from ebgfn.arguments import parse, refuse
from ebgfn.cli import models, tables, training
from ebgfn.cli.said import answer, progress_bar


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


COMMANDS = {
    "train": training.train,
    "resume": training.resume,
    "evaluate": models.evaluate,
    "sample": models.sample,
    "chain": models.chain,
    "fill": tables.fill,
    "score": tables.score,
    "reproduce": reproduce,
    "app": app,
    "runs": training.runs,
    "cancel": training.cancel,
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
