"""Losses, in expectation over everything that is random in them: enumerated at D = 3 or 4."""

import itertools

import pytest
import torch

from ebgfn.core import losses
from ebgfn.core.trajectories import finest, log_prob
from ebgfn.evaluation import exact
from ebgfn.mcmc.back_and_forth import Proposal
from tests.examples import ExactPolicy, PolynomialEnergy, all_paths, energy, log_alpha, policy

DIM = 3


def close_to_zero(gradients, atol=1e-5):
    return all(g.abs().max() < atol for g in gradients)


def test_balance_residual_by_hand():
    pf, pb, e = torch.tensor([-3.0]), torch.tensor([-1.0]), torch.tensor([0.5])
    assert losses.balance_residual(torch.tensor(2.0), pf, pb, e).item() == 0.5
    assert losses.trajectory_balance(torch.tensor(2.0), pf, pb, e).item() == 0.25


@pytest.mark.parametrize("learned", [False, True])
def test_trajectory_balance_is_stationary_at_an_exact_sampler_only(learned):
    target = PolynomialEnergy(DIM)
    net = ExactPolicy(target, learned=learned)
    x, order = (torch.tensor(v) for v in ([[1.0, 0.0, 1.0]], [[2, 0, 1]]))
    log_pf, log_pb = log_prob(net, x, order, schedule=finest(x.shape[1]))
    assert losses.trajectory_balance(torch.tensor(net.log_z), log_pf, log_pb, target(x)).item() < 1e-9
    assert losses.trajectory_balance(torch.tensor(net.log_z + 0.3), log_pf, log_pb, target(x)).item() == pytest.approx(
        0.09, rel=1e-3
    )


@pytest.mark.parametrize("dim", [3, 4])
def test_any_order_likelihood_is_unbiased(dim):
    net = policy(dim)
    x = exact.all_states(dim)
    orders = torch.tensor(list(itertools.permutations(range(dim))))
    log_pf, log_pb = log_prob(
        net, x.repeat_interleave(len(orders), 0), orders.repeat(len(x), 1), schedule=finest(x.shape[1])
    )
    expected = (log_pb - log_pf).view(len(x), -1).mean(1)
    per_step = []
    for t in range(dim):
        masks = [
            torch.zeros(dim).bool().scatter(0, torch.tensor(c, dtype=torch.long), True)
            for c in itertools.combinations(range(dim), t)
        ]
        nats = [losses.any_order_likelihood(net(x, m.expand_as(x)).value_logits, x, m.expand_as(x)) for m in masks]
        per_step.append(torch.stack(nats).mean(0))
    torch.testing.assert_close(torch.stack(per_step).mean(0), expected)


def test_contrastive_gradient_is_that_of_the_likelihood():
    target, x = energy(DIM), exact.all_states(DIM)
    data = torch.softmax(torch.linspace(-2, 2, 2**DIM), 0)
    model = exact.log_p(target, DIM)[0].exp().float()
    parameters = list(target.parameters())
    pairs = losses.contrastive(target(x).repeat_interleave(2**DIM), target(x).repeat(2**DIM))
    ours = torch.autograd.grad((torch.outer(data, model).ravel() * pairs).sum(), parameters)
    nll = (data * target(x)).sum() + torch.logsumexp(-target(x), 0)
    torch.testing.assert_close(ours, torch.autograd.grad(nll, parameters), rtol=1e-4, atol=1e-5)


def test_noise_contrastive_is_stationary_at_the_data_density():
    data, noise = (torch.randn(8, generator=torch.Generator().manual_seed(s)).softmax(0) for s in (0, 1))
    log_p = data.log().requires_grad_()

    def loss(log_p):
        ratio = log_p - noise.log()
        return (
            losses.noise_contrastive(ratio[:, None].expand(8, 8).ravel(), ratio.repeat(8))
            * torch.outer(data, noise).ravel()
        ).sum()

    assert close_to_zero(torch.autograd.grad(loss(log_p), log_p), 1e-6)
    shifted = (log_p + 0.1).detach().requires_grad_()
    assert not close_to_zero(torch.autograd.grad(loss(shifted), shifted), 1e-3), "log Z is learned as well"


def test_noise_contrastive_weights_are_a_half_when_the_noise_is_the_model():
    zero = torch.zeros(1, requires_grad=True)
    (gradient,) = torch.autograd.grad(losses.noise_contrastive(zero, torch.zeros(1)).sum(), zero)
    assert gradient.item() == -0.5


@pytest.mark.parametrize("k", [1, 2, 3])
def test_back_and_forth_contrastive_is_stationary_at_the_data_density(k):
    # Whatever the sampler is: its moves from the data are told apart best by the energy of the data.
    target, net = PolynomialEnergy(DIM), policy(DIM, True, True)
    paths = all_paths(net, k)
    move = Proposal(paths.x, paths.order_back, paths.x_new, paths.order_forward, k, paths.log_pf, paths.log_pb)
    x, parameters = exact.all_states(DIM), list(target.parameters())
    data = torch.softmax(-target(x), 0).detach()
    weight = data[exact.index_of(paths.x)] * paths.log_q.exp()

    def gradient():
        expected = (weight * losses.back_and_forth_contrastive(log_alpha(target, net, move))).sum()
        return torch.autograd.grad(expected, parameters)

    assert close_to_zero(gradient())
    with torch.no_grad():
        target.linear += 0.5
    assert not close_to_zero(gradient(), 1e-3)
