"""Settings of a training on a density in the plane."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ebgfn.problems.config import Config, check, choice, limited, random_seed, step_count, training_seconds
from ebgfn.problems.plane.densities import DENSITIES, DRAWN, Density, density, drawn

if TYPE_CHECKING:
    from ebgfn.train.source import Stored

PRESETS = ("fast", "paper", "basic")
ABOUT_PRESETS = "fast: ours; paper: the published algorithm, literally; basic: its basic version"


@dataclass(frozen=True)
class Toy2DConfig(Config):
    """Training on a density in the plane."""

    kind: ClassVar[str] = "toy2d"

    dataset: str = choice("checkerboard", (*DENSITIES, DRAWN), "density to learn")
    preset: str = choice("fast", PRESETS, ABOUT_PRESETS)
    bits: int = limited(16, 3, 16, "bits per axis")
    budget_s: float = training_seconds(120.0)
    steps: int | None = step_count()
    seed: int = random_seed()
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

    @property
    def label(self) -> str:
        return f"{self.dataset}-{self.preset}"

    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        """Fresh data; another place (a step, a process) draws other points."""
        from ebgfn.problems.plane.stream import Stream

        return Stream(self.density(), bits=self.bits, seed=self.seed, place=place)

    def density(self) -> Density:
        """The distribution that the data are drawn from."""
        return density(self.dataset) if self.weights is None else drawn(np.array(self.weights))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Any:
        if "weights" in values:
            values = values | {"weights": _table(values["weights"])}
        return super().from_json(values)


def _table(rows: Any) -> tuple[tuple[float, ...], ...]:
    try:
        table = tuple(tuple(float(v) for v in row) for row in rows)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("weights must be a table of numbers") from None
    if len({len(row) for row in table}) > 1:
        raise ValueError("weights must have rows of equal length")
    return table
