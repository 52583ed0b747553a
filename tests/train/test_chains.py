"""Persistent chains leave p_phi invariant, are given out once each, and come where the sampler has never been."""

import math

import pytest
import torch

from ebgfn.evaluation import exact
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from ebgfn.nets.mlp import MLPPolicy
from ebgfn.train.chains import ChainPlan, PersistentChains, move_length
from ebgfn.train.learner import Diverged
from tests import examples

CPU = torch.device("cpu")


def coins(dim: int) -> BernoulliMixture:
    return BernoulliMixture(torch.zeros(1), torch.zeros(1, dim))


def test_chains_leave_the_distribution_of_the_energy_as_it_is(generator):
    """Begun in exact samples at D = 5 they are still that after many moves, with a sampler that is far from exact."""
    dim, n = 5, 20_000
    energy, policy = examples.energy(dim), examples.policy(dim, seed=3)
    log_p, _ = exact.log_p(energy, dim)
    chains = PersistentChains(dim, ChainPlan(chains=n, batch=n, local_moves=1, path_steps=2), device=CPU)
    start = torch.multinomial(log_p.exp().float(), n, replacement=True, generator=generator)
    chains.x = exact.all_states(dim)[start]
    for _ in range(6):
        chains.next(energy, policy, generator)
    moved = (exact.index_of(chains.x) != start).float().mean()
    assert moved > 0.5
    p = log_p.exp().float()
    seen = exact.index_of(chains.x).bincount(minlength=2**dim) / n
    assert ((seen - p).abs() <= 4.5 * (p * (1 - p) / n).sqrt() + 1e-4).all()


def test_each_state_is_given_out_once_between_moves(generator):
    dim = 4
    energy, policy = examples.energy(dim), examples.policy(dim)
    chains = PersistentChains(dim, ChainPlan(chains=12, batch=4, local_moves=1, first_moves=2), device=CPU)
    chains.begin_anew(energy, policy, coins(dim), generator)
    batches = [chains.next(energy, policy, generator) for _ in range(3)]
    assert torch.equal(torch.cat(batches), chains.x)
    before = chains.x.clone()
    again = chains.next(energy, policy, generator)
    assert not torch.equal(before, chains.x), "when all have been given out, all are moved"
    assert torch.equal(again, chains.x[:4])


def test_half_of_them_begin_in_samples_and_a_share_begins_anew(generator):
    """The sampler draws ones only; what begins in noise and makes no move is of coin flips."""
    dim = 40
    policy = MLPPolicy(dim, hidden=8, depth=1)
    torch.nn.init.constant_(policy.net.last.bias, 30.0)
    flat = examples.FunctionEnergy(dim, lambda x: x.sum(1) * 0)
    chains = PersistentChains(dim, ChainPlan(chains=4000, batch=8, first_moves=0, restarts=0.1), device=CPU)
    chains.begin_anew(flat, policy, coins(dim), generator)
    of_sampler = (chains.x == 1).all(1)
    assert of_sampler.sum() == 2000
    chains.begin_anew(flat, policy, coins(dim), generator)
    left = ((chains.x == 1).all(1)).sum().item() / 2000
    assert abs(left - 0.9) < 4.5 * math.sqrt(0.09 / 2000)


def test_chains_find_a_mode_that_the_sampler_does_not_know(generator):
    """Planted: 30 % of the mass in a ball where the sampler never goes; soon a good part of the chains are in it."""
    dim = 16
    place = torch.ones(dim)
    p_far, p_near = torch.full((dim,), 0.05), torch.full((dim,), 0.95)

    def energy(x):
        log = [
            weight + (x * p.log() + (1 - x) * (1 - p).log()).sum(1)
            for weight, p in ((math.log(0.7), p_far), (math.log(0.3), p_near))
        ]
        return -torch.stack(log).logsumexp(0)

    policy = MLPPolicy(dim, hidden=8, depth=1)
    torch.nn.init.constant_(policy.net.last.bias, math.log(0.05 / 0.95))  # exact for the other 70 %
    planted = examples.FunctionEnergy(dim, energy)
    chains = PersistentChains(dim, ChainPlan(chains=400, batch=400, first_moves=40), device=CPU)
    chains.begin_anew(planted, policy, coins(dim), generator)
    for _ in range(10):
        x = chains.next(planted, policy, generator)
    share = ((x - place).abs().sum(1) < dim / 2).float().mean().item()
    assert 0.15 < share < 0.45


def test_an_energy_that_is_no_number_is_said_so(generator):
    dim = 4
    broken = examples.FunctionEnergy(dim, lambda x: x.sum(1) * math.nan)
    chains = PersistentChains(dim, ChainPlan(chains=8, batch=8), device=CPU)
    with pytest.raises(Diverged, match="energy of a chain"):
        chains.begin_anew(broken, examples.policy(dim), coins(dim), generator)


@pytest.mark.parametrize("dim", [3, 64])
def test_moves_are_of_all_lengths(dim, generator):
    n, policy = 3000, examples.policy(dim)
    drawn = [move_length(policy, 8, generator) for _ in range(n)]
    lengths = torch.tensor([k for k, _ in drawn]).float()
    assert lengths.min() == 1
    assert lengths.max() == dim
    assert all(schedule[0] == dim - k and schedule[-1] == dim for k, schedule in drawn)
    assert all(len(schedule) - 1 == min(k, 8) for k, schedule in drawn)
    # All entries in a third of cases, and where a log-uniform length rounds to them.
    whole = 1 / 3 + 2 / 3 * math.log(dim / (dim - 0.5)) / math.log(dim)
    assert abs((lengths == dim).float().mean() - whole) < 4.5 * math.sqrt(whole * (1 - whole) / n)
