"""Fast products must stay exact, or be given up."""

import pytest
import torch

from ebgfn import processor


@pytest.fixture
def restored():
    yield
    processor.use_onednn()


def test_products_are_exact_to_float32():
    processor.use_onednn()
    assert processor.relative_error() < processor.MOST_ERROR


def test_short_mantissas_would_be_noticed(monkeypatch):
    product = torch.Tensor.__matmul__

    def rounded(left, right):
        return product(left, right) if left.dtype == torch.float64 else product(left.bfloat16(), right.bfloat16())

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    assert processor.relative_error() > 100 * processor.MOST_ERROR


def test_lossy_products_are_given_up(monkeypatch, restored):
    monkeypatch.setattr(processor, "relative_error", lambda: 0.03)
    assert not processor.use_onednn()
    settings = getattr(torch.backends.mkldnn, "matmul", None)
    assert getattr(settings, "fp32_precision", "ieee") == "ieee"


def test_older_versions_are_left_alone(monkeypatch, restored):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not processor.use_onednn()
