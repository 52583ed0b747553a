"""One contract for every policy, and for the tabular one that other tests lean on."""

import itertools
import math

import numpy as np
import pytest
import torch

from ebgfn.core.energy import conditionals
from ebgfn.core.policy import bernoulli_log_prob, one_hot
from ebgfn.core.states import uniform_orders
from ebgfn.core.trajectories import complete, finest, log_prob, log_prob_steps
from ebgfn.evaluation import exact
from ebgfn.nets.lattice import KNOTS, MAX_SIGMA, LatticeEnergy, curve, views
from ebgfn.nets.mixture import MixturePolicy, MixtureSizes
from ebgfn.nets.mlp import MLPEnergy, MLPPolicy
from ebgfn.nets.quadratic import FieldPolicy, QuadraticEnergy
from ebgfn.problems.lattice.kaufman import log_z
from tests.examples import (
    CHOICES,
    ExactPolicy,
    PolynomialEnergy,
    field_policy,
    filled_at,
    lattice_policy,
    mixture_policy,
    policy,
    randomised,
)

DIM = 4
POLICIES = {f"mlp-{location:d}{erasure:d}": policy(DIM, location, erasure) for location, erasure in CHOICES}
POLICIES |= {f"exact-{learned:d}": ExactPolicy(PolynomialEnergy(DIM), learned=learned) for learned in (False, True)}
POLICIES["pairwise"] = randomised(MLPPolicy(DIM, hidden=8, depth=2, pairwise=True))
POLICIES["field"] = field_policy(DIM)
POLICIES["mixture"] = mixture_policy(DIM)
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
@pytest.mark.parametrize("pairwise", [False, True])
def test_an_untrained_policy_is_uniform(choice, pairwise, generator):
    location, erasure = choice
    net = MLPPolicy(DIM, hidden=8, depth=2, learned_location=location, learned_erasure=erasure, pairwise=pairwise)
    x, order = exact.all_states(DIM), uniform_orders(2**DIM, DIM, generator)
    log_pf, log_pb = log_prob(net, x, order, schedule=finest(x.shape[1]))
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


def lattice_states(generator, side):
    """Random partial states of a lattice."""
    x = (torch.rand(40, side**2, generator=generator) < 0.5).float()
    order = uniform_orders(40, side**2, generator)
    return x, order, filled_at(order, torch.arange(40)[:, None] % side**2)


@pytest.mark.parametrize("sigma", [0.0, 0.2, -0.3])
def test_the_lattice_policy_walks_as_it_starts_afresh(generator, sigma):
    net = lattice_policy(4).at(sigma)
    x, order, _ = lattice_states(generator, 4)
    carry = net.begin(x, torch.zeros_like(x, dtype=torch.bool))
    for t in range(16):
        location = order[:, t]
        plain = net(x, filled_at(order, t)).value_logits.gather(1, location[:, None]).squeeze(1)
        torch.testing.assert_close(net.value_logit(carry, location), plain)
        carry = net.fill(carry, location, x.gather(1, location[:, None]).squeeze(1))


@pytest.mark.parametrize("sigma", [0.2, -0.3])
def test_the_lattice_policy_has_the_symmetries_of_the_model(generator, sigma):
    net = lattice_policy(4).at(sigma)
    x, _, mask = lattice_states(generator, 4)
    logits = net(x, mask).value_logits
    torch.testing.assert_close(net(1 - x, mask).value_logits, -logits)  # all spins flipped
    # By one site down and one to the right, which keeps the sublattices of a negative sigma where they are.
    shifted = [part.view(-1, 4, 4).roll((1, 1), (1, 2)).flatten(1) for part in (x, mask, logits)]
    torch.testing.assert_close(net(shifted[0], shifted[1]).value_logits, shifted[2])


def test_an_antiferromagnet_is_a_ferromagnet_on_turned_sublattices(generator):
    policy = lattice_policy(4)
    x, _, mask = lattice_states(generator, 4)
    odd = torch.from_numpy(np.indices((4, 4)).sum(0).ravel() % 2).bool()
    turned = torch.where(odd, 1 - x, x)
    plus, minus = policy.at(0.3)(turned, mask).value_logits, policy.at(-0.3)(x, mask).value_logits
    torch.testing.assert_close(minus, torch.where(odd, -plus, plus))


