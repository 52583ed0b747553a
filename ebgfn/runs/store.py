"""All runs of this machine: where they lie, how they are made, found, listed, deleted and taken away."""

import hashlib
import io
import os
import re
import shutil
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from platformdirs import user_data_path

from ebgfn.files import write_bytes, write_json
from ebgfn.problems.config import Config
from ebgfn.problems.ising import uploads
from ebgfn.runs.folder import (
    FINISHED,
    METRICS,
    STATES,
    STATUS,
    RunError,
    RunFolder,
    Status,
    writing,
)
from ebgfn.shipped import CONFIG_FILE, WEIGHTS_FILE

MAX_UPLOADS = 50
UNFINISHED = tuple(state for state in STATES if state not in FINISHED)


def home() -> Path:
    """Folder of everything that is kept on this machine: EBGFN_HOME, or the user's data folder."""
    return Path(os.environ["EBGFN_HOME"]) if os.environ.get("EBGFN_HOME") else user_data_path("ebgfn")


def runs_folder() -> Path:
    return home() / "runs"


def uploads_folder() -> Path:
    """Folder of the samples and tables that visitors brought."""
    return home() / "uploads"


def keep_upload(x: UInt8[np.ndarray, "samples dim"], names: tuple[str, ...] | None = None) -> Path:
    """Keep a visitor's samples and the names of their columns; returns the file."""
    return keep_file(uploads.pack(x, names), ".npz")


def keep_file(contents: bytes, suffix: str) -> Path:
    """Keep what a visitor brought under its digest, whatever the file was called; returns the file.

    The newest MAX_UPLOADS stay, and those that an unfinished run still reads.
    """
    path = uploads_folder() / f"{hashlib.sha256(contents).hexdigest()}{suffix}"
    with writing(uploads_folder()):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            path.touch()
        else:
            write_bytes(path, contents)
        _forget_uploads()
    return path


def kept_file(config: Config) -> Path | None:
    """The kept file that a run of this config reads; None where it reads none."""
    path = Path(getattr(config, "path", None) or "")
    return path if path.parent == uploads_folder() else None


def drop_file(path: Path) -> None:
    """Delete a kept file, unless some run still names it."""
    named = {str(kept_file(run.config)) for run, status in list_statuses() if status.state in STATES}
    if str(path) not in named:
        with writing(path):
            path.unlink(missing_ok=True)


def _forget_uploads() -> None:
    needed = {getattr(run.config, "path", None) for run, status in list_statuses() if status.state in UNFINISHED}
    # What begins with a point is being written.
    files = [path for path in uploads_folder().iterdir() if path.name[0] != "."]
    for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)[MAX_UPLOADS:]:
        if str(path) not in needed:
            path.unlink(missing_ok=True)


def create(path: Path, config: Config, status: Status) -> RunFolder:
    """Make a new run in a folder that is empty or not there; it appears whole, or not at all."""
    if (path / STATUS).exists():
        raise RunError(f"{path} already holds a run: name another folder, or continue it with `resume {path}`")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path} must be a new or an empty folder")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-", ignore_cleanup_errors=True) as temporary:
            part = Path(temporary) / path.name
            part.mkdir()
            write_json(part / CONFIG_FILE, {"kind": config.kind, "config": config.to_json()})
            write_json(part / STATUS, status.to_json())
            os.replace(part, path)
    return RunFolder(path)


def find(run_id: str) -> RunFolder:
    """Look a run up by its id."""
    # An id is never more than a name: nothing that a visitor typed becomes a path.
    path = runs_folder() / run_id
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", run_id) or not path.is_dir():
        raise RunError(f"there is no run {run_id!r}; `ebgfn runs` lists those that exist")
    return RunFolder(path)


def list_statuses() -> list[tuple[RunFolder, Status]]:
    """All runs with their status, newest first; damaged ones are among them, with that state."""
    folder = runs_folder()
    names = [p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != "."] if folder.is_dir() else []
    found = [(run, run.status) for run in map(RunFolder, (folder / name for name in sorted(names)))]
    return sorted(found, key=lambda entry: entry[1].created, reverse=True)


def list_runs() -> list[RunFolder]:
    """All runs, newest first."""
    return [run for run, _ in list_statuses()]


def delete(run: RunFolder) -> None:
    """Remove a run for good, and the kept file that no other run names; one in training is refused."""
    trash, brought = run.path.with_name(f".trash-{run.id}"), None
    with suppress(RunError):  # a damaged run names none
        brought = kept_file(run.config)
    with writing(run.path), run.locked():
        if run.alive:
            raise RunError(f"run {run.id} is still training: cancel it first")
        shutil.rmtree(trash, ignore_errors=True)
        os.replace(run.path, trash)
    shutil.rmtree(trash, ignore_errors=True)
    if brought is not None:
        drop_file(brought)


def export(run: RunFolder) -> bytes:
    """A zip of the trained model and its curve; `evaluate`, `sample` and `chain` read it once unpacked."""
    if not run.has_checkpoint:
        raise RunError(f"run {run.id} has no checkpoint yet")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (run.checkpoint / CONFIG_FILE, run.checkpoint / WEIGHTS_FILE, run.path / METRICS):
            if path.is_file():
                archive.write(path, f"{run.id}/{path.name}")
    return buffer.getvalue()


def locate(name: str, *, shipped: Path) -> Path:
    """The checkpoint folder that `name` means: a run or checkpoint folder, a run's id, or a shipped model's name."""
    for path in (Path(name), runs_folder() / name, shipped / name):
        if (path / WEIGHTS_FILE).is_file():
            return path
        if (path / "checkpoint" / WEIGHTS_FILE).is_file():
            return path / "checkpoint"
        if (path / STATUS).is_file():
            raise RunError(f"run {path} has no checkpoint yet")
    known = sorted(p.parent.name for p in shipped.glob(f"*/{WEIGHTS_FILE}"))
    hint = f"; shipped models are {', '.join(known)}, and `ebgfn runs` lists runs" if known else ""
    raise RunError(f"{name} is neither a run folder nor a checkpoint folder nor a run's id{hint}")
