"""Every shipped model loads, and gives the figures of its card again, within their errors."""

import json
import math

import numpy as np
import pytest
import torch

from ebgfn import shipped
from ebgfn.core.weights import log_mean_exp, log_weights, mean_estimate
from ebgfn.evaluation.likelihood import bound, log_likelihood
from ebgfn.nets.lattice import at_sigma, draw_lattices
from ebgfn.problems import PROBLEMS
from ebgfn.problems.checkpoint import load
from ebgfn.problems.images import sets
from ebgfn.problems.ising.scores import neg_log_rmse
from ebgfn.problems.lattice import kaufman

pytestmark = pytest.mark.slow

CARDS = {path.parent.name: json.loads(path.read_text()) for path in sorted(shipped.folder().glob("*/card.json"))}


def of_kind(kind: str) -> list[str]:
    return [name for name, card in CARDS.items() if card["kind"] == kind]


def agree(found, card: dict, key: str, *, more_se: float = 0.0) -> None:
    se = math.hypot(found.se, card.get(f"{key}_se", 0.0), more_se)
    assert found.value == pytest.approx(card[key], abs=4.5 * se), key


def test_every_one_has_a_card_of_a_known_kind():
    known = {name for kind in PROBLEMS for name in of_kind(kind)}
    assert known == {path.parent.name for path in shipped.folder().glob("*/config.json")}
    assert len(known) >= 20


@pytest.mark.parametrize("name", of_kind("toy2d"))
def test_a_density_of_the_plane(name, generator):
    model, card = load(shipped.folder() / name), CARDS[name]
    config = model.config
    x = torch.from_numpy(config.density().sample(400, np.random.default_rng(7), bits=config.bits)).float()
    if "ebm_nll" in card:
        with torch.no_grad():
            agree(mean_estimate(model.energy(x) + card["log_z"]), card, "ebm_nll")
    agree(mean_estimate(-log_likelihood(model.policy, x, trajectories=20, generator=generator)), card, "gfn_nll")


@pytest.mark.parametrize("name", of_kind("ising"))
def test_recovered_couplings(name):
    model, card = load(shipped.folder() / name), CARDS[name]
    found = model.energy.couplings().detach().numpy()
    assert neg_log_rmse(found, model.config.true_couplings()) == pytest.approx(card["neg_log_rmse"], abs=1e-5)
    assert int((found != 0).sum()) // 2 == card["pairs"]


@pytest.mark.parametrize("name", of_kind("lattice"))
def test_a_sampler_of_all_sigma(name, generator):
    model, card = load(shipped.folder() / name), CARDS[name]
    for sigma in (-0.2, 0.15, 0.22, 0.45):
        here = at_sigma(model, sigma)
        exact = kaufman.log_z(model.config.side, sigma)
        found = log_mean_exp(log_weights(here.energy, draw_lattices(here.policy, 400, generator)))
        assert found.value == pytest.approx(exact, abs=4.5 * found.se + model.dim * card["log_z_is_error"])
        assert here.log_z.item() == pytest.approx(exact, abs=model.dim * card["log_z_error"] + 1e-3)


@pytest.mark.parametrize("name", of_kind("images"))
def test_images(name, generator):
    model, card = load(shipped.folder() / name), CARDS[name]
    if model.config.dataset != "mnist" and not sets.available(model.config.dataset):
        pytest.skip(f"{model.config.dataset} is not on this machine")
    x = torch.from_numpy(sets.any_test_images(model.config.dataset)[::17][:120]).float()
    agree(mean_estimate(bound(model.policy, x, generator=generator)), card, "gfn_bound")
    with torch.no_grad():
        energy = torch.cat([model.energy(part) for part in x.split(60)]) + card["log_z"]
    agree(mean_estimate(energy), card, "ebm_nll")


@pytest.mark.parametrize("name", of_kind("table"))
def test_a_table(name, generator):
    model, card = load(shipped.folder() / name), CARDS[name]
    x = torch.from_numpy(model.config.whole("test")).float()
    agree(mean_estimate(-log_likelihood(model.policy, x, trajectories=16, generator=generator)), card, "gfn_nll")
    if "ebm_nll" in card:
        with torch.no_grad():
            agree(mean_estimate(model.energy(x) + card["log_z"]), card, "ebm_nll")
