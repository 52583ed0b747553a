"""One contract for every policy, and for the tabular one that other tests lean on."""

import pytest
import torch

from ebgfn.evaluation import exact
from ebgfn.policies import MLPPolicy, bernoulli_log_prob, one_hot
from ebgfn.trajectories import filled_at, log_probs, uniform_orders
from tests.examples import CHOICES, ExactPolicy, PolynomialEnergy, policy

DIM = 4
POLICIES = {f"mlp-{location:d}{erasure:d}": policy(DIM, location, erasure) for location, erasure in CHOICES}
POLICIES |= {f"exact-{learned:d}": ExactPolicy(PolynomialEnergy(DIM), learned=learned) for learned in (False, True)}
every_policy = pytest.mark.parametrize("net", [pytest.param(net, id=key) for key, net in POLICIES.items()])


@pytest.fixture
def states(generator):
    x = (torch.rand(30, DIM, generator=generator) < 0.5).float()
    order = uniform_orders(30, DIM, generator)
    step = torch.arange(30)[:, None] % DIM
    return x, order, filled_at(order, step), order.gather(1, step).squeeze(1)


@every_policy
def test_walking_equals_starting_afresh(net, states):
    x, order, _, _ = states
    carry = net.begin(x, torch.zeros_like(x, dtype=torch.bool))
    for t in range(DIM):
        mask, location = filled_at(order, t), order[:, t]
        plain = net(x, mask).value_logits.gather(1, location[:, None]).squeeze(1)
        torch.testing.assert_close(net.value_logit(carry, location), plain)
        torch.testing.assert_close(net.value_logit(net.begin(x, mask), location), plain)
        carry = net.fill(carry, location, x.gather(1, location[:, None]).squeeze(1))


@every_policy
def test_void_values_are_not_seen(net, states):
    x, _, mask, _ = states
    other = torch.where(mask, x, 1 - x)
    for part, same in zip(net(x, mask), net(other, mask), strict=True):
        assert part is None or torch.equal(part, same)


@every_policy
def test_filled_values_matter(net, states):
    x, _, mask, location = states
    rows = mask.any(1)
    other = torch.where(mask, 1 - x, x)
    value = [net(v, mask).value_logits.gather(1, location[:, None])[rows] for v in (x, other)]
    assert ((value[0] - value[1]).abs() > 1e-4).float().mean() > 0.9


@every_policy
def test_parts_are_there_exactly_if_learned(net, states):
    x, _, mask, _ = states
    out = net(x, mask)
    assert (out.location_logits is not None) == net.learned_location
    assert (out.erase_logits is not None) == net.learned_erasure
    assert all(part is None or (part.shape == x.shape and part.isfinite().all()) for part in out)


@pytest.mark.parametrize("choice", CHOICES)
def test_an_untrained_policy_is_uniform(choice, generator):
    location, erasure = choice
    net = MLPPolicy(DIM, hidden=8, depth=2, learned_location=location, learned_erasure=erasure)
    x, order = exact.all_states(DIM), uniform_orders(2**DIM, DIM, generator)
    log_pf, log_pb = log_probs(net, x, order)
    log_orders = torch.lgamma(torch.tensor(DIM + 1.0))
    torch.testing.assert_close(log_pb, (-log_orders).expand(2**DIM))
    torch.testing.assert_close(log_pf, (-log_orders - DIM * torch.log(torch.tensor(2.0))).expand(2**DIM))


def test_one_hot_names_value_and_void():
    x, mask = torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[True, True, False]])
    assert one_hot(x, mask).tolist() == [[1, 0, 0, 0, 1, 0]]


def test_bernoulli_log_prob_normalises_and_survives_extremes():
    logits = torch.tensor([-300.0, -2.0, 0.0, 1.5, 300.0])
    zero, one = bernoulli_log_prob(logits, torch.zeros(5)), bernoulli_log_prob(logits, torch.ones(5))
    torch.testing.assert_close(zero.exp() + one.exp(), torch.ones(5))
    torch.testing.assert_close(one - zero, logits)
