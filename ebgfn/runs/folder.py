"""The run folder: everything that is known of one training run, in files that are each written atomically.

    config.json         kind and settings
    status.json         state, heartbeat, progress, error
    metrics.jsonl       one line an event; `knob_...` is what was turned then
    knobs.json          what is to be turned from the next event on
    frames/STEP.npz     what a live page draws
    checkpoint/         the model (weights as safetensors) and trainer.pt, from which training goes on
    control             a command that waits for the worker; worker.log holds what went wrong there

Two locks keep processes apart: `locked` for the moment of a change of state, `held` for the life of a worker. The
system drops both when a process dies, so a held lock is proof of life.
"""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from ebgfn.files import write_bytes, write_json
from ebgfn.problems import config_of
from ebgfn.shipped import CONFIG_FILE, WEIGHTS_FILE
from ebgfn.train.knobs import UNTURNED, Knobs

FINISHED = ("done", "failed", "cancelled")
STATES = ("queued", "running", "paused", *FINISHED)
DAMAGED = "damaged"
COMMANDS = ("run", "pause", "step", "cancel")
MAX_FRAMES = 300
LOCK_PATIENCE_S = 10.0

STATUS, METRICS, CONTROL, LOG = "status.json", "metrics.jsonl", "control", "worker.log"
KNOBS, KNOB = "knobs.json", "knob_"
TRAINER = "trainer.pt"


class RunError(ValueError):
    """What was asked cannot be done with this run; the message is one sentence for the one who asked."""


class BusyError(RunError):
    """Another process holds the lock."""


