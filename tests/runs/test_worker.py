"""The training loop against a trainer that learns nothing: what it writes, what it obeys, what it survives."""

import json
import threading
import time

import pytest
import torch

from ebgfn.problems.checkpoint import load
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.runs import visitors
from ebgfn.runs.worker import EVENT_INTERVAL_S, MAX_EVENT_INTERVAL_S, Interruptions, Worker, event_interval
from ebgfn.train.knobs import UNTURNED, Knobs
from tests.runs.fake import CONFIG, FakeTrainer


def worker(run, trainer, **settings) -> Worker:
    return Worker(run, trainer, clock=lambda: trainer.now, **settings)


def steps(run) -> list[int]:
    return [line["step"] for line in run.metrics]


def at_step(run, step, command):
    return lambda event: run.send(command) if event.step == step else None


def test_a_run_to_its_end(run):
    seen = []
    status = worker(run, FakeTrainer(), on_event=lambda event: seen.append(event.step)).work()
    assert status == run.status
    assert (status.state, status.step, status.progress, status.elapsed_s) == ("done", 20, 1.0, 20.0)
    assert seen == steps(run) == run.frames == list(range(1, 21))
    assert set(run.metrics[0]) == {"step", "elapsed_s", "progress", "gfn_nll"}
    assert load(run.checkpoint).config == CONFIG
    assert not run.alive


def test_checkpoints_are_close_enough_to_lose_less_than_30_s(run):
    trainer = FakeTrainer()
    worker(run, trainer).work()
    assert trainer.state.saved_at == [1, 11, 20]
    assert Worker(run, trainer).checkpoint_s + MAX_EVENT_INTERVAL_S <= 20.0
    assert event_interval(Toy2DConfig(budget_s=120.0)) == EVENT_INTERVAL_S
    assert event_interval(Toy2DConfig(budget_s=7 * 24 * 3600.0)) == MAX_EVENT_INTERVAL_S
    assert event_interval(CONFIG) == EVENT_INTERVAL_S


def test_killed_and_resumed_the_curve_goes_on(run):
    killed = FakeTrainer()

    def die(event):
        if event.step == 15:
            raise SystemExit  # passes every handler, as kill -9 does: nothing is written any more

    with pytest.raises(SystemExit):
        worker(run, killed, on_event=die).work()
    assert steps(run) == list(range(1, 16))
    assert run.read_status().state == "running"
    again = FakeTrainer()
    assert worker(run, again).work().state == "done"
    assert again.now == 9, "goes on from the checkpoint at step 11"
    assert steps(run) == run.frames == list(range(1, 21))
    assert [line["elapsed_s"] for line in run.metrics] == [float(s) for s in range(1, 21)]


def test_resume_without_checkpoint_starts_over(run):
    run.append_metrics({"step": 3})
    assert worker(run, FakeTrainer()).work().state == "done"
    assert steps(run) == list(range(1, 21))


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        (FakeTrainer(diverges_at=13), "training stopped at step 13: the loss became nan"),
        (FakeTrainer(nan_at=13), "training diverged at step 13: gfn_nll is nan"),
        (FakeTrainer(crashes_at=13), "KeyError: 'a bug'"),
    ],
)
def test_failure_names_its_cause_and_keeps_the_last_good_checkpoint(run, trainer, message):
    status = worker(run, trainer).work()
    assert (status.state, status.error, status.step) == ("failed", message, 12)
    assert run.status == status
    assert load(run.checkpoint).dim == 6
    assert torch.load(run.checkpoint / "trainer.pt", weights_only=True)["state"]["step"] == 11
    assert ("Traceback" in run.log) == (trainer.nan_at is None)
    run.update(state="running", error=None)
    assert worker(run, FakeTrainer()).work().state == "done"
    assert steps(run) == list(range(1, 21))


def test_cancel_writes_a_checkpoint_first(run):
    trainer = FakeTrainer()
    status = worker(run, trainer, on_event=at_step(run, 5, "cancel")).work()
    assert (status.state, status.step, status.error) == ("cancelled", 5, None)
    assert trainer.state.saved_at == [1, 5]


