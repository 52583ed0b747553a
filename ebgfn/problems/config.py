"""Settings: what to train, how long; the one source of the command line's options, the app's forms and config.json."""

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ebgfn.train.source import Stored

MAX_BUDGET_S = 7 * 24 * 3600.0
MAX_STEPS = 10_000_000
STARTS = ("zero", "shipped")


def limited(default: Any, low: float, high: float, text: str) -> Any:
    """A field with its limits, in the order low <= value <= high, and one line of help."""
    return field(default=default, metadata={"low": low, "high": high, "help": text})


def choice(default: str, options: tuple[str, ...], text: str) -> Any:
    """A field whose value is one of the options."""
    return field(default=default, metadata={"options": options, "help": text})


def training_seconds(default: float) -> Any:
    """The budget of a training."""
    return limited(default, 1.0, MAX_BUDGET_S, "seconds of training")


def step_count() -> Any:
    return limited(None, 1, MAX_STEPS, "number of steps instead of seconds; reproducible")


def random_seed(text: str = "random seed") -> Any:
    return limited(0, 0, 2**31 - 1, text)


class Config(ABC):
    """What to train, whatever it is: a frozen dataclass whose fields have the limits above.

    `kind` is the command's word for it. The budget is wall-clock seconds, or a number of steps if `steps` is given.
    """

    kind: ClassVar[str]
    budget_s: float
    steps: int | None
    seed: int

    def __post_init__(self):
        check(self)

    @property
    @abstractmethod
    def dim(self) -> int:
        """Number of binary variables."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Short name for folders and lists."""

    @property
    def trainer(self) -> str:
        """Which of its problem's trainers."""
        return getattr(self, "preset", "fast")

    @abstractmethod
    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        """Training data; another place (a step, a process) draws others."""

    def to_json(self) -> dict[str, Any]:
        """Plain values; fields that are None are left out."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v is not None}  # pyright: ignore[reportArgumentType]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Any:
        """Inverse of `to_json`; unknown or ill-typed fields raise ValueError."""
        known = {f.name for f in dataclasses.fields(cls)}  # pyright: ignore[reportArgumentType]
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}")
        return cls(**values)


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
