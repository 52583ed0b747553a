"""What a model of a table says of rows: what may stand in missing cells, how probable a row is, which cells surprise."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ebgfn.core.schedules import fill
from ebgfn.core.states import Masks, Orders
from ebgfn.evaluation.likelihood import log_ratios, log_values
from ebgfn.model import Model
from ebgfn.problems.table.columns import Number
from ebgfn.problems.table.report import ORDERS, Known, partition, tensors, whole_rows

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
            told[column.name] = told[column.name].fillna(
                np.nan if (value := getattr(column, "value", None)) is None else value
            )
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
    raise ValueError("hardly anything that this sampler draws stands for a row: it was trained too briefly")


def scores(model: Model, table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """A line for each row. Errors: ValueError for values that the columns cannot have.

    `log_p_sampler`, in nats, by ORDERS random orders, with its standard error; of a row with gaps that of its known cells.
    `log_p_energy` with the bounds that the standard error of log Z gives (two of them); not of a row with gaps, nor of an
    energy that is refuted. `rank`: share of the held-out rows that are less probable under the sampler, known cell by known
    cell. `surprise_1` .. : the cells that are least probable given the rest, each with its probability.
    """
    generator = torch.Generator(model.device).manual_seed(seed)
    given = tensors(model.config.columns.encode(table), model)
    held_out = tensors(model.config.split.test.rows(slice(HELD_OUT)), model)
    log_q, error = _log_q(model, given, generator)
    told = {"row": np.arange(1, len(log_q) + 1), "log_p_sampler": log_q, "log_p_sampler_se": error}
    found = partition(model, whole_rows(model, held_out, generator), generator)
    if not found.refuted:
        with torch.no_grad():
            log_p = np.where(given.whole.cpu(), -model.energy(given.x).cpu().numpy() - found.value, np.nan)
        told |= {
            "log_p_energy": log_p,
            "log_p_energy_low": log_p - 2 * found.se,
            "log_p_energy_high": log_p + 2 * found.se,
        }
    each, others = log_q / _counts(given), _log_q(model, held_out, generator)[0] / _counts(held_out)
    told["rank"] = np.searchsorted(np.sort(others), each) / len(others)
    return pd.DataFrame(told | _surprises(model, given, generator))


def _counts(given: Known) -> Float[np.ndarray, " rows"]:
    """Known entries of each row, at least one."""
    return given.known.sum(1).clamp(min=1).cpu().numpy().astype(np.float64)


def _log_q(model: Model, given: Known, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    """log q of rows by the mean over orders, and its standard error by the delta method."""
    each = log_ratios(model.policy, given.x, trajectories=ORDERS, generator=generator, known=given.known).double()
    weight = (each - each.amax(1, keepdim=True)).exp()
    value = each.logsumexp(1) - math.log(ORDERS)
    return value.cpu().numpy(), (weight.std(1) / weight.mean(1) / ORDERS**0.5).cpu().numpy()


def _surprises(model: Model, given: Known, generator: torch.Generator) -> dict[str, list[str]]:
    """The least probable cells of each row, given all others; as many as the row has that are known."""
    schema = model.config.columns
    if model.policy.learned_location:  # such a sampler does not tell a cell's probability
        return {}
    columns = [column for column in schema.columns if column.bits]
    log_p = [_given_others(model, given, schema.places[column.name], generator) for column in columns]
    p = torch.stack(log_p, 1).exp().cpu().numpy()
    least = np.argsort(p, axis=1, kind="stable")[:, :SURPRISES]
    return {
        f"surprise_{nth + 1}": [
            f"{columns[one].name} ({p[row, one]:.2g})" if p[row, one] <= 1 else ""
            for row, one in enumerate(least[:, nth])
        ]
        for nth in range(least.shape[1])
    }


@torch.no_grad()
def _given_others(model: Model, given: Known, place: slice, generator: torch.Generator) -> Float[Tensor, " rows"]:
    """log q of one column's cells given the other known ones, its bits in some random orders; infinite of empty cells."""
    k = place.stop - place.start
    others = given.known.clone()
    others[:, place] = False
    chosen = others.sum(1, keepdim=True) + torch.arange(k, device=others.device)
    orders = [_then(others, place, generator) for _ in range(1 if k == 1 else CELL_ORDERS)]
    each = torch.stack([log_values(model.policy, given.x, order, chosen=chosen).sum(1) for order in orders])
    told = each.logsumexp(0) - math.log(len(orders))
    return torch.where(given.known[:, place.start], told, torch.inf)


def _then(others: Masks, place: slice, generator: torch.Generator) -> Orders:
    """Random orders in which `others` come first, then the bits of a column, then what is left."""
    when = torch.full(others.shape, 2.0, device=others.device)
    when[:, place] = 1.0
    when[others] = 0.0
    return (when + torch.rand(when.shape, generator=generator, device=when.device)).argsort(dim=1)
