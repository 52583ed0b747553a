"""Held-out rows of a trained model's table, each with its log p."""

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
    """The rows; their log p as it comes in. Errors: ValueError, CheckpointError."""
    st.markdown(ABOUT, width=TEXT_WIDTH)
    model = models.stored(folder)
    table = _rows(str(folder), model.stamp)
    state = _measured(str(folder), model.stamp)
    background.follow(state, partial(_draw, table, state, models.card(folder)))


def _draw(table: pd.DataFrame, state: Measurement, card: dict) -> None:
    known = np.concatenate([*state.rows, []]).astype(float)
    log_p = np.full(len(table), np.nan)
    log_p[: len(known)] = known
    seen = table.copy()
    seen.insert(0, LOG_P, log_p)
    config = {LOG_P: st.column_config.NumberColumn(LOG_P, format="%.1f", pinned=True, width=90)}
    rows.draw(seen, alt=SPOKEN, most=8, config=config)
    if not state.done:
        st.caption(f"log p of {len(known)} of {len(table)} rows so far.")
    elif state.future.exception():
        background.progress(state, len(table), "rows", "")
    else:
        st.caption(in_words(log_p, card))


def in_words(log_p: np.ndarray, card: dict) -> str:
    """How good these are, beside simpler models where a card knows them."""
    text = f"{len(log_p)} rows, on average {minus(f'{log_p.mean():.1f}')} nats."
    if not {"gfn_nll", "independent_nll", "tree_nll"} <= card.keys():
        return text
    return (
        f"{text} Over all {card['test_rows']} held-out rows the model has −log p = {with_error(card, 'gfn_nll', 1)} nats "
        f"on average; independent columns {card['independent_nll']:.1f}, a Chow-Liu tree, where each bit depends on one "
        f"other, {card['tree_nll']:.1f}: lower is better."
    )


@st.cache_data(max_entries=16, show_spinner="Reading the table …")
def _rows(folder: str, stamp: int) -> pd.DataFrame:
    stored, config = held_out.load(Path(folder)), models.config(Path(folder))
    return rows.told(config, config.split.test[: held_out.ROWS] if stored is None else stored.x)


@st.cache_resource(max_entries=16, show_spinner=False)
def _measured(folder: str, stamp: int) -> Measurement:
    return Measurement(_measure(Path(folder)))


def _measure(folder: Path) -> Iterator[np.ndarray]:
    """Stored ones at once."""
    stored = held_out.load(folder)
    if stored is not None:
        yield stored.log_q
    else:
        yield from held_out.measure(models.load(models.stored(folder)))
