"""Settings of a sampler for all couplings of a lattice."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ebgfn.problems.config import check, check_names, given, limited, random_seed, step_count, training_seconds
from ebgfn.problems.lattice.exact import SIDES

if TYPE_CHECKING:
    from ebgfn.train.source import Stored


@dataclass(frozen=True)
class LatticeConfig:
    """A sampler for all couplings of a lattice at once, trained against the known energy without data."""

    kind: ClassVar[str] = "lattice"

    side: int = limited(10, *SIDES, "side of the square lattice, with periodic boundaries")
    budget_s: float = training_seconds(900.0)
    steps: int | None = step_count()
    seed: int = random_seed()

    def __post_init__(self):
        check(self)

    @property
    def trainer(self) -> str:
        return "fast"

    @property
    def dim(self) -> int:
        return self.side**2

    @property
    def label(self) -> str:
        return f"lattice-{self.side}x{self.side}"

    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        from ebgfn.train.source import Nothing

        return Nothing()

    def to_json(self) -> dict[str, Any]:
        return given(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "LatticeConfig":
        check_names(cls, values)
        return cls(**values)
