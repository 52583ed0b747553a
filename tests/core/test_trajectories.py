"""Trajectories: probabilities of paths are normalised, and sampling, batches and sub-samples agree about them."""

import itertools

import pytest
import torch

from ebgfn.core.schedules import draw
from ebgfn.core.states import uniform_orders
from ebgfn.core.trajectories import complete, finest, log_prob, sample_backward
from ebgfn.evaluation import exact
from ebgfn.nets.mlp import MLPPolicy
from tests.examples import CHOICES, ExactPolicy, PolynomialEnergy, filled_at, policy

DIM = 3
every_choice = pytest.mark.parametrize("choice", CHOICES)


def every_trajectory(dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """All (x, order), x the slower index."""
    orders = torch.tensor(list(itertools.permutations(range(dim))))
    x = exact.all_states(dim)
    return x.repeat_interleave(len(orders), 0), orders.repeat(len(x), 1)


def within(counts: torch.Tensor, p: torch.Tensor) -> bool:
    """Counts of a multinomial lie within 4.5 standard errors of what is expected."""
    n = counts.sum()
    return bool(((counts - n * p).abs() <= 4.5 * (n * p * (1 - p)).sqrt() + 1e-6).all())


def test_orders_are_uniform_permutations(generator):
    order = uniform_orders(12000, DIM, generator)
    assert torch.equal(order.sort(1).values, torch.arange(DIM).expand_as(order))
    counts = (order @ torch.tensor([9, 3, 1])).bincount()
    assert within(counts[counts > 0], torch.full((6,), 1 / 6))


def test_filled_at_keeps_the_first_entries():
    order = torch.tensor([[2, 0, 1], [1, 2, 0]])
    assert filled_at(order, 0).sum() == 0
    assert filled_at(order, 3).all()
    assert filled_at(order, 1).tolist() == [[False, False, True], [False, True, False]]
    assert filled_at(order, torch.tensor([[2], [1]])).tolist() == [[True, False, True], [False, True, False]]


@every_choice
def test_path_probabilities_are_normalised(choice):
    x, order = every_trajectory(DIM)
    with torch.no_grad():
        log_pf, log_pb = log_prob(policy(DIM, *choice), x, order, schedule=finest(DIM))
    assert abs(log_pf.exp().sum().item() - 1) < 1e-5
    torch.testing.assert_close(log_pb.exp().view(2**DIM, -1).sum(1), torch.ones(2**DIM))


@every_choice
@pytest.mark.parametrize("start", [0, 2, 4])
def test_sampling_returns_the_log_probs_of_its_path(choice, start, generator):
    net, n = policy(5, *choice), 40
    x, order = (torch.rand(n, 5, generator=generator) < 0.5).float(), uniform_orders(n, 5, generator)
    before = x.clone(), order.clone()
    found = complete(net, x, order, schedule=finest(5, start=start), generator=generator)
    torch.testing.assert_close(
        (found.log_pf, found.log_pb), log_prob(net, found.x, found.order, schedule=finest(5, start=start))
    )
    kept = filled_at(order, start)
    assert torch.equal(found.x[kept], x[kept])
    assert torch.equal(found.order[:, :start], order[:, :start])
    assert torch.equal(found.order.sort(1).values, torch.arange(5).expand(n, 5))
    assert torch.equal(x, before[0]), "an argument was overwritten"
    assert torch.equal(order, before[1]), "an argument was overwritten"


@every_choice
def test_sampled_trajectories_have_their_probabilities(choice, generator):
    net, n = policy(DIM, *choice), 30000
    x, order = every_trajectory(DIM)
    with torch.no_grad():
        p = log_prob(net, x, order, schedule=finest(DIM))[0].exp()
    found = draw(net, n, generator)
    code = torch.tensor([9, 3, 1])
    numbers = {key: i for i, key in enumerate(zip(exact.index_of(x).tolist(), (order @ code).tolist(), strict=True))}
    keys = zip(exact.index_of(found.x).tolist(), (found.order @ code).tolist(), strict=True)
    assert within(torch.tensor([numbers[key] for key in keys]).bincount(minlength=len(p)), p)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("erasure", [False, True])
def test_erasures_have_their_probabilities(erasure, k, generator):
    net, n = policy(DIM, False, erasure), 30000
    x = torch.tensor([[1.0, 0.0, 1.0]])
    tails = list(itertools.permutations(range(DIM), k))
    orders = torch.tensor([[i for i in range(DIM) if i not in tail] + list(tail) for tail in tails])
    with torch.no_grad():
        p = log_prob(net, x.expand(len(tails), DIM), orders, schedule=finest(DIM, start=DIM - k))[1].exp()
    found = sample_backward(net, x.expand(n, DIM), k=k, generator=generator)
    assert torch.equal(found.sort(1).values, torch.arange(DIM).expand(n, DIM))
    counts = [(found[:, DIM - k :] == torch.tensor(tail)).all(1).sum() for tail in tails]
    assert within(torch.stack(counts), p)


@every_choice
@pytest.mark.parametrize("start", [0, 1])
def test_single_steps_average_to_the_whole(choice, start):
    # All single steps have the same chance, so their mean is the expectation: it must equal the full one.
    net = policy(DIM, *choice)
    x, order = (v[::5] for v in every_trajectory(DIM))
    steps = torch.arange(DIM - start)

    def gradient(parts):
        weight = torch.linspace(-1, 1, len(x))
        return torch.autograd.grad((weight * (parts[0] - 2 * parts[1])).sum(), list(net.parameters()))

    full = log_prob(net, x, order, schedule=finest(DIM, start=start))
    schedule = finest(DIM, start=start)
    single = [log_prob(net, x, order, schedule=schedule, chosen=t.expand(len(x), 1)) for t in steps]
    mean = tuple(torch.stack(part).mean(0) for part in zip(*single, strict=True))
    torch.testing.assert_close(mean, full)
    torch.testing.assert_close(gradient(mean), gradient(full), rtol=1e-4, atol=1e-5)


@every_choice
def test_steps_may_repeat(choice):
    net = policy(DIM, *choice)
    x, order = every_trajectory(DIM)
    pairs = [
        log_prob(net, x, order, schedule=finest(DIM), chosen=torch.tensor([s]).expand(len(x), 2))
        for s in itertools.product(range(DIM), repeat=2)
    ]
    mean = tuple(torch.stack(part).mean(0) for part in zip(*pairs, strict=True))
    torch.testing.assert_close(mean, log_prob(net, x, order, schedule=finest(DIM)))


@pytest.mark.parametrize("schedule", [finest(5), (0, 2, 5)])
def test_what_is_uniform_is_known_and_not_estimated(schedule, generator):
    net, order = MLPPolicy(5, hidden=4, depth=1), uniform_orders(50, 5, generator)  # all values alike before training
    x = (torch.rand(50, 5, generator=generator) < 0.5).float()
    chosen = torch.randint(0, len(schedule) - 1, (50, 1), generator=generator)
    some, whole = (log_prob(net, x, order, schedule=schedule, chosen=steps) for steps in (chosen, None))
    torch.testing.assert_close(some[1], whole[1])
    if schedule == finest(5):
        torch.testing.assert_close(some[0], whole[0])


@every_choice
@pytest.mark.parametrize("start", [0, 30])
def test_chunks_agree_with_one_batch(choice, start, generator):
    net = policy(32, *choice)
    x, order = (torch.rand(300, 32, generator=generator) < 0.5).float(), uniform_orders(300, 32, generator)
    expected = log_prob(net, x, order, schedule=finest(32, start=start))
    with torch.no_grad():
        found = log_prob(net, x, order, schedule=finest(32, start=start))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("learned", [False, True])
def test_an_exact_sampler_balances_every_trajectory(learned):
    target = PolynomialEnergy(DIM)
    net = ExactPolicy(target, learned=learned)
    x, order = every_trajectory(DIM)
    log_pf, log_pb = log_prob(net, x, order, schedule=finest(DIM))
    residual = net.log_z + log_pf - log_pb + target(x).detach()
    torch.testing.assert_close(residual, torch.zeros_like(residual), rtol=0, atol=1e-5)


def test_uniform_orders_cancel(generator):
    # Fact 1: what is left of log P_F - log P_B is the likelihood of the values alone.
    net = policy(DIM)
    x, order = every_trajectory(DIM)
    log_pf, log_pb = log_prob(net, x, order, schedule=finest(DIM))
    values = torch.zeros(len(x))
    for t in range(DIM):
        logits = net(x, filled_at(order, t)).value_logits.gather(1, order[:, t : t + 1]).squeeze(1)
        entry = x.gather(1, order[:, t : t + 1]).squeeze(1)
        values = values + torch.distributions.Bernoulli(logits=logits).log_prob(entry)
    torch.testing.assert_close(log_pf - log_pb, values)


def test_same_seed_same_samples():
    net = policy(8, True, True)
    first, second = (draw(net, 5, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first.x, second.x)
    assert torch.equal(first.order, second.order)
