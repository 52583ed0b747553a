"""One contract for every energy."""

from functools import partial

import numpy as np
import pytest
import torch

from ebgfn.core.energy import conditionals
from ebgfn.evaluation import exact
from ebgfn.nets.lattice import LatticeEnergy
from ebgfn.nets.mlp import MLPEnergy
from ebgfn.nets.quadratic import QuadraticEnergy, pairs
from ebgfn.problems.lattice.exact import Lattice
from tests.examples import neighbours, randomised

DIM = 5


def mlp(dim: int, *, depth: int = 3) -> MLPEnergy:
    return randomised(MLPEnergy(dim, hidden=8, depth=depth))


def pairwise(dim: int) -> MLPEnergy:
    return randomised(MLPEnergy(dim, hidden=8, depth=2, pairwise=True))


def quadratic(dim: int) -> QuadraticEnergy:
    energy = QuadraticEnergy(dim)
    with torch.no_grad():
        energy.weights.normal_(generator=torch.Generator().manual_seed(0))
        energy.field_weights.copy_(torch.linspace(-0.8, 1.1, dim))
    return energy


def shared(dim: int) -> QuadraticEnergy:
    """Couplings that depend on the distance along a ring, and one field for all."""
    distance = (torch.arange(dim) - torch.arange(dim)[:, None]).abs()
    energy = QuadraticEnergy(dim, shared=torch.minimum(distance, dim - distance) - 1, one_field=True)
    with torch.no_grad():
        energy.weights.copy_(torch.tensor([0.4, -0.7]))
        energy.field_weights.fill_(-0.3)
    return energy


every_energy = pytest.mark.parametrize("build", [mlp, pairwise, quadratic, shared])


@pytest.mark.parametrize("build", [MLPEnergy, partial(MLPEnergy, pairwise=True), QuadraticEnergy])
def test_flat_before_training(build):
    energy = build(DIM)
    assert torch.equal(energy(exact.all_states(DIM)), torch.zeros(2**DIM))
    log_p, log_z = exact.log_p(energy, DIM)
    assert log_z == pytest.approx(DIM * torch.log(torch.tensor(2.0)).item())
    assert log_p.std() == 0


@every_energy
def test_rows_do_not_mix(build):
    energy, x = build(DIM), exact.all_states(DIM)
    assert energy.dim == DIM
    one_by_one = torch.cat([energy(row[None]) for row in x])
    torch.testing.assert_close(energy(x), one_by_one)
    assert one_by_one.std() > 0.01


@pytest.mark.parametrize("build", [*(partial(mlp, depth=d) for d in (1, 2, 4)), quadratic, shared])
def test_every_weight_learns(build):
    energy = build(DIM)
    energy(exact.all_states(DIM)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in energy.parameters())


@every_energy
def test_neighbours_differ_in_one_entry(build):
    energy, x = build(DIM), exact.all_states(DIM)
    torch.testing.assert_close(energy.neighbours(x), neighbours(energy, x))


@every_energy
def test_conditionals_are_those_of_the_joint(build):
    energy, x = build(DIM), exact.all_states(DIM)
    p = exact.log_p(energy, DIM)[0].exp()
    for i in range(DIM):
        one, zero = x.clone(), x.clone()
        one[:, i], zero[:, i] = 1, 0
        p_one, p_zero = p[exact.index_of(one)], p[exact.index_of(zero)]
        torch.testing.assert_close(conditionals(energy, x)[:, i], (p_one / (p_one + p_zero)).float())


@every_energy
def test_wrong_width_is_noticed(build):
    with pytest.raises(RuntimeError):
        build(DIM)(torch.zeros(2, DIM + 1))


@pytest.mark.parametrize("build", [quadratic, shared])
def test_couplings_are_symmetric_with_zero_diagonal_and_make_the_energy(build):
    energy, x = build(DIM), exact.all_states(DIM)
    couplings, spins = energy.couplings(), 2 * x - 1
    assert torch.equal(couplings, couplings.T)
    assert not couplings.diagonal().any()
    assert len(energy.fields()) == DIM
    torch.testing.assert_close(
        energy(x), -torch.einsum("ni,ij,nj->n", spins, couplings, spins) - (spins * energy.fields()).sum(1)
    )
    assert not torch.allclose(energy(x), energy(1 - x))
    with torch.no_grad():
        energy.field_weights.zero_()
    torch.testing.assert_close(energy(x), energy(1 - x))


def test_a_field_alone_moves_log_odds_by_twice_its_size():
    energy = QuadraticEnergy(2)
    with torch.no_grad():
        energy.field_weights.copy_(torch.tensor([0.7, -0.2]))
    odds = torch.logit(conditionals(energy, exact.all_states(2)))
    torch.testing.assert_close(odds, torch.tensor([1.4, -0.4]).expand(4, 2))


def test_every_pair_has_its_own_number():
    table = pairs(DIM)
    assert sorted(table[*torch.triu_indices(DIM, DIM, 1)].tolist()) == list(range(DIM * (DIM - 1) // 2))


@pytest.mark.parametrize(
    "table",
    [torch.zeros(DIM, DIM, dtype=torch.int64), pairs(DIM).tril(), pairs(DIM + 1)],
    ids=["diagonal", "half", "size"],
)
def test_a_table_that_is_none_is_refused(table):
    with pytest.raises(ValueError, match="symmetric"):
        QuadraticEnergy(DIM, shared=table)


def test_a_lattice_has_the_energy_of_its_coupling():
    x = torch.from_numpy(Lattice(4, 0.3).sample(20, np.random.default_rng(0)))
    spins, couplings = 2.0 * x - 1, torch.from_numpy(Lattice(4, -0.2).couplings()).float()
    torch.testing.assert_close(LatticeEnergy(4).at(-0.2)(x.float()), -((spins @ couplings) * spins).sum(1))
