"""Worker processes: started in a session of their own, so that they outlive the server that started them."""

import os
import subprocess
import sys
from pathlib import Path

from ebgfn.runs.folder import LOG, RunFolder

# Kept because a process that has ended remains in the system's table until its parent asks after it.
_children: list[subprocess.Popen] = []


def spawn(run: RunFolder) -> int:
    """Start the worker of a claimed run; returns its process id. What it prints goes into the run's log."""
    root, threads = str(Path(__file__).parents[2]), str(worker_threads())
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    with (run.path / LOG).open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "ebgfn.runs.worker", str(run.path.absolute())],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _children.append(child)
    return child.pid


def worker_threads() -> int:
    """One thread less than there are cores, so that the page stays quick; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def reap() -> int:
    """Let go of the workers that have ended; returns how many of this process's are left."""
    _children[:] = [child for child in _children if child.poll() is None]
    return len(_children)
