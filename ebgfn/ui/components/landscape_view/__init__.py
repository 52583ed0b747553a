"""Target, energy, sampler, their difference and samples in the plane: one instance that keeps zoom and history."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ebgfn.ui.components._shared import build, packed
from ebgfn.ui.components._shared.colours import Role
from ebgfn.ui.components._shared.levels import Points
from ebgfn.ui.components.landscape_view.numbers import MEANING, numbers

_component = build(__file__, "timeline", "zooming", "pictures", "transport")


@dataclass(frozen=True)
class Frame:
    """One moment of training: densities per unit area of energy `p` and sampler `q` as bytes, row 0 below, and samples.

    `values` are the figures known of this moment, named as in metrics.jsonl or as `evaluate` reports them.
    """

    step: int
    seconds: float
    p: UInt8[np.ndarray, "side side"]
    q: UInt8[np.ndarray, "side side"]
    samples: Points
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Landscape:
    """All that the view draws. `source` names where frames come from: another source starts the history anew.

    `floor` is the entropy of the data on the grid, in nats, where it is known. `autoplay`: they are of a training that
    was over before, and play by themselves.
    """

    name: str
    source: str
    half: float
    top: float
    target: UInt8[np.ndarray, "side side"]
    frames: tuple[Frame, ...]
    floor: float | None = None
    autoplay: bool = False


def draw(scene: Landscape, *, key: str) -> None:
    """Show a landscape; call it again under the same key to replace the data in place."""
    _component(key=key, data=payload(scene))


# Whose it is, title, note, and what is read aloud.
PANELS: dict[str, tuple[Role | None, str, str, str]] = {
    "target": ("data", "Target", "the data's density", "Density of the data"),
    "energy": ("energy", "Energy", "p = exp(−E) / Z", "Density of the energy-based model"),
    "sampler": ("sampler", "GFlowNet", "probability of sampling x", "Density that the GFlowNet samples from"),
    "difference": (None, "Difference", "energy − GFlowNet", "The energy's density minus the sampler's"),
    "samples": ("sampler", "Samples", "drawn by the GFlowNet", "Points drawn by the GFlowNet"),
}


def payload(scene: Landscape) -> dict[str, Any]:
    """The view's data as JSON."""
    frames = [_frame_json(frame, scene) for frame in scene.frames]
    panels = [
        {"kind": kind} | dict(zip(("role", "title", "note", "alt"), of, strict=True)) for kind, of in PANELS.items()
    ]
    return {
        "name": scene.name,
        "source": scene.source,
        "autoplay": scene.autoplay,
        "half": scene.half,
        "top": scene.top,
        "target": packed(scene.target),
        "frames": frames,
        "panels": panels,
        "meaning": MEANING,
    }


def _frame_json(frame: Frame, scene: Landscape) -> dict[str, Any]:
    xy = np.clip(frame.samples / scene.half, -1.2, 1.2)
    return {
        "step": int(frame.step),
        "seconds": float(frame.seconds),
        "p": packed(frame.p),
        "q": packed(frame.q),
        # Points up to 1.2 half-widths out fit into 16 bits; what lies further cannot be seen at any zoom.
        "xy": packed(np.round(xy / 1.2 * 32767).astype("<i2")),
        "numbers": numbers(frame.values, scene.floor),
    }
