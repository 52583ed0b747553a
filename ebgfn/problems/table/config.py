"""Settings of a training on a table: one that has a name, or a file."""

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import UInt8

from ebgfn.problems.config import Config, check, choice, random_seed, step_count, training_seconds
from ebgfn.problems.table import sets

if TYPE_CHECKING:
    import pandas as pd

    from ebgfn.problems.table.schema import Encoded, Schema
    from ebgfn.train.source import Stored

PRESETS = ("fast", "paper", "basic")
ABOUT_PRESETS = "fast: ours; paper: the published algorithm; basic: its basic version"
ENERGIES = ("network", "couplings")
ABOUT_ENERGIES = "network: of any form; couplings: quadratic in the bits, a weight for each pair and each bit"
LONGEST_LABEL, DIGEST = 12, 64
# Parts of a file's rows that are kept for choosing and for measuring.
VALID, TEST = 0.1, 0.2
LEAST_ROWS = 2


class Split(NamedTuple):
    """Rows as bits, zero where nobody knows them."""

    train: "Encoded"
    valid: "Encoded"
    test: "Encoded"


def short(name: str) -> str:
    """A file's name as a label that may be part of a folder's: letters, digits, hyphens; `table` if nothing is left."""
    if re.fullmatch(f"[0-9a-f]{{{DIGEST}}}", name):  # a file that is kept under its digest
        return "table"
    return re.sub("[^A-Za-z0-9]+", "-", name).strip("-")[:LONGEST_LABEL].strip("-") or "table"


@dataclass(frozen=True)
class TableConfig(Config):
    """Training on the table of a name (`dataset`), or of a file (`path`); `schema` says what its columns are.

    Of a file one row in ten is kept for choosing and two for measuring, by the seed, unless files of such rows are given.
    """

    kind: ClassVar[str] = "table"

    dataset: str | None = field(
        default=None,
        metadata={"options": sets.TABLES, "help": f"table by name, usually {sets.TABLES[0]}; not with a path"},
    )
    path: str | None = field(
        default=None, metadata={"help": "CSV, Parquet, Feather or NPZ file of a table, a row a line"}
    )
    valid: str | None = field(default=None, metadata={"help": "file of rows by which training chooses"})
    test: str | None = field(default=None, metadata={"help": "file of rows by which a model is measured"})
    schema: Any = field(default=None, hash=False, metadata={"help": "JSON file that says what the columns are"})
    energy: str = choice("network", ENERGIES, ABOUT_ENERGIES)
    called: str | None = field(default=None, metadata={"help": "short name of a file's table, for lists"})
    preset: str = choice("fast", PRESETS, ABOUT_PRESETS)
    budget_s: float = training_seconds(120.0)
    steps: int | None = step_count()
    seed: int = random_seed("random seed, of the split too")

    def __post_init__(self):
        if self.path is None and self.dataset is None:
            object.__setattr__(self, "dataset", sets.TABLES[0])
        check(self)
        for name in ("path", "valid", "test"):
            if not isinstance(getattr(self, name), str | None) or getattr(self, name) == "":
                raise ValueError(f"{name} must name a file of a table")
        if self.path is None and (self.valid or self.test or isinstance(self.schema, str)):
            raise ValueError("valid, test and schema must not be given without a path: a table by name has its own")
        if self.path is not None and self.dataset is not None:
            raise ValueError("dataset must not be given with a path")
        if self.called is not None and (self.path is None or self.called != short(self.called)):
            raise ValueError(f"called must be 1 to {LONGEST_LABEL} letters, digits and hyphens, with a path only")
        object.__setattr__(self, "schema", self._understood().to_json())

    def _understood(self) -> "Schema":
        from ebgfn.problems.table.schema import Schema, of_bits

        if isinstance(self.schema, str):
            try:
                return Schema.from_json(json.loads(Path(self.schema).read_text(encoding="utf-8")))
            except (OSError, ValueError) as error:
                raise ValueError(f"schema must be a JSON file of columns: {error}") from None
        if self.schema is not None:
            return Schema.from_json(self.schema)
        if self.dataset in sets.BINARY:
            return of_bits(sets.BINARY[self.dataset])
        return Schema.of(self.table)

    @cached_property
    def columns(self) -> "Schema":
        """What the columns are."""
        from ebgfn.problems.table.schema import Schema

        return Schema.from_json(self.schema)

    @property
    def dim(self) -> int:
        return self.columns.dim

    @property
    def trainer(self) -> str:
        return "couplings" if (self.energy, self.preset) == ("couplings", "fast") else self.preset

    @property
    def label(self) -> str:
        return self.dataset or self.called or short(Path(self.path or "").stem)

    @cached_property
    def table(self) -> "pd.DataFrame":
        """All rows of the file, or of a table by name that has no split of its own. Errors: ValueError."""
        from ebgfn.problems.table import files

        if self.path is not None:
            return files.read(Path(self.path))
        assert self.dataset is not None
        return sets.small(self.dataset)

    @cached_property
    def split(self) -> Split:
        """Rows to train on, to choose by, and to measure by. Errors: ValueError for what cannot be read."""
        from ebgfn.problems.table.schema import Encoded

        if self.dataset in sets.BINARY:
            parts = (sets.binary(self.dataset, part) for part in sets.SPLITS)
            return Split(*(Encoded(x, np.ones(x.shape, bool)) for x in parts))
        from ebgfn import seeds  # which torch comes with

        found = self._encoded(self.table)
        chosen = seeds.rng(self.seed, "split").permutation(len(found.x))
        valid, test = (
            0 if given else max(1, round(share * len(chosen)))
            for given, share in ((self.valid, VALID), (self.test, TEST))
        )
        rows = np.split(chosen, [valid, valid + test])
        held_out = [
            self._file(given) if given else found.rows(np.sort(part))
            for given, part in zip((self.valid, self.test), rows, strict=False)
        ]
        train = found.rows(np.sort(rows[2]))
        if len(train.x) < LEAST_ROWS:
            raise ValueError(f"there must be at least {LEAST_ROWS} rows to train on, got {len(train.x)}")
        split = Split(train, *held_out)
        if self.preset != "fast" and not all(part.whole.all() for part in split):
            raise ValueError(f"preset must be fast where cells are empty, got {self.preset}")
        return split

    def whole(self, part: str) -> UInt8[np.ndarray, "rows dim"]:
        """Rows without empty cells of a part of the split, "train", "valid" or "test". Errors: ValueError if it has none."""
        rows: Encoded = getattr(self.split, part)
        if not rows.whole.any():
            raise ValueError("each of the rows that were kept aside has an empty cell; this is shown of complete rows")
        return rows.x[rows.whole]

    def _file(self, path: str) -> "Encoded":
        from ebgfn.problems.table import files

        header = None if list(self.table.columns) != files.numbered(len(self.table.columns)) else False
        return self._encoded(files.read(Path(path), header=header))

    def _encoded(self, table: "pd.DataFrame") -> "Encoded":
        """The rows of which something is known."""
        found = self.columns.encode(table)
        return found.rows(np.any(found.known, axis=1))

    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        from ebgfn.train.source import Rows, RowsWithGaps

        train = self.split.train
        if train.whole.all():
            return Rows(train.x, seed=self.seed, place=place)
        return RowsWithGaps(train.x, train.known, seed=self.seed, place=place)
