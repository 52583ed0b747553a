"""The published algorithm: gradients by enumeration at D = 3, and the schedule of K."""

import dataclasses
import types

import pytest
import torch

from ebgfn.core.trajectories import Trajectories
from ebgfn.evaluation import exact
from ebgfn.mcmc import BackAndForth
from ebgfn.mcmc.chain import ChainState
from ebgfn.model import Model
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.training import start, train
from ebgfn.train import paper
from ebgfn.train.learner import Moment
from ebgfn.train.paper import Paper, PaperRecipe
from tests import examples
from tests.train.enumerated import Given, asked, every_trajectory, gradient

DIM = 3


@pytest.fixture
def algorithm() -> Paper:
    net, energy = examples.policy(DIM, True, True), examples.energy(DIM)
    return Paper(Model(Toy2DConfig(), MLPSizes(), energy, net, torch.tensor(0.3)), PaperRecipe())


@pytest.mark.parametrize("back_share", [0.0, 0.25, 0.5, 1.0])
def test_the_sampler_follows_trajectory_balance_on_both_kinds_of_trajectories(
    algorithm, back_share, monkeypatch, generator
):
    """With every trajectory of P_F, and one of P_B for each data point, nothing in the loss is random."""
    algorithm.recipe = dataclasses.replace(algorithm.recipe, back_share=back_share)
    net, energy = algorithm.sampler.module.policy, algorithm.energy.module
    paths, data = every_trajectory(net), exact.all_states(DIM).repeat(6, 1)
    back, forward = round(48 * back_share), 48 - round(48 * back_share)

    def draw(policy, n, generator):
        assert policy is net
        return Trajectories(paths.x[:n], paths.order[:n], paths.schedule, paths.log_pf[:n], paths.log_pb[:n])

    def sample_backward(policy, x, *, k, generator):
        assert policy is net
        assert k == DIM
        assert torch.equal(x, data[:back])
        return paths.order[len(paths.order) - back :]

    monkeypatch.setattr(paper, "draw", draw)
    monkeypatch.setattr(paper, "sample_backward", sample_backward)
    loss = algorithm._trajectory_balance(data, generator)

    x = torch.cat([paths.x[:forward], data[:back]])
    order = torch.cat([paths.order[:forward], paths.order[48 - back :]])
    log_pf, log_pb = paper.log_prob(net, x, order, schedule=paths.schedule)
    residual = (0.3 + log_pf - log_pb + energy(x)).detach()
    assert residual.std() > 0.5
    assert loss.item() == pytest.approx(residual.square().mean().item(), rel=1e-5)
    log_z = algorithm.sampler.module.log_z
    expected = gradient((2 * residual * (log_z + log_pf - log_pb)).mean(), algorithm.sampler.module)
    torch.testing.assert_close(gradient(loss, algorithm.sampler.module), expected, rtol=1e-4, atol=1e-5)
    assert not gradient(loss, energy).any(), "the energy is the sampler's teacher, it learns nothing here"


@pytest.mark.parametrize("moves", [True, False])
def test_the_energy_falls_at_data_and_rises_at_negatives(algorithm, moves, monkeypatch, generator):
    x, ends = exact.all_states(DIM)[:4], exact.all_states(DIM)[2:6]
    energy, policy = algorithm.energy.module, algorithm.sampler.module.policy
    algorithm.recipe = dataclasses.replace(algorithm.recipe, batch=4, moves=moves)
    made = []

    class Moves(BackAndForth):
        def step(self, state, generator):
            made.append((self.energy, self.policy, self.k))
            assert torch.equal(state.x, x)
            return ChainState(ends, self.energy(ends)), None

    def drawn(policy, n, generator):
        made.append((policy, n))
        return types.SimpleNamespace(x=ends)

    monkeypatch.setattr(algorithm, "_trajectory_balance", lambda *_: torch.tensor(0.0))
    monkeypatch.setattr(paper, "BackAndForth", Moves)
    monkeypatch.setattr(paper, "draw", drawn)
    asked(monkeypatch, algorithm.sampler)
    seen = asked(monkeypatch, algorithm.energy)
    algorithm.step(Given(x), Moment(0, 0.99), generator)
    assert made == [(energy, policy, 3) if moves else (policy, 4)]
    ((loss, _),) = seen
    by_state = [gradient(energy(row[None]).sum(), energy) for row in torch.cat([x, ends])]
    expected = torch.stack(by_state[:4]).mean(0) - torch.stack(by_state[4:]).mean(0)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(gradient(loss, energy), expected, rtol=1e-4, atol=1e-5)
    assert not gradient(loss, algorithm.sampler.module).any()


def test_k_grows_from_one_to_all_entries(algorithm, monkeypatch, generator):
    taken = []
    monkeypatch.setattr(
        paper, "BackAndForth", lambda energy, policy, k: taken.append(k) or BackAndForth(energy, policy, k)
    )
    for learner in (algorithm.energy, algorithm.sampler):
        asked(monkeypatch, learner)
    source = Given(exact.all_states(DIM).repeat(16, 1))
    progress = [0.0, 0.1, 0.4, 0.5, 0.6, 0.9, 1.0]
    told = [algorithm.step(source, Moment(i, p), generator)["k"] for i, p in enumerate(progress)]
    assert taken == told == [1, 1, 1, 2, 2, 3, 3]


def test_in_training_k_follows_the_budget(monkeypatch):
    config = Toy2DConfig(preset="paper", bits=3, steps=12)
    taken = []
    monkeypatch.setattr(
        paper, "BackAndForth", lambda energy, policy, k: taken.append(k) or BackAndForth(energy, policy, k)
    )
    recipe = PaperRecipe(batch=8, sizes=MLPSizes(8, 2, learned_location=True, learned_erasure=True))
    *_, last = train(start(config, recipe), event_interval_s=60)
    assert taken == [max(1, round(step / 12 * 6)) for step in range(12)]
    assert taken[-1] == 6 == last.metrics["k"]


def test_both_learn_at_constant_rates(algorithm, monkeypatch, generator):
    seen = [asked(monkeypatch, learner) for learner in (algorithm.sampler, algorithm.energy)]
    for progress in (0.0, 0.5, 0.99):
        algorithm.step(Given(exact.all_states(DIM).repeat(16, 1)), Moment(0, progress), generator)
    assert [rate for learner in seen for _, rate in learner] == [1.0] * 6
    groups = algorithm.sampler.optimizer.param_groups
    assert [(g["lr"], len(g["params"])) for g in groups] == [(1.0, 1), (1e-3, len(groups[1]["params"]))]
    assert groups[0]["params"][0] is algorithm.sampler.module.log_z
    assert [g["lr"] for g in algorithm.energy.optimizer.param_groups] == [1e-3]
