"""What to train and for how long: the one source of the command line's options, the app's forms and a run's config.json."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ebgfn.data.toy2d import DENSITIES, DRAWN, Density, density, drawn

PRESETS = ("fast", "paper")
MAX_BUDGET_S = 7 * 24 * 3600.0
MAX_STEPS = 10_000_000


def _limited(default: Any, low: float, high: float, text: str) -> Any:
    """A field with its limits, in the order low <= value <= high, and one line of help."""
    return field(default=default, metadata={"low": low, "high": high, "help": text})


def _choice(default: str, options: tuple[str, ...], text: str) -> Any:
    return field(default=default, metadata={"options": options, "help": text})


@dataclass(frozen=True)
class Toy2DConfig:
    """Training on a density in the plane. The budget is wall-clock seconds, or a number of steps if `steps` is given."""

    dataset: str = _choice("checkerboard", (*DENSITIES, DRAWN), "density to learn")
    preset: str = _choice("fast", PRESETS, "fast: ours; paper: the published algorithm, literally")
    bits: int = _limited(16, 3, 16, "bits per axis")
    budget_s: float = _limited(120.0, 1.0, MAX_BUDGET_S, "seconds of training")
    steps: int | None = _limited(None, 1, MAX_STEPS, "number of steps instead of seconds; reproducible")
    seed: int = _limited(0, 0, 2**31 - 1, "random seed")
    weights: tuple[tuple[float, ...], ...] | None = field(
        default=None, metadata={"help": "the drawn density, row 0 on top"}
    )

    def __post_init__(self):
        check(self)
        if (self.dataset == DRAWN) != (self.weights is not None):
            raise ValueError(f"weights are given exactly if dataset is {DRAWN!r}")
        self.density()

    @property
    def dim(self) -> int:
        """Number of binary variables."""
        return 2 * self.bits

    def density(self) -> Density:
        """The distribution that the data are drawn from."""
        import numpy as np

        return density(self.dataset) if self.weights is None else drawn(np.array(self.weights))

    def to_json(self) -> dict[str, Any]:
        """Plain values; fields that are None are left out."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v is not None}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Toy2DConfig":
        """Inverse of `to_json`; unknown or ill-typed fields raise ValueError."""
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}")
        if "weights" in values:
            values = values | {"weights": _table(values["weights"])}
        return cls(**values)


def _table(rows: Any) -> tuple[tuple[float, ...], ...]:
    try:
        table = tuple(tuple(float(v) for v in row) for row in rows)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("weights must be a table of numbers") from None
    if len({len(row) for row in table}) > 1:
        raise ValueError("weights must have rows of equal length")
    return table


def check(config: Any) -> None:
    """Hold every field of a config against the limits stated beside it."""
    for f in dataclasses.fields(config):
        value, limits = getattr(config, f.name), f.metadata
        if value is None and f.default is None:
            continue
        if "options" in limits and value not in limits["options"]:
            raise ValueError(f"{f.name} must be one of {', '.join(limits['options'])}; got {value!r}")
        if "low" in limits:
            _check_number(f.name, value, limits["low"], limits["high"], whole=f.type in (int, int | None))


def _check_number(name: str, value: Any, low: float, high: float, *, whole: bool) -> None:
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        raise ValueError(
            f"{name} must be {'a whole number' if whole else 'a number'} in {low:g}..{high:g}, got {value!r}"
        )


CONFIGS: dict[str, type[Toy2DConfig]] = {"toy2d": Toy2DConfig}
