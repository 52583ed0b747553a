"""Both algorithms at sizes where everything is known exactly, and the training loop's promises."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from ebgfn.core.losses import balance_residual
from ebgfn.core.schedules import draw
from ebgfn.core.states import random_masks
from ebgfn.core.trajectories import log_prob
from ebgfn.evaluation import exact
from ebgfn.model import Model
from ebgfn.nets.mixture import MixtureSizes
from ebgfn.nets.mlp import MLPEnergy, MLPPolicy, MLPSizes
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.training import start, train
from ebgfn.train.chains import ChainPlan
from ebgfn.train.fast import FastRecipe
from ebgfn.train.learner import Diverged, Learner
from ebgfn.train.loop import TrainingDiverged, TrainState
from ebgfn.train.paper import Paper, PaperRecipe
from tests.train.resumed import assert_alike

pytestmark = pytest.mark.slow

SMALL = FastRecipe(
    batch=128, fresh=1024, kept=1024, average=0.98, plan=ChainPlan(chains=128), sizes=MLPSizes(hidden=64, depth=2)
)


MIXED = dataclasses.replace(SMALL, sizes=MixtureSizes(components=64, energy_hidden=64, energy_depth=2))


def config(**changes) -> Toy2DConfig:
    return dataclasses.replace(Toy2DConfig(dataset="8gaussians", bits=3, steps=400), **changes)


def data_distribution(state: TrainState) -> np.ndarray:
    """Probabilities of the 64 vectors of the coarsest grid, from two million draws."""
    bits = state.config.density().sample(2_000_000, np.random.default_rng(9), bits=state.config.bits)
    index = exact.index_of(torch.from_numpy(bits)).numpy()
    return np.bincount(index, minlength=2**state.config.dim) / len(index)


@pytest.fixture(scope="module", params=[SMALL, MIXED], ids=["network", "mixture"])
def trained(request) -> TrainState:
    state = start(config(), request.param)
    list(train(state, event_interval_s=60))
    return state


def kl(p: np.ndarray, log_q: torch.Tensor) -> float:
    seen = p > 0
    return float((p[seen] * (np.log(p[seen]) - log_q.numpy()[seen])).sum())


def test_fast_learns_data_with_both_models(trained):
    p, model = data_distribution(trained), trained.model()
    flat = math.log(64) + (p[p > 0] * np.log(p[p > 0])).sum()
    assert flat > 0.5  # what an untrained model is short of
    assert kl(p, exact.log_p(model.energy, model.dim)[0]) < 0.03
    assert kl(p, exact.log_marginal(model.policy)) < 0.03


def test_fast_sampler_tracks_the_energy_and_log_z(trained):
    model = trained.model()
    log_p, log_z = exact.log_p(model.energy, model.dim)
    assert exact.total_variation(log_p, exact.log_marginal(model.policy)) < 0.06
    assert model.log_z.item() == pytest.approx(log_z, abs=0.1)


class Ising:
    """A 2 x 2 torus as a fixed energy: E(x) = -0.4 (sum over neighbours of the product of their spins)."""

    dim = 4

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        spins = 2 * x - 1
        return -0.8 * (spins * spins[:, [1, 3, 0, 2]]).sum(1)


def test_paper_reaches_zero_residual_on_a_small_ising_model():
    """Trajectory balance with learned locations and erasure, the energy held fixed; log Z by enumeration."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    policy = MLPPolicy(4, hidden=32, depth=2, learned_location=True, learned_erasure=True)
    recipe = PaperRecipe(batch=64, lr=0.01, log_z_lr=0.1)
    model = Model(config(), MLPSizes(), MLPEnergy(4), policy, torch.tensor(0.0))
    algorithm = Paper(model, recipe)
    energy = Ising()
    states = exact.all_states(4)
    probabilities = torch.softmax(-energy(states), 0)
    algorithm.energy = dataclasses.make_dataclass("Fixed", ["module"])(energy)
    residual = torch.tensor(math.inf)
    for step in range(500):
        data = states[torch.multinomial(probabilities, recipe.batch, replacement=True, generator=generator)]
        loss = algorithm._trajectory_balance(data, generator)
        algorithm.sampler.update(loss, rate=1 - step / 500)
    drawn = draw(policy, 1000, generator)
    log_pf, log_pb = log_prob(policy, drawn.x, drawn.order, schedule=drawn.schedule)
    residual = balance_residual(algorithm.sampler.module.log_z, log_pf, log_pb, energy(drawn.x)).detach()
    assert residual.abs().mean() < 0.08
    assert algorithm.sampler.module.log_z.item() == pytest.approx(torch.logsumexp(-energy(states), 0).item(), abs=0.05)


