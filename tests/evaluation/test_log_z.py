"""Modes that a sampler does not know are found out, one that it knows is not accused; estimates of log Z are too low.

The sampler is exact for its part of the energy, so its weights are alike: whoever asks the sampler alone hears of no mode.
"""

import math

import pytest
import torch

from ebgfn.core.states import flip_some
from ebgfn.core.weights import Estimate, mean_estimate
from ebgfn.evaluation import exact, refutation
from ebgfn.evaluation.broad import family, mixture, patterns, softened, starts
from ebgfn.evaluation.defensive import Weighted, weigh
from ebgfn.evaluation.local_annealing import local_moves, log_weights
from ebgfn.evaluation.log_z import Budget, Limits, largest_of, log_z, refuted_by, spurious_mass, too_many
from ebgfn.evaluation.refutation import search
from ebgfn.mcmc import Gibbs
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from tests.planted import MixtureEnergy, MixturePolicy, ball, base, hidden, needle, product, tip

DIMS = (12, 64, 784)
TOLERANCE = 0.3


def measured(energy, policy, seed=0, *, data=None):
    """What the measures say, at a small budget; data are drawn from what the sampler knows, unless told otherwise."""
    dim, generator = energy.dim, torch.Generator().manual_seed(seed)
    x = (data or policy.known).sample(1500, generator)
    large = dim > 100
    budget = Budget(
        draws=500,
        others=500,
        chains=32 if large else 64,
        moves=400 if large else 150,
        annealed=16 if large else 200,
        temperatures=20 if large else 100,
        steps=None if policy.step_nats is None else 1,
    )
    limits = Limits(TOLERANCE, arrives=not large, spurious=0.01 if large else None)
    return log_z(energy, policy, train=x[:1000], test=x[1000:], budget=budget, limits=limits, generator=generator)


def a_state(dim):
    """At D = 12 all states are looked at; elsewhere something must lead to it."""
    if dim == 12:
        return needle(hidden(dim))
    return tip(hidden(dim), steep=8.0, flat=2.5, knee=20) if dim > 100 else tip(hidden(dim), steep=6, flat=1.5, knee=4)