@pytest.mark.parametrize("sigma", [0.25, -0.25])
def test_the_last_value_is_exact_on_a_lattice(generator, sigma):
    """With all neighbours filled, the log-odds are those of the energy, whatever the network says."""
    net, energy = lattice_policy(4).at(sigma), LatticeEnergy(4).at(sigma)
    x = (torch.rand(20, 16, generator=generator) < 0.5).float()
    for site in (0, 5, 15):
        mask = torch.ones_like(x, dtype=torch.bool)
        mask[:, site] = False
        said = torch.sigmoid(net(x, mask).value_logits[:, site])
        torch.testing.assert_close(said, conditionals(energy, x)[:, site])


def test_a_field_policy_without_network_is_exact_for_the_last_value(generator):
    energy, net = QuadraticEnergy(5), FieldPolicy(5, hidden=8, depth=2)
    with torch.no_grad():
        energy.weights.normal_(generator=generator)
        energy.field_weights.normal_(generator=generator)
    net.follow(energy)
    x = exact.all_states(5)
    mask = torch.ones_like(x, dtype=torch.bool)
    mask[:, 2] = False
    torch.testing.assert_close(torch.sigmoid(net(x, mask).value_logits[:, 2]), conditionals(energy, x)[:, 2])


def test_a_field_policy_without_network_passes_messages_among_void_spins(generator):
    """A ring of seven, of which three neighbours are void: both ends hear of the middle, and of each other through it."""
    energy, net = QuadraticEnergy(7), FieldPolicy(7, hidden=8, depth=2)
    with torch.no_grad():
        ring = torch.zeros(7, 7)
        for i in range(7):
            ring[i, (i + 1) % 7] = ring[(i + 1) % 7, i] = 0.2 * (-1) ** (i // 3)
        energy.weights.copy_(ring[torch.triu_indices(7, 7, 1).unbind()])
        energy.field_weights.copy_(0.2 * torch.randn(7, generator=generator))
    net.follow(energy)
    x, void = exact.all_states(7), [2, 3, 4]
    mask = torch.ones_like(x, dtype=torch.bool)
    mask[:, void] = False
    said = torch.sigmoid(net(x, mask).value_logits)
    rest = [i for i in range(7) if i not in void]
    p = exact.log_p(energy, 7)[0].exp().float()
    of_rest = (x[:, rest] @ torch.tensor([1.0, 2, 4, 8])).long()
    alone = torch.sigmoid(4 * (mask * (2 * x - 1)) @ energy.couplings() + 2 * energy.fields())
    for site in void:
        total, ones = (torch.zeros(16).index_add_(0, of_rest, part) for part in (p, p * x[:, site]))
        true = (ones / total)[of_rest]
        assert (said[:, site] - true).abs().max() < 0.1 * (alone[:, site] - true).abs().max()


def test_every_order_of_a_mixture_has_the_density_of_the_mixture():
    net, states = mixture_policy(DIM), exact.all_states(DIM)
    for order in itertools.permutations(range(DIM)):
        orders = torch.tensor(order).expand(len(states), -1)
        log_pf, log_pb = log_prob(net, states, orders, schedule=finest(DIM))
        torch.testing.assert_close(log_pf - log_pb, net.mixture.log_prob(states), rtol=1e-4, atol=1e-5)
    assert net.mixture.log_prob(states).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_a_mixture_keeps_its_nats_in_half_precision_and_far_from_all_components():
    net = mixture_policy(60, spread=12.0)
    x = (torch.rand(20, 60, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    mask = torch.ones_like(x, dtype=torch.bool)
    mask[:, 7] = False
    plain = net(x, mask).value_logits
    assert plain.isfinite().all()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(net(x, mask).value_logits, plain)
    joint = [net.mixture.log_prob(torch.where(mask, x, value)) for value in (torch.tensor(1.0), torch.tensor(0.0))]
    torch.testing.assert_close(plain[:, 7], joint[0] - joint[1], rtol=1e-3, atol=1e-3)


def test_untrained_mixtures_are_uniform_and_their_sizes_are_checked():
    sizes = MixtureSizes(components=3, energy_hidden=8, energy_depth=2)
    assert not sizes.policy(DIM)(exact.all_states(DIM), torch.zeros(16, DIM, dtype=torch.bool)).value_logits.any()
    assert isinstance(sizes.energy(DIM), MLPEnergy)
    with pytest.raises(ValueError, match="networks of kind mixture must have width"):
        MixtureSizes(components=5000)


def test_views_are_permutations_that_start_at_the_site_and_keep_neighbours():
    table = views(5)
    assert table.shape == (8, 25, 25)
    assert torch.equal(table.sort(-1).values, torch.arange(25).expand(8, 25, 25))
    assert torch.equal(table[:, :, 0], torch.arange(25).expand(8, 25))
    around = {tuple(sorted(table[turn, 12, [1, 4, 5, 20]].tolist())) for turn in range(8)}
    assert around == {(7, 11, 13, 17)}


def test_an_odd_side_has_no_negative_sigma():
    with pytest.raises(ValueError, match="odd side"):
        lattice_policy(3).at(-0.1)


def test_the_curve_of_log_z_goes_through_its_knots_and_is_smooth_between():
    sigma = torch.linspace(0, MAX_SIGMA, KNOTS)
    knots = torch.tensor([log_z(10, s) for s in sigma.tolist()])
    torch.testing.assert_close(curve(knots, sigma), knots)
    between = torch.tensor([0.017, 0.2203, 0.333, 0.496])
    exactly = torch.tensor([log_z(10, s) for s in between.tolist()])
    assert (curve(knots, -between) - exactly).abs().max() < 2e-3  # of 70 to 200 nats


def some_mixture(dim: int, *, components: int = 3) -> MixturePolicy:
    """A mixture whose entries depend on each other."""
    policy, generator = MixturePolicy(dim, components=components), torch.Generator().manual_seed(4)
    with torch.no_grad():
        policy.log_odds.copy_(2 * torch.randn(components, dim, generator=generator))
        policy.log_weight.copy_(torch.randn(components, generator=generator).log_softmax(0))
    return policy


@pytest.mark.parametrize("start", [0, 2, 4])
def test_a_mixture_that_fills_all_at_once_tells_what_its_steps_do(start, generator):
    policy = some_mixture(5)
    x = torch.randint(0, 2, (40, 5), generator=generator).float()
    order = uniform_orders(40, 5, generator)
    schedule = finest(5, start=start)
    at_once = log_prob(policy, x, order, schedule=schedule)
    steps = log_prob_steps(policy, x, order, schedule=schedule)
    for told, each in zip(at_once, steps, strict=True):
        torch.testing.assert_close(told, each.sum(1), atol=1e-4, rtol=0)
    policy.zero_grad()
    at_once[0].sum().backward()
    gradient = policy.log_odds.grad.clone()
    policy.zero_grad()
    log_prob_steps(policy, x, order, schedule=schedule)[0].sum().backward()
    torch.testing.assert_close(gradient, policy.log_odds.grad, atol=1e-3, rtol=1e-3)


def test_a_mixture_that_fills_all_at_once_draws_by_its_density_given_what_is_there(generator):
    """Of 40,000 rows with two entries given, how often each of the 8 rests came, against the enumerated odds."""
    policy, n = some_mixture(5), 40_000
    x = torch.tensor([1.0, 0, 0, 0, 0]).repeat(n, 1)
    order = torch.tensor([0, 3, 1, 2, 4]).repeat(n, 1)
    drawn = complete(policy, x, order, schedule=finest(5, start=2), generator=generator)
    assert (drawn.x[:, [0, 3]] == torch.tensor([1.0, 0.0])).all()
    rest = drawn.x[:, [1, 2, 4]]
    states = exact.all_states(3)
    whole = torch.tensor([1.0, 0, 0, 0, 0]).repeat(8, 1)
    whole[:, [1, 2, 4]] = states
    with torch.no_grad():
        p = policy.log_prob(whole).double().softmax(0)
    counts = torch.bincount(exact.index_of(rest), minlength=8).double()
    chi = ((counts - n * p) ** 2 / (n * p)).sum().item()
    assert chi < 7 + 5 * math.sqrt(14)
    torch.testing.assert_close(drawn.log_pf, log_prob(policy, drawn.x, order, schedule=finest(5, start=2))[0])


def test_a_mixture_at_a_temperature_takes_its_steps(generator):
    """At a temperature each step's odds are sharpened, which no single density tells."""
    policy, order = some_mixture(4), torch.arange(4).repeat(20_000, 1)
    drawn = complete(policy, torch.zeros(20_000, 4), order, schedule=finest(4), generator=generator, temperature=0.5)
    logit = policy(torch.zeros(1, 4), torch.zeros(1, 4, dtype=torch.bool)).value_logits[0, 0]
    expected = torch.sigmoid(2 * logit).item()
    assert abs(drawn.x[:, 0].mean().item() - expected) < 5 * math.sqrt(expected * (1 - expected) / 20_000)
