"""The process that trains one run: `python -m ebgfn.runs.worker RUN_DIR`; the command line trains through it as well.

Between two events the worker does what it was told (pause, step, cancel), says that it lives, and writes a checkpoint
every few seconds, so that even a killed process loses little. Commands come as files in the run folder.
"""

import io
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol, runtime_checkable

import torch

from ebgfn.files import write_bytes
from ebgfn.nets.products import use_onednn
from ebgfn.problems import PROBLEMS, training
from ebgfn.problems.config import Config
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.runs import jobs, visitors
from ebgfn.runs.folder import KNOB, LOG, TRAINER, RunError, RunFolder, Status, writing
from ebgfn.runs.spawn import WAIT, worker_threads
from ebgfn.train.knobs import Knobs
from ebgfn.train.loop import Event, TrainingDiverged

PAUSED_POLL_S = 0.05
PAUSED_HEARTBEAT_S = 1.0
EVENT_INTERVAL_S = 0.4
MAX_EVENT_INTERVAL_S = 5.0
EVENTS_PER_RUN = 2000
# A step of this loads whatever training in the plane needs.
REHEARSED = Toy2DConfig(bits=3, steps=1)


@runtime_checkable
class Training(Protocol):
    """What a worker needs of the module `ebgfn.problems.training`; tests put a faster one in its place."""

    def start(self, config: Config, *, device: str) -> Any: ...

    def restore(self, config: Config, saved: dict[str, Any], *, device: str) -> Any: ...

    def train(self, state: Any, *, event_interval_s: float) -> Iterator[Event]: ...


def _nothing(event: Event) -> None:
    pass


def _never() -> str | None:
    return None


