"""What the pictures of the plane need: densities as bytes on one scale, points as 16-bit pairs, labelled numbers."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from ebgfn.ui import colours

Picture = Float[np.ndarray, "side side"]
Points = Float[np.ndarray, "n 2"]

# Bytes follow log(1 + FAINT p / top): a step is 2 % of a density at the top; a 200th of the top is 13 % of the scale.
FAINT = 200.0
Number = tuple[str, str]


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
class Scene:
    """All that the view draws. `source` names where frames come from: another source starts the history anew.

    `floor` is the entropy of the data on the grid, in nats, where it is known.
    """

    name: str
    source: str
    half: float
    top: float
    target: UInt8[np.ndarray, "side side"]
    frames: tuple[Frame, ...]
    floor: float | None = None


def top_of(target: Picture) -> float:
    """Density at the top of the colour scale: above all but a two-hundredth of the target's own mass-bearing pixels."""
    bearing = target[target > 0]
    return float(1.1 * np.quantile(bearing, 0.995)) if bearing.size else 1.0


def encode(density: Picture, top: float) -> UInt8[np.ndarray, "side side"]:
    """Densities as bytes; what exceeds `top` becomes 255."""
    share = np.clip(np.nan_to_num(density, nan=0.0, posinf=top) / top, 0, 1)
    return np.round(255 * np.log1p(FAINT * share) / np.log1p(FAINT)).astype(np.uint8)


def decode(levels: UInt8[np.ndarray, "side side"], top: float) -> Picture:
    """Inverse of `encode`, up to rounding."""
    return top * np.expm1(levels / 255 * np.log1p(FAINT)) / FAINT


def per_area(log_cell: Picture, cell: float) -> Picture:
    """Probability per unit area from nats per cell of width `cell`."""
    with np.errstate(over="ignore"):
        return np.exp(log_cell.astype(np.float64)) / cell**2


def text(data: np.ndarray) -> str:
    """Bytes of an array as base64, little-endian."""
    return base64.b64encode(np.ascontiguousarray(data).tobytes()).decode()


def lookup_tables() -> dict[str, str]:
    """Both colour scales for both themes."""
    scales = {"amount": colours.amount, "signed": colours.signed}
    return {
        f"{name}_{'dark' if dark else 'light'}": text(scale(dark=dark))
        for name, scale in scales.items()
        for dark in (False, True)
    }


def lookup_tables_json() -> str:
    """The same, to be written into a component's script."""
    return json.dumps(lookup_tables())


PANELS = {
    "target": ("Target", "the data's density", "Density of the data"),
    "energy": ("Energy", "p = exp(−E) / Z", "Density of the energy-based model"),
    "sampler": ("GFlowNet", "probability of sampling x", "Density that the GFlowNet samples from"),
    "difference": ("Difference", "GFlowNet − energy", "Sampler's density minus the energy-based model's"),
    "samples": ("Samples", "drawn by the GFlowNet", "Points drawn by the GFlowNet"),
}


def payload(scene: Scene) -> dict[str, Any]:
    """The view's data as JSON."""
    frames = [_frame_json(frame, scene) for frame in scene.frames]
    panels = [{"kind": kind, "title": title, "note": note, "alt": alt} for kind, (title, note, alt) in PANELS.items()]
    return {
        "name": scene.name,
        "source": scene.source,
        "half": scene.half,
        "top": scene.top,
        "target": text(scene.target),
        "frames": frames,
        "panels": panels,
        "meaning": MEANING,
    }


def _frame_json(frame: Frame, scene: Scene) -> dict[str, Any]:
    xy = np.clip(frame.samples / scene.half, -1.2, 1.2)
    return {
        "step": int(frame.step),
        "seconds": float(frame.seconds),
        "p": text(frame.p),
        "q": text(frame.q),
        # Points up to 1.2 half-widths out fit into 16 bits; what lies further cannot be seen at any zoom.
        "xy": text(np.round(xy / 1.2 * 32767).astype("<i2")),
        "numbers": numbers(frame.values, scene.floor),
    }


