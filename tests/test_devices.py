"""Another device than the processor, and several processes. The meta device stands in for a GPU: it computes nothing, but a
tensor made in the wrong place meets one of the other device and that is an error there too."""

import json
import os
import subprocess
import sys

import pytest
import torch

from ebgfn import parallel, processor
from ebgfn.algorithms.images import Images
from ebgfn.blocks import block_log_values, log_values, sample_blocks
from ebgfn.config import ImagesConfig
from ebgfn.model import Architecture, build, load
from ebgfn.runs.folder import RunFolder
from ebgfn.trajectories import uniform_orders
from tests.test_training_images import QUICK

pytestmark = pytest.mark.slow

CONFIG = ImagesConfig(dataset="digits", steps=6)
SCHEDULE = (0, 8, 24, 64)


def test_a_wrong_device_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert processor.device() == torch.device("cpu")
    monkeypatch.setenv("EBGFN_DEVICE", "cuda")
    with pytest.raises(ValueError, match="device must be cpu where no CUDA device is found, got cuda"):
        processor.device()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert processor.device() == torch.device("cuda:0")
    monkeypatch.setenv("EBGFN_DEVICE", "nonsense")
    with pytest.raises(ValueError, match="must be cpu, cuda or cuda:N, got nonsense"):
        processor.device()


def test_a_graphics_processor_of_its_own_for_each_process(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert processor.device() == torch.device("cuda:3")


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
    model = build(CONFIG, Architecture(hidden=8, channels=4, kind=kind)).on(meta)
    algorithm = Images(model, QUICK)
    source = CONFIG.source()
    generator = torch.Generator()
    with processor.working_on(meta):
        x, mean = source.draw_with_means(8)
        assert x.device == mean.device == meta
        assert algorithm._any_order(source, generator).device == meta
        order = uniform_orders(8, 64, generator)
        made = sample_blocks(model.policy, 8, schedule=SCHEDULE, generator=generator)
        assert made.x.device == made.log_pf.device == meta
        assert log_values(model.policy, x, order, schedule=SCHEDULE).device == meta
        chosen = torch.zeros(8, 2, dtype=torch.int64)
        assert block_log_values(model.policy, x, order, schedule=SCHEDULE, chosen=chosen).shape == (8, 2)
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
