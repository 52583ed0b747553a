"""Files of data sets: from a folder that the user names, from the cache, or from one of several mirrors; always checked."""

import hashlib
import os
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

DATA_DIR = "EBGFN_DATA_DIR"
TIMEOUT_S = 30


class DataUnavailable(ValueError):
    """A file of a data set that cannot be had; the message names the file, the mirrors, the folder and the cache."""


def cache() -> Path:
    """Where downloads are kept: under EBGFN_HOME, or in the user's cache."""
    return (
        Path(os.environ["EBGFN_HOME"]) / "data" if os.environ.get("EBGFN_HOME") else user_cache_path("ebgfn") / "data"
    )


def find(name: str, sha256: str) -> Path | None:
    """The file `folder/file` if it lies in the user's folder or the cache; one that is damaged in the former is an error."""
    if os.environ.get(DATA_DIR):
        folder = Path(os.environ[DATA_DIR])
        for path in (folder / name, folder / Path(name).name):
            if path.is_file():
                return _checked(path, sha256)
    kept = cache() / name
    return kept if kept.is_file() and _digest(kept) == sha256 else None


def fetch(name: str, sha256: str, mirrors: tuple[str, ...]) -> Path:
    """The file, downloaded from the first mirror that has it where it is not here. Errors: DataUnavailable."""
    if (path := find(name, sha256)) is not None:
        return path
    import pooch

    target = cache() / name
    downloader: Any = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT_S)
    for mirror in mirrors:
        try:
            url = f"{mirror}{target.name}"
            pooch.retrieve(url, f"sha256:{sha256}", fname=target.name, path=target.parent, downloader=downloader)
        except (OSError, ValueError):
            continue  # unreachable, or another file than expected: the next mirror may do better
        return target
    set_to = os.environ.get(DATA_DIR)
    raise DataUnavailable(
        f"{target.name} could not be downloaded from {' or '.join(mirrors)}; without a network, put it into a folder that "
        f"{DATA_DIR} names (now {set_to or 'not set'}) or into the cache {target.parent}"
    )


def _checked(path: Path, sha256: str) -> Path:
    if _digest(path) != sha256:
        raise DataUnavailable(f"{path} is damaged or another file: its SHA-256 is not {sha256}")
    return path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
