"""An energy that refines a density: normalised before training, bounded below, and a function of its own weights."""

import math

import pytest
import torch

from ebgfn.core.trajectories import log_ratio
from ebgfn.evaluation import exact
from ebgfn.evaluation.certificate import certify
from ebgfn.nets.mlp import MLPEnergy, MLPPolicy
from ebgfn.nets.refined import LEAST, NEVER, SPREADS, STEEP, RefinedEnergy
from tests import examples

DIM, STEPS = 6, 3
STATES = exact.all_states(DIM)


def policy(seed: int = 0) -> MLPPolicy:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = examples.randomised(MLPPolicy(DIM, hidden=16, depth=2, blocks=True), seed=seed)
    made.order = torch.tensor([3, 0, 5, 1, 4, 2])
    made.step_nats.copy_(torch.tensor([0.6, 0.5, 0.4, 0.2, 0.1, 0.1]))
    return made


def refined(spread: float = 0.0) -> RefinedEnergy:
    net = examples.randomised(MLPEnergy(DIM, hidden=16, depth=2), spread=spread)
    energy = RefinedEnergy(policy(1), net, steps=STEPS)
    energy.start_from(policy())
    return energy if spread == 0.0 else with_last(energy, spread)


def with_last(energy: RefinedEnergy, spread: float) -> RefinedEnergy:
    examples.randomised(energy.net, spread=spread)
    return energy


def test_before_training_it_is_the_density_of_the_sampler():
    energy, sampler = refined(), policy()
    assert energy.far < NEVER
    energy.far.fill_(NEVER)
    log_q = log_ratio(sampler, STATES, sampler.order.expand(64, -1), schedule=energy.schedule)
    torch.testing.assert_close(energy(STATES), -log_q, rtol=1e-4, atol=1e-4)
    assert len(energy.schedule) == STEPS + 1
    assert exact.log_p(energy, DIM)[1] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_no_state_has_more_than_its_bound_allows(spread):
    """Whatever the network says, log Z is at most LEAST."""
    energy = refined(spread)
    assert (energy(STATES) >= energy.known(STATES) - LEAST - 1e-4).all()
    log_z = exact.log_p(energy, DIM)[1]
    assert log_z <= LEAST
    if spread > 1:
        assert abs(log_z) > 0.5


def test_far_from_its_draws_it_is_steeper_than_the_density_and_log_z_no_larger():
    energy = refined()
    nats = energy.nats(STATES)
    p = (-nats).exp()
    mean = (p * nats).sum()
    expected = mean + SPREADS * (p * (nats - mean) ** 2).sum().sqrt()
    assert energy.far.item() == pytest.approx(expected.item(), abs=1.5)
    energy.far.fill_(nats.median())
    torch.testing.assert_close(energy(STATES), torch.maximum(nats, nats + STEEP * (nats - nats.median())))
    log_z = exact.log_p(energy, DIM)[1]
    assert -0.5 < log_z < -0.001
    found = certify(energy, draws=20_000, generator=torch.Generator().manual_seed(1)).estimate
    assert abs(found.value - log_z) < 4.5 * found.se < 0.01


@pytest.mark.parametrize("says", [-math.inf, -1e38, -5.0, 0.0, 4.0, 1e38])
def test_whatever_the_network_says_the_bound_holds_and_has_a_gradient(says, monkeypatch):
    energy, said = refined(), torch.full((64,), says, requires_grad=True)
    monkeypatch.setattr(MLPEnergy, "forward", lambda self, x: said)
    f = energy.learned(STATES)
    assert (f >= -LEAST).all()
    assert not f.isnan().any()
    if math.isfinite(says):
        (slope,) = torch.autograd.grad(f.sum(), said)
        assert ((slope >= 0) & (slope <= 1)).all()


def test_what_learns_is_the_network_alone():
    energy = refined(1.0)
    energy(STATES).sum().backward()
    assert all(p.grad is None for p in energy.base.parameters())
    assert all(p.grad is not None for p in energy.net.net.last.parameters())


