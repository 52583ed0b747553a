"""Dropout and the end of the sampler's training are chosen by rows that training does not see."""

import dataclasses

import numpy as np
import pytest
import torch

from ebgfn.evaluation.exact import all_states, log_p
from ebgfn.evaluation.likelihood import bound
from ebgfn.problems.checkpoint import build
from ebgfn.problems.table import trainer
from ebgfn.problems.table.config import TableConfig
from ebgfn.problems.training import start
from ebgfn.train import fast
from ebgfn.train.learner import Moment
from tests.problems.table.test_training import RECIPE
from tests.train.resumed import assert_alike

pytestmark = pytest.mark.slow
KNOWN_BY_HEART = dataclasses.replace(RECIPE, warm_share=0.9, teach_share=0.9, lr=3e-2, average=0.9)


@pytest.fixture
def few_rows(tmp_path):
    """Rows that have nothing in common: whatever is learned of them is wrong."""
    x = np.random.default_rng(0).integers(0, 2, (80, 12))
    file = tmp_path / "few.csv"
    np.savetxt(file, x, fmt="%d", delimiter=",")
    return TableConfig(path=str(file), steps=240)


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(trainer, "EVERY", 10)
    monkeypatch.setattr(trainer, "PATIENCE", 2)


def held_out_nats(state) -> float:
    x = torch.from_numpy(state.config.split.valid.x).float()
    policy = state.trainer.networks().policy
    return bound(policy, x, states=200, generator=torch.Generator().manual_seed(3)).mean().item()


def test_what_is_learned_by_heart_is_taken_back(few_rows, often):
    state = start(few_rows, KNOWN_BY_HEART)
    while not state.trainer._held_out.stopped:
        state.take_step(min(0.89, state.step / 240))
        assert state.step < 240
    chosen = held_out_nats(state)
    assert chosen < 12 * np.log(2) + 1.5
    assert state.trainer.sampler.module.policy.net.dropout == trainer.DROPOUT[-1]
    torch.manual_seed(0)
    plain = fast.Fast(build(few_rows, KNOWN_BY_HEART.sizes), KNOWN_BY_HEART)
    for step in range(state.step):
        plain.step(state.source, Moment(step, min(0.89, step / 240)), state.generator)
    x = torch.from_numpy(few_rows.split.valid.x).float()
    alone = bound(plain.networks().policy, x, states=200, generator=torch.Generator().manual_seed(3)).mean().item()
    assert alone > chosen + 2


def test_when_the_sampler_is_done_the_energy_has_the_rest(few_rows, often):
    state = start(few_rows, KNOWN_BY_HEART)
    state.trainer._held_out.tried = len(trainer.DROPOUT)
    before = held_out_nats(state)
    told = state.take_step(0.2)
    assert "contrastive" in told
    assert "any_order" not in told
    assert held_out_nats(state) == before
    assert state.trainer.energy.updates == 1


def test_it_is_resumed_to_the_last_digit(few_rows, monkeypatch):
    monkeypatch.setattr(trainer, "EVERY", 2)
    monkeypatch.setattr(trainer, "PATIENCE", 1)
    config = dataclasses.replace(few_rows, steps=60)
    for at in (9, 40):
        assert_alike(config, KNOWN_BY_HEART, at=(at,))


@pytest.mark.parametrize("patience", [2, 10**6])
def test_an_energy_that_is_worse_than_its_density_is_not_kept(few_rows, monkeypatch, patience):
    """Of rows that have nothing in common whatever the energy learns is wrong."""
    monkeypatch.setattr(trainer, "EVERY", 10)
    recipe = dataclasses.replace(KNOWN_BY_HEART, warm_share=0.2, teach_share=0.2, smooth=0.0, energy_lr=1e-2)
    state = start(few_rows, recipe)
    for step in range(240):
        if step == 60:
            monkeypatch.setattr(trainer, "PATIENCE", patience)
        state.take_step(step / 240)
    x, energy = torch.from_numpy(few_rows.whole("valid")).float(), state.trainer.networks().energy

    def nats(learned) -> float:
        """Mean -log p of held-out rows, exactly."""
        log_probs, _ = log_p(learned, few_rows.dim)
        place = torch.empty(2**few_rows.dim, dtype=torch.long)
        weight = 2.0 ** torch.arange(few_rows.dim)
        place[(all_states(few_rows.dim) @ weight).long()] = torch.arange(2**few_rows.dim)
        return -log_probs[place[(x @ weight).long()]].mean().item()

    with torch.no_grad():
        density = energy.nats(x).mean().item()
    assert nats(energy) < density + 0.05
    now = nats(state.trainer.energy.averaged)
    if patience == 2:
        assert state.trainer._judged.tried > 0
        assert now < density + 0.3
    else:
        assert now > density + 0.3
