"""The queue of training jobs, kept in the run folders themselves.

There is no daemon: whoever polls (an app server, a worker at its end) notices workers that died and starts the next
queued run. A lock file keeps two servers on one folder from starting a run twice. EBGFN_MAX_JOBS says how many runs
train at once.
"""

import itertools
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ebgfn.problems.config import Config
from ebgfn.runs import store, visitors
from ebgfn.runs.folder import FINISHED, RunError, RunFolder, Status, file_lock, writing
from ebgfn.runs.spawn import prepare, reap, spawn
from ebgfn.runs.visitors import heartbeat

MAX_FINISHED_RUNS = 50
STALE_S = 60.0

Entry = tuple[RunFolder, Status]


def max_jobs() -> int:
    """How many runs may train at once."""
    text = os.environ.get("EBGFN_MAX_JOBS", "1")
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise RunError(f"EBGFN_MAX_JOBS must be a whole number in 1..64, got {text!r}")
    return int(text)


@dataclass(frozen=True)
class Jobs:
    """All that a page may do with runs. `launch` starts the worker of a run and returns its process id."""

    launch: Callable[[RunFolder], int] = spawn

    def submit(self, config: Config, *, owner: str = "") -> str:
        """Queue a run and start it if there is room; returns its id."""
        if visitors.hosted():
            visitors.check_limits(config)
        if owner:
            heartbeat(owner)
        with queue_lock():
            check_owner(owner)
            now = time.time()
            status = Status("queued", created=now, heartbeat=now, owner=owner, queued_at=now)
            run = store.create(new_path(config), config, status)
        self.poll()
        return run.id

    def poll(self) -> None:
        """Notice dead workers and visitors who left, start what waits, and let the oldest finished runs go."""
        reap()
        if not store.runs_folder().is_dir():
            return
        with queue_lock():
            for run, status in entries():
                with suppress(RunError):  # one run that cannot be written to must not hold up the others
                    notice_dead(run, status)
                    notice_orphan(run, status)
            self._start_waiting()
            prune()
            visitors.forget()

    def cancel(self, run_id: str) -> None:
        """Stop a run; its worker writes a checkpoint first."""
        cancel_run(store.find(run_id))
        self.poll()

    def pause(self, run_id: str) -> None:
        """Let the worker write a checkpoint and wait; a queued run leaves the queue."""
        run = store.find(run_id)
        with run.locked():
            status = _unfinished(run, FINISHED)
            if status.state == "queued":
                run.update(state="paused", queued_at=None)
            elif status.state == "running":
                run.send("pause")

    def resume(self, run_id: str) -> None:
        """Go on after a pause, a failure or a cancel, from the last checkpoint; queued if its worker is gone."""
        self._go_on(run_id, "run")

    def step(self, run_id: str) -> None:
        """Train until the next event, then pause."""
        self._go_on(run_id, "step")

    def turn(self, run_id: str, **changes: float | None) -> None:
        """Turn knobs of `ebgfn.train.knobs.Knobs` while the run trains. Errors: ValueError."""
        run = store.find(run_id)
        with run.locked():
            _unfinished(run, FINISHED)
            run.turn(replace(run.knobs, **changes))

    def delete(self, run_id: str) -> None:
        """Remove a run and its files."""
        run = store.find(run_id)
        notice_dead(run, run.status)
        store.delete(run)

    def queue_position(self, run_id: str) -> int | None:
        """Place in the queue, 1 = next; None if the run does not wait."""
        ids = [run.id for run, _ in waiting(entries())]
        return ids.index(run_id) + 1 if run_id in ids else None

    def expected_wait(self, run_id: str) -> float | None:
        """Seconds until the run may begin, as far as the budgets of those before it tell; None if they do not."""
        known = entries()
        ahead = list(itertools.takewhile(lambda run: run.id != run_id, (run for run, _ in waiting(known))))
        seconds = []
        for run, status in known:
            if occupies(run, status) or run in ahead:
                try:
                    config = run.config
                except RunError:
                    return None
                if config.steps:
                    return None
                seconds.append(config.budget_s * (1 - status.progress))
        return sum(seconds) / max_jobs()

    def _go_on(self, run_id: str, command: str) -> None:
        run = store.find(run_id)
        notice_dead(run, run.status)
        with queue_lock(), run.locked():
            status = _unfinished(run, ("done",))
            if status.state in ("queued", "running") or _waits_with_worker(run, status):
                run.send(command)
            else:
                check_owner(status.owner)
                run.drop_command()
                run.send(command)
                now = time.time()
                run.update(state="queued", queued_at=now, heartbeat=now, pid=None, error=None)
        self.poll()

    def _start_waiting(self) -> None:
        known = entries()
        busy = [status for run, status in known if occupies(run, status)]
        for run, status in waiting(known):
            if len(busy) >= max_jobs():
                return
            if visitors.hosted() and sum(s.owner == status.owner for s in busy) >= visitors.MAX_RUNNING:
                continue
            with suppress(RunError):
                self._start(run)
                busy.append(status)

    def _start(self, run: RunFolder) -> None:
        with run.locked():
            if run.read_status().state != "queued":
                return
            claim(run, pid=None)
            try:
                run.update(pid=self.launch(run))
            except OSError as error:
                run.update(state="failed", error=f"the training process could not be started: {error.strerror}")


def entries() -> list[Entry]:
    """All runs with their status, newest first."""
    return store.list_statuses()


