"""Real workers, really training: two jobs in a queue, one of them killed, resumed, paused and cancelled."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ebgfn.problems.checkpoint import load
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.runs import jobs, spawn, store, worker
from ebgfn.runs.folder import RunFolder

pytestmark = pytest.mark.slow

ENDLESS = Toy2DConfig(bits=3, steps=10_000_000)
SHORT = Toy2DConfig(bits=3, steps=5, dataset="moons")


@pytest.fixture
def no_survivors(home) -> Iterator[None]:
    yield
    for run in store.list_runs():
        if run.alive:
            os.kill(run.read_status().pid or 0, signal.SIGKILL)
    wait_for(lambda: spawn.reap() == 0)
    spawn.dismiss()
    jobs.poll()


def wait_for(condition: Callable[[], object], *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def steps(run: RunFolder) -> list[int]:
    return [line["step"] for line in run.metrics]


def in_state(run: RunFolder, state: str) -> Callable[[], bool]:
    return lambda: run.read_status().state == state


def test_queue_kill_resume_pause_cancel(no_survivors):
    """The first run is given to a process that waits, the others to new ones."""
    spawn.prepare()
    (there,) = spawn._waiting
    first = store.find(jobs.submit(ENDLESS, owner="me"))
    assert first.read_status().pid == there.process.pid
    second = store.find(jobs.submit(SHORT, owner="me"))
    assert second.read_status().state == "queued"
    assert jobs.queue_position(second.id) == 1
    wait_for(lambda: len(steps(first)) >= 2 and first.has_checkpoint)
    assert first.alive

    killed = first.read_status()
    os.kill(killed.pid or 0, signal.SIGKILL)
    wait_for(lambda: not first.alive)
    jobs.poll()
    assert first.read_status().state == "failed"
    assert "unexpectedly" in (first.read_status().error or "")
    assert second.read_status().state == "running", "the place is free again"

    before = first.metrics
    jobs.resume(first.id)
    assert first.read_status().state == "queued"
    # From here on nobody polls: the end of the second job starts the first again.
    wait_for(in_state(second, "done"))
    wait_for(in_state(first, "running"))
    wait_for(lambda: len(first.metrics) < len(before) or first.metrics[-1]["step"] > before[-1]["step"])
    kept = [line for line in first.metrics if line in before]
    assert kept, "the curve goes on from a checkpoint, it does not start over"
    assert killed.elapsed_s - kept[-1]["elapsed_s"] <= 30.0
    wait_for(lambda: len(first.metrics) > len(kept))
    assert steps(first) == sorted(set(steps(first)))
    assert set(first.frames) <= set(steps(first))

    jobs.pause(first.id)
    wait_for(in_state(first, "paused"))
    events, elapsed = len(first.metrics), first.read_status().elapsed_s
    jobs.step(first.id)
    wait_for(lambda: len(first.metrics) == events + 1 and first.read_status().state == "paused")
    assert elapsed < first.read_status().elapsed_s
    jobs.resume(first.id)
    wait_for(in_state(first, "running"))
    jobs.cancel(first.id)
    wait_for(in_state(first, "cancelled"))
    assert load(first.checkpoint).config == ENDLESS
    assert load(second.checkpoint).config == SHORT
    assert first.log == ""
    assert second.log == ""


# In place of a worker, which imports for seconds: one that waits as it does, and else tells its surroundings.
STAND_IN = f"""import os, sys
if sys.argv[1] == {spawn.WAIT!r}: sys.stdin.readline()
else: print(os.environ["EBGFN_SOMETHING"])"""


def test_one_process_waits_and_is_let_go_where_it_was_started_for_other_surroundings(no_survivors, monkeypatch):
    monkeypatch.setattr(spawn, "_COMMAND", (sys.executable, "-c", STAND_IN))
    spawn.prepare()
    (there,) = spawn._waiting
    spawn.prepare()
    assert spawn._waiting == [there], "one is enough"
    monkeypatch.setenv("EBGFN_SOMETHING", "else")
    run = store.find(jobs.submit(SHORT, owner="me"))
    assert run.read_status().pid != there.process.pid
    assert there.process.poll() is not None
    wait_for(lambda: run.log == "else\n")


def test_a_process_that_waits_ends_with_who_prepared_it(home, monkeypatch):
    script = f"""import sys; from ebgfn.runs import spawn
spawn._COMMAND = (sys.executable, "-c", {STAND_IN!r}); spawn.prepare(); print(spawn._waiting[0].process.pid)"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    wait_for(lambda: not _lives(int(told.stdout)))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(SystemExit):
        worker.await_run()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc/self/stat").exists() else True
