"""Held-out rows and how probable they are under the sampler of a table.

Both are stored beside a shipped model: they take seconds, and a page shows them without loading torch.
"""

import io
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from ebgfn.files import write_bytes
from ebgfn.shipped import fingerprint

if TYPE_CHECKING:
    from ebgfn.model import Model

FILE = "held_out.npz"
ROWS, AT_ONCE = 200, 8

LogQ = Float[np.ndarray, " rows"]


class HeldOut(NamedTuple):
    """Rows as bits, and log q of each in nats."""

    x: UInt8[np.ndarray, "rows dim"]
    log_q: LogQ


def measure(model: "Model", *, seed: int = 0) -> Iterator[LogQ]:
    """log q in nats of the first ROWS held-out rows, some at a time, by the mean over random orders."""
    import torch

    from ebgfn.evaluation.likelihood import log_ratios
    from ebgfn.problems.table.report import ORDERS

    generator = torch.Generator(model.device).manual_seed(seed)
    for rows in torch.from_numpy(model.config.whole("test")[:ROWS]).float().split(AT_ONCE):
        each = log_ratios(model.policy, rows.to(model.device), trajectories=ORDERS, generator=generator)
        yield (each.logsumexp(1) - math.log(ORDERS)).cpu().numpy()


def keep(model: "Model", folder: Path) -> None:
    """Measure, and write beside the weights."""
    log_q, buffer = np.concatenate(list(measure(model))), io.BytesIO()
    x = model.config.whole("test")[:ROWS].astype(np.uint8)
    np.savez_compressed(buffer, x=x, log_q=log_q, fingerprint=np.array(fingerprint(folder)))
    write_bytes(folder / FILE, buffer.getvalue())


def load(folder: Path) -> HeldOut | None:
    """What was stored, unless it belongs to other weights."""
    try:
        with np.load(folder / FILE, allow_pickle=False) as data:
            found = HeldOut(data["x"], data["log_q"])
            return found if str(data["fingerprint"]) == fingerprint(folder) else None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None
