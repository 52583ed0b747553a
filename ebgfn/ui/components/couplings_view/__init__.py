"""Couplings as matrices and bonds, samples beside data: a component that keeps zoom and history while it is redrawn."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Num, UInt8

from ebgfn.problems.ising.scores import neg_log_rmse
from ebgfn.ui.components._shared import build, packed
from ebgfn.ui.components.couplings_view import bonds
from ebgfn.ui.shell.text import minus, signed

_component = build(__file__, "timeline", "zooming", "pictures", "bonds", "transport")

Square = Num[np.ndarray, "dim dim"]
Vector = Num[np.ndarray, " dim"]
Samples = UInt8[np.ndarray, "n dim"]
Number = tuple[str, str]

# The end of the colour scale: so many times the largest true coupling; without a truth at least so much.
HEADROOM, LEAST_TOP = 1.25, 0.02


@dataclass(frozen=True)
class Snapshot:
    """Couplings and fields at one step of training, and what the sampler draws then."""

    step: int
    seconds: float
    couplings: Square
    samples: Samples
    fields: Vector


@dataclass(frozen=True)
class Recovery:
    """All that the view draws. `side` is 0 where no lattice is known, `truth` None where no true couplings are.

    `source` names where snapshots come from: another source starts the history anew. `sampled_by`: what draws the samples.
    `names` are those of a file's columns.
    """

    name: str
    source: str
    side: int
    truth: Square | None
    data: Samples
    snapshots: tuple[Snapshot, ...]
    sampled_by: str = "GFlowNet"
    names: tuple[str, ...] | None = None

    def column(self, i: int) -> str:
        """What column i is called, counted from 0; people count from 1."""
        return str(i + 1) if self.names is None else self.names[i]

    @property
    def top(self) -> float:
        """The coupling at the end of the colour scale."""
        if self.truth is not None:
            return max(LEAST_TOP, HEADROOM * float(np.abs(self.truth).max()))
        return max(LEAST_TOP, float(np.abs(self.snapshots[-1].couplings).max()))


def draw(scene: Recovery, *, key: str) -> None:
    """Show a scene; call it again under the same key to replace the data in place."""
    _component(key=key, data=payload(scene))


def pack(couplings: Square) -> dict[str, Any]:
    """What stands above the diagonal, row by row, as 16-bit parts of the largest magnitude; zeros stay zeros."""
    above = couplings[np.triu_indices(len(couplings), 1)].astype(np.float64)
    largest = float(np.abs(above).max()) or 1.0
    return {"largest": largest, "parts": packed(np.round(above / largest * 32767).astype("<i2"))}


def payload(scene: Recovery) -> dict[str, Any]:
    """The view's data as JSON."""
    return {
        "name": scene.name,
        "source": scene.source,
        "dim": len(scene.snapshots[-1].couplings),
        "side": scene.side,
        "names": scene.names,
        "top": scene.top,
        "truth": None if scene.truth is None else pack(scene.truth),
        "data": packed(scene.data),
        "frames": [_snapshot_json(one, scene) for one in scene.snapshots],
        "panels": panels(scene),
        "meaning": MEANING,
    }


def _snapshot_json(snapshot: Snapshot, scene: Recovery) -> dict[str, Any]:
    return {
        "step": int(snapshot.step),
        "seconds": float(snapshot.seconds),
        "couplings": pack(snapshot.couplings),
        "samples": packed(snapshot.samples),
        "numbers": numbers(snapshot, scene),
    }


def panels(scene: Recovery) -> list[dict[str, Any]]:
    """The pictures from left to right: whose they are, title, note and what is read aloud."""
    known, by = scene.truth is not None, scene.sampled_by
    where = "on the lattice" if scene.side else "on a circle"
    shown = {
        "truth": ("data", "True", "row i, column j: spins i and j", "Matrix of the true couplings") if known else None,
        "recovered": ("energy", "Recovered", "learned from the samples alone", "Matrix of the recovered couplings"),
        "difference": (None, "Difference", "recovered − true", "Recovered minus true couplings") if known else None,
        "bonds": ("energy", where.capitalize(), "recovered; width is strength", f"Recovered couplings as bonds {where}"),
        "data": ("data", "Data", f"{len(scene.data)} of the samples", "Samples of the data"),
        "samples": ("sampler", by, f"{len(scene.snapshots[-1].samples)} samples drawn by it", f"Samples drawn by the {by}"),
    }  # fmt: skip
    return [
        {"kind": k} | dict(zip(("role", "title", "note", "alt"), v, strict=True))
        for k, v in shown.items()
        if v is not None
    ]


MEANING = {
    "coupled pairs": "Pairs of spins whose coupling is not zero.",
    "fields": "From the lowest to the highest: what each spin prefers on its own; + is towards 1.",
    "mean coupling": "Mean of the couplings that are not zero.",
    "largest error": "The coupling that is furthest from the true one, in magnitude.",
    "−log RMSE": "Minus the logarithm of the root mean square error over all entries of the matrix: higher is better.",
    "neighbours coupled": "Pairs of neighbours on the lattice that were found to be coupled, of all there are.",
    "long bonds": "Coupled pairs that are not neighbours, and the strongest of them. In the true lattice there are none.",
    "mean |magnetisation|": "Of the samples shown, the mean of |mean spin|: 0 if up and down balance, 1 if all spins agree.",
    "share of ones": "Of all values shown.",
}


def numbers(snapshot: Snapshot, scene: Recovery) -> dict[str, list[Number]]:
    """Labelled numbers under each picture."""
    couplings = snapshot.couplings
    shown = {
        "recovered": [*_pairs(couplings), *_fields(snapshot.fields)],
        "data": _spins(scene.data, scene),
        "samples": _spins(snapshot.samples, scene),
    }
    if scene.truth is not None:
        shown["truth"] = _pairs(scene.truth)
        error = float(np.abs(couplings - scene.truth).max())
        score = neg_log_rmse(couplings.astype(np.float64), scene.truth.astype(np.float64))
        shown["difference"] = [
            ("−log RMSE", "exact" if math.isinf(score) else minus(f"{score:.3f}")),
            ("largest error", f"{error:.4f}"),
        ]
    if scene.side:
        found = bonds.count(couplings, scene.side)
        strongest = f", up to {found.strongest_long:.4f}" if found.long else ""
        shown["bonds"] = [
            ("neighbours coupled", f"{found.near} of {found.near + found.missing}"),
            ("long bonds", f"{found.long}{strongest}"),
        ]
    return shown


def _pairs(couplings: Square) -> list[Number]:
    there = couplings[couplings != 0]
    mean = [("mean coupling", signed(float(there.mean()), 4))] if len(there) else []
    return [("coupled pairs", f"{len(there) // 2:,}"), *mean]


def _fields(fields: Vector) -> list[Number]:
    return [("fields", f"{signed(float(fields.min()), 2)} to {signed(float(fields.max()), 2)}")] if fields.any() else []


def _spins(x: Samples, scene: Recovery) -> list[Number]:
    if not x.size:
        return []
    if not scene.side:
        return [("share of ones", f"{x.mean():.2f}")]
    return [("mean |magnetisation|", f"{np.abs(2.0 * x.mean(1) - 1).mean():.2f}")]
