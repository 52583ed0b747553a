"""Standard errors of couplings: they cover the truth as often as they say, and are those of the definition."""

import numpy as np
import pytest
import torch

from ebgfn.baselines import penalised
from ebgfn.baselines.pseudo_likelihood import refit
from ebgfn.evaluation import coupling_errors as module
from ebgfn.evaluation.coupling_errors import coupling_errors
from ebgfn.nets.quadratic import QuadraticEnergy
from ebgfn.problems.ising import gibbs
from tests import graphs


def energy_of(couplings, fields, *, shared=None) -> QuadraticEnergy:
    energy = QuadraticEnergy(len(fields), shared=shared, one_field=shared is not None)
    for number in range(len(energy.weights)):
        energy.weights.data[number] = float(couplings[(energy.shared == number).numpy()][0])
    energy.field_weights.data.copy_(torch.as_tensor(fields)[: len(energy.field_weights)])
    return energy.requires_grad_(False)


@pytest.mark.slow
def test_intervals_of_95_percent_cover_the_truth_about_as_often():
    """On graphs of eight columns with fields, fitted to 1000 rows on the true support: of 840 couplings and 560 fields."""
    inside = [[], []]
    for seed in range(70):
        couplings, fields, rng = graphs.sparse(8, 3, seed=seed)
        x = gibbs.sample(couplings, fields, 1000, rng, sweeps=40)
        found = refit(torch.from_numpy(x).double(), torch.from_numpy(couplings != 0), fields=True)
        errors = coupling_errors(x, energy_of(found.couplings.numpy(), found.fields.numpy()))
        there = np.triu(couplings != 0)
        inside[0] += ((found.couplings.numpy() - couplings) / errors.couplings)[there].tolist()
        inside[1] += ((found.fields.numpy() - fields) / errors.fields).tolist()
    for z in map(np.array, inside):
        assert 0.92 < (np.abs(z) < 1.96).mean() < 0.98
        assert 0.9 < z.std() < 1.12


def test_errors_are_those_of_the_sandwich_by_automatic_differentiation(generator):
    couplings, fields, rng = graphs.sparse(6, 3, seed=0)
    x = gibbs.sample(couplings, fields, 300, rng, sweeps=20)
    energy, s = energy_of(couplings, fields), torch.from_numpy(2.0 * x - 1)
    kept = energy.weights != 0

    def nats(w):
        whole = torch.zeros(len(kept), dtype=torch.double).masked_scatter(kept, w[: kept.sum()])
        table = torch.where(energy.shared >= 0, whole[energy.shared.clamp(min=0)], 0.0)
        return torch.nn.functional.softplus(-s * (4 * s @ table + 2 * w[kept.sum() :])).sum(1)

    w = torch.cat([energy.weights[kept], energy.field_weights]).double()
    by_row = torch.autograd.functional.jacobian(nats, w)
    bend = torch.autograd.functional.hessian(lambda w: nats(w).sum(), w)
    bend += 2 * torch.diag(torch.tensor([module.PRIOR] * int(kept.sum()) + [module.FIELD_PRIOR] * 6))
    error = (bend.inverse() @ by_row.T @ by_row @ bend.inverse()).diagonal().sqrt()
    found = coupling_errors(x, energy)
    upper = np.triu(couplings != 0)
    np.testing.assert_allclose(found.couplings[upper], error[: kept.sum()], rtol=1e-6)
    np.testing.assert_allclose(found.fields, error[kept.sum() :], rtol=1e-6)
    assert np.isnan(found.couplings[couplings == 0]).all()


def test_couplings_that_are_shared_are_known_better():
    distance = np.abs(np.arange(12)[:, None] - np.arange(12))
    ring = torch.from_numpy(np.minimum(distance, 12 - distance) - 1)
    couplings = np.where(ring.numpy() == 0, 0.15, 0.0)
    x = gibbs.sample(couplings, np.full(12, 0.2), 1000, np.random.default_rng(0), sweeps=30)
    alone = coupling_errors(x, energy_of(couplings, np.full(12, 0.2)))
    shared = coupling_errors(x, energy_of(couplings, np.full(12, 0.2), shared=ring))
    near = couplings != 0
    assert len(np.unique(shared.couplings[near])) == len(np.unique(shared.fields)) == 1
    assert shared.couplings[near].max() < 0.5 * alone.couplings[near].min()


def test_nothing_found_has_no_errors_and_too_much_is_not_tried(monkeypatch):
    x = np.random.default_rng(0).integers(0, 2, (60, 4)).astype(np.uint8)
    nothing = coupling_errors(x, QuadraticEnergy(4).requires_grad_(False))
    assert np.isnan(nothing.couplings).all()
    assert np.isnan(nothing.fields).all()
    monkeypatch.setattr(module, "MOST", 1)
    assert coupling_errors(x, energy_of(np.full((4, 4), 0.1), np.zeros(4))) is None


def test_blocks_of_rows_add_up(monkeypatch):
    couplings, fields, rng = graphs.sparse(6, 3, seed=1)
    x = gibbs.sample(couplings, fields, 100, rng, sweeps=20)
    whole = coupling_errors(x, energy_of(couplings, fields))
    monkeypatch.setattr(module, "BLOCK", 33)
    np.testing.assert_allclose(coupling_errors(x, energy_of(couplings, fields)).fields, whole.fields)


@pytest.mark.slow
def test_strong_couplings_are_found_in_every_resample_and_others_seldom(generator):
    couplings, fields, rng = graphs.sparse(8, 3, seed=2, least=0.15, most=0.25, field=0.3)
    couplings[0] = couplings[:, 0] = 0
    couplings[0, 1] = couplings[1, 0] = 0.065  # about four standard errors
    x = torch.from_numpy(gibbs.sample(couplings, fields, 1000, rng, sweeps=50)).float()
    found = penalised.fit(x, estimate="refit", steps=60)
    resamples = penalised.stability(x, found, generator)
    share = sum(next(resamples).double() for _ in range(10)) / 10
    assert torch.equal(share, share.T)
    assert (share[torch.from_numpy(np.abs(couplings) > 0.1)] > 0.9).all()
    assert share[torch.from_numpy(couplings == 0)].mean() < 0.05
    assert 0.1 <= share[0, 1] <= 0.95


def test_couplings_of_another_estimate_are_kept_if_they_stand_out_and_refitted():
    couplings, fields, rng = graphs.sparse(8, 3, seed=3, least=0.15)
    x = torch.from_numpy(gibbs.sample(couplings, fields, 1000, rng, sweeps=50)).float()
    noise = np.triu(rng.uniform(-0.03, 0.03, (8, 8)), 1)
    energy = energy_of(0.8 * couplings + noise + noise.T, fields)
    assert energy.weights.count_nonzero() == 28
    found = penalised.thresholded(x, energy, steps=100)
    assert np.array_equal(found.couplings().numpy() != 0, couplings != 0)
    knowing = refit(x.double(), torch.from_numpy(couplings != 0), fields=True)
    torch.testing.assert_close(found.couplings().double(), knowing.couplings, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.fields().double(), knowing.fields, atol=5e-3, rtol=0)
    assert energy.weights.count_nonzero() == 28, "what was given stays as it was"
