"""Exact values against brute force over all orders and against frequencies."""

import itertools
import math

import pytest
import torch

from ebgfn.core.schedules import draw
from ebgfn.core.trajectories import finest, log_prob
from ebgfn.evaluation import exact
from tests.examples import CHOICES, ExactPolicy, FunctionEnergy, PolynomialEnergy, energy, policy


def test_states_are_numbered():
    x = exact.all_states(3)
    assert x[0].tolist() == [0, 0, 0]
    assert x[1].tolist() == [0, 0, 1]
    assert x[6].tolist() == [1, 1, 0]
    assert torch.equal(exact.index_of(x), torch.arange(8))
    assert torch.equal(exact.index_of(x.byte()), torch.arange(8)), "byte arithmetic must not overflow"
    assert torch.equal(exact.index_of(exact.all_states(12).byte()), torch.arange(4096))


def test_energy_is_normalised():
    target = PolynomialEnergy(4)
    log_p, log_z = exact.log_p(target, 4)
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-12)
    values = [-target(torch.tensor([bits])).item() for bits in itertools.product((0.0, 1.0), repeat=4)]
    assert log_z == pytest.approx(math.log(math.fsum(map(math.exp, values))), abs=1e-5)
    torch.testing.assert_close(log_p.float(), torch.tensor(values) - log_z)


def test_large_energies_do_not_overflow():
    log_p, log_z = exact.log_p(FunctionEnergy(2, lambda x: -1000.0 * x[:, 0]), 2)
    assert log_z == pytest.approx(1000 + math.log(2))
    assert log_p.exp().sum().item() == pytest.approx(1)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("dim", [1, 2, 4])
def test_marginal_is_the_sum_over_orders(choice, dim):
    net, x = policy(dim, *choice), exact.all_states(dim)
    orders = torch.tensor(list(itertools.permutations(range(dim))))
    with torch.no_grad():
        paths = log_prob(
            net, x.repeat_interleave(len(orders), 0), orders.repeat(len(x), 1), schedule=finest(x.shape[1])
        )[0]
    expected = paths.view(len(x), -1).double().logsumexp(1)
    torch.testing.assert_close(exact.log_marginal(net), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("choice", CHOICES)
def test_marginal_sums_to_one(choice):
    log_q = exact.log_marginal(policy(8, *choice))
    assert log_q.isfinite().all()
    assert log_q.exp().sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("choice", [(False, False), (True, True)])
def test_marginal_is_the_frequency_of_samples(choice, generator):
    net, n = policy(6, *choice), 40000
    q = exact.log_marginal(net).exp()
    counts = exact.index_of(draw(net, n, generator).x).bincount(minlength=64)
    assert ((counts - n * q).abs() <= 4.5 * (n * q * (1 - q)).sqrt() + 1).all()


@pytest.mark.parametrize("learned", [False, True])
def test_an_exact_sampler_has_the_marginal_of_its_energy(learned):
    target = PolynomialEnergy(4)
    log_q = exact.log_marginal(ExactPolicy(target, learned=learned))
    assert exact.total_variation(exact.log_p(target, 4)[0], log_q) < 1e-6


def test_total_variation_by_hand():
    p, q = torch.tensor([0.5, 0.5, 0.0]).log(), torch.tensor([0.25, 0.5, 0.25]).log()
    assert exact.total_variation(p, q) == pytest.approx(0.25)
    assert exact.total_variation(p, p) == 0
    assert exact.total_variation(torch.tensor([1.0, 0.0]).log(), torch.tensor([0.0, 1.0]).log()) == 1


def test_too_many_variables_are_refused():
    with pytest.raises(ValueError, match=r"1\.\.20 variables, got 21"):
        exact.log_p(energy(21), 21)
    with pytest.raises(ValueError, match=r"1\.\.20 variables, got 0"):
        exact.all_states(0)
    with pytest.raises(ValueError, match=r"1\.\.12 variables, got 13"):
        exact.log_marginal(policy(13))
