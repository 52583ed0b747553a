"""Training on the 8 x 8 digits: both models beat the product of frequencies, every preset runs, a restart is seamless."""

import dataclasses

import pytest
import torch

from ebgfn.core.schedules import draw
from ebgfn.core.weights import log_mean_exp, log_weights
from ebgfn.evaluation.likelihood import bound
from ebgfn.evaluation.log_z import Budget
from ebgfn.nets.bernoulli_mixture import fit
from ebgfn.nets.mlp import MLPEnergy, MLPPolicy, MLPSizes
from ebgfn.nets.refined import RefinedEnergy
from ebgfn.nets.unet import UNetSizes
from ebgfn.problems.checkpoint import build, load
from ebgfn.problems.images import sets
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.images.recipes import RECIPES
from ebgfn.problems.images.report import of_energy
from ebgfn.problems.training import start, train
from ebgfn.train.chains import ChainPlan
from tests.train.resumed import assert_alike

pytestmark = pytest.mark.slow

# The same algorithm with less of everything.
LESS = {"fresh": 64, "path_steps": 4, "energy_batch": 64}
QUICK = dataclasses.replace(RECIPES["small"], **LESS, sizes=UNetSizes(hidden=64, channels=8, refined=3))

# Networks without convolutions learn digits in a tenth of the time.
LEARNS = dataclasses.replace(RECIPES["mlp"], **LESS, average=0.99, sizes=MLPSizes(hidden=64, depth=2))
BUDGET = Budget(draws=500, others=500, chains=32, moves=50, annealed=50, temperatures=50, steps=49)


def finished(config: ImagesConfig, recipe) -> tuple:
    state = start(config, recipe)
    return state, list(train(state, event_interval_s=60))


@pytest.fixture(scope="module")
def trained():
    state, events = finished(ImagesConfig(dataset="digits", steps=1000), LEARNS)
    return state.model(), events


@pytest.fixture(scope="module")
def figures(trained):
    """Of the energy, on all test images."""
    x = torch.from_numpy(sets.binarised_test("digits")).float()
    return of_energy(trained[0], x, torch.Generator().manual_seed(0), budget=BUDGET)


def test_the_sampler_is_better_than_the_product_of_frequencies_and_agrees_with_its_energy(trained, figures, generator):
    model, _ = trained
    train_, test = (
        torch.from_numpy(x).float() for x in (sets.read("digits", "train").static(), sets.binarised_test("digits"))
    )
    product = -fit(train_, components=1).log_prob(test)
    # Image by image: what is hard for one is hard for the other.
    gain = product - bound(model.policy, test, states=4, generator=generator)
    assert gain.mean() > 4.5 * gain.std() / len(test) ** 0.5
    assert figures["log_z"] == figures["log_z_lower"]
    # The largest, but for noise.
    assert figures["log_z"] >= max(figures["log_z_sampler"], figures["log_z_annealed"] - 2)
    assert ("ebm_nll" in figures) is not figures["refuted"]
    assert figures["mh_acceptance"] > 0.02


def test_the_curve_of_steps_and_log_z_come_with_the_model(trained, tmp_path):
    model, _ = trained
    nats = model.policy.step_nats
    assert (nats[1:] <= nats[:-1] + 1e-6).all()
    assert nats[0] > 1.25 * nats[-1]
    for half in (False, True):
        model.save(tmp_path / str(half), half=half)
        again = load(tmp_path / str(half))
        assert torch.allclose(again.policy.step_nats, nats, rtol=1e-3)
        assert again.log_z.item() == pytest.approx(model.log_z.item(), rel=1e-3)
        x = torch.from_numpy(sets.binarised_test("digits")[:50]).float()
        assert torch.allclose(again.energy(x), model.energy(x), atol=0.3 if half else 1e-4)
    sizes = [(tmp_path / str(half) / "model.safetensors").stat().st_size for half in (False, True)]
    assert sizes[1] < 0.6 * sizes[0]


def test_log_z_is_what_trajectory_balance_says(trained, generator):
    model, _ = trained
    by_sampler = log_mean_exp(log_weights(model.energy, draw(model.policy, 500, generator)))
    # A mean of residuals bounds log Z, and training has only followed it: nats, not hundredths.
    assert abs(model.log_z.item() - by_sampler.value) < 8