@dataclass(frozen=True)
class Status:
    """Where a run stands. Times are seconds since 1970; `elapsed_s` is time spent training, pauses left out.

    `kept`: trained on the command line, so never deleted to make room.
    """

    state: str
    created: float
    heartbeat: float
    owner: str = ""
    step: int = 0
    elapsed_s: float = 0.0
    progress: float = 0.0
    pid: int | None = None
    host: str | None = None
    queued_at: float | None = None
    kept: bool = False
    error: str | None = None

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    def to_json(self) -> dict[str, Any]:
        """Plain values; fields that are None are left out."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    @classmethod
    def from_json(cls, values: Any) -> "Status":
        """Inverse of `to_json`; anything else raises ValueError."""
        if not isinstance(values, dict) or values.get("state") not in STATES:
            raise ValueError(f"state must be one of {', '.join(STATES)}")
        for f in fields(cls):
            value = values.get(f.name, f.default)
            kinds: Any = (int, float) if f.type in (float, float | None) else f.type
            if not isinstance(value, kinds) and not (value is None and f.default is None):
                raise ValueError(f"{f.name} is missing or of another type")
        return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})


@dataclass(frozen=True)
class RunFolder:
    """One run. Reading what is damaged raises RunError; only `status` never does, and says so in its state."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint"

    @property
    def has_checkpoint(self) -> bool:
        return (self.checkpoint / WEIGHTS_FILE).is_file()

    @property
    def config(self) -> Any:
        try:
            return config_of(json.loads((self.path / CONFIG_FILE).read_text()))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunError(f"{self.path} is not a readable run: {CONFIG_FILE}: {_reason(error)}") from None

    @property
    def status(self) -> Status:
        """The state on file; `damaged`, with the cause as error, if settings or state cannot be read."""
        try:
            self.config  # noqa: B018  (a run without readable settings cannot be shown or resumed)
            return self.read_status()
        except RunError as error:
            return Status(DAMAGED, created=0.0, heartbeat=0.0, error=str(error))

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One dict an event, oldest first."""
        path = self.path / METRICS
        try:
            # The last piece is empty, or a line that a killed worker did not finish.
            lines = path.read_text().split("\n")[:-1] if path.exists() else []
            return [json.loads(line) for line in lines]
        except (OSError, ValueError) as error:
            raise RunError(f"run {self.id} is damaged: {METRICS}: {_reason(error)}") from None

    @property
    def knobs(self) -> Knobs:
        """What is turned while it trains."""
        try:
            return Knobs.from_json(json.loads((self.path / KNOBS).read_text()))
        except FileNotFoundError:
            return UNTURNED
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"run {self.id} is damaged: {KNOBS}: {_reason(error)}") from None

    def turn(self, knobs: Knobs) -> None:
        """For whoever trains it, from the next event on."""
        with writing(self.path):
            write_json(self.path / KNOBS, knobs.turned())

    @property
    def frames(self) -> list[int]:
        """Steps of the frames that are kept, ascending."""
        return sorted(int(f.stem) for f in (self.path / "frames").glob("*.npz") if f.stem.isdigit())

    @property
    def log(self) -> str:
        """What the worker process said, at most the last 20 kB."""
        path = self.path / LOG
        return path.read_bytes()[-20_000:].decode(errors="replace") if path.is_file() else ""

    @property
    def alive(self) -> bool:
        """Whether a worker process holds this run."""
        try:
            with self.held(patience_s=0.0):
                return False
        except BusyError:
            return True
        except RunError:
            return False

    def read_status(self) -> Status:
        try:
            return Status.from_json(json.loads((self.path / STATUS).read_text()))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path} is not a readable run: {STATUS}: {_reason(error)}") from None

    def read_frame(self, step: int) -> dict[str, np.ndarray]:
        try:
            with np.load(io.BytesIO(self._frame(step).read_bytes()), allow_pickle=False) as arrays:
                return dict(arrays)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise RunError(f"frame {step} of run {self.id} is not readable: {_reason(error)}") from None

    def update(self, **changes: Any) -> Status:
        """Change some fields of the status."""
        status = replace(self.read_status(), **changes)
        with writing(self.path):
            write_json(self.path / STATUS, status.to_json())
        return status

    def append_metrics(self, line: dict[str, float]) -> None:
        with (self.path / METRICS).open("a") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")

    def write_frame(self, step: int, frame: dict[str, np.ndarray]) -> None:
        """Keep a frame; beyond MAX_FRAMES, drop the one whose neighbours are closest, never the first or last."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **frame)
        (self.path / "frames").mkdir(exist_ok=True)
        write_bytes(self._frame(step), buffer.getvalue())
        steps = self.frames
        if len(steps) > MAX_FRAMES:
            gaps = np.subtract(steps[2:], steps[:-2])
            self._frame(steps[1 + int(gaps.argmin())]).unlink(missing_ok=True)

    def truncate(self, step: int) -> None:
        """Forget events after `step`, so that training resumed there goes on with a clean curve."""
        kept = [json.dumps(line) + "\n" for line in self.metrics if line["step"] <= step]
        write_bytes(self.path / METRICS, "".join(kept).encode())
        for later in (s for s in self.frames if s > step):
            self._frame(later).unlink(missing_ok=True)

    def send(self, command: str) -> None:
        """Leave a command for the worker; a `cancel` that waits is not overwritten."""
        assert command in COMMANDS
        if self.waiting_command() != "cancel":
            with writing(self.path):
                write_bytes(self.path / CONTROL, command.encode())

    def waiting_command(self) -> str | None:
        path = self.path / CONTROL
        text = path.read_text() if path.is_file() else ""
        return text if text in COMMANDS else None

    def take_command(self) -> str | None:
        """The command that waits, if any; each is taken once. The rename lets no command slip in between."""
        taken = self.path / f".{CONTROL}.taken"
        try:
            os.replace(self.path / CONTROL, taken)
        except FileNotFoundError:
            return None
        text = taken.read_text()
        return text if text in COMMANDS else None

    def drop_command(self) -> None:
        (self.path / CONTROL).unlink(missing_ok=True)

    def locked(self) -> AbstractContextManager[None]:
        """Lock for a change of state."""
        return file_lock(self.path / ".lock", f"run {self.id} is being changed by another process")

    def held(self, *, patience_s: float = LOCK_PATIENCE_S) -> AbstractContextManager[None]:
        """Lock of the one process that trains this run."""
        return file_lock(self.path / ".worker.lock", f"run {self.id} is in training", patience_s=patience_s)

    def _frame(self, step: int) -> Path:
        return self.path / "frames" / f"{step:08d}.npz"


@contextmanager
def file_lock(path: Path, busy: str, *, patience_s: float = LOCK_PATIENCE_S) -> Iterator[None]:
    """Hold a lock file; RunError with the text `busy` if another holds it for longer than `patience_s`."""
    lock = FileLock(path)
    with writing(path.parent):
        try:
            lock.acquire(timeout=patience_s, poll_interval=0.02)
        except Timeout:
            raise BusyError(busy) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write into one sentence."""
    try:
        yield
    except FileExistsError:
        raise RunError(f"cannot write to {path}: there is a file where a folder is needed") from None
    except OSError as error:
        raise RunError(f"cannot write to {path}: {error.strerror or error}") from None


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text or type(error).__name__).splitlines()[0]
