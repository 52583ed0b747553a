"""Estimators for images."""

import math
from types import SimpleNamespace

import pytest
import torch

from ebgfn import problems
from ebgfn.core.schedules import best_schedule, measured_step_nats
from ebgfn.core.states import uniform_orders
from ebgfn.core.trajectories import finest, log_ratio
from ebgfn.evaluation.likelihood import bound
from ebgfn.evaluation.log_z import Budget
from ebgfn.nets.bernoulli_mixture import fit
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.images import report
from ebgfn.problems.images.config import ImagesConfig
from tests.core.test_schedules import conv_policy

pytestmark = pytest.mark.slow


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


def test_the_sampler_is_told_by_the_mean_over_orders_of_every_image(monkeypatch, generator):
    """Against complete paths to all images, though in the report only some have them."""
    monkeypatch.setattr(report, "PATH_STEPS", 80 * 16)
    monkeypatch.setattr(report, "STEPS", 4)
    net, x = conv_policy(4), (torch.rand(200, 16, generator=generator) < 0.5).float()
    for part in net.parameters():
        part.data.mul_(0.7)  # so that orders matter, and single ones do not decide
    net.step_nats.copy_(measured_step_nats(net, x, generator=generator))
    figures = report.of_sampler(SimpleNamespace(dim=16, policy=net), x, generator)

    def over_orders(steps):
        order = (uniform_orders(len(x), 16, generator) for _ in range(report.ORDERS))
        return torch.stack([log_ratio(net, x, o, schedule=best_schedule(net.step_nats, steps)) for o in order])

    whole, short = over_orders(16), over_orders(4)
    gain = whole.logsumexp(0) - math.log(report.ORDERS) - whole.mean(0)
    price = whole.logsumexp(0) - short.logsumexp(0)
    for found, each in (
        (figures["gfn_bound"] - figures["gfn_nll"], gain),
        (figures["gfn_nll_4"] - figures["gfn_nll"], price),
    ):
        assert abs(found - each.mean().item()) < 4.5 * each.std().item() * math.sqrt(1 / 80 + 1 / len(x))


def test_the_report_of_an_untrained_model_is_exact(monkeypatch):
    torch.manual_seed(0)
    model = build(ImagesConfig(dataset="digits", preset="mlp"), MLPSizes(hidden=8, depth=2))
    # The mixture has tests of its own.
    monkeypatch.setattr(report, "best", lambda train, held_out: fit(train, components=2, iterations=2))
    budget = Budget(draws=200, others=100, chains=10, moves=5, annealed=200, temperatures=300, steps=49)
    figures = report.report(model, seed=0, points=20, budget=budget)
    flat = 64 * math.log(2)
    for key in ("gfn_bound", "gfn_nll", "gfn_nll_49"):
        assert figures[key] == pytest.approx(flat, abs=1e-3), key
    # Weights of the sampler's draws are alike; those of the broad family, and of annealed chains, are not.
    for key in ("log_z", "log_z_lower", "log_z_sampler", "log_z_annealed"):
        assert figures[key] == pytest.approx(flat, abs=0.3), key
    assert figures["gfn_bits_per_dim"] == pytest.approx(1.0, abs=1e-4)
    assert not figures["refuted"]
    assert figures["ebm_nll"] == pytest.approx(figures["log_z"], abs=1e-3)
    assert figures["ebm_bits_per_dim"] == pytest.approx(figures["log_z"] / flat, abs=1e-3)
    assert figures["highest_log_p"] == pytest.approx(-figures["log_z"], abs=1e-3)
    assert figures["ess"] == pytest.approx(1.0, abs=0.1)
    assert figures["mh_acceptance"] == pytest.approx(1.0, abs=1e-4)
    assert figures["test_images"] == 20
    # `evaluate` leads there too.
    monkeypatch.setattr(report, "report", lambda model, *, seed, points: {"points": points})
    assert problems.evaluate(model, points=7) == {"points": 7}
