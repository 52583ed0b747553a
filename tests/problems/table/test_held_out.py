"""Held-out rows and their log q: a sampler that has learned nothing gives each row the same, and rows keep their order."""

import math

import numpy as np
import pytest
import torch

from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.table import held_out
from ebgfn.problems.table.config import TableConfig


@pytest.fixture
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(TableConfig("iris"), MLPSizes(hidden=8, depth=1))


def test_each_row_of_a_uniform_sampler_is_as_probable(model):
    log_q = np.concatenate(list(held_out.measure(model)))
    assert len(log_q) == len(model.config.whole("test")) == 30
    assert log_q == pytest.approx(-model.dim * math.log(2), rel=1e-5)


def test_what_is_kept_are_these_rows_and_of_these_weights(model, tmp_path):
    model.save(tmp_path)
    held_out.keep(model, tmp_path)
    found = held_out.load(tmp_path)
    assert np.array_equal(found.x, model.config.whole("test"))
    assert len(found.log_q) == len(found.x)
    (tmp_path / held_out.FILE).write_bytes(b"no")
    assert held_out.load(tmp_path) is None
