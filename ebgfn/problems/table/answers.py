"""What a model of a table says of rows: what may stand in missing cells, how probable a row is, which cells surprise."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from ebgfn.core.schedules import fill
from ebgfn.core.states import Masks, Orders
from ebgfn.evaluation.likelihood import log_ratios, log_values
from ebgfn.evaluation.log_z import LogZ
from ebgfn.model import Model
from ebgfn.problems.drawn import BRIEFLY
from ebgfn.problems.table.columns import Number
from ebgfn.problems.table.report import ORDERS, Known, partition, tensors, whole_rows
from ebgfn.problems.table.schema import Codes, Encoded

# How often a row is drawn again that has a code of no value; held-out rows among which a row has its rank.
AGAIN, HELD_OUT, SURPRISES = 100, 1000, 3
# Orders of the bits of one cell that its probability is a mean over.
CELL_ORDERS = 4


class Filled(NamedTuple):
    """`table`: the rows, their missing cells with the likeliest value, of numbers the median. `cells`: for each missing cell
    (`row` from 1, `column`) the values drawn (`value`) with their shares."""

    table: pd.DataFrame
    cells: pd.DataFrame


def filled(model: Model, table: pd.DataFrame, *, draws: int, seed: int) -> Filled:
    """Missing cells from the sampler, given all others, which stay as they are. Errors: ValueError."""
    schema, generator = model.config.columns, torch.Generator(model.device).manual_seed(seed)
    found = schema.encode(table)
    gaps = np.flatnonzero(~found.known.all(1))
    x = _completed(model, found.x[gaps], found.known[gaps], draws, generator)
    drawn = schema.decode(x.reshape(-1, model.dim), np.random.default_rng(seed))
    told, cells = table.copy(), []
    for column in schema.columns:
        if not column.bits:
            told[column.name] = told[column.name].where(told[column.name].notna(), column.default)
            continue
        values = drawn[column.name].to_numpy().reshape(len(gaps), draws)
        missing = ~found.known[gaps, schema.places[column.name].start]
        for place in np.flatnonzero(missing):
            counts = pd.Series(values[place]).value_counts(sort=True) / draws
            row = int(gaps[place])
            told.iloc[row, told.columns.get_loc(column.name)] = _likeliest(column, values[place], counts)
            cells += [(row + 1, column.name, value, share) for value, share in counts.items()]
    told[list(schema.names)] = told[list(schema.names)].astype(object)
    return Filled(
        told, pd.DataFrame(cells, columns=["row", "column", "value", "share"]).sort_values(["row"], kind="stable")
    )


def _likeliest(column: object, values: np.ndarray, counts: pd.Series) -> str:
    if isinstance(column, Number):
        order = np.argsort(column.codes(values.tolist()), kind="stable")
        return str(values[order[len(values) // 2]])
    return str(counts.index[0])


@torch.no_grad()
def _completed(
    model: Model, x: UInt8[np.ndarray, "rows dim"], known: np.ndarray, draws: int, generator: torch.Generator
) -> UInt8[np.ndarray, "rows draws dim"]:
    """`draws` answers to each row, none with a code that no value has."""
    schema = model.config.columns
    begun, mask = (np.repeat(part, draws, axis=0) for part in (x, known))
    told, left = begun.copy(), np.arange(len(begun))
    for _ in range(AGAIN):
        start, given = (
            torch.from_numpy(begun[left]).float().to(model.device),
            torch.from_numpy(mask[left]).to(model.device),
        )
        told[left] = fill(model.policy, start, given, generator).cpu().numpy().astype(np.uint8)
        left = left[~schema.legal(told[left])]
        if not len(left):
            return told.reshape(len(x), draws, model.dim)
    raise ValueError(BRIEFLY)


def conditionals(
    model: Model,
    x: UInt8[np.ndarray, " dim"],
    known: Bool[np.ndarray, " dim"],
    *,
    draws: int,
    seed: int,
) -> Codes:
    """Codes of all cells of `draws` answers to one row: each column's shares are its distribution given what is known.

    Errors: ValueError for a sampler that hardly draws a row.
    """
    if known.all():
        return np.repeat(model.config.columns.codes(x[None]), draws, 0)
    generator = torch.Generator(model.device).manual_seed(seed)
    return model.config.columns.codes(_completed(model, x[None], known[None], draws, generator)[0])


class Scored(NamedTuple):
    """Of rows: log q in nats with its standard error, minus the energy (NaN of rows with gaps), the number of bits that are
    known, and `cell_probabilities`."""

    log_q: Float[np.ndarray, " rows"]
    log_q_se: Float[np.ndarray, " rows"]
    minus_energy: Float[np.ndarray, " rows"]
    bits: Float[np.ndarray, " rows"]
    cells: pd.DataFrame | None

    @property
    def each(self) -> Float[np.ndarray, " rows"]:
        """log q for each known bit: what rows with and without gaps are compared by."""
        return self.log_q / np.maximum(self.bits, 1)


@torch.no_grad()
def scored(model: Model, rows: Encoded, generator: torch.Generator, *, piece: int = 100) -> Iterator[Scored]:
    """Rows in pieces, for whoever tells how far it is."""
    for begin in range(0, len(rows.x), piece):
        part = tensors(rows.rows(slice(begin, begin + piece)), model)
        log_q, error = log_q_of(model, part, generator)
        minus_energy = torch.where(part.whole, -model.energy(part.x), torch.nan).cpu().numpy()
        bits = part.known.sum(1).cpu().numpy().astype(np.float64)
        yield Scored(log_q, error, minus_energy, bits, cell_probabilities(model, part, generator))


def joined(parts: Sequence[Scored]) -> Scored:
    """Pieces as one."""
    *numbers, _ = zip(*parts, strict=True)
    cells = [part.cells for part in parts if part.cells is not None]
    return Scored(*map(np.concatenate, numbers), cells=pd.concat(cells, ignore_index=True) if cells else None)


def scores(model: Model, table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """A line for each row. Errors: ValueError for values that the columns cannot have.

    `log_p_sampler`, in nats, by ORDERS random orders, with its standard error; of a row with gaps that of its known cells.
    `log_p_energy` with the bounds that the standard error of log Z gives (two of them); not of a row with gaps, nor of an
    energy that is refuted. `rank`: share of the held-out rows that are less probable under the sampler, for each known bit.
    `surprise_1` .. : the cells that are least probable given the rest, each with its probability.
    """
    generator = torch.Generator(model.device).manual_seed(seed)
    found = joined(list(scored(model, model.config.columns.encode(table), generator)))
    held_out = model.config.split.test.rows(slice(HELD_OUT))
    others = joined(list(scored(model, held_out, generator))).each
    log_z = partition(model, whole_rows(model, tensors(held_out, model), generator), generator)
    return score_table(found, others=others, log_z=log_z)


def score_table(found: Scored, *, others: Float[np.ndarray, " held_out"], log_z: LogZ | None) -> pd.DataFrame:
    """What `scores` tells, from its parts; `others` is log q of held-out rows for each known bit; without log Z there is no
    `log_p_energy`."""
    told: dict[str, Any] = {"row": np.arange(1, len(found.log_q) + 1)}
    told |= {"log_p_sampler": found.log_q, "log_p_sampler_se": found.log_q_se}
    if log_z is not None and not log_z.refuted:
        log_p = found.minus_energy - log_z.value
        told |= {
            "log_p_energy": log_p,
            "log_p_energy_low": log_p - 2 * log_z.se,
            "log_p_energy_high": log_p + 2 * log_z.se,
        }
    told["rank"] = np.searchsorted(np.sort(others), found.each) / len(others)
    return pd.DataFrame(told | _surprises(found.cells))


def log_q_of(model: Model, rows: Known, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    """log q of rows by the mean over orders, and its standard error by the delta method."""
    each = log_ratios(model.policy, rows.x, trajectories=ORDERS, generator=generator, known=rows.known).double()
    weight = (each - each.amax(1, keepdim=True)).exp()
    value = each.logsumexp(1) - math.log(ORDERS)
    return value.cpu().numpy(), (weight.std(1) / weight.mean(1) / ORDERS**0.5).cpu().numpy()


def _surprises(found: pd.DataFrame | None) -> dict[str, list[str]]:
    """The least probable cells of each row, given all others; fewer where fewer are known."""
    if found is None:
        return {}
    p, columns = found.to_numpy(), list(found)
    least = np.argsort(p, axis=1, kind="stable")[:, :SURPRISES]
    return {
        f"surprise_{nth + 1}": [
            "" if np.isnan(p[row, one]) else f"{columns[one]} ({p[row, one]:.2g})"
            for row, one in enumerate(least[:, nth])
        ]
        for nth in range(least.shape[1])
    }


def cell_probabilities(model: Model, rows: Known, generator: torch.Generator) -> pd.DataFrame | None:
    """How probable the sampler holds each cell, given all others of its row: a line a row, of columns that have bits; NaN of
    empty cells.

    None for a sampler that learns its own order, which does not tell that.
    """
    schema = model.config.columns
    if model.policy.learned_location:
        return None
    names = [column.name for column in schema.columns if column.bits]
    log_p = [_given_others(model, rows, schema.places[name], generator) for name in names]
    return pd.DataFrame(torch.stack(log_p, 1).exp().cpu().numpy(), columns=names)


@torch.no_grad()
def _given_others(model: Model, rows: Known, place: slice, generator: torch.Generator) -> Float[Tensor, " rows"]:
    """log q of one column's cells given the other known ones, its bits in some random orders."""
    k = place.stop - place.start
    others = rows.known.clone()
    others[:, place] = False
    chosen = others.sum(1, keepdim=True) + torch.arange(k, device=others.device)
    orders = [_then(others, place, generator) for _ in range(1 if k == 1 else CELL_ORDERS)]
    each = torch.stack([log_values(model.policy, rows.x, order, chosen=chosen).sum(1) for order in orders])
    told = each.logsumexp(0) - math.log(len(orders))
    return torch.where(rows.known[:, place.start], told, torch.nan)


def _then(others: Masks, place: slice, generator: torch.Generator) -> Orders:
    """Random orders in which `others` come first, then the bits of a column, then what is left."""
    when = torch.full(others.shape, 2.0, device=others.device)
    when[:, place] = 1.0
    when[others] = 0.0
    return (when + torch.rand(when.shape, generator=generator, device=when.device)).argsort(dim=1)
