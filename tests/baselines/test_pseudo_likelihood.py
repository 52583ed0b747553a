"""Pseudo-likelihood against a general minimiser, and against what its symmetries demand."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn import functional as F

from ebgfn.baselines.convex import FIELD_PRIOR, PRIOR
from ebgfn.baselines.pseudo_likelihood import fit, nats, path, refit
from ebgfn.core.energy import conditionals
from ebgfn.nets.quadratic import QuadraticEnergy, pairs
from ebgfn.nets.torus import displacements
from ebgfn.problems.lattice.exact import Lattice

DIM = 6


def lattice_data(side: int, sigma: float, n: int, *, seed: int = 0):
    lattice = Lattice(side, sigma)
    x = torch.from_numpy(lattice.sample(n, np.random.default_rng(seed)))
    return x.double(), torch.from_numpy(lattice.couplings())


def random_data(n: int = 200, *, seed: int = 0) -> torch.Tensor:
    """Spins that each copy the one before, more or less often."""
    generator = torch.Generator().manual_seed(seed)
    copies = torch.rand(n, DIM, generator=generator) < torch.tensor([0.5, 0.9, 0.2, 0.5, 0.8, 0.6])
    return (1 - copies.double()).cumsum(1) % 2


def objective(w: torch.Tensor, x: torch.Tensor, table: torch.Tensor, l1: float) -> torch.Tensor:
    """The penalised objective by its definition, pair by pair."""
    s, total = 2 * x - 1, PRIOR / len(x) / 2 * w.square().sum()
    rows, columns = torch.triu_indices(len(table), len(table), 1)
    fields = torch.zeros_like(s).unbind(1)
    for i, j, k in zip(rows.tolist(), columns.tolist(), table[rows, columns].tolist(), strict=True):
        if k >= 0:
            fields = [f + w[k] * s[:, {i: j, j: i}[n]] if n in (i, j) else f for n, f in enumerate(fields)]
            total = total + l1 * w[k].abs()
    return total - sum(F.logsigmoid(4 * s[:, i] * f).mean() for i, f in enumerate(fields))


def minimised(x: torch.Tensor, table: torch.Tensor, l1: float) -> torch.Tensor:
    """Weights by a quasi-Newton method, each split into a positive and a negative part so that |w| is smooth."""
    size = int(table.max()) + 1

    def value_gradient(parts):
        both = torch.tensor(parts, requires_grad=True)
        up, down = both.view(2, size)
        counts = torch.bincount(table[table >= 0], minlength=size) / 2
        value = objective(up - down, x, table, 0.0) + l1 * (counts * (up + down)).sum()
        (gradient,) = torch.autograd.grad(value, both)
        return value.item(), gradient.numpy()

    options = {"maxiter": 2000, "maxfun": 10000, "ftol": 1e-14, "gtol": 1e-9}
    found = minimize(value_gradient, np.zeros(2 * size), jac=True, bounds=[(0, None)] * (2 * size), options=options)
    up, down = torch.from_numpy(found.x).view(2, size)
    return up - down


def weights_of(couplings: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    return torch.stack([couplings[table == k][0] for k in range(int(table.max()) + 1)])


@pytest.mark.parametrize("l1", [0.0, 0.05, 0.3, 1.0])
def test_fit_is_the_minimum(l1):
    x, table = random_data(), pairs(DIM)
    couplings = fit(x, l1=l1).couplings
    torch.testing.assert_close(couplings, couplings.T)
    assert not couplings.diagonal().any()
    torch.testing.assert_close(weights_of(couplings, table), minimised(x, table, l1), atol=1e-4, rtol=0)


@pytest.mark.parametrize("l1", [0.05, 0.3, 1.0])
def test_optimality_conditions(l1):
    """The slope is -l1 sign(w) where w is not zero and at most l1 where it is."""
    x, table = random_data(), pairs(DIM)
    w = weights_of(fit(x, l1=l1).couplings, table).requires_grad_()
    (slope,) = torch.autograd.grad(objective(w, x, table, 0.0), w)
    there, w = w.detach() != 0, w.detach()
    assert 0 < there.sum() < len(w)
    torch.testing.assert_close(slope[there], -l1 * w[there].sign(), atol=1e-4, rtol=0)
    assert slope[~there].abs().max() <= l1


def test_shared_couplings_are_those_of_shifted_data():
    """Couplings equal all over a torus are those of its data shifted everywhere: equal data, equal minimum."""
    x, _ = lattice_data(3, 0.15, 50)
    table = torch.from_numpy(displacements(3))
    grid = x.view(-1, 3, 3)
    shifted = torch.cat([grid.roll((i, j), (1, 2)).flatten(1) for i in range(3) for j in range(3)])
    for l1 in (0.0, 0.2):
        together = fit(x, l1=l1, shared=table, fields=False).couplings
        torch.testing.assert_close(together, fit(shifted, l1=l1, fields=False).couplings, atol=1e-4, rtol=0)
        assert len(together.unique()) <= 5


def test_refit_is_the_minimum_on_its_support():
    x = random_data()
    table = torch.full((DIM, DIM), -1)
    for k, (i, j) in enumerate([(0, 1), (1, 2), (3, 4), (0, 5)]):
        table[i, j] = table[j, i] = k
    couplings = refit(x, table >= 0).couplings
    torch.testing.assert_close(weights_of(couplings, table), minimised(x, table, 0.0), atol=1e-4, rtol=0)
    assert not couplings[table < 0].any()
    torch.testing.assert_close(refit(x, pairs(DIM) >= 0), fit(x, l1=0.0))
    assert not refit(x, torch.zeros(DIM, DIM, dtype=torch.bool)).couplings.any()


def skewed_data(n: int = 300) -> torch.Tensor:
    """Spins that follow the one before, each with its own share of ones."""
    generator = torch.Generator().manual_seed(1)
    x = (torch.rand(n, DIM, generator=generator) < torch.tensor([0.1, 0.3, 0.5, 0.7, 0.8, 0.9])).double()
    return torch.cat([x[:, :1], torch.where(torch.rand(n, DIM - 1, generator=generator) < 0.2, x[:, :-1], x[:, 1:])], 1)


@pytest.mark.parametrize("one_field", [False, True])
def test_fields_and_couplings_are_the_minimum_of_their_definition(one_field):
    x = skewed_data()
    spins, upper, l1 = 2 * x - 1, torch.triu_indices(DIM, DIM, 1), 0.05
    shared = torch.where(torch.eye(DIM, dtype=torch.bool), -1, 0) if one_field else None

    def value_gradient(parts):
        both = torch.tensor(parts, requires_grad=True)
        up, down, h = both.split([1, 1, 1] if one_field else [15, 15, DIM])
        w = torch.zeros(DIM, DIM, dtype=torch.double).index_put((upper[0], upper[1]), (up - down).expand(15))
        logits = 4 * spins @ (w + w.T) + 2 * h
        prior = PRIOR * (up - down).square().sum() + FIELD_PRIOR * (h / 2).square().sum()
        value = F.softplus(-spins * logits).sum(1).mean() + prior / len(x) / 2
        value = value + l1 * (up + down).sum() * 15 / len(up)
        (gradient,) = torch.autograd.grad(value, both)
        return value.item(), gradient.numpy()

    size, fields = (1, 1) if one_field else (15, DIM)
    bounds = [(0, None)] * (2 * size) + [(None, None)] * fields
    options = {"maxiter": 2000, "maxfun": 10000, "ftol": 1e-14, "gtol": 1e-9}
    least = minimize(value_gradient, np.zeros(2 * size + fields), jac=True, bounds=bounds, options=options)
    up, down, h = torch.from_numpy(least.x).split([size, size, fields])
    found = fit(x, l1=l1, shared=shared)
    torch.testing.assert_close(found.fields, h.expand(DIM), atol=1e-3, rtol=0)
    torch.testing.assert_close(found.couplings[*upper], (up - down).expand(15), atol=3e-4, rtol=0)


def test_fields_are_those_of_independent_columns():
    """Without couplings the mean of a spin is tanh h."""
    x = skewed_data()
    found = refit(x, torch.zeros(DIM, DIM, dtype=torch.bool))
    torch.testing.assert_close(torch.tanh(found.fields), (2 * x - 1).mean(0), atol=2e-3, rtol=0)
    assert not found.couplings.any()


def test_a_mirror_image_turns_fields_and_leaves_couplings():
    x = skewed_data()
    one, other = fit(x, l1=0.02), fit(1 - x, l1=0.02)
    torch.testing.assert_close(one.couplings, other.couplings, atol=2e-4, rtol=0)
    torch.testing.assert_close(one.fields, -other.fields, atol=2e-4, rtol=0)
    assert one.fields.abs().min() > 0.02


def test_independent_columns_of_any_shares_have_no_couplings():
    """With fields a path's best candidate is nearly empty; without them skewed columns look coupled."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.random((2000, DIM)) < np.linspace(0.1, 0.9, DIM)).float()
    alone = nats(x, *refit(x, torch.zeros(DIM, DIM, dtype=torch.bool)))
    assert min(path(x), key=lambda candidate: candidate.held_out).pairs <= 4
    assert nats(x, *fit(x, l1=0.05)) == pytest.approx(alone, abs=0.01)
    assert fit(x, l1=0.05, fields=False).couplings.count_nonzero() / 2 > 10


