"""Configs: JSON round trip, and one clear sentence for everything out of limits."""

import dataclasses
import json

import numpy as np
import pytest

from ebgfn.problems import config_of
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.plane.config import PRESETS, Toy2DConfig
from ebgfn.problems.plane.densities import DENSITIES, DRAWN

PICTURE = ((1.0, 0.0), (0.5, 2.0))
GOOD = [
    Toy2DConfig(),
    *(Toy2DConfig(dataset=name, preset=PRESETS[i % 2], bits=3 + i) for i, name in enumerate(DENSITIES)),
    Toy2DConfig(dataset=DRAWN, weights=PICTURE, steps=10, seed=2**31 - 1, budget_s=1),
]


@pytest.mark.parametrize("config", GOOD, ids=lambda c: c.dataset)
def test_json_round_trip(config):
    text = json.dumps(config.to_json(), allow_nan=False)
    assert Toy2DConfig.from_json(json.loads(text)) == config
    assert config.dim == 2 * config.bits
    assert config.density().sample(3, np.random.default_rng(0), bits=config.bits).shape == (3, config.dim)


def test_fields_that_are_none_are_left_out():
    assert "steps" not in Toy2DConfig().to_json()
    assert "weights" not in Toy2DConfig().to_json()


BAD = [
    ({"dataset": "spiral"}, r"dataset must be one of 2spirals, .*; got 'spiral'"),
    ({"dataset": []}, "dataset must be one of"),
    ({"preset": "slow"}, "preset must be one of fast, paper, basic; got 'slow'"),
    ({"bits": 2}, r"bits must be a whole number in 3\.\.16, got 2"),
    ({"bits": 17}, r"bits must be a whole number in 3\.\.16, got 17"),
    ({"bits": 8.0}, "bits must be a whole number"),
    ({"bits": True}, "bits must be a whole number"),
    ({"bits": "8"}, "bits must be a whole number"),
    ({"bits": None}, "bits must be a whole number"),
    ({"budget_s": -1}, r"budget_s must be a number in 1\.\."),
    ({"budget_s": float("nan")}, "budget_s must be a number"),
    ({"budget_s": float("inf")}, "budget_s must be a number"),
    ({"budget_s": 10**400}, "budget_s must be a number"),
    ({"budget_s": "60"}, "budget_s must be a number"),
    ({"steps": 0}, "steps must be a whole number"),
    ({"steps": 1.5}, "steps must be a whole number"),
    ({"seed": -1}, "seed must be a whole number"),
    ({"seed": 2**31}, "seed must be a whole number"),
    ({"dataset": DRAWN}, "weights are given exactly if dataset is 'drawn'"),
    ({"weights": PICTURE}, "weights are given exactly if dataset is 'drawn'"),
    ({"dataset": DRAWN, "weights": ((0.0, 0.0), (0.0, 0.0))}, "at least one above zero"),
]


@pytest.mark.parametrize(("values", "message"), BAD, ids=lambda v: str(v)[:40] if isinstance(v, dict) else "")
def test_bad_values_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Toy2DConfig(**values)
    with pytest.raises(ValueError, match=message):
        Toy2DConfig.from_json(values)


@pytest.mark.parametrize("weights", ["abc", 3, [1.0], [["a"]], [[10**400, 1], [1, 1]], [[1], [1, 2]], [[1, 2], [1]]])
def test_bad_tables_are_refused(weights):
    with pytest.raises(ValueError, match="weights must"):
        Toy2DConfig.from_json({"dataset": DRAWN, "weights": weights})


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match=r"unknown setting 'speed'; known are bits, budget_s, .*"):
        Toy2DConfig.from_json({"speed": 3})


def test_every_field_states_its_limits_and_help():
    for field in dataclasses.fields(Toy2DConfig):
        assert field.metadata["help"], field.name
        assert field.name == "weights" or {"low", "high"} <= set(field.metadata) or "options" in field.metadata


def test_a_file_is_a_source_of_couplings():
    config = IsingConfig(path="mine.csv")
    assert (config.side, config.sigma, config.samples, config.lattice, config.true_couplings()) == (None,) * 5
    assert IsingConfig.from_json(config.to_json()) == config
    made = IsingConfig()
    assert (made.side, made.sigma, made.samples, made.dim) == (10, 0.2, 2000, 100)
    assert "path" not in made.to_json()


def test_settings_of_earlier_versions_are_understood():
    said = {"kind": "file", "config": {"path": "mine.csv", "side": 0, "couplings": "free", "steps": 3}}
    assert config_of(said) == IsingConfig(path="mine.csv", steps=3)
    lattice = said | {"config": said["config"] | {"side": 4}}
    assert config_of(lattice) == IsingConfig(path="mine.csv", side=4, steps=3)
    with pytest.raises(ValueError, match="kind must be one of toy2d, ising"):
        config_of({"kind": "music", "config": {}})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": ""}, "path must name a CSV or NPZ file"),
        ({"path": 7}, "path must name a CSV or NPZ file"),
        ({"path": "x.csv", "sigma": 0.1}, "sigma and samples must not be given with a path"),
        ({"path": "x.csv", "samples": 100}, "sigma and samples must not be given with a path"),
        ({"path": "x.csv", "couplings": "homogeneous"}, "need the side of the lattice"),
        ({"path": "x.csv", "start": "shipped"}, "start must be zero for the samples of a file"),
        ({"method": "pcd-gwg", "start": "shipped"}, "preset and start must not be given with method"),
    ],
)
def test_settings_of_couplings_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        IsingConfig(**settings)
