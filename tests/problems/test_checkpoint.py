"""Checkpoints: what is saved comes back, and a damaged folder is one clear error that harms nothing."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ebgfn.core.schedules import draw
from ebgfn.nets.mlp import MLPSizes
from ebgfn.nets.quadratic import FieldSizes
from ebgfn.problems.checkpoint import CheckpointError, build, load
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.shipped import CONFIG_FILE, WEIGHTS_FILE
from tests.examples import CHOICES

CONFIG = Toy2DConfig(dataset="moons", bits=4)


def small(location: bool = False, erasure: bool = False):
    return MLPSizes(hidden=8, depth=2, learned_location=location, learned_erasure=erasure)


def randomise(model):
    with torch.no_grad():
        for tensor in model.tensors().values():
            tensor.normal_(generator=torch.Generator().manual_seed(1))
    return model


@pytest.fixture
def folder(tmp_path):
    randomise(build(CONFIG, small())).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("choice", CHOICES)
def test_round_trip(choice, tmp_path, generator):
    model = randomise(build(CONFIG, small(*choice)))
    model.save(tmp_path / "a" / "b")
    found = load(tmp_path / "a" / "b")
    assert found.config == CONFIG
    assert found.sizes == model.sizes
    assert found.dim == 8
    assert {k: v.tolist() for k, v in found.tensors().items()} == {k: v.tolist() for k, v in model.tensors().items()}
    x = (torch.rand(5, 8, generator=generator) < 0.5).float()
    assert torch.equal(found.energy(x), model.energy(x))
    assert not any(p.requires_grad for part in (found.energy, found.policy) for p in part.parameters())
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == [CONFIG_FILE, WEIGHTS_FILE]


def test_saving_twice_replaces(folder):
    build(CONFIG, small()).save(folder)
    assert load(folder).energy.net.last.weight.abs().sum() == 0


def test_an_untrained_model_is_balanced():
    model = build(CONFIG, small())
    assert model.log_z.item() == pytest.approx(8 * torch.log(torch.tensor(2.0)).item())


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_missing_files_are_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"is not a checkpoint: {name} is missing"):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\xfe\x00", b"[1, 2]", b"null", b"[" * 100_000])
@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_garbage_is_an_error_of_one_line(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"is not a readable checkpoint: .") as error:
        load(folder)
    assert "\n" not in str(error.value)


def test_half_a_file_is_an_error(folder):
    data = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="is not a readable checkpoint"):
        load(folder)


def test_a_path_that_is_no_folder_is_an_error(folder, tmp_path):
    for path in (tmp_path / "nowhere", folder / CONFIG_FILE):
        with pytest.raises(CheckpointError, match="checkpoint"):
            load(path)


CHANGES = [
    ({"kind": "music"}, "kind must be one of toy2d"),
    ({"config": {"bits": 40}}, r"bits must be a whole number in 3\.\.16"),
    ({"config": {"colour": 1}}, "unknown setting 'colour'"),
    ({"config": {"bits": 5}}, "weights of another shape"),
    ({"config": 7}, "."),
    ({"architecture": {"hidden": 16, "depth": 2}}, "weights of another shape"),
    ({"architecture": {"hidden": 8, "depth": 3}}, "weights of another shape"),
    ({"architecture": {"hidden": 8, "depth": 2, "learned_location": True}}, "weights of another shape"),
    ({"architecture": {"hidden": 8, "depth": 2, "learned_location": 10**6}}, "must be true or false"),
    ({"architecture": {"hidden": 4096, "depth": 16}}, "weights of another shape"),
    ({"architecture": {"hidden": 10**9}}, r"width 1\.\.4096"),
    ({"architecture": {"hidden": 8.5, "depth": 2}}, "."),
    ({"architecture": {"kind": "transformer"}}, "must have networks of kind mixture or mlp"),
    ({"architecture": {"layers": 3}}, "layers"),
    ({"architecture": None}, "."),
]


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=lambda v: str(v)[:50] if isinstance(v, dict) else "")
def test_descriptions_that_do_not_fit_are_refused(folder, change, message):
    description = json.loads((folder / CONFIG_FILE).read_text())
    (folder / CONFIG_FILE).write_text(json.dumps(description | change))
    with pytest.raises(CheckpointError, match=f"is not a readable checkpoint: .*{message}"):
        load(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(folder, value):
    tensors = load_file(folder / WEIGHTS_FILE)
    tensors["policy.net.last.bias"][0] = value
    save_file(tensors, folder / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match="not finite"):
        load(folder)


@pytest.mark.parametrize("change", [lambda t: t.pop("log_z"), lambda t: t.update(more=torch.zeros(1))])
def test_other_names_of_weights_are_refused(folder, change):
    tensors = load_file(folder / WEIGHTS_FILE)
    change(tensors)
    save_file(tensors, folder / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match="weights of another shape"):
        load(folder)


def test_large_files_are_refused_unread(folder, monkeypatch):
    monkeypatch.setattr("ebgfn.problems.checkpoint.MAX_FILE_BYTES", 100)
    with pytest.raises(CheckpointError, match="is larger than"):
        load(folder)


def test_an_energy_of_its_own_size_is_saved_and_built_again(tmp_path):
    sizes = MLPSizes(hidden=8, depth=2, energy_hidden=4, energy_depth=3)
    model = build(Toy2DConfig(bits=3), sizes)
    assert (model.policy.net.first.out_features, model.energy.net.first.out_features) == (8, 4)
    assert len(model.energy.net.hidden) == 2
    model.save(tmp_path)
    assert load(tmp_path).sizes == sizes
    with pytest.raises(ValueError, match="width 1"):
        MLPSizes(energy_hidden=10**9)


def test_a_model_of_a_file_needs_the_file_no_more(tmp_path):
    np.savez(tmp_path / "mine.npz", x=np.random.default_rng(0).integers(0, 2, (60, 5), dtype=np.uint8))
    model = build(IsingConfig(path=str(tmp_path / "mine.npz")), FieldSizes(hidden=8, depth=1))
    model.save(tmp_path / "model")
    (tmp_path / "mine.npz").unlink()
    (tmp_path / "model").rename(tmp_path / "elsewhere")
    again = load(str(tmp_path / "elsewhere"))
    assert again.dim == 5
    assert draw(again.policy, 3, torch.Generator().manual_seed(0)).x.shape == (3, 5)


@pytest.mark.parametrize("dim", [1, 10**6, "5", True, None])
def test_a_file_with_an_impossible_number_of_variables_is_refused(tmp_path, dim):
    np.savez(tmp_path / "mine.npz", x=np.random.default_rng(0).integers(0, 2, (60, 5), dtype=np.uint8))
    build(IsingConfig(path=str(tmp_path / "mine.npz")), FieldSizes(hidden=8, depth=1)).save(tmp_path)
    description = json.loads((tmp_path / CONFIG_FILE).read_text()) | {"dim": dim}
    (tmp_path / CONFIG_FILE).write_text(json.dumps(description))
    with pytest.raises(CheckpointError, match=r"must be a whole number in 2\.\.400"):
        load(tmp_path)


def test_couplings_of_earlier_versions_have_no_fields(tmp_path):
    model = build(IsingConfig(side=3), FieldSizes(hidden=8, depth=1))
    model.energy.field_weights.data.fill_(0.5)
    model.policy.fields.fill_(0.5)
    model.save(tmp_path)
    assert torch.equal(load(tmp_path).energy.fields(), torch.full((9,), 0.5))
    assert torch.equal(load(tmp_path).policy.fields, torch.full((9,), 0.5))
    tensors = {k: v for k, v in model.tensors().items() if k not in ("energy.field_weights", "policy.fields")}
    save_file(tensors, tmp_path / "model.safetensors")
    assert not load(tmp_path).energy.fields().any()
    assert not load(tmp_path).policy.fields.any()