@pytest.mark.slow
def test_pause_step_and_go_on(run):
    trainer, seen = FakeTrainer(), []

    def command():
        for state_before, word in ((5, "step"), (6, "step"), (7, "pause"), (7, "run")):
            wait_for(lambda n=state_before: run.read_status().state == "paused" and run.read_status().step == n)
            seen.append(run.read_status().step)
            run.send(word)
            time.sleep(0.2)

    threading.Thread(target=command, daemon=True).start()
    status = Worker(run, trainer, on_event=at_step(run, 5, "pause")).work()
    assert status.state == "done"
    assert seen == [5, 6, 7, 7]
    assert trainer.state.saved_at[:4] == [1, 5, 6, 7]
    assert steps(run) == list(range(1, 21))


@pytest.mark.slow
def test_a_long_pause_gives_the_place_up(run):
    status = Worker(run, FakeTrainer(), on_event=at_step(run, 5, "pause"), linger_s=0.0).work()
    assert (status.state, status.pid, status.step) == ("paused", None, 5)
    assert not run.alive
    run.update(state="running")
    assert worker(run, FakeTrainer()).work().state == "done"
    assert steps(run) == list(range(1, 21))


def test_only_a_claimed_run_is_trained(run):
    run.update(state="cancelled")
    assert worker(run, FakeTrainer()).work().state == "cancelled"
    assert run.frames == []


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\3\4"])
def test_unreadable_checkpoint(run, content):
    worker(run, FakeTrainer(), on_event=at_step(run, 5, "cancel")).work()
    (run.checkpoint / "trainer.pt").write_bytes(content)
    run.update(state="running")
    status = worker(run, FakeTrainer()).work()
    assert status.state == "failed"
    assert "checkpoint of run one cannot be read" in status.error
    assert steps(run) == list(range(1, 6)), "nothing is lost"


def test_checkpoint_of_other_settings(run):
    worker(run, FakeTrainer(), on_event=at_step(run, 5, "cancel")).work()
    description = json.loads((run.path / "config.json").read_text())
    description["config"]["seed"] = 1
    (run.path / "config.json").write_text(json.dumps(description))
    run.update(state="running")
    assert "other settings" in worker(run, FakeTrainer()).work().error


def test_refused_write_is_the_cause(run):
    (run.path / "frames").write_text("a file where a folder should be")
    status = worker(run, FakeTrainer()).work()
    assert status.state == "failed"
    assert status.error.startswith("cannot write to")


def test_hosted_limits_stop_a_run(run, monkeypatch):
    monkeypatch.setattr(visitors, "MAX_SECONDS", 3.0)
    run.update(owner="somebody")
    visitors.heartbeat("somebody")
    status = worker(run, FakeTrainer(), interrupted=Interruptions(run, limited=True)).work()
    assert (status.state, status.step, status.error) == ("cancelled", 4, "it reached the limit of 3 seconds here")
    monkeypatch.setattr(visitors, "GONE_S", -1.0)
    run.update(state="running", error=None)
    status = worker(run, FakeTrainer(), interrupted=Interruptions(run, limited=True)).work()
    assert (status.state, status.step, status.error) == ("cancelled", 4, "its visitor left")
    run.update(state="running", owner="")
    assert worker(run, FakeTrainer(), interrupted=Interruptions(run)).work().state == "done"


def wait_for(condition, *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_what_is_turned_acts_from_the_next_event_and_is_kept_with_it(run):
    trainer, seen = FakeTrainer(), []

    def turn(event):
        seen.append(trainer.state.knobs)
        if event.step in (5, 8):
            run.turn(Knobs(rate=0.5, k=4) if event.step == 5 else UNTURNED)

    assert worker(run, trainer, on_event=turn).work().state == "done"
    assert [knobs.rate for knobs in seen] == [None] * 5 + [0.5] * 3 + [None] * 12
    turned = [line["step"] for line in run.metrics if line.get("knob_rate") == 0.5 and line["knob_k"] == 4]
    assert turned == [6, 7, 8]
    assert not any("knob_rate" in line for line in run.metrics if line["step"] not in turned)