MEANING = {
    "floor": "Entropy of the data on this grid, in nats: no model's NLL can be lower on average.",
    "NLL": "Mean of −log probability of fresh test points, in nats: E(x) + log Z, or −log q(x) for the sampler.",
    "above floor": "NLL minus that of the true density: what is left to learn, in nats. Negative values are noise.",
    "log Z": "Estimate of log Z in nats, from the sampler's weighted trajectories.",
    "between": "Two standard errors below a forward and above a backward estimate: log Z, unless both miss a mode.",
    "acceptance": "Mean acceptance of back-and-forth moves of 8 bits: 1 if the sampler matches the energy exactly.",
    "sample size": "Effective sample size of the weights that estimate Z, as a share: 1 if sampler and energy agree.",
    "MMD × 10⁶": "Maximum mean discrepancy of samples and data, in millionths; negative values are noise around zero.",
    "data to data": "The same between two sets of data, in millionths: the best value to expect.",
    "distance to target": "Total variation: the largest error of the probability of any event, exact over all states.",
    "distance to energy": "Total variation between sampler and energy, exact over all states: 0 if they agree.",
}


def numbers(values: dict[str, float], floor: float | None = None) -> dict[str, list[Number]]:
    """Labelled numbers for each panel from the figures of one moment; what is unknown is left out."""
    floor = values.get("entropy_floor", floor)

    def plain(name: str, label: str, digits: int) -> list[Number]:
        return [(label, minus(f"{values[name]:.{digits}f}"))] if name in values else []

    return {
        "target": [] if floor is None else [("floor", f"{floor:.3f}")],
        "energy": _nll(values, "ebm_nll", floor) + _log_z(values) + plain("tv_energy", "distance to target", 4),
        "sampler": _nll(values, "gfn_nll", floor) + plain("tv_sampler", "distance to target", 4),
        "difference": plain("mh_acceptance", "acceptance", 3)
        + plain("ess", "sample size", 3)
        + plain("tv_difference", "distance to energy", 4),
        "samples": [(label, millionths(values, name)) for name, label in MMD.items() if name in values],
    }


def _nll(values: dict[str, float], name: str, floor: float | None) -> list[Number]:
    if name not in values:
        return []
    above = excess(values, name.removesuffix("_nll"), floor)
    return [("NLL", with_error(values, name)), *([("above floor", above)] if above else [])]


def with_error(values: Mapping[str, Any], name: str, digits: int = 3) -> str:
    """A figure with two standard errors, where they are known."""
    error = f" ± {2 * values[f'{name}_se']:.{digits}f}" if f"{name}_se" in values else ""
    return minus(f"{values[name]:.{digits}f}{error}")


def excess(values: Mapping[str, Any], model: str, floor: float | None) -> str:
    """NLL of a model (gfn or ebm) above the floor: on the very test points where that is known, else on average."""
    if f"{model}_excess" in values:
        return f"{'+' * (values[f'{model}_excess'] >= 0)}{with_error(values, f'{model}_excess', 4)}"
    return "" if floor is None else signed(values[f"{model}_nll"] - floor)


def _log_z(values: dict[str, float]) -> list[Number]:
    if "log_z" not in values:
        return []
    rows = [("log Z", signed(values["log_z"]))]
    if "log_z_lower" in values and "log_z_upper" in values:
        rows.append(("between", f"{signed(values['log_z_lower'])} … {signed(values['log_z_upper'])}"))
    return rows


MMD = {"mmd": "MMD × 10⁶", "mmd_data": "data to data"}


def millionths(values: Mapping[str, Any], name: str) -> str:
    """A small figure times a million, with two standard errors where they are known."""
    error = f" ± {2e6 * values[f'{name}_se']:.0f}" if f"{name}_se" in values else ""
    return minus(f"{1e6 * values[name]:.0f}{error}")


def minus(number: str) -> str:
    """A number with a true minus sign."""
    return number.replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign."""
    return minus(f"{value:+.{digits}f}")