def waiting(known: list[Entry]) -> list[Entry]:
    """Queued runs, the next one first."""
    queued = [(run, status) for run, status in known if status.state == "queued"]
    return sorted(queued, key=lambda entry: (entry[1].queued_at or 0.0, entry[0].id))


def occupies(run: RunFolder, status: Status) -> bool:
    """Whether a run takes one of the places; a paused one does as long as its worker waits with it."""
    return status.state == "running" or _waits_with_worker(run, status)


def claim(run: RunFolder, *, pid: int | None) -> Status:
    """Mark a run as running; the caller holds the run's lock. `pid` is None until the process is there."""
    now, host = time.time(), socket.gethostname()
    return run.update(state="running", heartbeat=now, pid=pid, host=host, queued_at=None, error=None)


def foreground_status() -> Status:
    """Status of a new run that this process trains itself, past the queue."""
    now = time.time()
    return Status("running", created=now, heartbeat=now, pid=os.getpid(), host=socket.gethostname(), kept=True)


def take_over(run: RunFolder) -> None:
    """Claim, for this process, a run that waits, was stopped or failed."""
    notice_dead(run, run.status)
    with run.locked():
        status = _unfinished(run, ("done",))
        if status.state == "running" or _waits_with_worker(run, status):
            raise RunError(f"run {run.id} is already training, in process {status.pid} on {status.host}")
        run.drop_command()
        claim(run, pid=os.getpid())
        run.update(kept=True)


def lost(run: RunFolder, status: Status) -> bool:
    """Whether the worker of a run that claims to be running is gone."""
    if status.state != "running" or run.alive:
        return False
    if status.host == socket.gethostname() and status.pid is not None and not _process_exists(status.pid):
        return True
    # A worker that has just been started does not hold its lock yet, and locks may not reach to another machine.
    return time.time() - status.heartbeat > STALE_S


def notice_dead(run: RunFolder, status: Status) -> None:
    """Mark a run as failed whose worker died."""
    if not lost(run, status):
        return
    with run.locked():
        status = run.read_status()
        if lost(run, status):
            last = run.log.strip().splitlines()[-1:]
            why = f" ({last[0][:200]})" if last else ""
            where = f"the training process ended unexpectedly at step {status.step}{why}"
            run.update(state="failed", error=f"{where}; Resume continues from its last checkpoint")


def notice_orphan(run: RunFolder, status: Status) -> None:
    """On a public address, end the waiting run of a visitor who left; a worker sees to its own run."""
    idle = ("queued", "paused")
    if not visitors.hosted() or status.state not in idle or not visitors.gone(status.owner):
        return
    with run.locked():
        status = run.read_status()
        if status.state in idle and not _waits_with_worker(run, status):
            run.update(state="cancelled", queued_at=None, error="its visitor left")


def cancel_run(run: RunFolder) -> None:
    """`Jobs.cancel` for a run that may lie anywhere. A worker that hangs is killed."""
    notice_dead(run, run.status)
    with run.locked():
        status = _unfinished(run, FINISHED)
        silent = time.time() - status.heartbeat > STALE_S
        if status.state != "running" and not _waits_with_worker(run, status):
            run.update(state="cancelled", queued_at=None)
        elif silent and status.pid and status.host == socket.gethostname():
            # Its lock is held, so the process still lives and this is no other process's id.
            os.kill(status.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            run.update(state="cancelled", error="the training process did not respond and was stopped")
        else:
            run.send("cancel")


def prune() -> None:
    """Delete the oldest finished runs of the pages beyond MAX_FINISHED_RUNS; those of the command line stay."""
    finished = sorted((s.heartbeat, run.id, run) for run, s in entries() if s.finished and not s.kept)
    for _, _, run in finished[: max(0, len(finished) - MAX_FINISHED_RUNS)]:
        with suppress(RunError):  # in use at this moment: a later poll comes back to it
            store.delete(run)


def check_owner(owner: str) -> None:
    """On a public address, refuse one visitor's too many waiting runs."""
    queued = sum(status.owner == owner for _, status in waiting(entries()))
    if visitors.hosted() and queued >= visitors.MAX_QUEUED:
        raise RunError(f"you have {queued} runs waiting, which is the limit here: let one start, or cancel one")


def new_path(config: Config) -> Path:
    """A fresh folder, whose name sorts by time and says what is in it."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return store.runs_folder() / f"{stamp}-{config.label}-{secrets.token_hex(2)}"


def queue_lock() -> AbstractContextManager[None]:
    """Lock for starting runs and for whatever counts them."""
    folder = store.runs_folder()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return file_lock(folder / ".lock", "the queue is in use by another process: try again")


def _unfinished(run: RunFolder, refused: tuple[str, ...]) -> Status:
    status = run.read_status()
    if status.state in refused:
        raise RunError(f"run {run.id} is already {status.state}")
    return status


def _waits_with_worker(run: RunFolder, status: Status) -> bool:
    """Whether a paused run's worker is still there; one that leaves takes its process id out of the status first."""
    return status.state == "paused" and status.pid is not None and run.alive


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_jobs = Jobs()
submit, poll, cancel, pause = _jobs.submit, _jobs.poll, _jobs.cancel, _jobs.pause
resume, step, turn, delete = _jobs.resume, _jobs.step, _jobs.turn, _jobs.delete
queue_position, expected_wait = _jobs.queue_position, _jobs.expected_wait

__all__ = [
    "Jobs",
    "cancel",
    "delete",
    "expected_wait",
    "heartbeat",
    "pause",
    "poll",
    "prepare",
    "queue_position",
    "resume",
    "step",
    "submit",
    "turn",
]