@dataclass
class Worker:
    """Trains the run until it is done, fails, is cancelled, or others need the place of a paused run.

    `interrupted` is asked between events and returns the reason to stop, if there is one. `checkpoint_s` and the other
    times are in seconds; a checkpoint must be there at least every 20 s for a killed run to lose at most 30 s.
    """

    run: RunFolder
    trainer: Training
    device: str = "auto"
    on_event: Callable[[Event], None] = _nothing
    interrupted: Callable[[], str | None] = _never
    checkpoint_s: float = 10.0
    linger_s: float = 120.0
    clock: Callable[[], float] = time.monotonic
    _saved_at: float = field(default=-math.inf, init=False)

    def work(self) -> Status:
        """Train; returns how it ended. The caller has claimed the run."""
        with self.run.held():
            with self.run.locked():
                if self.run.read_status().state != "running":
                    return self.run.read_status()
                self.run.update(pid=os.getpid(), heartbeat=time.time())
            try:
                return self._train()
            except RunError as error:
                return self._finish("failed", str(error))
            except Exception as error:  # the boundary of the process: whatever happened belongs into the status
                with suppress(OSError), (self.run.path / LOG).open("a") as log:
                    log.write(traceback.format_exc())
                return self._finish("failed", _cause(error))

    def _train(self) -> Status:
        config = self.run.config
        state = self._restore(config)
        events = iter(self.trainer.train(state, event_interval_s=event_interval(config)))
        mode = "run"
        while True:
            mode = self.run.take_command() or mode
            reason = self.interrupted()
            if mode == "cancel" or reason is not None:
                self._checkpoint(config, state)
                return self._finish("cancelled", reason)
            if mode == "pause":
                self._checkpoint(config, state)
                mode = self._pause()
                if mode is None:
                    return self.run.read_status()
                continue
            state.knobs = self.run.knobs
            event = next(events, None)
            if event is None:
                self._checkpoint(config, state)
                return self._finish("done", None, progress=1.0)
            self._record(event, state.knobs)
            if self.clock() - self._saved_at >= self.checkpoint_s:
                self._checkpoint(config, state)
            mode = "pause" if mode == "step" else mode

    def _restore(self, config: Config) -> Any:
        """The state of the last checkpoint with all later events forgotten, or a fresh one."""
        path = self.run.checkpoint / TRAINER
        if not path.exists():
            self.run.truncate(-1)
            return self.trainer.start(config, device=self.device)
        try:
            saved = torch.load(path, weights_only=True, map_location="cpu")
            # As settings, not as texts: a setting that came later has its default.
            same = config.from_json(saved["config"]) == config
            state = self.trainer.restore(config, saved["state"], device=self.device) if same else None
        except KeyError:
            raise RunError(f"checkpoint of run {self.run.id} cannot be read: it is of another version") from None
        except (OSError, TypeError, ValueError, RuntimeError, EOFError, UnpicklingError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise RunError(f"checkpoint of run {self.run.id} cannot be read: {reason}") from None
        if state is None:
            raise RunError(f"checkpoint of run {self.run.id} was written with other settings")
        self.run.truncate(state.step)
        self.run.update(step=state.step, elapsed_s=state.elapsed_s)
        return state

    def _record(self, event: Event, knobs: Knobs) -> None:
        for name, value in event.metrics.items():
            if not math.isfinite(value):
                raise RunError(f"training diverged at step {event.step}: {name} is {value}")
        where = {"step": event.step, "elapsed_s": event.elapsed_s, "progress": event.progress}
        self.run.write_frame(event.step, event.frame)
        turned = {f"{KNOB}{name}": value for name, value in knobs.turned().items()}
        self.run.append_metrics(where | event.metrics | turned)
        self.run.update(heartbeat=time.time(), **where)
        self.on_event(event)

    def _checkpoint(self, config: Config, state: Any) -> None:
        buffer = io.BytesIO()
        torch.save({"config": config.to_json(), "state": state.state_dict()}, buffer)
        with writing(self.run.checkpoint):
            state.model().save(self.run.checkpoint)
            write_bytes(self.run.checkpoint / TRAINER, buffer.getvalue())
        self._saved_at = self.clock()

    def _pause(self) -> str | None:
        """Wait for the next command; None if the worker gave its place up instead, for others or after a long time."""
        with self.run.locked():
            self.run.update(state="paused", heartbeat=time.time())
        began = beat = self.clock()
        while self.interrupted() is None:
            command = self.run.take_command()
            if command not in (None, "pause"):
                with self.run.locked():
                    self.run.update(state="running", heartbeat=time.time())
                return command
            now = self.clock()
            if now - beat >= PAUSED_HEARTBEAT_S:
                beat = now
                self.run.update(heartbeat=time.time())
                if (now - began >= self.linger_s or jobs.waiting(jobs.entries())) and self._leave():
                    return None
            time.sleep(PAUSED_POLL_S)
        return "cancel"

    def _leave(self) -> bool:
        """Give the place up, unless a command has just come; a paused run without process id has no worker."""
        with self.run.locked():
            if self.run.waiting_command() is not None:
                return False
            self.run.update(pid=None)
            return True

    def _finish(self, state: str, error: str | None, **changes: float) -> Status:
        try:
            with self.run.locked():
                return self.run.update(state=state, heartbeat=time.time(), error=error, **changes)
        except RunError as refusal:  # a full disk: whoever polls will notice that this worker is gone
            now = time.time()
            return Status("failed", created=now, heartbeat=now, error=error or str(refusal))


@dataclass
class Interruptions:
    """Reasons to stop that are no commands: a signal; on a public address a visitor who left, or the time limit."""

    run: RunFolder
    limited: bool = False
    _signals: int = field(default=0, init=False)

    def listen(self) -> "Interruptions":
        """Turn the first interrupt or termination signal into a reason; a second one ends the process at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: Any) -> None:
        self._signals += 1
        if self._signals > 1:
            raise KeyboardInterrupt

    def __call__(self) -> str | None:
        if self._signals:
            return "it was interrupted"
        if not self.limited:
            return None
        status = self.run.read_status()
        if visitors.gone(status.owner):
            return "its visitor left"
        if status.elapsed_s > visitors.MAX_SECONDS:
            return f"it reached the limit of {visitors.MAX_SECONDS:g} seconds here"
        return None


def event_interval(config: Config) -> float:
    """Seconds between events: short runs are shown live, long ones keep a curve of bounded length."""
    seconds = config.budget_s if config.steps is None else 0.0
    return min(MAX_EVENT_INTERVAL_S, max(EVENT_INTERVAL_S, seconds / EVENTS_PER_RUN))


def _cause(error: Exception) -> str:
    """One line; an error that explains itself stands without its type."""
    text = str(error).splitlines()[0] if str(error) else ""
    if isinstance(error, TrainingDiverged):
        return text
    if isinstance(error, OSError):
        return f"cannot write to the run folder: {error.strerror or text}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def await_run() -> Path:
    """Wait for a run's folder as a line of the standard input, after a rehearsal; what is printed goes into its log then.

    The process ends if no run comes.
    """
    for problem in PROBLEMS.values():
        _ = problem.trainers
    for _ in training.train(training.start(REHEARSED), event_interval_s=0.0):
        pass
    line = sys.stdin.readline().strip()
    if not line:
        sys.exit()
    log = os.open(Path(line) / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    return Path(line)


def main(path: str) -> None:
    """Train a claimed run, then start the next one that waits."""
    torch.set_num_threads(worker_threads())
    use_onednn()
    run = RunFolder(await_run() if path == WAIT else Path(path))
    Worker(run, training, interrupted=Interruptions(run, limited=visitors.hosted()).listen()).work()
    jobs.poll()


if __name__ == "__main__":
    main(sys.argv[1])
