"""Fast products must stay exact, or be given up."""

import pytest
import torch

from ebgfn.nets import products


@pytest.fixture
def restored():
    yield
    products.use_onednn()


def test_products_are_exact_to_float32():
    products.use_onednn()
    assert products.relative_error() < products.MOST_ERROR


def test_short_mantissas_would_be_noticed(monkeypatch):
    product = torch.Tensor.__matmul__

    def rounded(left, right):
        return product(left, right) if left.dtype == torch.float64 else product(left.bfloat16(), right.bfloat16())

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    assert products.relative_error() > 100 * products.MOST_ERROR


def test_lossy_products_are_given_up(monkeypatch, restored):
    monkeypatch.setattr(products, "relative_error", lambda: 0.03)
    assert not products.use_onednn()
    settings = getattr(torch.backends.mkldnn, "matmul", None)
    assert getattr(settings, "fp32_precision", "ieee") == "ieee"


def test_older_versions_are_left_alone(monkeypatch, restored):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not products.use_onednn()
