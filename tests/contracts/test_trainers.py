"""The contract of every trainer of every problem: what it makes can be kept and read, and a stopped training goes on."""

import dataclasses

import pytest
import torch

from ebgfn.evaluation.log_z import Budget
from ebgfn.problems import PROBLEMS, evaluate
from ebgfn.problems.checkpoint import load
from ebgfn.problems.ising import report
from ebgfn.problems.training import start
from tests.problems.test_problems import small
from tests.train.resumed import assert_alike

pytestmark = pytest.mark.slow


def every():
    """A small config for each trainer."""
    for problem in PROBLEMS.values():
        config = small(problem)
        names = [f.name for f in dataclasses.fields(config) if f.name in ("preset", "method", "energy")]
        for trainer in problem.trainers:
            for name in names:
                if trainer in {f.name: f for f in dataclasses.fields(config)}[name].metadata["options"]:
                    config = dataclasses.replace(small(problem), **{name: trainer})
            assert config.trainer == trainer
            yield pytest.param(dataclasses.replace(config, steps=4), id=f"{problem.name}-{trainer}")


EVERY = list(every())


@pytest.mark.parametrize("config", EVERY)
def test_a_stopped_training_goes_on_to_the_last_digit(config):
    assert_alike(config, None, at=(3,))


@pytest.mark.parametrize("config", EVERY)
def test_what_it_makes_is_kept_and_read_again(config, tmp_path):
    state = start(config)
    told = state.take_step(0.0)
    assert all(isinstance(value, float) for value in told.values())
    made = state.model()
    made.save(tmp_path)
    again = load(tmp_path)
    assert again.sizes == made.sizes
    assert (again.policy is None, again.log_z is None) == (made.policy is None, made.log_z is None)
    for name, tensor in made.tensors().items():
        assert torch.equal(again.tensors()[name], tensor), name


@pytest.mark.parametrize("config", [case for case in EVERY if case.id.startswith("ising")])
def test_an_energy_without_a_sampler_is_measured_as_well(config, monkeypatch):
    few = {"chains": 8, "moves": 10, "annealed": 20, "temperatures": 20}
    monkeypatch.setattr(report, "Budget", lambda **given: Budget(**given | few))
    figures = evaluate(start(config).model(), points=100)
    assert ("mh_acceptance" in figures) == (config.method == "ebgfn")
    assert figures["neg_log_rmse"] > 0
