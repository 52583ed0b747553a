"""Another device than the processor, and several processes. The meta device stands in for a GPU: it computes nothing, but a
tensor made in the wrong place meets one of the other device and that is an error there too."""

import json
import os
import subprocess
import sys

import pytest
import torch

from ebgfn import parallel
from ebgfn.core.schedules import draw
from ebgfn.core.states import uniform_orders
from ebgfn.core.trajectories import log_prob_steps
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.checkpoint import build, load
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.images.trainer import ImagesTrainer, flow
from ebgfn.runs.folder import RunFolder
from ebgfn.train import device
from tests.test_training_images import QUICK

pytestmark = pytest.mark.slow

CONFIG = ImagesConfig(dataset="digits", steps=6)
SCHEDULE = (0, 8, 24, 64)


def test_a_wrong_device_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.device() == torch.device("cpu")
    monkeypatch.setenv("EBGFN_DEVICE", "cuda")
    with pytest.raises(ValueError, match="device must be cpu where no CUDA device is found, got cuda"):
        device.device()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.device() == torch.device("cuda:0")
    monkeypatch.setenv("EBGFN_DEVICE", "nonsense")
    with pytest.raises(ValueError, match="must be cpu, cuda or cuda:N, got nonsense"):
        device.device()


def test_a_graphics_processor_of_its_own_for_each_process(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device.device() == torch.device("cuda:3")


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


@pytest.mark.parametrize("kind", ["conv", "mlp"])
def test_everything_is_made_where_the_model_is(kind):
    meta = torch.device("meta")
    model = build(CONFIG, MLPSizes(hidden=8, channels=4, kind=kind)).on(meta)
    algorithm = ImagesTrainer(model, QUICK)
    source = CONFIG.source()
    generator = torch.Generator()
    with device.working_on(meta):
        x, mean = source.draw_with_means(8)
        assert x.device == mean.device == meta
        assert algorithm._any_order(source, generator).device == meta
        order = uniform_orders(8, 64, generator)
        made = draw(model.policy, 8, schedule=SCHEDULE, generator=generator)
        assert made.x.device == made.log_pf.device == meta
        assert flow(model.policy, x, order, schedule=SCHEDULE).device == meta
        chosen = torch.zeros(8, 2, dtype=torch.int64)
        assert log_prob_steps(model.policy, x, order, schedule=SCHEDULE, chosen=chosen).shape == (8, 2)
        assert model.energy(x).device == meta


def test_several_processes_train_one_model(tmp_path):
    launcher = "-m torch.distributed.run --nproc-per-node 2 -m --"
    command = f"{launcher} tests.two_processes {tmp_path} train images --dataset digits --steps 6 --run {tmp_path}/run"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "EBGFN_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, *command.split()], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
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
