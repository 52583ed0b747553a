"""Settings of a training on a set of binary images."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ebgfn.problems.config import STARTS, Config, choice, random_seed, step_count, training_seconds
from ebgfn.problems.images import sets

if TYPE_CHECKING:
    from ebgfn.train.source import Stored

PRESETS = ("fast", "small", "mlp", "digits", "paper", "basic")
ABOUT_PRESETS = (
    "fast: a U-Net; small: one half as wide, which samples sooner; mlp: fully connected; "
    "digits: fully connected and with chains, for few and small images; "
    "paper: the published algorithm, slow as it is; basic: its basic version"
)
ABOUT_STARTS = "where training starts: zero, or the shipped model of the same images and preset"


@dataclass(frozen=True)
class ImagesConfig(Config):
    """Training on a set of binary images."""

    kind: ClassVar[str] = "images"

    dataset: str = choice("mnist", sets.IMAGE_SETS, "set of images")
    preset: str = choice("fast", PRESETS, ABOUT_PRESETS)
    budget_s: float = training_seconds(1200.0)
    steps: int | None = step_count()
    seed: int = random_seed()
    start: str = choice("zero", STARTS, ABOUT_STARTS)

    @property
    def side(self) -> int:
        return sets.SIDES[self.dataset]

    @property
    def dim(self) -> int:
        return self.side**2

    @property
    def label(self) -> str:
        return f"{self.dataset}-{self.preset}"

    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        from ebgfn.problems.images.stream import BinaryImages

        return BinaryImages(sets.read(self.dataset, "train"), seed=self.seed, place=place)
