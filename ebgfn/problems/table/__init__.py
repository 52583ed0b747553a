"""Tables of anything: each column becomes bits."""

import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from ebgfn.problems.base import Bits, Look, Problem
from ebgfn.problems.table import sets
from ebgfn.problems.table.config import TableConfig

if TYPE_CHECKING:
    from ebgfn.model import Model, Networks

# What names of columns stand behind in a file of samples, which has names of its own.
CELLS = "column: "
# Of the order in which the density that an energy refines fills bits: a checkpoint does not hold it.
ORDER_SEED = 20_261_128


class Table(Problem):
    """Training on a table."""

    name = "table"
    text = "a table: of a file, or by name"
    config = TableConfig

    @cached_property
    def trainers(self) -> dict[str, tuple[Any, Any]]:
        from ebgfn.problems.table.recipes import COUPLINGS, FAST
        from ebgfn.problems.table.trainer import Fast
        from ebgfn.train.paper import Paper, PaperRecipe

        paper = PaperRecipe(batch=64)
        ours = {"fast": (Fast, FAST), "couplings": (Fast, COUPLINGS)}
        return ours | {"paper": (Paper, paper), "basic": (Paper, replace(paper, moves=False, back_share=0.0))}

    @cached_property
    def sizes(self) -> tuple[Any, ...]:
        from ebgfn.nets.mlp import MLPSizes

        return (MLPSizes,)

    def networks(self, config: TableConfig, sizes: Any, dim: int) -> "Networks":
        """The density that an energy refines fills bits in an order of its own, the sampler in any."""
        import torch

        from ebgfn.model import Networks, flat_log_z
        from ebgfn.nets.quadratic import QuadraticEnergy
        from ebgfn.nets.refined import RefinedEnergy

        policy = sizes.policy(dim, blocks=not sizes.learned_location)
        energy = QuadraticEnergy(dim) if config.energy == "couplings" else sizes.energy(dim)
        if sizes.refined and config.energy == "network":
            base = copy.deepcopy(policy)
            base.order = torch.from_numpy(np.random.default_rng(ORDER_SEED).permutation(dim))
            energy = RefinedEnergy(base, energy, steps=min(dim, sizes.refined))
        return Networks(energy, policy, flat_log_z(dim))

    def describe(self, config: TableConfig) -> list[str]:
        columns = [column for column in config.columns.columns if column.bits]
        energy = ["couplings"] if config.energy == "couplings" else []
        return [f"table {config.label}", f"{len(columns)} columns, {config.dim} bits", config.preset, *energy]

    def knobs(self, config: TableConfig) -> tuple[str, ...]:
        """Energies that refine a density learn from moves alone, not from chains."""
        if config.preset != "fast":
            return ()
        return ("rate",) if config.energy == "network" else ("rate", "k", "share", "temperature")

    def keep_beside(self, model: "Model", folder: Path) -> None:
        """Its held-out rows, and how probable they are."""
        from ebgfn.problems.table import held_out

        held_out.keep(model, folder)

    def look(self, config: TableConfig) -> Look:
        from ebgfn.problems.table.look import TableLook

        return TableLook(config)

    def report(self, model: "Model", *, seed: int, points: int | None) -> dict[str, Any]:
        """From all rows that are kept for measuring, or so many of them."""
        from ebgfn.problems.table.report import report

        return report(model, seed=seed, points=points)

    def data(self, config: TableConfig, n: int, rng: np.random.Generator, *, sigma: float | None = None) -> Bits:
        """Rows that are kept for measuring; what nobody knows of one is taken from other rows."""
        chosen = rng.integers(0, len(config.split.test.x), n)
        told = config.split.test.rows(chosen)
        return np.where(told.known, told.x, rng.choice(config.split.train.x, n))

    def legal(self, config: TableConfig, x: Bits) -> Bool[np.ndarray, " n"]:
        return config.columns.legal(x)

    def as_csv(self, config: TableConfig, x: Bits) -> str:
        """The same columns, the same values."""
        from ebgfn.problems.table import files

        return files.to_csv(config.columns.decode(x, np.random.default_rng(0)))

    def decode(self, config: TableConfig, x: Bits) -> dict[str, np.ndarray]:
        """Each column's texts by its name; of rows with a code that no value has, empty ones."""
        legal = config.columns.legal(x)
        table = config.columns.decode(x[legal], np.random.default_rng(0)).astype("string").fillna("")
        texts = table.set_axis(np.flatnonzero(legal)).reindex(range(len(x)), fill_value="")
        return {f"{CELLS}{name}": column.to_numpy(str) for name, column in texts.items()}

    def prepare(self, config: TableConfig) -> None:
        if config.dataset in sets.BINARY:
            for part in sets.SPLITS:
                sets.binary(config.dataset, part)
