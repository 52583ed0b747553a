"""The queue with workers that are only written down: order, places, limits, and runs whose worker is gone."""

import os
import threading
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest

from ebgfn.runs import jobs, store, visitors
from ebgfn.runs.folder import RunError
from ebgfn.runs.jobs import Jobs
from tests.runs.fake import CONFIG

NO_PROCESS = 2**22 + 1  # above the largest process id of a system


class Launched(list):
    """Stands for started workers: remembers the runs, and holds the lock of those in `at_work`."""

    def __call__(self, run) -> int:
        self.append(run.id)
        return os.getpid()


@pytest.fixture
def launched() -> Launched:
    return Launched()


@pytest.fixture
def queue(launched) -> Jobs:
    return Jobs(launch=launched)


def states(*ids: str) -> list[str]:
    return [store.find(run_id).read_status().state for run_id in ids]


def end(run_id: str, state: str = "done") -> None:
    store.find(run_id).update(state=state)


def test_one_at_a_time_in_order(queue, launched):
    a, b, c = (queue.submit(CONFIG, owner="me") for _ in range(3))
    assert launched == [a]
    assert states(a, b, c) == ["running", "queued", "queued"]
    assert [queue.queue_position(r) for r in (a, b, c)] == [None, 1, 2]
    assert store.find(a).read_status().pid == os.getpid()
    end(a)
    queue.poll()
    assert launched == [a, b]
    assert queue.queue_position(c) == 1
    queue.cancel(c)
    assert states(a, b, c) == ["done", "running", "cancelled"]


def test_the_expected_wait_is_what_those_before_have_left(queue, launched, monkeypatch):
    a, b, c = (queue.submit(replace(CONFIG, steps=None, budget_s=s), owner="me") for s in (60.0, 30.0, 10.0))
    store.find(a).update(progress=0.25)
    assert queue.expected_wait(b) == pytest.approx(45.0)
    assert queue.expected_wait(c) == pytest.approx(75.0)
    monkeypatch.setenv("EBGFN_MAX_JOBS", "3")
    assert queue.expected_wait(c) == pytest.approx(25.0)
    # Of a number of steps nobody knows how long they take.
    steps = queue.submit(CONFIG, owner="me")
    last = queue.submit(replace(CONFIG, steps=None, budget_s=5.0), owner="me")
    assert queue.expected_wait(steps) is not None
    assert queue.expected_wait(last) is None


def test_places(queue, launched, monkeypatch):
    monkeypatch.setenv("EBGFN_MAX_JOBS", "2")
    runs = [queue.submit(CONFIG) for _ in range(3)]
    assert launched == runs[:2]
    for bad in ("0", "-1", "many", "1.5"):
        monkeypatch.setenv("EBGFN_MAX_JOBS", bad)
        with pytest.raises(RunError, match=r"EBGFN_MAX_JOBS must be a whole number in 1\.\.64"):
            queue.poll()