def test_every_phase_reports_its_loss(trained):
    _, events = trained
    assert set(events[-1].metrics) >= {"gfn_bound", "mh_acceptance", "any_order", "contrastive"}
    assert events[-1].frame["samples"].shape[1] == 64


def tiny(preset: str):
    flat = MLPSizes(hidden=32, depth=2, varied=preset == "digits")
    sizes = flat if preset in ("mlp", "digits") else UNetSizes(hidden=16, channels=4, refined=3)
    changes = {"fresh": 64, "batch": 16, "energy_batch": 32, "path_steps": 4, "sizes": sizes}
    if RECIPES[preset].plan.chains:
        changes["plan"] = ChainPlan(chains=48, batch=16, first_moves=3)
    return dataclasses.replace(RECIPES[preset], **changes)


@pytest.mark.parametrize("preset", ["fast", "small", "mlp", "digits"])
def test_presets_run_and_can_be_restored(preset):
    config, recipe = ImagesConfig(dataset="digits", preset=preset, steps=20, seed=1), tiny(preset)
    state, _ = finished(config, recipe)
    assert state.model().sizes == recipe.sizes
    again = start(config, recipe)
    again.load_state_dict(state.state_dict())
    x = torch.from_numpy(sets.binarised_test("digits")[:10]).float()
    assert torch.equal(again.model().energy(x), state.model().energy(x))
    assert torch.equal(again.model().policy.step_nats, state.model().policy.step_nats)


@pytest.mark.parametrize("preset", ["small", "digits"])
def test_interrupted_it_goes_on_as_if_nothing_had_been(preset):
    """Alone the sampler, and both together: noise, lessons and chains are part of the state too."""
    config = ImagesConfig(dataset="digits", preset=preset, steps=20, seed=1)
    assert_alike(config, tiny(preset), at=(4, 14, 17))


def test_an_energy_starts_from_what_the_policy_sees(generator):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        policy, energy = MLPPolicy(12, hidden=16, depth=3), MLPEnergy(12, hidden=16, depth=3)
    x = (torch.rand(20, 12, generator=generator) < 0.5).float()
    energy.start_from(policy)
    seen = policy.net.features(policy.begin(x, torch.ones_like(x, dtype=torch.bool)))
    ours = energy.net.features(energy.net.first(2 * x - 1))
    assert torch.allclose(ours, seen, atol=1e-5)
    assert (energy(x) == 0).all()


def test_models_of_images_have_energies_that_can_start_so():
    for preset, recipe in RECIPES.items():
        config = ImagesConfig(dataset="digits", preset=preset)
        with torch.device("meta"):
            energy = build(config, recipe.sizes).energy
        assert isinstance(energy, MLPEnergy if preset in ("mlp", "digits") else RefinedEnergy)


def test_training_goes_on_from_the_shipped_model(tmp_path, monkeypatch):
    monkeypatch.setenv("EBGFN_CHECKPOINTS", str(tmp_path))
    config = ImagesConfig(dataset="digits", preset="small", steps=15, start="shipped")
    with pytest.raises(ValueError, match="start must be zero: no model of digits with preset small is shipped"):
        start(config, QUICK)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        before = build(config, QUICK.sizes)  # an energy and a sampler that have nothing in common
    before.save(tmp_path / "images-digits")
    x = torch.from_numpy(sets.binarised_test("digits")[:50]).float()
    state = start(config, QUICK)
    assert torch.equal(state.model().policy(x, x > 2).value_logits, before.policy(x, x > 2).value_logits)
    assert list(train(state, event_interval_s=60))[-1].step == 15
    # The energy goes on from its own weights; it is not started from the sampler again.
    networks = (state.model().energy.net.net, before.energy.net.net, before.policy.net)
    now, energy, sampler = (net.first.weight for net in networks)
    assert torch.dist(now, energy) < 0.2 * torch.dist(now, sampler)
    assert not torch.equal(now, energy)
    other = dataclasses.replace(QUICK, sizes=UNetSizes(hidden=32, channels=4))
    with pytest.raises(ValueError, match="networks of other sizes"):
        start(config, other)
