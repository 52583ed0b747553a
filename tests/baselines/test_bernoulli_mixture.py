"""The mixture of Bernoulli products: normalised, never worse by a step, finds what is there."""

import pytest
import torch

from ebgfn.evaluation import exact
from ebgfn.nets.bernoulli_mixture import BernoulliMixture, best, fit


@pytest.fixture
def two(generator):
    """Two well separated components of unequal weight, and 4000 of their points."""
    p = torch.tensor([[0.9] * 6 + [0.1] * 6, [0.1] * 6 + [0.9] * 6])
    truth = BernoulliMixture(torch.tensor([0.3, 0.7]).log(), torch.logit(p))
    return truth, truth.sample(4000, generator)


@pytest.mark.parametrize("components", [1, 2, 5])
def test_it_is_normalised(two, components):
    mixture = fit(two[1], components=components)
    assert mixture.log_prob(exact.all_states(12).float()).logsumexp(0).item() == pytest.approx(0, abs=1e-4)


def test_one_component_is_the_product_of_frequencies(two):
    x = two[1]
    p = (x.sum(0) + 0.5) / (len(x) + 1)
    expected = (x * p.log() + (1 - x) * (1 - p).log()).sum(1)
    assert torch.allclose(fit(x, components=1).log_prob(x), expected, atol=1e-4)


def test_steps_never_lower_likelihood_times_prior(two):
    x, before = two[1], -float("inf")
    for iterations in range(1, 12):
        mixture = fit(x, components=4, iterations=iterations, pseudo_counts=0.5)
        p = torch.sigmoid(mixture.log_odds)
        prior = 0.5 * (p.log() + (1 - p).log()).sum() + mixture.log_weight.sum()
        after = (mixture.log_prob(x).double().sum() + prior).item()
        assert after >= before - 0.05
        before = after


def test_it_finds_two_components_by_held_out_data(two, generator):
    truth, x = two
    fresh = truth.sample(4000, generator)
    found = best(x, fresh, components=(1, 2))
    assert len(found.log_weight) == 2
    gap = truth.log_prob(fresh) - found.log_prob(fresh)
    assert 0 <= gap.mean().item() + 4.5 * gap.std().item() / 4000**0.5 < 0.03


def test_samples_have_its_moments(two, generator):
    truth, _ = two
    x = truth.sample(20_000, generator)
    mean = (truth.log_weight.exp().unsqueeze(1) * torch.sigmoid(truth.log_odds)).sum(0)
    assert ((x.mean(0) - mean).abs() < 4.5 * (mean * (1 - mean) / 20_000).sqrt()).all()


def test_means_stand_for_many_draws(generator):
    grey = torch.rand(300, 8, generator=generator)
    drawn = (torch.rand(200, *grey.shape, generator=generator) < grey).float().flatten(0, 1)
    a, b = fit(grey, components=1, pseudo_counts=1e-3), fit(drawn, components=1, pseudo_counts=1e-3)
    assert torch.allclose(torch.sigmoid(a.log_odds), torch.sigmoid(b.log_odds), atol=4.5 * 0.5 / 60_000**0.5)


def test_more_components_than_vectors_are_refused():
    with pytest.raises(ValueError, match=r"components must be in 1..3"):
        fit(torch.zeros(3, 4), components=4)
