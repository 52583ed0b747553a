"""Likelihood estimators against exact values at D = 12, for a sampler and an energy that disagree."""

import math

import pytest
import torch

from ebgfn.core.schedules import draw
from ebgfn.evaluation import exact, likelihood
from ebgfn.nets.mlp import MLPEnergy, MLPPolicy

DIM = 12


def _random(module: torch.nn.Module, scale: float, seed: int) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=scale, generator=generator)
    return module


@pytest.fixture(scope="module")
def energy() -> MLPEnergy:
    return _random(MLPEnergy(DIM, hidden=16, depth=2), 0.35, 0)


@pytest.fixture(scope="module")
def policy() -> MLPPolicy:
    return _random(MLPPolicy(DIM, hidden=16, depth=2), 0.25, 1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(2)


@pytest.mark.slow
def test_sampler_likelihood_approaches_the_exact_marginal(policy, generator):
    x = (torch.rand(64, DIM, generator=generator) < 0.5).float()
    truth = exact.log_marginal(policy)[exact.index_of(x)]
    many = likelihood.log_likelihood(policy, x, trajectories=400, generator=generator)
    # The logarithm of a mean is too small by half its relative variance, which falls with the number of trajectories.
    assert (many - truth).abs().mean() < 0.05
    one = likelihood.log_likelihood(policy, x, trajectories=1, generator=generator)
    assert one.mean() <= truth.mean() + 4 * (one - truth).std() / math.sqrt(len(x))


@pytest.mark.slow
def test_log_z_bracket_holds_the_exact_value(energy, policy, generator):
    _, truth = exact.log_p(energy, DIM)
    found = likelihood.log_z(energy, policy, samples=20_000, generator=generator)
    assert found.lower <= truth <= found.upper
    assert abs(found.value - truth) < 5 * found.se
    assert found.upper - found.lower < 0.3
    assert 0.05 < found.ess < 1.0


@pytest.mark.slow
def test_energy_likelihood_agrees_with_enumeration(energy, policy, generator):
    x = (torch.rand(2000, DIM, generator=generator) < 0.5).float()
    log_p, _ = exact.log_p(energy, DIM)
    log_z = likelihood.log_z(energy, policy, samples=20_000, generator=generator)
    with torch.no_grad():
        nll = energy(x).mean().item() + log_z.value
    assert abs(nll + log_p[exact.index_of(x)].mean().item()) < 5 * log_z.se


@pytest.mark.slow
def test_model_samples_follow_the_energy(energy, policy, generator):
    drawn = draw(policy, 40_000, generator)
    log_w = likelihood.log_weights(
        energy, drawn
    )  # worth a tenth as many: so both halves of the error are those of 4000
    x = likelihood.model_samples(energy, policy, drawn.x, log_w, n=4000, generator=generator)
    log_p, _ = exact.log_p(energy, DIM)
    truth = log_p.exp().float() @ exact.all_states(DIM)
    assert (x.mean(0) - truth).abs().max() < 4.5 * 0.5 * math.sqrt(2 / 4000)


def test_an_exact_sampler_has_full_weight_and_acceptance(generator):
    energy, policy = MLPEnergy(DIM), MLPPolicy(DIM)  # flat and uniform before training
    found = likelihood.log_z(energy, policy, samples=100, generator=generator)
    assert found.value == pytest.approx(DIM * math.log(2), abs=1e-4)
    assert found.upper - found.lower == pytest.approx(0.0, abs=1e-3)
    assert found.ess == pytest.approx(1.0, abs=1e-5)
    x = torch.zeros(10, DIM)
    assert likelihood.mh_acceptance(energy, policy, x, k=5, generator=generator) == pytest.approx(1.0, abs=1e-5)
