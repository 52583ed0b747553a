"""The run folder by itself: whole or not at all, bounded, and frank about damage."""

import json
import time
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.checkpoint import build, load
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.runs import folder, store
from ebgfn.runs.folder import RunError, RunFolder, Status
from tests.runs.fake import CONFIG


def status(state: str = "done", **changes) -> Status:
    return Status(state, created=time.time(), heartbeat=time.time(), **changes)


def test_round_trip(home):
    config = Toy2DConfig(dataset="drawn", weights=((1.0, 0.0), (0.5, 2.0)), budget_s=3.5)
    before = status("failed", owner="a/b", error="a cause", pid=7)
    run = store.create(home / "runs" / "x", config, before)
    assert run.config == config
    assert run.status == before
    assert set(json.loads((run.path / "status.json").read_text())) >= {"state", "heartbeat", "error"}
    assert store.find("x") == run
    assert store.list_runs() == [run]


def test_update_keeps_the_rest(run):
    before = run.status
    after = run.update(step=3, error="e")
    assert (after.step, after.error, after.created) == (3, "e", before.created)
    assert "error" not in run.update(error=None).to_json()


def test_create_refuses_what_is_there(run, tmp_path):
    with pytest.raises(RunError, match="already holds a run"):
        store.create(run.path, CONFIG, status())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="new or an empty folder"):
        store.create(tmp_path / "full", CONFIG, status())
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["thesis.txt"]
    (tmp_path / "empty").mkdir()
    assert store.create(tmp_path / "empty", CONFIG, status()).status.state == "done"


def test_unwritable_place(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write to .*file/run: there is a file where a folder is needed"):
        store.create(tmp_path / "file" / "run", CONFIG, status())


@pytest.mark.parametrize("name", ["../one", "/etc", "", ".lock", "a" * 200, "one/..", "two"])
def test_an_id_is_no_path(run, name):
    with pytest.raises(RunError, match="there is no run"):
        store.find(name)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "{"),
        ("config.json", '{"kind": "toy2d", "config": {"bits": 99}}'),
        ("config.json", '{"kind": "other", "config": {}}'),
        ("config.json", "[]"),
        ("config.json", None),
        ("status.json", ""),
        ("status.json", "[1]"),
        ("status.json", '{"state": "asleep", "created": 1, "heartbeat": 1}'),
        ("status.json", '{"state": "done", "created": "x", "heartbeat": 1}'),
        ("status.json", None),
    ],
)
def test_damage_is_reported_and_harms_no_other(run, home, file, content):
    other = store.create(home / "runs" / "other", CONFIG, status())
    (run.path / file).unlink() if content is None else (run.path / file).write_text(content)
    assert run.status.state == "damaged"
    assert file in (run.status.error or "")
    assert {r.id: s.state for r, s in store.list_statuses()} == {"one": "damaged", "other": "done"}
    store.delete(run)
    assert store.list_runs() == [other]


def test_metrics_and_a_line_cut_short(run):
    run.append_metrics({"step": 1, "gfn_nll": 2.5})
    run.append_metrics({"step": 2, "gfn_nll": 2.0})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "gfn')
    assert [line["step"] for line in run.metrics] == [1, 2]
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.append_metrics({"step": 4, "gfn_nll": float("nan")})
    (run.path / "metrics.jsonl").write_text("no json\n")
    with pytest.raises(RunError, match=r"metrics\.jsonl"):
        _ = run.metrics


def test_truncate(run):
    for step in range(1, 6):
        run.append_metrics({"step": step})
        run.write_frame(step, {"samples": np.full((1, 2), step)})
    run.truncate(3)
    assert [line["step"] for line in run.metrics] == [1, 2, 3] == run.frames
    assert run.read_frame(3)["samples"].tolist() == [[3, 3]]
    with pytest.raises(RunError, match="frame 4"):
        run.read_frame(4)
    (run.path / "frames" / "00000002.npz").write_bytes(b"PK\3\4 broken")
    with pytest.raises(RunError, match="frame 2"):
        run.read_frame(2)


def test_frames_are_thinned_evenly(run, monkeypatch):
    monkeypatch.setattr(folder, "MAX_FRAMES", 10)
    for step in range(1, 101):
        run.write_frame(step, {"a": np.zeros(1)})
        assert len(run.frames) == min(step, 10)
    gaps = np.diff(run.frames)
    assert run.frames[0] == 1
    assert run.frames[-1] == 100
    assert gaps[:-1].max() <= 2 * np.median(gaps)


def test_commands_are_taken_once(run):
    assert run.take_command() is None
    run.send("pause")
    run.send("step")
    assert run.take_command() == "step"
    assert run.take_command() is None
    run.send("cancel")
    run.send("run")
    assert run.take_command() == "cancel"
    (run.path / "control").write_text("rm -rf")
    assert run.take_command() is None


def test_a_held_run_is_alive_and_not_deleted(run):
    assert not run.alive
    with run.held():
        assert run.alive
        with pytest.raises(RunError, match="cancel it first"):
            store.delete(run)
    assert not run.alive
    assert run.path.is_dir()


def test_export_and_locate(run, tmp_path):
    with pytest.raises(RunError, match="no checkpoint yet"):
        store.export(run)
    with pytest.raises(RunError, match="no checkpoint yet"):
        store.locate(str(run.path), shipped=tmp_path)
    build(CONFIG, MLPSizes(hidden=2, depth=1)).save(run.checkpoint)
    run.append_metrics({"step": 1})
    zipfile.ZipFile(BytesIO(store.export(run))).extractall(tmp_path / "out")
    assert load(tmp_path / "out" / "one").config == CONFIG
    assert {p.name for p in (tmp_path / "out" / "one").iterdir()} == {
        "config.json",
        "model.safetensors",
        "metrics.jsonl",
    }
    for name in (str(run.path), str(run.checkpoint), "one", str(tmp_path / "out" / "one")):
        assert load(store.locate(name, shipped=tmp_path)).dim == 6
    assert store.locate("one", shipped=tmp_path / "out") == run.checkpoint
    assert store.locate("kept", shipped=_copy(run.checkpoint, tmp_path / "shipped" / "kept").parent).name == "kept"
    with pytest.raises(RunError, match="shipped models are kept, and `ebgfn runs` lists runs"):
        store.locate("gone", shipped=tmp_path / "shipped")


def _copy(source: Path, target: Path) -> Path:
    target.mkdir(parents=True)
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def test_a_run_elsewhere(tmp_path):
    run = store.create(tmp_path / "mine", CONFIG, status())
    assert RunFolder(tmp_path / "mine").status == run.status
    assert store.list_runs() == []
