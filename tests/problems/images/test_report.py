"""Estimators for images against exact values at small D."""

import math

import pytest
import torch

from ebgfn import problems
from ebgfn.core.schedules import measured_step_nats
from ebgfn.core.states import uniform_orders
from ebgfn.core.trajectories import finest, log_ratio
from ebgfn.core.weights import log_mean_exp
from ebgfn.evaluation import exact
from ebgfn.evaluation.annealed import Path, anneal
from ebgfn.evaluation.likelihood import bound
from ebgfn.nets.bernoulli_mixture import fit
from ebgfn.nets.mlp import MLPEnergy, MLPPolicy, MLPSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.images import report
from ebgfn.problems.images.config import ImagesConfig
from tests.core.test_schedules import conv_policy

pytestmark = pytest.mark.slow

DIM = 12


def shaped(module, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=scale, generator=generator)
    return module.requires_grad_(False)


@pytest.fixture(scope="module")
def path():
    """An energy with structure, and a sampler in blocks that is not exact for it."""
    energy, policy = MLPEnergy(DIM, hidden=16, depth=2), MLPPolicy(DIM, hidden=16, depth=2)
    return Path(shaped(energy, 0.4, 0), shaped(policy, 0.25, 1), (0, 1, 3, 6, 12))


@pytest.mark.parametrize("temperatures", [2, 20])
def test_annealing_brackets_the_exact_log_z(path, temperatures, generator):
    # Mean weights are unbiased for Z and 1 / Z whatever the number of temperatures, so both ends are near the truth by
    # their own errors, and their logarithms lie on either side of it on average.
    log_p, log_z = exact.log_p(path.energy, DIM)
    betas = [i / temperatures for i in range(temperatures + 1)]
    up = anneal(path, path.start(1000, generator), betas, generator=generator)
    chosen = torch.multinomial(log_p.exp(), 1000, replacement=True, generator=generator)
    down = anneal(path, path.at(exact.all_states(DIM).float()[chosen], generator), betas[::-1], generator=generator)
    below, above = log_mean_exp(up.log_weight), log_mean_exp(down.log_weight)
    assert abs(below.value - float(log_z)) < 4.5 * below.se + 1e-4
    assert abs(-above.value - float(log_z)) < 4.5 * above.se + 1e-4
    assert up.log_weight.mean() < float(log_z) < -down.log_weight.mean()


def test_more_temperatures_narrow_the_bracket(path, generator):
    spread = []
    for temperatures in (2, 100):
        betas = [i / temperatures for i in range(temperatures + 1)]
        spread.append(anneal(path, path.start(500, generator), betas, generator=generator).log_weight.std().item())
    assert spread[1] < 0.5 * spread[0]


def test_moves_leave_the_model_invariant(path, generator):
    log_p, _ = exact.log_p(path.energy, DIM)
    states, n = exact.all_states(DIM).float(), 8_000
    x = states[torch.multinomial(log_p.exp(), n, replacement=True, generator=generator)]
    before = x.mean(0)
    after = anneal(path, path.at(x, generator), [1.0] * 13, generator=generator)
    assert 0.1 < after.acceptance < 0.95
    exact_mean = (log_p.exp().float()[:, None] * states).sum(0)
    se = (exact_mean * (1 - exact_mean) / n).sqrt()
    assert ((before - exact_mean).abs() < 4.5 * se).all()
    assert ((after.walkers.x.mean(0) - exact_mean).abs() < 4.5 * se).all()


def test_walkers_keep_account_of_their_paths(path, generator):
    walkers = path.start(500, generator)
    for beta in (0.0, 0.3, 0.7, 1.0) * 3:
        walkers, _ = path.move(walkers, beta, generator)
    told = log_ratio(path.policy, walkers.x, walkers.order, schedule=path.schedule)
    assert torch.allclose(walkers.log_q.sum(1), told, atol=1e-4)
    assert torch.allclose(walkers.energy, path.energy(walkers.x), atol=1e-4)


def test_the_bound_is_the_mean_over_orders(generator):
    net, n = conv_policy(4), 1000
    x = (torch.rand(1, 16, generator=generator) < 0.5).float().expand(n, 16)
    quick = bound(net, x, generator=generator)
    paths = -log_ratio(net, x, uniform_orders(n, 16, generator), schedule=finest(16))
    se = math.hypot(quick.std().item(), paths.std().item()) / math.sqrt(n)
    assert abs(quick.mean().item() - paths.mean().item()) < 4.5 * se


def test_the_curve_of_nats_falls_and_tells_the_bound(generator):
    # One that heeds the position only: what a pixel costs does not change along the way.
    net = conv_policy(8)
    torch.nn.init.zeros_(net.net.first.weight)
    x = (torch.rand(3000, 64, generator=generator) < 0.3).float()
    nats = measured_step_nats(net, x, generator=generator)
    assert (nats[1:] <= nats[:-1] + 1e-6).all()
    quick = bound(net, x, generator=generator)
    # Two estimates of one mean, from states of their own.
    assert abs(nats.sum().item() - quick.mean().item()) < 4.5 * math.sqrt(2 / len(x)) * quick.std().item()


def test_the_report_of_an_untrained_model_is_exact(monkeypatch):
    torch.manual_seed(0)
    model = build(ImagesConfig(dataset="digits", preset="mlp"), MLPSizes(hidden=8, depth=2))
    # The mixture has tests of its own.
    monkeypatch.setattr(report, "best", lambda train, held_out: fit(train, components=2, iterations=2))
    figures = report.report(model, seed=0, points=20, temperatures=5)
    flat = 64 * math.log(2)
    for key in ("gfn_bound", "gfn_nll", "gfn_nll_49", "ebm_nll_lower", "log_z", "log_z_ais"):
        assert figures[key] == pytest.approx(flat, abs=1e-3), key
    assert figures["gfn_bits_per_dim"] == pytest.approx(1.0, abs=1e-4)
    assert figures["log_z_search"] < figures["log_z_lower"] == pytest.approx(flat, abs=1e-3)
    assert figures["ess"] == pytest.approx(1.0, abs=1e-4)
    assert figures["mh_acceptance"] == pytest.approx(1.0, abs=1e-4)
    assert figures["test_images"] == 20
    # `evaluate` leads there too.
    monkeypatch.setattr(report, "report", lambda model, *, seed, points: {"points": points})
    assert problems.evaluate(model, points=7) == {"points": 7}
