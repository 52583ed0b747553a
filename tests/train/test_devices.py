"""Devices and several processes."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from ebgfn import parallel
from ebgfn.core.schedules import draw
from ebgfn.evaluation.log_z import Budget
from ebgfn.evaluation.neighbours import nearest
from ebgfn.model import Model
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems import of
from ebgfn.problems.checkpoint import build, load
from ebgfn.problems.images import report
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.lattice.config import LatticeConfig
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.training import start
from ebgfn.runs.folder import RunFolder
from ebgfn.train.device import device
from ebgfn.train.source import OnDevice, Rows

pytestmark = pytest.mark.slow

CONFIGS = [
    Toy2DConfig(bits=3, steps=6),
    Toy2DConfig(bits=3, steps=6, preset="paper"),
    IsingConfig(side=3, samples=60, steps=6),
    LatticeConfig(side=3, steps=6),
    ImagesConfig(dataset="digits", preset="small", steps=6),
    ImagesConfig(dataset="digits", preset="mlp", steps=6),
]


def test_a_wrong_device_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device("auto") == device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match="device must be cpu where no CUDA device is found, got cuda"):
        device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device("auto") == device("cuda") == torch.device("cuda:0")
    assert device("auto", large=False) == torch.device("cpu")
    assert device("cuda", large=False) == torch.device("cuda:0")
    with pytest.raises(ValueError, match="must be cpu, cuda or cuda:N, got nonsense"):
        device("nonsense")


def test_a_graphics_processor_of_its_own_for_each_process(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device() == torch.device("cuda:3")


def test_every_process_meets_the_others_on_a_device_of_its_own(monkeypatch):
    told = []
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", told.append)
    monkeypatch.setattr(torch.distributed, "init_process_group", told.append)
    parallel.meet()
    assert told == [3, "cpu:gloo,cuda:nccl"]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.label)
def test_every_tensor_is_made_where_those_lie_that_it_meets(config):
    # Tensors that are made without being told where come to the meta device here, whose meeting with others is an error.
    state = start(config)
    _ = state.source  # data lie in main memory
    with torch.device("meta"):
        for progress in (0.0, 0.2, 0.5, 0.65, 0.8, 0.99):
            state.take_step(progress)
        model = Model(config, state.sizes, *state.trainer.networks())
        one = of(config).at(model, None)
        assert draw(one.policy, 3, torch.Generator().manual_seed(0)).x.device == torch.device("cpu")


def test_data_go_where_training_is():
    meta = torch.device("meta")
    rows = OnDevice(Rows(np.eye(4, dtype=np.uint8), seed=0), meta)
    assert rows.draw(3).device == rows.all.device == meta
    images = OnDevice(ImagesConfig(dataset="digits").source(), meta)
    assert [part.device for part in images.draw_with_means(2)] == [meta, meta]


def _run(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command.split()], env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def test_several_processes_train_one_model(tmp_path):
    launcher = f"-m torch.distributed.run --nproc-per-node 2 -m -- tests.train.two_processes {tmp_path}"
    command = f"{launcher} train toy2d --bits 3 --steps 6 --run {tmp_path}/run"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "EBGFN_HOME": str(tmp_path)}
    done = _run(command, environment)
    if "terminate called without an active exception" in done.stderr:
        # A thread of gloo's that was gone too soon, once in some thirty starts on a busy machine; it says nothing of ours.
        done = _run(command, environment)
    assert done.returncode == 0, done.stderr
    status = RunFolder(tmp_path / "run").read_status()
    assert (status.state, status.step) == ("done", 6)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    # Losses with gradients 1 and -3.
    assert first["gradient"] == second["gradient"] == -1.0
    # Data differ; weights would too without the mean of gradients.
    assert first["module"] == second["module"]
    assert first["averaged"] == second["averaged"]
    assert first["averaged"] != first["module"]
    shown = load(RunFolder(tmp_path / "run").checkpoint).policy.state_dict()
    kept = {key: first["averaged"][f"policy.{key}"] for key in shown}
    assert {key: w.double().sum().item() for key, w in shown.items()} == pytest.approx(kept)


FEW = Budget(draws=20, others=20, chains=8, moves=2, annealed=4, temperatures=2)


def test_figures_of_images_are_made_where_the_model_is():
    # As above: whatever would be made elsewhere lands on the meta device and cannot be computed with.
    config = ImagesConfig(dataset="digits", preset="mlp")
    model = build(config, MLPSizes(hidden=8, depth=1))
    x = torch.from_numpy(of(config).data(config, 20, np.random.default_rng(0))).float()
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        figures = report.of_sampler(model, x, generator) | report.of_energy(model, x, generator, FEW)
        figures["near"] = nearest(x[:3], x)[1].sum().item()
    assert figures["near"] == 0
    assert all(math.isfinite(value) for value in figures.values() if not isinstance(value, str))
