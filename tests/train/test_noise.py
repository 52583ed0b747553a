"""Broad noise: its density is that of what it draws, it reaches everywhere, and flips have equal probability both ways."""

import math

import torch

from ebgfn.core.states import flip_some
from ebgfn.evaluation import exact
from ebgfn.nets.mlp import MLPEnergy
from ebgfn.train.noise import RATES, become, broad_noise

DIM = 6


def rows(n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    half = torch.rand(n, DIM, generator=generator) < torch.tensor([0.9, 0.1])[torch.arange(n) % 2][:, None]
    return half.float()


def test_its_density_adds_up_to_one_and_is_that_of_its_samples(generator):
    noise = broad_noise(rows(400), uniform=0.3, components=5)
    p = noise.log_prob(exact.all_states(DIM)).exp()
    assert abs(p.sum().item() - 1) < 1e-5
    n = 40_000
    seen = exact.index_of(noise.sample(n, generator)).bincount(minlength=2**DIM) / n
    assert ((seen - p).abs() <= 5 * (p * (1 - p) / n).sqrt() + 1e-4).all()


def test_no_state_is_rarer_than_its_share_of_coin_flips():
    noise = broad_noise(rows(400), uniform=0.3, components=5)
    assert noise.log_prob(exact.all_states(DIM)).min() >= math.log(0.3) - DIM * math.log(2) - 1e-5


def test_blank_and_full_vectors_of_many_entries_are_not_rare():
    """Rates near 0 and 1 see to it: of 784 coin flips neither would ever come."""
    x = (torch.rand(200, 784, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    noise = broad_noise(x, uniform=0.25, components=4)
    ends = torch.stack([torch.zeros(784), torch.ones(784)])
    assert (noise.log_prob(ends) > -20).all()
    assert min(RATES) < 1 / 200
    assert max(RATES) > 0.98


def test_coin_flips_alone(generator):
    noise = broad_noise(rows(50), uniform=1.0, components=1)
    torch.testing.assert_close(noise.log_prob(rows(9)), torch.full((9,), -DIM * math.log(2)))


def test_flips_come_at_every_rate_from_one_entry_to_half_of_all(generator):
    x = rows(20_000).repeat(1, 8)
    flips = (flip_some(x, generator) != x).float().mean(1)
    dim = x.shape[1]
    # Log-uniform between 1 / dim and 1 / 2: the mean rate is (1/2 - 1/dim) / log(dim / 2).
    mean = (0.5 - 1 / dim) / math.log(dim / 2)
    assert abs(flips.mean().item() - mean) < 4.5 * flips.std().item() / len(x) ** 0.5
    assert flips.max() > 0.4
    assert 0.1 < (flips <= 1 / dim).float().mean() < 0.4


def test_an_energy_becomes_that_of_the_noise(generator, whole_beginning):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        energy = MLPEnergy(DIM, hidden=32, depth=2)
    noise = broad_noise(rows(400), components=3)
    become(energy, noise, rows(400), generator)
    with torch.no_grad():
        off = energy(exact.all_states(DIM)) + noise.log_prob(exact.all_states(DIM))
    # Unless it was fitted, it is off by log 64 = 4.2 everywhere.
    assert off.abs().mean() < 0.3
    assert off.abs().max() < 1.0
