"""What commands say and write: one JSON object or text on stdout, progress on stderr, files."""

import json
import sys
from pathlib import Path
from typing import Any

from ebgfn import problems
from ebgfn.files import write_bytes
from ebgfn.runs.folder import RunError

BAR = "{percentage:3.0f}%|{bar:24}| {elapsed}, {remaining} left"


def answer(described: dict[str, Any], text: str, *, as_json: bool) -> None:
    print(json.dumps(described) if as_json else text)


def progress_bar(total: int, *, begun: int = 0, bar_format: str = BAR + ", {rate_noinv_fmt}") -> Any:
    """A bar on stderr with rate and time left; seldom renewed where it goes into a file."""
    from tqdm import tqdm

    pace = 0.2 if sys.stderr.isatty() else 10.0
    return tqdm(
        total=total, initial=begun, bar_format=bar_format, unit="", mininterval=pace, maxinterval=pace, file=sys.stderr
    )


def writable(name: str) -> Path:
    """Refuse a place where nothing can be written before the work is done, not after it."""
    path = Path(name)
    if path.is_dir() or not path.parent.is_dir():
        raise RunError(f"--out must name a file in a folder that exists, got {name}")
    return path


def save(path: Path, x: Any, about: dict[str, Any], **others: Any) -> None:
    from ebgfn.samples import to_npz

    write_bytes(path, to_npz(x, about=about, **others))


def loaded(folder: Path, device: str) -> Any:
    """The model of a checkpoint where it is to compute."""
    from ebgfn.nets.products import use_onednn
    from ebgfn.problems.checkpoint import load
    from ebgfn.train.device import device as device_of

    use_onednn()

    model = load(folder)
    return model.on(device_of(device, large=problems.of(model.config).large))