def test_its_gradient_tells_of_flips_of_what_is_filled_last():
    """Nothing follows from those, so that the energy is linear in them but for the network."""
    energy = refined()
    x = STATES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(energy.nats(x).sum(), x)
    last = energy.base.order[energy.schedule[-2] :]
    for i in last.tolist():
        other = STATES.clone()
        other[:, i] = 1 - other[:, i]
        change = energy.nats(other) - energy.nats(STATES)
        torch.testing.assert_close(slope[:, i] * (1 - 2 * STATES[:, i]), change, rtol=1e-3, atol=1e-4)


def test_neighbours_are_single_flips():
    energy, x = refined(1.0), STATES[5:9]
    other = x.clone()
    other[:, 2] = 1 - other[:, 2]
    torch.testing.assert_close(energy.neighbours(x)[:, 2], energy(other), rtol=1e-4, atol=1e-4)


def test_steps_that_a_file_brings_are_checked():
    energy = refined()
    energy.ends.copy_(torch.tensor([0, 4, 3, 6]))
    with pytest.raises(ValueError, match="must end at growing numbers up to 6"):
        energy(STATES)


@pytest.mark.parametrize("spread", [0.0, 1.0, 30.0])
def test_its_log_z_is_certified(spread, generator):
    energy = refined(spread)
    log_z, found = exact.log_p(energy, DIM)[1], certify(energy, draws=4000, generator=generator)
    assert found.lower <= log_z <= found.upper
    assert abs(found.estimate.value - log_z) < 4.5 * found.estimate.se + 1e-4
    assert found.upper < log_z + 0.7


def test_the_bound_is_that_of_the_paper(generator):
    """Worked by hand: 90 of 100 draws weigh 1, ten e^4."""
    energy = refined()
    x = STATES[torch.tensor([0] * 90 + [1] * 10)]
    energy.drawn = lambda n, generator: (x, torch.ones(100))
    energy.learned = lambda x: -4.0 * (x == STATES[1]).all(1).float()
    found = certify(energy, draws=100, generator=generator)
    mean = 0.9 + 0.1 * 54.598150
    off = math.sqrt(2 * (53.598150**2 * 0.09 * 100 / 99) * 4.3820266 / 100) + 7 * 54.598150 * 4.3820266 / (3 * 99)
    assert found.upper == pytest.approx(math.log(mean + off), abs=1e-5)
    assert found.lower == -math.inf, "the bound is wider than the mean"
    assert found.estimate.value == pytest.approx(math.log(mean), abs=1e-5)


def test_draws_are_those_of_the_density(generator):
    energy, places = refined(), 2 ** torch.arange(DIM)
    x, nats = energy.drawn(4000, generator)
    torch.testing.assert_close(nats, energy.nats(x), rtol=1e-4, atol=1e-4)
    met = torch.bincount((x.long() * places).sum(1), minlength=2**DIM)
    p = torch.zeros(2**DIM).index_add(0, (STATES.long() * places).sum(1), (-energy.nats(STATES)).exp())
    large = p * 4000 > 10
    assert large.sum() > 10
    chi_square = ((met - 4000 * p)[large] ** 2 / (4000 * p[large])).sum().item()
    assert chi_square < large.sum() + 5 * math.sqrt(2 * large.sum())


def test_what_no_draw_meets_is_in_the_bound(generator):
    """A state that is hardly ever drawn holds what the bound allows; where nothing bounds a network it would hold all."""
    energy = refined()
    rare = energy.known(STATES).argmax()
    assert energy.known(STATES).max() > 8
    for least, holds in ((LEAST, True), (60.0, False)):
        energy.learned = lambda x, least=least: -least * (x == STATES[rare]).all(1).float()
        log_z = exact.log_p(energy, DIM)[1]
        found = certify(energy, draws=100, generator=generator)
        assert (log_z <= found.upper) == holds
