"""Probabilities of rows, measured beside the page in pieces; log Z of the energy comes last."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import streamlit as st
import torch

from ebgfn.evaluation.log_z import LogZ
from ebgfn.problems.table import answers
from ebgfn.problems.table.answers import HELD_OUT, Scored
from ebgfn.problems.table.report import partition
from ebgfn.problems.table.schema import Encoded
from ebgfn.ui.shell import background, models
from ebgfn.ui.shell.background import Measurement
from ebgfn.ui.shell.models import StoredModel

# Rows of a piece, and bits of all rows that are scored: about half a minute of one core.
PIECE, BITS = 25, 60_000
FEWEST = 200


class Scoring(NamedTuple):
    """What is known of some rows, and log Z once it is."""

    rows: Scored
    log_z: LogZ | None


def limit(source: StoredModel) -> int:
    """Rows that are scored here."""
    return min(HELD_OUT, max(FEWEST, BITS // models.load(source).dim))


def pieces(source: StoredModel) -> int:
    """Parts of the held-out rows' measurement, with log Z."""
    return -(-min(limit(source), len(models.load(source).config.whole("test"))) // PIECE) + 1


@st.cache_resource(max_entries=8, show_spinner=False)
def held_out(source: StoredModel, seed: int) -> Measurement:
    """Of rows that training did not see. Started by the first visitor who asks, shared by all."""
    return Measurement(_held_out(source, seed))


def _held_out(source: StoredModel, seed: int) -> Iterator[Scored | LogZ]:
    model, generator = models.load(source), torch.Generator().manual_seed(seed)
    x = model.config.whole("test")[: limit(source)]
    yield from answers.scored(model, Encoded(x, np.ones(x.shape, bool)), generator, piece=PIECE)
    yield partition(model, torch.from_numpy(x).float(), generator)


@st.cache_resource(max_entries=4, show_spinner=False)
def given(source: StoredModel, digest: str, seed: int, *, _rows: Encoded) -> Measurement:
    """Of a visitor's rows, which are known by the digest of their file."""
    generator = torch.Generator().manual_seed(seed)
    return Measurement(answers.scored(models.load(source), _rows, generator, piece=PIECE))


def progress(state: Measurement, expected: int) -> Scoring | None:
    """How far it is; what is known so far, if anything."""
    background.progress(state, expected, "parts", "the energy's log Z last, half a minute in all")
    return so_far(state)


def so_far(state: Measurement) -> Scoring | None:
    """What is known so far, if anything."""
    rows = list(state.rows)
    parts = [row for row in rows if isinstance(row, Scored)]
    log_z = next((row for row in rows if isinstance(row, LogZ)), None)
    return Scoring(answers.joined(parts), log_z) if parts else None