def test_paper_runs_and_lowers_its_likelihood():
    recipe = PaperRecipe(batch=64, sizes=MLPSizes(hidden=64, depth=2))
    state = start(config(preset="paper", steps=100), recipe)
    events = list(train(state, event_interval_s=60))
    assert events[-1].metrics["gfn_nll"] < events[0].metrics["gfn_nll"] - 0.2


def test_equal_seeds_make_equal_weights_whatever_is_watched():
    short = config(steps=20)
    one, two = start(short, SMALL), start(short, SMALL)
    seen = list(train(one, event_interval_s=0.0))
    assert len(seen) > len(list(train(two, event_interval_s=60)))
    for a, b in zip(one.model().tensors().values(), two.model().tensors().values(), strict=True):
        assert torch.equal(a, b)


# Pools that are neither new nor used up where the run is interrupted.
POOLED = dataclasses.replace(
    SMALL, batch=32, energy_batch=32, fresh=96, kept=128, reuse=1, pairs=1.0, flips=1.0, plan=ChainPlan(48, 16, 1, 3)
)
LEARNED = PaperRecipe(batch=32, sizes=MLPSizes(16, 2, learned_location=True, learned_erasure=True))


@pytest.mark.parametrize(
    ("preset", "recipe"),
    [("fast", POOLED), ("fast", dataclasses.replace(POOLED, sizes=MIXED.sizes)), ("paper", LEARNED)],
    ids=["fast", "mixture", "paper"],
)
def test_interrupted_it_goes_on_as_if_nothing_had_been(preset, recipe):
    assert_alike(config(preset=preset, steps=16), recipe, at=(1, 8, 11))


def test_restored_state_goes_on_from_where_it_was():
    state = start(config(steps=40), SMALL)
    events = train(state, event_interval_s=0.0)
    for _ in range(5):
        next(events)
    restored = start(config(steps=40), SMALL)
    restored.load_state_dict(state.state_dict())
    assert (restored.step, restored.elapsed_s) == (state.step, state.elapsed_s)
    last = list(train(restored))[-1]
    assert last.step == 40
    assert last.progress == 1.0


def test_the_model_shown_is_the_averaged_one():
    state = start(config(steps=12), SMALL)
    list(train(state, event_interval_s=60))
    shown, learners = state.model().tensors(), {"energy": state.trainer.energy, "policy": state.trainer.sampler}
    for name, learner in learners.items():
        raw, averaged = (
            getattr(part, name) if name == "policy" else part for part in (learner.module, learner.averaged)
        )
        for key, weights in raw.state_dict().items():
            assert torch.equal(shown[f"{name}.{key}"], averaged.state_dict()[key])
            assert not torch.equal(shown[f"{name}.{key}"], weights), f"{name}.{key} is not averaged"


@pytest.mark.parametrize("steps", [1, 4, 40])
def test_algorithms_are_told_how_far_training_is(steps, monkeypatch):
    state, told = start(config(steps=steps), SMALL), []
    monkeypatch.setattr(state.trainer, "step", lambda source, now, generator: told.append(now) or {})
    list(train(state, event_interval_s=60))
    assert [now.step for now in told] == list(range(steps))
    assert [now.progress for now in told] == [step / steps for step in range(steps)]


def test_the_budget_in_seconds_ends_training_and_a_pause_is_free():
    state = start(config(steps=None, budget_s=1.0), SMALL)
    events = train(state, event_interval_s=0.0)
    first = next(events)
    torch.randn(2000, 2000) @ torch.randn(2000, 2000)  # time that passes between two events
    assert next(events).elapsed_s - first.elapsed_s < 1.0
    assert list(events)[-1].progress == 1.0
    assert 1.0 <= state.elapsed_s < 4.0


def test_a_loss_that_is_not_finite_names_step_and_cause():
    state = start(config(), SMALL)
    events = train(state, event_interval_s=0.0)
    next(events)
    with torch.no_grad():
        next(state.trainer.energy.module.parameters()).fill_(math.nan)
    with pytest.raises(TrainingDiverged, match=r"step \d+: the loss of the MLPEnergy became nan"):
        list(events)


def test_learner_refuses_a_loss_that_is_not_finite_before_touching_its_weights():
    module = torch.nn.Linear(1, 1)
    before = module.weight.clone()
    learner = Learner(module, lr=1.0)
    with pytest.raises(Diverged, match="inf"):
        learner.update(module(torch.ones(1)).sum() * math.inf)
    assert torch.equal(module.weight, before)


def test_random_masks_fill_every_number_of_entries_equally():
    masks = random_masks(4000, 8, torch.Generator().manual_seed(0))
    counts = torch.bincount(masks.sum(1), minlength=9)
    assert counts[8] == 0
    assert (counts[:8] - 500).abs().max() <= 1
    assert (masks.float().mean(0) - 3.5 / 8).abs().max() < 5 * 0.5 / math.sqrt(4000)
