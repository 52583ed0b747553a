"""One contract for every energy."""

import pytest
import torch

from ebgfn.energies import conditionals
from ebgfn.evaluation import exact
from ebgfn.model import ENERGIES
from tests.examples import neighbours, randomised

DIM = 5
every_energy = pytest.mark.parametrize("build", [pytest.param(b, id=k) for k, b in ENERGIES.items()])


@every_energy
def test_flat_before_training(build):
    energy = build(DIM, hidden=8, depth=3)
    assert torch.equal(energy(exact.all_states(DIM)), torch.zeros(2**DIM))
    log_p, log_z = exact.log_p(energy, DIM)
    assert log_z == pytest.approx(DIM * torch.log(torch.tensor(2.0)).item())
    assert log_p.std() == 0


@every_energy
def test_rows_do_not_mix(build):
    energy, x = randomised(build(DIM, hidden=8, depth=3)), exact.all_states(DIM)
    assert energy.dim == DIM
    one_by_one = torch.cat([energy(row[None]) for row in x])
    torch.testing.assert_close(energy(x), one_by_one)
    assert one_by_one.std() > 0.01


@every_energy
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_every_weight_learns(build, depth):
    energy = randomised(build(DIM, hidden=8, depth=depth))
    energy(exact.all_states(DIM)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in energy.parameters())


@every_energy
def test_neighbours_differ_in_one_entry(build):
    energy, x = randomised(build(DIM, hidden=8, depth=3)), exact.all_states(DIM)
    torch.testing.assert_close(energy.neighbours(x), neighbours(energy, x))


@every_energy
def test_conditionals_are_those_of_the_joint(build):
    energy, x = randomised(build(DIM, hidden=8, depth=3)), exact.all_states(DIM)
    p = exact.log_p(energy, DIM)[0].exp()
    for i in range(DIM):
        one, zero = x.clone(), x.clone()
        one[:, i], zero[:, i] = 1, 0
        p_one, p_zero = p[exact.index_of(one)], p[exact.index_of(zero)]
        torch.testing.assert_close(conditionals(energy, x)[:, i], (p_one / (p_one + p_zero)).float())


@every_energy
def test_wrong_width_is_noticed(build):
    with pytest.raises(RuntimeError):
        build(DIM, hidden=8, depth=2)(torch.zeros(2, DIM + 1))