def test_a_shared_coupling_may_lie_partly_outside_the_support():
    x, true = lattice_data(4, 0.1, 300)
    table, support = torch.from_numpy(displacements(4)), true != 0
    support[0, 1] = support[1, 0] = False
    couplings = refit(x, support, shared=table).couplings
    assert couplings[0, 1] == 0
    assert torch.equal(couplings != 0, support)
    assert len(couplings.unique()) == 3


def test_nats_are_those_of_the_conditionals():
    x, energy = random_data().float(), QuadraticEnergy(DIM)
    energy.weights.data.normal_(std=0.2, generator=torch.Generator().manual_seed(0))
    p = conditionals(energy, x)
    expected = F.binary_cross_entropy(p, x, reduction="sum").item() / len(x)
    assert nats(x, energy.couplings().detach()) == pytest.approx(expected, rel=1e-4)
    assert nats(x, torch.zeros(DIM, DIM)) == pytest.approx(DIM * math.log(2))
    with torch.no_grad():
        energy.field_weights.copy_(torch.linspace(-0.5, 1, DIM))
    expected = F.binary_cross_entropy(conditionals(energy, x), x, reduction="sum").item() / len(x)
    assert nats(x, energy.couplings().detach(), energy.fields().detach()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_known_support_is_unbiased():
    x, true = lattice_data(8, 0.15, 2000)
    found = refit(x, true != 0).couplings[true > 0]
    z = (found.mean() - 0.15) / (found.std() / math.sqrt(len(found) / 2))
    assert abs(z) < 4.5
    assert found.std() < 0.02


@pytest.mark.parametrize("sigma", [-0.15, 0.15])
def test_held_out_data_choose_a_good_candidate(sigma):
    x, true = lattice_data(6, sigma, 1500)
    candidates = path(x.float())
    errors = [(c.couplings - true).square().mean().sqrt().item() for c in candidates]
    chosen = min(range(len(candidates)), key=lambda k: candidates[k].held_out)
    assert errors[chosen] < 2 * min(errors)
    assert errors[chosen] < 0.2 * true.square().mean().sqrt()
    # Held-out data hardly tell a few spare pairs from none.
    assert candidates[chosen].couplings[true != 0].all()
    assert 72 <= candidates[chosen].pairs < 90


def test_path_goes_from_few_pairs_to_many():
    x, _ = lattice_data(5, 0.1, 400)
    candidates = path(x)
    assert len(candidates) == 5
    sizes, strengths = [c.pairs for c in candidates], [c.l1 for c in candidates]
    assert sizes == sorted(sizes)
    assert 0 < sizes[0] < 50 < sizes[-1]
    assert strengths == sorted(strengths, reverse=True)
    again = path(x)
    assert all(
        torch.equal(a.couplings, b.couplings) and a.held_out == b.held_out
        for a, b in zip(candidates, again, strict=True)
    )


def test_first_l1_weight_is_below_the_largest_useful_one():
    x = random_data()
    largest = path(x)[0].l1 / 0.7
    assert not fit(x, l1=1.001 * largest).couplings.any()
    assert fit(x, l1=0.99 * largest).couplings.count_nonzero() == 2


def test_held_out_rows_are_not_seen():
    """Pure noise: what is fitted to most pairs predicts worse than nothing."""
    x = torch.randint(0, 2, (100, 12), generator=torch.Generator().manual_seed(0)).float()
    assert path(x)[-1].held_out > 12 * math.log(2) + 0.1


@pytest.mark.parametrize("constant", [1, 5, 6])
def test_spins_that_never_flip(constant):
    """The likelihood has no minimum there; the prior keeps couplings finite, and small where nothing is to be learned."""
    x = random_data()
    x[:, :constant] = 1.0
    fits = (fit(x, l1=0.0), refit(x, pairs(DIM) >= 0))
    for couplings in (*(f.couplings for f in fits), *(c.couplings for c in path(x))):
        assert couplings.isfinite().all()
        assert couplings.abs().max() < 2


def test_mirror_images_count_alike():
    x = random_data()
    torch.testing.assert_close(fit(1 - x, l1=0.1).couplings, fit(x, l1=0.1).couplings, atol=1e-4, rtol=0)


def test_single_precision_suffices():
    x, _ = lattice_data(5, 0.3, 500)
    torch.testing.assert_close(fit(x.float(), l1=0.1).couplings.double(), fit(x, l1=0.1).couplings, atol=1e-3, rtol=0)


def test_bad_input_is_noticed():
    x = random_data()
    with pytest.raises(ValueError, match="at least 0, got -1"):
        fit(x, l1=-1.0)
    with pytest.raises(ValueError, match="entries 0 or 1"):
        fit(2 * x, l1=0.1)
    with pytest.raises(ValueError, match="entries 0 or 1"):
        fit(x[:0], l1=0.1)
    with pytest.raises(ValueError, match="at least 10 rows, got 9"):
        path(x[:9])
    with pytest.raises(ValueError, match="symmetric 6 x 6"):
        refit(x, torch.ones(DIM, DIM, dtype=torch.bool).triu())
    with pytest.raises(ValueError, match="symmetric 6 x 6"):
        fit(x, l1=0.1, shared=torch.zeros(DIM, DIM, dtype=torch.long))
