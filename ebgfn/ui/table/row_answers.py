"""One row with void cells as the view shows it: distributions of the void cells, and whole rows that the sampler answers."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from ebgfn.problems.table import answers
from ebgfn.problems.table.columns import Column, Number
from ebgfn.problems.table.schema import Schema
from ebgfn.ui.components.row_cells import Answer, Cell, Row
from ebgfn.ui.shell import models
from ebgfn.ui.shell.models import StoredModel

# Answers that are drawn: shares are then off by at most 7 percent points, nineteen times in twenty. Of more bits than FEW
# there are half as many, so that a cell is answered as soon as it is pressed.
DRAWS, FEW = 200, 64
WHOLE_ROWS = 6


class Answered(NamedTuple):
    """Cells as the view shows them; the most frequent whole rows; how often the likeliest value is what stood there."""

    cells: list[Cell]
    rows: pd.DataFrame
    right: int
    void: int


def changing(schema: Schema) -> list[Column]:
    """Columns that have bits: the others hold one value, or none that a sampler could learn."""
    return [column for column in schema.columns if column.bits]


def held_out(source: StoredModel, number: int) -> Row:
    """A row that training did not see, numbered from 1: a value for each column that has bits."""
    model = models.load(source)
    schema, x = model.config.columns, model.config.whole("test")[number - 1 : number]
    row = schema.decode(x, np.random.default_rng(0))
    return tuple(row[column.name].iloc[0] for column in changing(schema))


def as_table(schema: Schema, row: Row) -> pd.DataFrame:
    """A row as a table of one, with empty cells in columns that have no bits."""
    given = dict(zip((column.name for column in changing(schema)), row, strict=True))
    return pd.DataFrame([[given.get(name) for name in schema.names]], columns=list(schema.names), dtype=object)


@st.cache_data(max_entries=64, show_spinner=False)
def answered(source: StoredModel, row: Row, stood: Row, seed: int) -> Answered:
    """What the sampler says of a row's void cells; `stood` is the row before. Errors: ValueError."""
    model = models.load(source)
    schema, columns = model.config.columns, changing(model.config.columns)
    found = schema.encode(as_table(schema, row))
    draws = DRAWS if (~found.known[0]).sum() <= FEW else DRAWS // 2
    codes = answers.conditionals(model, found.x[0], found.known[0], draws=draws, seed=seed)
    codes = codes[:, [place for place, column in enumerate(schema.columns) if column.bits]]
    before = [column.codes([value])[0] for column, value in zip(columns, stood, strict=True)]
    cells, right = [], 0
    for place, column in enumerate(columns):
        answer = None
        if row[place] is None:
            share = np.bincount(codes[:, place], minlength=column.levels) / draws
            answer = distribution(column, share, int(before[place]))
            right += int(share.argmax() == before[place])
        cells.append(Cell(column.name, row[place], stood[place], answer))
    return Answered(cells, whole_rows(columns, codes, row, seed), right, sum(value is None for value in row))


def distribution(column: Column, share: np.ndarray, stood: int) -> Answer:
    """Of one void cell, from the shares of its codes; `stood` is the code of what stood there, below 0 if nothing did."""
    names = labels(column)
    if isinstance(column, Number):
        median = int(np.searchsorted(share.cumsum(), 0.5 - 1e-9))
        return Answer(tuple(names), tuple(share), True, f"median {names[median]}", stood if stood >= 0 else None)
    order = np.argsort(-share, kind="stable").tolist()
    said = f"{names[order[0]]}, {int(100 * share[order[0]] + 0.5)}%"
    values, shares = tuple(names[code] for code in order), tuple(float(share[code]) for code in order)
    return Answer(values, shares, False, said, order.index(stood) if stood >= 0 else None)


def labels(column: Column) -> list[str]:
    """A value for each code: of a number's bin the middle one of those it held."""
    if isinstance(column, Number):
        return [column.write(held[len(held) // 2]) for held in column.bins]
    return [str(value) for value in column.cells(np.arange(column.levels), np.random.default_rng(0))]


def whole_rows(columns: list[Column], codes: np.ndarray, row: Row, seed: int) -> pd.DataFrame:
    """The answers drawn most often: how often, the cells that were void, then the given ones."""
    void = [place for place, value in enumerate(row) if value is None]
    distinct, number = np.unique(codes, axis=0, return_counts=True)
    most = np.argsort(-number, kind="stable")[:WHOLE_ROWS]
    rng = np.random.default_rng(seed)
    told: dict[str, list] = {"drawn": [f"{n} of {len(codes)}" for n in number[most]]}
    for place in void:
        told[columns[place].name] = columns[place].cells(distinct[most, place], rng)
    given = {columns[place].name: [value] * len(most) for place, value in enumerate(row) if value is not None}
    return pd.DataFrame(told | given)
