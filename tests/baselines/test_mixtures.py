"""Mixtures of products and of trees: normalised, never worse by a step, exact where cells are hidden, chosen in time."""

import itertools

import pytest
import torch

from ebgfn.baselines import mixtures
from ebgfn.baselines.mixtures import best_products, best_trees, from_shares, products, trees
from ebgfn.evaluation.exact import all_states

DIM = 6


@pytest.fixture
def rows(generator):
    """Rows of two kinds, which differ in what pairs of entries mostly agree."""
    pairs = torch.tensor([[0, 0, 2, 2, 4, 4], [5, 1, 1, 3, 3, 5]])
    kind = (torch.rand(1500, generator=generator) < 0.6).long()
    x = (torch.rand(1500, DIM, generator=generator) < 0.4).float().gather(1, pairs[kind])
    return (x - (torch.rand(x.shape, generator=generator) < 0.02).float()).abs()


@pytest.fixture(params=["products", "trees"])
def mixture(request, rows):
    """One of either kind after some steps."""
    return after(getattr(mixtures, request.param)(rows, components=3, smoothing=1.0), 6)


def after(way, steps):
    return next(itertools.islice(way, steps - 1, None))


def test_probabilities_sum_to_one(mixture):
    assert mixture.log_prob(all_states(DIM)).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_hidden_entries_have_the_probabilities_of_enumeration(mixture, rows, generator):
    x, mask = rows[:40], torch.rand(40, DIM, generator=generator) < 0.5
    mask[0], mask[1] = False, True
    states = all_states(DIM)
    fits = ((states[None] == x[:, None]) | ~mask[:, None]).all(2)
    p = fits * mixture.log_prob(states).exp()
    expected = p @ states / p.sum(1, keepdim=True)
    assert torch.allclose(mixture.conditional(x, mask, generator), expected, atol=1e-5)


def test_drawn_rows_have_its_probabilities(mixture, generator):
    n, states = 20_000, all_states(DIM)
    drawn = mixture.sample(n, generator)
    share = torch.bincount((drawn @ 2.0 ** torch.arange(DIM - 1, -1, -1)).long(), minlength=2**DIM) / n
    p = mixture.log_prob(states).exp()
    assert ((share - p).abs() < 4.5 * (p / n).sqrt() + 5 / n).all()


def test_steps_never_lower_likelihood_times_prior(rows):
    """The prior of trees: uniform rows in each, as many as `smoothing` says."""
    smoothing, states, before = 3.0, all_states(DIM), -float("inf")
    for mixture in itertools.islice(trees(rows, components=4, smoothing=smoothing), 12):
        prior = sum(smoothing * tree.log_prob(states).double().mean() for tree in mixture.trees)
        after = (mixture.log_prob(rows).double().sum() + prior + mixture.log_weight.sum()).item()
        assert after >= before - 1e-3
        before = after


def test_trees_of_weighted_rows_are_those_of_rows_so_often(rows, generator):
    often = torch.randint(0, 3, (len(rows),), generator=generator)
    repeated, states = rows.repeat_interleave(often, dim=0), all_states(DIM)
    (tree,) = from_shares(rows, often[:, None].float(), smoothing=1.0).trees
    (same,) = from_shares(repeated, torch.ones(len(repeated), 1), smoothing=1.0).trees
    assert torch.allclose(tree.log_prob(states), same.log_prob(states), atol=1e-5)


@pytest.mark.slow
def test_rows_held_out_choose_as_many_components_as_there_are(rows, monkeypatch):
    monkeypatch.setattr(mixtures, "COMPONENTS", (1, 2))
    monkeypatch.setattr(mixtures, "TREE_SMOOTHING", (1.0,))
    train, valid = rows[:1000], rows[1000:]
    found = best_trees(train, valid, seconds=30)
    assert len(found.trees) == 2
    one = after(trees(train, components=1, smoothing=1.0), 1)
    assert found.log_prob(valid).mean() > one.log_prob(valid).mean() + 0.05
    assert found.log_prob(valid).mean() > best_products(train, valid, seconds=30).log_prob(valid).mean()


def test_without_time_there_is_a_mixture(rows):
    assert len(best_trees(rows, rows, seconds=0.0).trees) == 1
    assert len(best_products(rows, rows, seconds=0.0).log_weight) == 1
    assert after(products(rows, components=2, smoothing=1.0), 1).log_prob(rows).isfinite().all()
