"""Held-out rows of a trained model's table, each with its log p."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from ebgfn.problems.table import held_out
from ebgfn.ui.shell import background, models
from ebgfn.ui.shell.background import Measurement
from ebgfn.ui.shell.frame import TEXT_WIDTH
from ebgfn.ui.shell.text import minus, with_error
from ebgfn.ui.table import rows

LOG_P = "log p"
ABOUT = """**Rows that the model has never seen**, each with the probability that it gives to just this row: **log p** is
its natural logarithm. The higher, the more typical the row; 2.3 less is ten times less probable. Numbers are told by bins:
what stands here is a value of the right bin."""
SPOKEN = "Held-out rows of the table, each with its log p under the sampler."


def show(folder: Path) -> None:
    """The rows, with log p that is stored or comes in. Errors: ValueError, CheckpointError."""
    st.markdown(ABOUT, width=TEXT_WIDTH)
    model, stored = models.stored(folder), held_out.load(folder)
    table = _rows(str(folder), model.stamp)
    if stored is not None:
        _draw(table, stored.log_q)
        st.caption(in_words(stored.log_q, models.card(folder)))
    else:
        state = _measured(str(folder), model.stamp)
        background.follow(state, partial(_follow, table, state))


def _follow(table: pd.DataFrame, state: Measurement) -> None:
    known = np.concatenate([*state.rows, np.zeros(0)])
    _draw(table, known)
    background.progress(state, math.ceil(len(table) / held_out.AT_ONCE), "parts", "log p of each row")
    if len(known) == len(table):
        st.caption(in_words(known, {}))


def _draw(table: pd.DataFrame, known: np.ndarray) -> None:
    """Rows with their log p, as far as it is known."""
    log_p = np.concatenate([known, np.full(len(table) - len(known), np.nan)])
    name = LOG_P if LOG_P not in table.columns else f"{LOG_P} of the row"
    config = {name: st.column_config.NumberColumn(name, format="%.1f", pinned=True, width=90)}
    rows.draw(pd.concat([pd.Series(log_p, name=name), table], axis=1), alt=SPOKEN, most=8, config=config)


def in_words(log_p: np.ndarray, card: dict) -> str:
    """How good these are, beside simpler models where a card knows them."""
    text = f"{len(log_p)} rows, on average {minus(f'{log_p.mean():.1f}')} nats."
    if not {"gfn_nll", "independent_nll", "tree_nll"} <= card.keys():
        return text
    return (
        f"{len(log_p)} rows. On average −log p is **{with_error(card, 'gfn_nll', 1)} nats**: lower is better. Independent "
        f"columns have {card['independent_nll']:.1f}, a Chow-Liu tree, where each bit depends on one other, "
        f"{card['tree_nll']:.1f}."
    )


@st.cache_data(max_entries=16, show_spinner="Reading the table …")
def _rows(folder: str, stamp: int) -> pd.DataFrame:
    stored, config = held_out.load(Path(folder)), models.config(Path(folder))
    return rows.told(config, config.whole("test")[: held_out.ROWS] if stored is None else stored.x)


@st.cache_resource(max_entries=16, show_spinner=False)
def _measured(folder: str, stamp: int) -> Measurement:
    return Measurement(_measure(Path(folder)))


def _measure(folder: Path) -> Iterator[np.ndarray]:
    yield from held_out.measure(models.load(models.stored(folder)))
