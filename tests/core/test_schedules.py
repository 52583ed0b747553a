"""Block steps: exact likelihoods by enumeration, best schedules by brute force, fill-in by property."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ebgfn.core.schedules import best_schedule, cost, draw, fill_schedule, usual_schedule
from ebgfn.core.states import uniform_orders
from ebgfn.core.trajectories import complete, finest, log_prob, log_ratio
from ebgfn.evaluation import exact
from ebgfn.nets.unet import ConvPolicy
from tests.examples import field_policy, lattice_policy, policy

DIM = 5
SCHEDULES = [(0, 5), (0, 2, 5), (0, 1, 2, 5), (0, 1, 2, 3, 4, 5)]


def conv_policy(side: int) -> ConvPolicy:
    torch.manual_seed(0)
    net = ConvPolicy(side, width=4, dense=8)
    torch.nn.init.normal_(net.net.last.weight)
    torch.nn.init.normal_(net.net.position)
    return net.requires_grad_(False)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_probabilities_of_all_images_sum_to_one(schedule):
    net, x = policy(DIM), exact.all_states(DIM).float()
    for order in itertools.islice(itertools.permutations(range(DIM)), 0, None, 17):
        log_q = log_ratio(net, x, torch.tensor(order).expand_as(x), schedule=schedule)
        assert log_q.logsumexp(0).item() == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_samples_have_the_probabilities_that_are_told(schedule, generator):
    # With one fixed order q(x | order) is known for all 32 states; 20,000 draws tell each to within its standard error.
    net, n = policy(DIM), 20_000
    order = torch.tensor([3, 0, 4, 1, 2]).expand(n, DIM)
    drawn = complete(net, torch.zeros(n, DIM), order, schedule=schedule, generator=generator)
    expected = log_ratio(net, exact.all_states(DIM).float(), order[: 2**DIM], schedule=schedule).exp()
    counts = torch.bincount(exact.index_of(drawn.x), minlength=2**DIM) / n
    assert ((counts - expected).abs() < 4.5 * (expected * (1 - expected) / n).sqrt() + 1e-6).all()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_log_probabilities_of_drawing_and_of_reading_agree(schedule, generator):
    net = conv_policy(4)
    schedule = tuple(t * 16 // 5 for t in schedule)
    drawn = draw(net, 200, generator, schedule=schedule)
    read = log_ratio(net, drawn.x, drawn.order, schedule=schedule)
    torch.testing.assert_close(drawn.log_pf - drawn.log_pb, read, atol=1e-4, rtol=1e-5)


class Whole:
    """A policy that can only be asked about all entries at once."""

    def __init__(self, policy):
        self.policy, self.dim, self.rows = policy, policy.dim, policy.rows
        self.step_nats = self.order = None
        self.learned_location = self.learned_erasure = False

    def __call__(self, x, mask):
        return self.policy(x, mask)


@pytest.mark.parametrize(
    "schedule", [finest(9), (0, 1, 2, 3, 9), (0, 4, 5, 6, 9), (0, 1, 2, 5, 6, 7, 9), (3, 4, 5, 6, 7, 8, 9)]
)
@pytest.mark.parametrize("make", [lambda: policy(9), lambda: field_policy(9), lambda: lattice_policy(3).at(0.3)])
def test_going_entry_by_entry_is_an_optimisation_and_nothing_else(make, schedule, generator):
    net, seed = make(), 5
    x = (torch.rand(60, 9, generator=generator) < 0.5).float()
    order = uniform_orders(60, 9, generator)
    quick, slow = (
        complete(p, x, order, schedule=schedule, generator=torch.Generator().manual_seed(seed))
        for p in (net, Whole(net))
    )
    assert torch.equal(quick.x, slow.x)
    torch.testing.assert_close((quick.log_pf, quick.log_pb), (slow.log_pf, slow.log_pb))
    with torch.no_grad():
        read = [log_prob(p, quick.x, order, schedule=schedule) for p in (net, Whole(net))]
    torch.testing.assert_close(read[0], (quick.log_pf, quick.log_pb), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(read[0], read[1])


def test_some_blocks_stand_for_all(generator):
    net, schedule, n = conv_policy(4), (0, 3, 7, 12, 16), 6000
    x = (torch.rand(1, 16, generator=generator) < 0.5).float().expand(n, 16)
    order = uniform_orders(1, 16, generator).expand(n, 16)
    chosen = torch.randint(0, 4, (n, 2), generator=generator)
    some = log_ratio(net, x, order, schedule=schedule, chosen=chosen)
    whole = log_ratio(net, x[:1], order[:1], schedule=schedule).item()
    assert abs(some.mean().item() - whole) < 4 * some.std().item() / math.sqrt(n)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 15), st.integers(1, 16), st.integers(0, 2**31))
def test_filling_in_never_changes_what_is_given(start, steps, seed):
    generator, net = torch.Generator().manual_seed(seed), conv_policy(4)
    x = (torch.rand(8, 16, generator=generator) < 0.5).float()
    order = uniform_orders(8, 16, generator)
    schedule = best_schedule(net.step_nats, min(steps, 16 - start), start=start)
    filled = complete(net, x, order, schedule=schedule, generator=generator).x
    given_ones = torch.zeros(8, 16, dtype=torch.bool).scatter(1, order[:, :start], True)
    assert torch.equal(filled[given_ones], x[given_ones])
    assert ((filled == 0) | (filled == 1)).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=9), st.data())
def test_best_schedule_is_the_cheapest_of_all(falls, data):
    nats = torch.tensor(sorted(falls, reverse=True))
    dim, start = len(nats), data.draw(st.integers(0, len(nats) - 1))
    steps = data.draw(st.integers(1, dim - start))
    ways = [(start, *inner, dim) for inner in itertools.combinations(range(start + 1, dim), steps - 1)]
    best = best_schedule(nats, steps, start=start)
    assert len(best) == steps + 1
    assert list(best) == sorted(set(best))
    assert cost(nats, best) == pytest.approx(min(cost(nats, way) for way in ways), rel=1e-6)


def test_more_steps_never_cost_more():
    nats = 0.08 + 0.2 / (1 + torch.arange(784.0) / 30)
    costs = [cost(nats, best_schedule(nats, steps)) for steps in (1, 2, 4, 8, 16, 49, 98, 196, 784)]
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize(("steps", "start"), [(0, 0), (785, 0), (65, 720)])
def test_steps_out_of_range_are_refused(steps, start):
    with pytest.raises(ValueError, match=r"steps must be in 1\.\."):
        best_schedule(torch.ones(784), steps, start=start)


@pytest.mark.slow
def test_a_cold_sampler_is_more_certain(generator):
    net = conv_policy(4)
    warm, cold = (draw(net, 2000, generator, schedule=finest(16), temperature=t) for t in (1.0, 0.3))
    assert (cold.log_pf - cold.log_pb).mean() > (warm.log_pf - warm.log_pb).mean() + 1.0


def test_a_sampler_without_a_measured_curve_fills_one_entry_a_step(generator):
    net = policy(DIM)
    assert usual_schedule(net, k=3) == fill_schedule(net, k=3) == usual_schedule(net, k=3, steps=3) == (2, 3, 4, 5)
    assert draw(net, 2, generator).schedule == finest(DIM)
    with pytest.raises(ValueError, match="one entry a step: steps must be 5, got 2"):
        draw(net, 2, generator, steps=2)
