"""The sampler's curves against sigma, memory of chains, and the moves that are played."""

import math

import numpy as np
import pytest
import torch

from ebgfn.model import Model
from ebgfn.nets.lattice import KNOTS, MAX_SIGMA, LatticeSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.lattice import curves, kaufman, mixing
from ebgfn.problems.lattice.config import LatticeConfig
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.shipped import fingerprint

SIDE, SIGMA = 4, 0.15


@pytest.fixture(scope="module")
def model() -> Model:
    """Fields and a random network: neither exact nor hopeless. The learned log Z is Kaufman's at its knots."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = build(LatticeConfig(side=SIDE), LatticeSizes(hidden=16, depth=2))
        torch.nn.init.normal_(built.policy.net.last.weight, std=0.05)
    built.policy.requires_grad_(False)
    built.log_z.copy_(torch.from_numpy(kaufman.curves(SIDE, np.linspace(0, MAX_SIGMA, KNOTS)).log_z))
    return built


@pytest.mark.parametrize("side", [3, 4, 9, 10])
def test_sigmas_are_21_that_the_sampler_is_trained_for(side):
    found = curves.sigmas(side)
    assert len(set(found)) == 21
    assert found == sorted(found)
    assert max(found) == MAX_SIGMA
    assert min(found) == (0 if side % 2 else -MAX_SIGMA)


@pytest.mark.slow
def test_curves_agree_with_exact_values_within_their_errors(model, generator):
    """Importance sampling is right whatever the sampler."""
    seen = curves.curves(model, [-SIGMA, 0.0, SIGMA], 2000, generator)
    error, se = seen.log_z_error("log_z_is") * SIDE**2, seen["log_z_is_se"]
    assert (np.abs(error) < 4 * se + 1e-5).all()
    assert se[2] > 1e-3
    assert 0.1 < seen["ess"][2] < 0.99
    assert seen["energy"][1] == 0
    # Not of a perfect sampler: the errors must show it.
    assert (seen["exact_magnetisation_se"] > 0).all()
    assert seen["exact_correlation"][2] > 4 * seen["exact_correlation_se"][2]
    exact = Lattice(SIDE, SIGMA).sample(20_000, np.random.default_rng(5))
    spins = 2.0 * exact - 1.0
    order = np.abs(spins.mean(1)).mean()
    assert abs(seen["exact_magnetisation"][2] - order) < 5 * seen["exact_magnetisation_se"][2]


def test_learned_log_z_is_read_between_the_knots(model):
    fine = np.linspace(-MAX_SIGMA, MAX_SIGMA, 37)
    gap = curves.learned_log_z(model, fine) - kaufman.curves(SIDE, fine).log_z
    assert np.abs(gap).max() < 1e-3
    other = curves.gathered(SIDE, 2, list(curves.points(model, [SIGMA], 2, torch.Generator().manual_seed(0))))
    assert abs(other.log_z_error()[0]) < 1e-4


def test_stored_curves_come_back_unless_the_weights_have_changed(model, tmp_path, generator):
    model.save(tmp_path)
    assert curves.stored(tmp_path) is None
    seen = curves.curves(model, [0.0, SIGMA], 10, generator)
    curves.save(seen, tmp_path)
    back = curves.stored(tmp_path)
    assert back is not None
    assert (back.side, back.n) == (SIDE, 10)
    assert all((back[name] == seen[name]).all() for name in seen.columns)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert curves.stored(tmp_path) is None


def test_curves_that_cannot_be_read_are_none(model, tmp_path):
    model.save(tmp_path)
    (tmp_path / curves.FILE).write_bytes(b"nonsense")
    assert curves.stored(tmp_path) is None
    np.savez(tmp_path / curves.FILE, weights=np.array(fingerprint(tmp_path)))
    assert curves.stored(tmp_path) is None


def autoregressive(a: float, chains: int, moves: int, rng: np.random.Generator) -> np.ndarray:
    """Chains whose autocorrelation is a^t."""
    series = [rng.normal(size=chains)]
    for _ in range(moves):
        series.append(a * series[-1] + math.sqrt(1 - a * a) * rng.normal(size=chains))
    return np.stack(series)


def test_autocorrelation_of_a_known_chain_with_honest_errors():
    rng, truth = np.random.default_rng(0), 0.8 ** np.arange(6)
    found = [mixing.autocorrelation(autoregressive(0.8, 100, 10, rng)) for _ in range(100)]
    rho, se = (np.stack(part) for part in zip(*found, strict=True))
    assert rho.shape == (100, 6)
    np.testing.assert_allclose(rho[:, 0], 1.0)
    scatter = rho[:, 1:].std(0)
    assert (np.abs(rho.mean(0) - truth)[1:] < 5 * scatter / 10 + 0.01).all()
    np.testing.assert_allclose(se[:, 1:].mean(0), scatter, rtol=0.3)


@pytest.mark.slow
def test_a_sampler_that_is_exact_forgets_at_once_and_a_small_k_does_not(model):
    """At sigma = 0 fair coins are exact, and an untrained network says nothing else."""
    fair = build(LatticeConfig(side=SIDE), LatticeSizes(hidden=8, depth=1))
    *_, all_sites = mixing.compare(fair, sigma=0.0, k=SIDE**2, limit_s=math.inf)
    *_, one = mixing.compare(fair, sigma=0.0, k=1, limit_s=math.inf)
    assert all_sites.acceptance == one.acceptance == 1.0
    assert abs(all_sites.magnetisation[1]) < 4 * all_sites.magnetisation_se[1]
    # Of one site in 16 drawn anew, 15/16 of the magnetisation's memory is left.
    assert abs(one.magnetisation[1] - 15 / 16) < 5 * one.magnetisation_se[1] + 0.005


def test_kernels_are_compared_at_what_they_cost(model):
    gibbs, clusters, ours = mixing.compare(model, sigma=SIGMA, k=4, limit_s=math.inf)
    assert [row.kernel for row in (gibbs, clusters, ours)] == ["Gibbs", "Clusters", "Back-and-forth"]
    assert (gibbs.sites, clusters.sites, ours.sites) == (16, 16, 4)
    assert (gibbs.passes, ours.passes, ours.k) == (0, 8, 4)
    assert ours.moves == mixing.SWEEPS * 16 // 4
    assert 0.5 < ours.acceptance < 1
    assert all(row.seconds > 0 and len(row.energy) == row.moves // 2 + 1 for row in (gibbs, clusters, ours))
    # Clusters turn over by coins; single sites do not.
    assert abs(clusters.magnetisation[1]) < 0.2 < gibbs.magnetisation[1]


def test_time_is_up_after_a_few_moves(model):
    *_, ours = mixing.compare(model, sigma=SIGMA, k=2, limit_s=0.0)
    assert ours.moves == mixing.MIN_MOVES


def test_played_moves_change_filled_sites_only(model):
    played = mixing.play(model, sigma=SIGMA, k=5, moves=20, seed=3)
    assert played.x.shape == (21, 16)
    assert played.accepted.sum() > 0
    for m in range(20):
        assert len(set(played.filled[m].tolist())) == 5
        kept = np.setdiff1d(np.arange(16), played.filled[m])
        assert (played.proposal[m, kept] == played.x[m, kept]).all()
        after = played.proposal[m] if played.accepted[m] else played.x[m]
        assert (played.x[m + 1] == after).all()
    start = mixing.play(model, sigma=SIGMA, k=9, moves=1, seed=3).x[0]
    assert (start == played.x[0]).all()
