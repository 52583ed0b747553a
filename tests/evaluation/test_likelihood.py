"""A sampler's likelihood against exact values at D = 12."""

import math

import pytest
import torch

from ebgfn.evaluation import exact, likelihood
from ebgfn.nets.mlp import MLPEnergy, MLPPolicy

DIM = 12


def _random(module: torch.nn.Module, scale: float, seed: int) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=scale, generator=generator)
    return module


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


def test_an_exact_sampler_has_full_acceptance(generator):
    energy, policy = MLPEnergy(DIM), MLPPolicy(DIM)  # flat and uniform before training
    x = torch.zeros(10, DIM)
    assert likelihood.mh_acceptance(energy, policy, x, k=5, generator=generator) == pytest.approx(1.0, abs=1e-5)
