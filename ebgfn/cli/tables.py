"""Commands of a model of a table: fill empty cells, score rows."""

import argparse
from pathlib import Path
from typing import Any

from ebgfn import shipped
from ebgfn.cli.said import answer, loaded, writable
from ebgfn.files import write_bytes
from ebgfn.runs import store

SCORE_DIGITS = 5


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
