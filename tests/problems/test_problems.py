"""The contract of every problem: what all code that treats them alike relies on."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ebgfn import shipped
from ebgfn.problems import PROBLEMS, of
from ebgfn.problems.images import sets

EVERY = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
ROOT = Path(__file__).parents[2]
SMALL = {"side": 4, "bits": 3, "samples": 60}
DATASETS = ("digits", "iris")


def small(problem):
    """Settings of little work, whose data lie on this machine."""
    fields = {f.name: f.metadata for f in dataclasses.fields(problem.config)}
    fits = {k: v for k, v in SMALL.items() if k in fields}
    sets_of = fields.get("dataset", {}).get("options", ())
    named = [name for name in DATASETS if name in sets_of][:1]
    return problem.config(**fits, **({"dataset": named[0]} if named else {}))


@pytest.fixture
def config(problem):
    return small(problem)


@EVERY
def test_it_is_found_by_its_name(problem, config):
    assert of(config) is problem
    assert PROBLEMS[problem.name] is problem
    assert problem.config.from_json(json.loads(json.dumps(config.to_json()))) == config


@EVERY
def test_whatever_its_settings_choose_has_a_trainer_with_networks_that_a_checkpoint_may_hold(problem, config):
    fields = {f.name: f.metadata for f in dataclasses.fields(problem.config)}
    asked = {config.trainer}
    for name in {"preset", "method", "energy"} & set(fields):
        asked |= {dataclasses.replace(config, **{name: option}).trainer for option in fields[name]["options"]}
    assert set(problem.trainers) == asked
    for trainer, recipe in problem.trainers.values():
        assert callable(trainer)
        assert type(recipe.sizes) in problem.sizes
    kinds = [sizes.kind for sizes in problem.sizes]
    assert len(set(kinds)) == len(kinds)


@EVERY
def test_points_are_bits_of_its_size_and_the_same_for_the_same_seed(problem, config):
    first, second = (problem.data(config, 5, np.random.default_rng(3), sigma=0.1) for _ in range(2))
    assert first.shape == (5, config.dim)
    assert np.isin(first, (0, 1)).all()
    assert np.array_equal(first, second)
    for array in problem.decode(config, first).values():
        assert len(array) == 5


@EVERY
def test_it_starts_from_zero_unless_asked_otherwise(problem, config, tmp_path):
    assert problem.begins_from(config, shipped.folder()) is None
    if "start" in {f.name for f in dataclasses.fields(problem.config)}:
        asked = dataclasses.replace(config, start="shipped")
        with pytest.raises(ValueError, match=r"start must be zero: no model of .* is shipped"):
            problem.begins_from(asked, tmp_path)
        damaged = tmp_path / f"{problem.name}-{config.label}"
        damaged.mkdir()
        (damaged / "config.json").write_text("[")
        with pytest.raises(ValueError, match="is shipped"):
            problem.begins_from(asked, tmp_path)


def test_points_in_the_plane_are_those_of_the_bits():
    problem = PROBLEMS["toy2d"]
    config = problem.config(dataset="8gaussians")
    xy = problem.decode(config, problem.data(config, 4000, np.random.default_rng(0), sigma=0.0))["xy"]
    # Modes on a circle of radius 2 sqrt 2, each with a standard deviation of 1 / (2 sqrt 2) on both axes.
    assert (xy**2).sum(1).mean() == pytest.approx(8.25, abs=4.5 * 2 / np.sqrt(4000))


def test_data_that_are_not_here_are_fetched_first(monkeypatch):
    asked = []
    monkeypatch.setattr(sets, "ensure", asked.append)
    problem = PROBLEMS["images"]
    problem.prepare(problem.config(dataset="omniglot"))
    assert asked == ["omniglot"]


def test_to_name_them_costs_nothing_heavy():
    command = "import sys, ebgfn.problems; print('torch' in sys.modules, 'streamlit' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", command], cwd=ROOT, text=True) == "False False\n"
