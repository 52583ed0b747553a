"""Training on lattices small enough to enumerate: recovered moments, log Z, and one sampler right at every sigma."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from ebgfn.core.schedules import draw
from ebgfn.core.weights import log_weights
from ebgfn.evaluation import exact
from ebgfn.nets.lattice import LatticeEnergy, LatticeSizes, at_sigma, draw_lattices
from ebgfn.nets.quadratic import FieldSizes
from ebgfn.problems import evaluate, of
from ebgfn.problems.checkpoint import build, load
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.report import report
from ebgfn.problems.ising.trainer import IsingRecipe
from ebgfn.problems.lattice.config import LatticeConfig
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.problems.lattice.kaufman import log_z as kaufman_log_z
from ebgfn.problems.lattice.trainer import LatticeRecipe
from ebgfn.problems.training import restore, start, train
from ebgfn.train.loop import TrainState
from tests.train.resumed import assert_alike

pytestmark = pytest.mark.slow

FIELD = IsingRecipe(batch=128, sizes=FieldSizes(hidden=48, depth=2))
LATTICE = LatticeRecipe(
    batch=128,
    rungs=16,
    replicas=32,
    average=0.99,
    first_sweeps=50,
    sizes=LatticeSizes(hidden=48, depth=2),
)
SHORT = dataclasses.replace(LATTICE, batch=32, replicas=8, first_sweeps=5)


def finished(config, recipe) -> TrainState:
    state = start(config, recipe)
    list(train(state, event_interval_s=60))
    return state


@pytest.fixture(scope="module")
def couplings() -> TrainState:
    return finished(IsingConfig(side=3, sigma=0.15, estimate="refit", steps=300), FIELD)


@pytest.fixture(scope="module")
def lattice() -> TrainState:
    return finished(LatticeConfig(side=3, steps=700), LATTICE)


def moments(log_p: torch.Tensor, dim: int) -> torch.Tensor:
    """Exact means of s_i s_j."""
    spins = 2 * exact.all_states(dim).double() - 1
    return (spins * log_p.exp()[:, None]).T @ spins


def test_training_starts_from_the_shipped_model_of_nearest_sigma(tmp_path, monkeypatch):
    monkeypatch.setenv("EBGFN_CHECKPOINTS", str(tmp_path))
    config = IsingConfig(side=3, sigma=0.2, start="shipped", steps=1)
    with pytest.raises(ValueError, match="no model of a 3 x 3 lattice with free couplings is shipped"):
        start(config, FIELD)
    for sigma, couplings in ((0.1, "free"), (-0.1, "free"), (0.2, "homogeneous")):
        other = IsingConfig(side=3, sigma=sigma, couplings=couplings)
        made = build(other, FIELD.sizes)
        made.energy.weights.data.fill_(sigma)
        made.save(tmp_path / f"{other.label}-{couplings}")
    (tmp_path / "ising-3x3-damaged").mkdir()
    (tmp_path / "ising-3x3-damaged" / "model.safetensors").write_bytes(b"")
    state = start(config, FIELD)
    assert torch.all(state.model().energy.weights == 0.1)
    list(train(state))
    assert (state.model().energy.weights - 0.1).abs().max() < 0.1
    saved = state.state_dict()
    for shipped in tmp_path.iterdir():
        shutil.rmtree(shipped)
    # A run that has begun needs what it began from no more.
    assert torch.equal(restore(config, saved, FIELD).model().energy.weights, state.model().energy.weights)


def test_a_shipped_model_of_other_sizes_is_no_start(tmp_path, monkeypatch):
    monkeypatch.setenv("EBGFN_CHECKPOINTS", str(tmp_path))
    config = IsingConfig(side=3, sigma=0.2, start="shipped", steps=1)
    build(config, FIELD.sizes).save(tmp_path / config.label)
    wider = dataclasses.replace(FIELD, sizes=FieldSizes(hidden=49, depth=2))
    with pytest.raises(ValueError, match="other sizes"):
        start(config, wider)


def test_recovered_moments_are_those_of_the_data(couplings):
    config, model = couplings.config, couplings.model()
    spins = 2.0 * torch.from_numpy(config.data()) - 1
    of_data = (spins.T @ spins / len(spins)).double()
    ours = moments(exact.log_p(model.energy, 9)[0], 9)
    found = model.energy.couplings() != 0
    se = ((1 - of_data.square()) / len(spins)).sqrt()
    assert found.sum() >= 30
    # At these couplings pairs that are coupled have the moments of the data; the rest follow from them within noise.
    assert ((ours - of_data).abs()[found] < 2.0 * se[found]).all()
    true = moments(exact.log_p(LatticeEnergy(3).at(0.15), 9)[0], 9)
    assert ((ours - true).abs() < 4.5 * se + 1e-9).all()


def test_the_sampler_knows_the_recovered_energy(couplings):
    model = couplings.model()
    log_p, log_z = exact.log_p(model.energy, 9)
    assert exact.total_variation(log_p, exact.log_marginal(model.policy)) < 0.08
    figures = report(dataclasses.replace(model), seed=0, points=2000)
    assert figures["ess"] > 0.9
    assert figures["mh_acceptance"] > 0.95
    assert figures["log_z"] == pytest.approx(log_z, abs=0.02)
    assert figures["log_z_true_couplings"] == pytest.approx(kaufman_log_z(3, 0.15))
    assert figures["neg_log_rmse"] > figures["neg_log_rmse_zero"]


@pytest.mark.parametrize("sigma", [0.05, 0.2, 0.4])
def test_one_sampler_is_right_at_every_sigma(lattice, sigma):
    model = at_sigma(lattice.model(), sigma)
    log_p, log_z = exact.log_p(model.energy, 9)
    assert exact.total_variation(log_p, exact.log_marginal(model.policy)) < 0.05
    assert model.log_z.item() == pytest.approx(log_z, abs=0.1)


def test_half_the_steps_draw_the_same_model(lattice, generator):
    model = at_sigma(lattice.model(), 0.2)
    drawn = draw_lattices(model.policy, 20_000, generator)
    log_p, log_z = exact.log_p(model.energy, 9)
    w = log_weights(model.energy, drawn).exp().double()
    assert w.mean().item() == pytest.approx(np.exp(log_z), abs=4.5 * (w.std() / 20_000**0.5).item())
    counts = torch.bincount(exact.index_of(drawn.x), minlength=512).double() / 20_000
    assert 0.5 * (counts - log_p.exp()).abs().sum() < 0.15  # of which 0.06 are the noise of 20,000 draws


@pytest.mark.parametrize("side", [3, 4, 5])
def test_no_two_sites_of_the_last_block_are_neighbours(side):
    model = at_sigma(start(LatticeConfig(side=side, steps=1), LATTICE).model(), 0.1)
    block = model.policy.last_block.numpy()
    assert len(block) == (side - side % 2) ** 2 // 2
    assert not Lattice(side, 0.1).couplings()[np.ix_(block, block)].any()


def test_the_report_of_a_lattice_counts_standard_errors(lattice):
    figures = evaluate(lattice.model(), points=1000)
    assert figures["log_z_is_error"] < 0.005
    assert figures["energy_z"] < 6
    assert figures["ess"] > 0.8


@pytest.mark.parametrize("fixture", ["couplings", "lattice"])
def test_saved_and_loaded_it_is_the_same(fixture, request, tmp_path):
    model = request.getfixturevalue(fixture).model()
    model.save(tmp_path)
    again = load(tmp_path)
    assert again.config == model.config
    one, other = (of(m.config).at(m, None) for m in (model, again))
    draws = [draw(m.policy, 50, torch.Generator().manual_seed(1)) for m in (one, other)]
    assert torch.equal(draws[0].x, draws[1].x)
    torch.testing.assert_close(one.energy(draws[0].x), other.energy(draws[0].x))
    assert torch.equal(one.log_z, other.log_z)


@pytest.mark.parametrize(
    ("config", "recipe"),
    [(IsingConfig(side=3, sigma=0.1, steps=16), FIELD), (LatticeConfig(side=3, steps=16), SHORT)],
    ids=["ising", "lattice"],
)
def test_interrupted_it_goes_on_as_if_nothing_had_been(config, recipe):
    assert_alike(config, recipe, at=(config.steps // 2, config.steps - 2))


def test_the_sampler_that_is_kept_is_led_by_the_couplings_that_are_kept(couplings):
    model = couplings.model()
    assert torch.equal(model.policy.couplings, model.energy.couplings())
    assert not torch.equal(model.energy.couplings(), couplings.trainer.energy.module.couplings())


def test_ordered_samples_get_the_careful_estimate():
    state = finished(IsingConfig(side=4, sigma=0.5, steps=12), FIELD)
    assert state.trainer.energy.support is None
    homogeneous = finished(IsingConfig(side=4, sigma=0.5, couplings="homogeneous", steps=12), FIELD)
    assert homogeneous.trainer.energy.support is not None


def test_a_file_of_samples_gives_its_couplings(tmp_path):
    x = Lattice(3, 0.15).sample(2000, np.random.default_rng(0))
    np.savez(tmp_path / "mine.npz", x=x)
    state = finished(IsingConfig(path=str(tmp_path / "mine.npz"), steps=150), FIELD)
    found, true = state.model().energy.couplings().numpy(), Lattice(3, 0.15).couplings()
    assert ((found > 0.05) == (true > 0)).mean() > 0.95
    assert "neg_log_rmse" not in report(state.model(), seed=0, points=100)
