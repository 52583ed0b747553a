"""Worker processes: started in a session of their own, so that they outlive the server that started them.

Importing torch and all that training needs takes seconds. `prepare` therefore starts a process that has done so and waits
for the run that it is to train; `spawn` takes it if it is there.
"""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ebgfn.runs.folder import LOG, RunFolder

# Kept because a process that has ended remains in the system's table until its parent asks after it.
_children: list[subprocess.Popen] = []


@dataclass(frozen=True)
class _Waiting:
    """A process that waits for a run, and the surroundings that it was started in."""

    process: subprocess.Popen
    surroundings: dict[str, str]


_lock = threading.Lock()
# At most one.
_waiting: list[_Waiting] = []


def spawn(run: RunFolder) -> int:
    """Start the worker of a claimed run; returns its process id. What it prints goes into the run's log."""
    child = _take(run)
    if child is None:
        with (run.path / LOG).open("ab") as log:
            child = subprocess.Popen(
                [*_COMMAND, str(run.path.absolute())],
                env=_surroundings(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    _children.append(child)
    return child.pid


def prepare() -> None:
    """See to it that a process waits, which ends with the one that calls this unless it was given a run.

    EBGFN_PREPARE=0 does without: a waiting process takes 300 MB.
    """
    if os.environ.get("EBGFN_PREPARE") == "0":
        return
    with _lock:
        here = _surroundings()
        if any(one.process.poll() is None and one.surroundings == here for one in _waiting):
            return
        dismiss()
        child = subprocess.Popen(
            [*_COMMAND, WAIT],
            env=here,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _waiting.append(_Waiting(child, here))


def dismiss() -> None:
    """End the process that waits, if there is one."""
    while _waiting:
        one = _waiting.pop()
        one.process.kill()
        one.process.communicate()


def _take(run: RunFolder) -> subprocess.Popen | None:
    """The waiting process, told which run to train; None if there is none, or if it was started for other surroundings."""
    with _lock:
        there = _waiting.pop() if _waiting else None
    if there is None:
        return None
    stdin = there.process.stdin
    assert stdin is not None
    if there.process.poll() is None and there.surroundings == _surroundings():
        with suppress(OSError):  # it has just ended
            stdin.write(f"{run.path.absolute()}\n".encode())
            stdin.close()
            return there.process
    there.process.kill()
    there.process.communicate()
    return None


def _surroundings() -> dict[str, str]:
    root, threads = str(Path(__file__).parents[2]), str(worker_threads())
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}


# In place of a run's folder: wait for one.
WAIT = "--wait"
_COMMAND = (sys.executable, "-m", "ebgfn.runs.worker")


def worker_threads() -> int:
    """One thread less than there are cores, so that the page stays quick; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def reap() -> int:
    """Let go of the workers that have ended; returns how many of this process's are left."""
    _children[:] = [child for child in _children if child.poll() is None]
    return len(_children)