PLANTED = {
    "a state": a_state,
    "blank": lambda dim: needle(torch.zeros(dim)),
    "a small ball": lambda dim: ball(hidden(dim)),
    "a far region": lambda dim: product(torch.full((dim,), 0.9)),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "dim"), [(mode, dim) for mode in PLANTED for dim in DIMS if (mode, dim) != ("blank", 784)]
)
def test_a_planted_mode_is_found_out(dim, mode):
    own = base(dim)
    energy = MixtureEnergy(dim, [own.log_prob, PLANTED[mode](dim)], [0.5, 0.5], offset=100.0)
    found = measured(energy, MixturePolicy(own))
    assert found.refuted
    assert found.refuted_by in ("state", "region")
    # The sampler alone sees its half, and its weights are alike; with the mode, log Z is right.
    assert found.alone.value == pytest.approx(-100 - math.log(2), abs=0.05)
    assert abs(found.value + 100) < 4.5 * found.se + 0.02 < 0.8
    assert found.ess == pytest.approx(0.5, abs=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("dim", DIMS)
def test_an_honest_energy_is_not_accused(dim):
    own = base(dim)
    for seed in range(1 if dim > 100 else 2):
        found = measured(MixtureEnergy(dim, [own.log_prob], [1.0], offset=100.0), MixturePolicy(own), seed)
        assert not found.refuted, found
        assert found.value == pytest.approx(-100, abs=0.05)
        assert found.ess == pytest.approx(1, abs=0.05)
        assert found.highest_log_p < 0


@pytest.fixture(scope="module")
def rough():
    """An energy at D = 10 of two products, one of which its sampler overstates and the other understates; log Z is 3."""
    dim = 10
    parts = [base(dim), mixture(torch.full((1, dim), 0.7))]
    energy = MixtureEnergy(dim, [p.log_prob for p in parts], [0.3, 0.7], offset=-3.0)
    rates = torch.sigmoid(torch.cat([p.log_odds for p in parts]))
    assert exact.log_p(energy, dim)[1] == pytest.approx(3.0, abs=1e-5)
    return energy, MixturePolicy(BernoulliMixture(torch.tensor([0.8, 0.2]).log(), torch.logit(rates * 0.8 + 0.1)))


def ratios(log_means):
    """Estimates of Z over the truth: their mean, and its standard error."""
    return mean_estimate((torch.tensor(log_means, dtype=torch.float64) - 3.0).exp())


@pytest.mark.slow
def test_weights_of_all_proposals_are_unbiased(rough, generator):
    energy, policy = rough
    others = [(family(torch.full((10,), 0.4)), 5), (mixture(ball_rates(hidden(10))), 5)]
    weights = [weigh(energy, policy, others, draws=10, generator=generator) for _ in range(150)]
    for estimate in ([w.log_z.value for w in weights], [w.log_z_alone.value for w in weights]):
        mean = ratios(estimate)
        assert abs(mean.value - 1) < 4.5 * mean.se
        assert mean.se < 0.1
        assert sum(estimate) / len(estimate) < 3.0
    # The first draws are few: their logarithm is clearly too low on average. Errors are those that the weights show.
    many = weigh(energy, policy, others, draws=20_000, generator=generator)
    assert abs(many.log_z.value - 3.0) < 4.5 * many.log_z.se < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("kernels", [local_moves, lambda energy: (Gibbs(energy, sites=3),)])
def test_annealing_is_unbiased_however_few_the_temperatures(rough, kernels, generator):
    energy, _ = rough
    start = softened(torch.full((10,), 0.4))
    for temperatures in (1, 5):
        log_w = log_weights(
            energy, start, chains=20_000, temperatures=temperatures, kernels=kernels, generator=generator
        )
        mean = ratios(log_w.tolist())
        assert abs(mean.value - 1) < 4.5 * mean.se
        assert log_w.mean() < 3.0


@pytest.mark.slow
def test_no_mass_of_states_is_above_log_z(rough, generator, monkeypatch):
    energy, policy = rough
    data = policy.known.sample(100, generator)
    all_ = search(energy, policy, data, chains=20, moves=20, generator=generator)
    assert all_.log_mass == pytest.approx(3.0, abs=1e-4)
    monkeypatch.setattr(refutation, "ALL_STATES_DIM", 0)
    some = search(energy, policy, data, chains=20, moves=20, generator=generator)
    assert some.log_mass < 3.0
    assert len(some.states.unique(dim=0)) == len(some.states) < 1024
    assert torch.allclose(energy(some.states), some.energies)
    assert some.highest == pytest.approx(exact.log_p(energy, 10)[0].max().item() + 3.0, abs=1e-4)


def test_the_largest_is_not_the_noisiest():
    exactly, noisy = Estimate(1.0, 0.01), Estimate(1.2, 0.2)
    assert largest_of(exactly, noisy) == exactly
    assert largest_of(exactly, Estimate(1.2, 0.05)) == Estimate(1.2, 0.05)
    assert largest_of(noisy, Estimate(1.3, 0.0)) == Estimate(1.3, 0.0)
    assert largest_of(noisy, Estimate(0.0, 0.0)) == noisy


def test_chains_that_end_where_no_test_vector_is_are_counted(generator):
    train, test, ends = (broad_bits(n, 40, generator) for n in (300, 200, 50))
    ends[:20] = 1 - ends[:20]
    assert spurious_mass(ends, train, test) == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(
    ("far", "n", "expected", "many"),
    [(1, 24, 0.01, False), (2, 24, 0.01, True), (3, 24, 0.05, False), (12, 24, 0.2, True), (0, 24, 0.01, False)],
)
def test_more_chains_than_chance_explains_are_too_many(far, n, expected, many):
    assert too_many(far / n, n, expected) is many


@pytest.mark.slow
def test_a_sampler_that_goes_there_too_excuses_chains_that_end_far_away():
    """Half of the mass is far from all data, and the sampler knows it: a bad model, but one distribution."""
    own, far = base(144), torch.full((1, 144), 0.9)
    known = mixture(torch.cat([torch.sigmoid(own.log_odds), far]))
    found = measured(MixtureEnergy(144, [known.log_prob], [1.0]), MixturePolicy(known), data=own)
    assert found.spurious_mass > 0.2
    assert found.refuted_by is None


def broad_bits(n, dim, generator):
    return (torch.rand(n, dim, generator=generator) < 0.1).float()


def ball_rates(centre):
    return (centre * 0.9 + 0.05)[None]


@pytest.fixture
def agreeing(generator):
    """What a search, weights and annealing say of an energy at D = 10 that its sampler knows; log Z is zero."""
    own = base(10)
    energy, policy = MixtureEnergy(10, [own.log_prob], [1.0]), MixturePolicy(own)
    found = search(energy, policy, own.sample(50, generator), chains=10, moves=5, generator=generator)
    return found, weigh(energy, policy, [(own, 50)], draws=100, generator=generator)


@pytest.mark.parametrize(
    ("annealed", "arrives", "by"),
    [
        (Estimate(0.1, 0.05), True, None),
        (Estimate(1.0, 0.05), False, "annealing"),
        (Estimate(-1.0, 0.05), True, "annealing"),
        (Estimate(-1.0, 0.05), False, None),
        (Estimate(1.0, 0.5), True, None),
    ],
)
def test_annealing_contradicts_if_it_is_higher_or_was_to_arrive(agreeing, annealed, arrives, by):
    assert refuted_by(*agreeing, annealed, Limits(TOLERANCE, arrives=arrives)) == by


def test_too_few_weights_tell_nothing(agreeing):
    found, weighted = agreeing
    one = torch.full((100,), -20.0).index_fill(0, torch.tensor([3]), math.log(100))
    few = Weighted(weighted.x, (one, *weighted.log_w[1:]), one)
    assert refuted_by(found, few, Estimate(0.0, 0.1), Limits(TOLERANCE)) == "weights"


@pytest.mark.slow
def test_an_energy_worse_than_guessing_is_refuted(generator):
    """Its sampler knows it, and neither knows the data."""
    own = base(64)
    energy, policy = MixtureEnergy(64, [own.log_prob], [1.0]), MixturePolicy(own)
    data, budget = 1 - own.sample(200, generator), Budget(200, 200, 32, 20, annealed=100, temperatures=100)
    known = own.sample(200, generator)
    for test, by in ((data, "guessing"), (known, None)):
        found = log_z(
            energy, policy, train=known, test=test, budget=budget, limits=Limits(TOLERANCE), generator=generator
        )
        assert found.refuted_by == by
        assert bool(found.nll()) == (by is None)


def test_starts_and_corruptions_reach_everywhere(generator):
    x = starts(64, 100, generator)
    assert len(x) == 100
    assert {0.0, 1.0} <= set(x.mean(1).tolist())
    assert {0.0, 1.0} <= set(patterns(64).mean(1).tolist())
    share = x[len(patterns(64)) :].mean(1)
    assert share.min() < 0.1
    assert share.max() > 0.9
    flipped = flip_some(torch.zeros(500, 64), generator).mean(1)
    assert flipped.min() < 0.05
    assert 0.3 < flipped.max() < 0.7
