"""What `log_z` tells of an energy that refines a density: an upper bound beside its estimates."""

import dataclasses
import math

import pytest
import torch

from ebgfn.core.schedules import draw
from ebgfn.evaluation import exact
from ebgfn.evaluation.log_z import Budget, Limits, log_z
from tests.nets.test_refined import DIM, STATES, policy, refined

LIMITS = Limits(tolerance=0.3, arrives=False)
BUDGET = Budget(draws=300, others=300, chains=12, moves=20, annealed=50, temperatures=50, steps=3, certified=2000)


def measured(energy, generator, *, sampler=None):
    x = draw(energy.base, 400, generator, schedule=energy.schedule).x
    return log_z(
        energy,
        sampler or policy(),
        train=x[:200],
        test=x[200:],
        budget=BUDGET,
        limits=LIMITS,
        generator=generator,
    )


@pytest.fixture(scope="module", params=[0.0, 0.3])
def seen(request):
    """An energy that refines what its sampler draws, little or more, and what is measured of it."""
    energy = refined(request.param)
    return energy, measured(energy, torch.Generator().manual_seed(0))


def test_a_refined_energy_has_an_upper_bound(seen):
    energy, found = seen
    true, figures = exact.log_p(energy, DIM)[1], found.figures() | found.nll()
    assert true <= figures["log_z_upper"] < true + 1.0
    assert figures["log_z_lower"] <= true
    assert figures["log_z"] == pytest.approx(true, abs=0.15)
    if not found.refuted:
        gap = figures["ebm_nll_upper"] - figures["ebm_nll"]
        assert gap == pytest.approx(figures["log_z_upper"] - figures["log_z"], abs=1e-5)


def test_where_the_bound_cannot_tell_there_is_no_lower_one(seen):
    _, found = seen
    without = dataclasses.replace(found, certificate=dataclasses.replace(found.certificate, lower=-math.inf)).figures()
    assert found.figures().keys() - without.keys() == {"log_z_lower"}


def test_a_planted_fault_in_the_bound_is_found(generator):
    """Of an energy whose term is not bounded as it says the search finds more mass than the bound allows."""
    energy = refined()
    rare = energy.known(STATES).argmax()
    energy.learned = lambda x: -60.0 * (x == STATES[rare]).all(1).float()
    found = measured(energy, generator)
    assert found.refuted
    assert -energy(STATES).min() > found.certificate.upper


def test_an_energy_that_is_no_number_somewhere_has_no_figure(generator):
    """However rare the place is: no comparison with it is true."""
    energy = refined()
    rare = energy.known(STATES).argmax()
    energy.learned = lambda x: torch.where((x == STATES[rare]).all(1), torch.nan, 0.0)
    assert measured(energy, generator).refuted_by == "number"


def test_the_sampler_that_draws_all_states_is_not_refuted(seen):
    _, found = seen
    assert found.value == found.certificate.estimate.value
    assert not found.refuted


def test_a_sampler_is_held_against_the_certificate(generator):
    """One that never draws some of the states knows of too little; another density does not excuse it."""
    energy, sampler = refined(), policy()
    ones = ((-energy.known(STATES)).exp() @ STATES[:, 3]).item()
    sampler.net.last.bias.data[3] = 60.0 if ones < 0.5 else -60.0
    found = measured(energy, generator, sampler=sampler)
    assert found.value == found.certificate.estimate.value
    assert found.refuted
