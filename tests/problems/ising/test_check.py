"""Pairs and fields held against held-out rows, from samples to a verdict; and the samples of any couplings."""

import numpy as np
import pytest
import torch

from ebgfn.baselines import penalised
from ebgfn.evaluation import exact
from ebgfn.model import Model
from ebgfn.nets.quadratic import FieldPolicy, QuadraticEnergy
from ebgfn.problems.ising import gibbs
from ebgfn.problems.ising.check import check
from ebgfn.problems.lattice.exact import Lattice
from tests import graphs

pytestmark = pytest.mark.slow


def model(x: np.ndarray, *, sampler: bool = False) -> Model:
    energy = penalised.fit(torch.from_numpy(x).float(), estimate="refit", steps=30)
    policy = FieldPolicy(x.shape[1], hidden=8, depth=1) if sampler else None
    if policy is not None:
        policy.follow(energy)
    return Model(None, None, energy, policy, None)


def test_gibbs_samples_are_of_the_model():
    """Moments of five spins against those by enumeration."""
    couplings, fields, rng = graphs.sparse(5, 2, seed=0, field=0.8)
    energy = QuadraticEnergy(5)
    energy.weights.data.copy_(torch.from_numpy(couplings[np.triu_indices(5, 1)]))
    energy.field_weights.data.copy_(torch.from_numpy(fields))
    p = exact.log_p(energy, 5)[0].exp().numpy()
    states = exact.all_states(5).numpy()
    x = gibbs.sample(couplings, fields, 20_000, rng, sweeps=30)
    counts = np.bincount(exact.index_of(torch.from_numpy(x).float()).numpy(), minlength=32) / 20_000
    where = exact.index_of(torch.from_numpy(states)).numpy()
    assert np.abs(counts[where] - p).max() < 4.5 * np.sqrt(p.max() / 20_000)


def test_data_of_such_a_model_are_no_misfit():
    """Of twenty data sets one may be flagged at a level of 5 %."""
    flagged = 0
    for seed in range(20):
        couplings, fields, rng = graphs.sparse(6, 3, seed=seed)
        x = gibbs.sample(couplings, fields, 1500, rng, sweeps=30)
        flagged += not check(model(x), x, seed=seed).fits
    assert flagged <= 1


def test_a_parity_of_three_columns_is_a_misfit():
    x = np.random.default_rng(0).integers(0, 2, (600, 6)).astype(np.uint8)
    x[:, 4] = x[:, 1] ^ x[:, 2]
    found = model(x, sampler=True)
    assert not found.energy.couplings().any()
    seen = check(found, x)
    assert not seen.fits
    assert [(one.name, one.worst) for one in seen.missed] == [("triples", (1, 2, 4))]


def test_pairs_that_were_not_found_are_a_misfit():
    couplings, fields, rng = graphs.sparse(6, 3, seed=0)
    x = gibbs.sample(couplings, fields, 600, rng, sweeps=30)
    found = model(x)
    found.energy.weights.zero_()
    assert "pairs" in [one.name for one in check(found, x).missed]


def test_an_ordered_phase_is_no_misfit_as_chains_begin_at_the_samplers_draws():
    """Of chains from random spins a few stay between the two modes; a sampler that follows strong couplings draws both."""
    x = Lattice(4, 0.4).sample(600, np.random.default_rng(0))
    assert check(model(x, sampler=True), x).fits