def test_two_servers_start_a_run_once(launched):
    first = Jobs(launch=launched).submit(CONFIG)
    waiting = [Jobs(launch=launched).submit(CONFIG) for _ in range(3)]
    end(first)
    servers = [threading.Thread(target=Jobs(launch=launched).poll) for _ in range(4)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    assert launched == [first, waiting[0]]


def test_pause_resume_and_step_of_a_run_without_worker(queue, launched):
    a, b = queue.submit(CONFIG), queue.submit(CONFIG)
    queue.pause(b)
    assert states(b) == ["paused"]
    assert queue.queue_position(b) is None
    queue.step(b)
    assert states(b) == ["queued"]
    assert store.find(b).waiting_command() == "step"
    queue.pause(a)
    assert store.find(a).take_command() == "pause"
    assert states(a) == ["running"]
    store.find(a).update(state="paused", pid=None)  # its worker has left
    queue.poll()
    assert launched == [a, b]
    queue.resume(a)
    assert states(a) == ["queued"]
    assert store.find(a).waiting_command() == "run"


def test_a_paused_worker_keeps_its_place_and_gets_commands(queue, launched):
    a = queue.submit(CONFIG)
    run = store.find(a)
    with run.held():
        run.update(state="paused")
        b = queue.submit(CONFIG)
        assert states(b) == ["queued"]
        queue.resume(a)
        assert run.take_command() == "run"
        assert states(a) == ["paused"]
        queue.cancel(a)
        assert run.take_command() == "cancel"
    queue.poll()
    assert states(a, b) == ["paused", "running"], "a paused run whose worker is gone takes no place"


@pytest.mark.parametrize("action", ["cancel", "pause", "resume", "step"])
def test_a_finished_run_is_left_alone(queue, action):
    a = queue.submit(CONFIG)
    end(a)
    with pytest.raises(RunError, match="is already done"):
        getattr(queue, action)(a)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_resume_queues_again(queue, launched, state):
    a = queue.submit(CONFIG)
    store.find(a).send("cancel")
    store.find(a).update(state=state, error="why")
    queue.resume(a)
    assert launched == [a, a]
    assert states(a) == ["running"]
    assert store.find(a).read_status().error is None
    assert store.find(a).waiting_command() == "run"


def test_dead_worker_is_noticed_and_the_next_starts(launched):
    a = Jobs(launch=lambda run: NO_PROCESS).submit(CONFIG)
    (store.find(a).path / "worker.log").write_text("Traceback\nImportError: no torch\n")
    b = Jobs(launch=launched).submit(CONFIG)
    assert states(a, b) == ["failed", "running"]
    error = store.find(a).read_status().error
    assert error.startswith("the training process ended unexpectedly at step 0 (ImportError: no torch)")


def test_a_worker_that_starts_or_lives_is_not_dead(queue):
    a = queue.submit(CONFIG)
    run = store.find(a)
    queue.poll()
    assert states(a) == ["running"], "the process is there, though it does not hold its lock yet"
    with run.held():
        run.update(heartbeat=time.time() - 10 * jobs.STALE_S)
        queue.poll()
        assert states(a) == ["running"], "a held lock is proof of life, whatever the clock says"
    queue.poll()
    assert states(a) == ["failed"]


def test_heartbeats_decide_about_another_machine(queue):
    a = queue.submit(CONFIG)
    run = store.find(a)
    run.update(host="elsewhere", pid=NO_PROCESS)
    queue.poll()
    assert states(a) == ["running"]
    run.update(heartbeat=time.time() - 2 * jobs.STALE_S)
    queue.poll()
    assert states(a) == ["failed"]


def test_worker_that_cannot_be_started(launched):
    def refuse(run):
        raise OSError(12, "Cannot allocate memory")

    a = Jobs(launch=refuse).submit(CONFIG)
    assert states(a) == ["failed"]
    assert store.find(a).read_status().error == "the training process could not be started: Cannot allocate memory"


def test_foreground_takes_over(queue, launched):
    a = queue.submit(CONFIG)
    with store.find(a).held(), pytest.raises(RunError, match=f"already training, in process {os.getpid()}"):
        jobs.take_over(store.find(a))
    end(a, "cancelled")
    store.find(a).send("cancel")
    jobs.take_over(store.find(a))
    assert states(a) == ["running"]
    assert store.find(a).waiting_command() is None
    end(a)
    with pytest.raises(RunError, match="is already done"):
        jobs.take_over(store.find(a))


def test_finished_runs_are_bounded(queue, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_FINISHED_RUNS", 2)
    runs = []
    for i in range(4):
        runs.append(queue.submit(CONFIG))
        store.find(runs[-1]).update(state="done", heartbeat=1000.0 + i)
    (store.runs_folder() / "damaged").mkdir()
    last = queue.submit(CONFIG)
    assert {run.id for run in store.list_runs()} == {*runs[2:], last, "damaged"}


def test_runs_of_the_command_line_are_never_deleted_to_make_room(queue, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_FINISHED_RUNS", 1)
    mine = [store.create(jobs.new_path(CONFIG), CONFIG, jobs.foreground_status()) for _ in range(3)]
    for run in mine:
        run.update(state="done", heartbeat=1000.0, pid=None)
    taken = queue.submit(CONFIG)
    store.find(taken).update(state="cancelled", pid=None)
    jobs.take_over(store.find(taken))
    store.find(taken).update(state="done", heartbeat=1001.0, pid=None)
    theirs = []
    for i in range(3):
        theirs.append(queue.submit(CONFIG))
        store.find(theirs[-1]).update(state="done", heartbeat=2000.0 + i)
    queue.poll()
    assert {run.id for run in store.list_runs()} == {*(run.id for run in mine), taken, theirs[-1]}


def test_delete(queue):
    a = queue.submit(CONFIG)
    with store.find(a).held(), pytest.raises(RunError, match="cancel it first"):
        queue.delete(a)
    end(a)
    queue.delete(a)
    assert store.list_runs() == []
    assert not any(p.name.startswith(".trash") for p in store.runs_folder().iterdir())
    with pytest.raises(RunError, match="there is no run"):
        queue.delete(a)


def test_a_run_that_cannot_be_changed_holds_up_no_other(queue, launched):
    a = queue.submit(CONFIG)
    b = queue.submit(CONFIG)
    end(a)
    (store.find(b).path / ".lock").mkdir()
    c = queue.submit(CONFIG)
    assert launched == [a, c]
    assert states(b, c) == ["queued", "running"]


def test_unwritable_home(queue, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EBGFN_HOME", str(tmp_path / "file"))
    with pytest.raises(RunError, match="cannot write to"):
        queue.submit(CONFIG)
    queue.poll()
    assert store.list_runs() == []


def test_limits_of_a_public_address(queue, launched, monkeypatch):
    monkeypatch.setenv("EBGFN_HOSTED", "1")
    monkeypatch.setenv("EBGFN_MAX_JOBS", "2")
    a, b, c = (queue.submit(CONFIG, owner="me") for _ in range(3))
    assert launched == [a], "one running of a visitor, though there is a second place"
    with pytest.raises(RunError, match="you have 2 runs waiting"):
        queue.submit(CONFIG, owner="me")
    d = queue.submit(CONFIG, owner="you")
    assert launched == [a, d]
    assert states(b, c) == ["queued", "queued"]
    with pytest.raises(RunError, match=r"budget_s must be in 1\.\.900 here, got 901"):
        queue.submit(replace(CONFIG, steps=None, budget_s=901.0), owner="you")
    with pytest.raises(RunError, match=r"steps must be in 1\.\.20000 here"):
        queue.submit(replace(CONFIG, steps=20_001), owner="you")
    end(a, "failed")
    with pytest.raises(RunError, match="you have 2 runs waiting"):
        queue.resume(a)


def test_waiting_runs_of_a_visitor_who_left(queue, monkeypatch):
    a, b, c = (queue.submit(CONFIG, owner=owner) for owner in ("me", "../you", ""))
    long_ago = time.time() - visitors.GONE_S - 1
    os.utime(visitors._file("../you"), (long_ago, long_ago))
    queue.poll()
    assert states(a, b, c) == ["running", "queued", "queued"], "at home nobody is sent away"
    monkeypatch.setenv("EBGFN_HOSTED", "1")
    queue.poll()
    assert states(a, b, c) == ["running", "cancelled", "queued"]
    assert store.find(b).read_status().error == "its visitor left"
    jobs.heartbeat("../you")
    assert not visitors.gone("../you")
    assert visitors.gone("never seen")
    assert not visitors.gone("")


def test_old_heartbeats_are_forgotten(queue):
    jobs.heartbeat("me")
    os.utime(visitors._file("me"), (1.0, 1.0))
    jobs.heartbeat("you")
    queue.submit(CONFIG)
    assert [p.name for p in (store.home() / "owners").iterdir()] == [visitors._file("you").name]


def test_a_worker_that_hangs_is_killed(queue, monkeypatch):
    killed = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    a = queue.submit(CONFIG)
    with ExitStack() as stack:
        stack.enter_context(store.find(a).held())
        queue.cancel(a)
        assert store.find(a).waiting_command() == "cancel"
        store.find(a).update(heartbeat=time.time() - 2 * jobs.STALE_S)
        queue.cancel(a)
    assert states(a) == ["cancelled"]
    assert (os.getpid(), 9) in killed
