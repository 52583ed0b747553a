"""What to train and for how long: the one source of the command line's options, the app's forms and a run's config.json."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from ebgfn.data import images, ising, uploads
from ebgfn.data.toy2d import DENSITIES, DRAWN, Density, density, drawn

if TYPE_CHECKING:
    from ebgfn.data.stream import Stored

PRESETS = ("fast", "paper")
MAX_BUDGET_S = 7 * 24 * 3600.0
MAX_STEPS = 10_000_000
# Coupling at which a lattice's model is asked where none is named.
USUAL_SIGMA = 0.2


def _limited(default: Any, low: float, high: float, text: str) -> Any:
    """A field with its limits, in the order low <= value <= high, and one line of help."""
    return field(default=default, metadata={"low": low, "high": high, "help": text})


def _choice(default: str, options: tuple[str, ...], text: str) -> Any:
    return field(default=default, metadata={"options": options, "help": text})


@runtime_checkable
class Config(Protocol):
    """What to train, whatever it is. The budget is wall-clock seconds, or a number of steps if `steps` is given.

    `kind` is the command's word for it, `label` a short name for folders and lists, `dim` the number of binary variables.
    """

    kind: ClassVar[str]

    @property
    def preset(self) -> str:
        """The way to train."""
        ...

    @property
    def budget_s(self) -> float:
        """Seconds of training."""
        ...

    @property
    def steps(self) -> int | None:
        """Number of steps instead of seconds, or None."""
        ...

    @property
    def seed(self) -> int:
        """Of weights, data and sampling."""
        ...

    @property
    def dim(self) -> int:
        """Number of binary variables."""
        ...

    @property
    def label(self) -> str:
        """Short name for folders and lists."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain values; fields that are None are left out."""
        ...

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Config":
        """Inverse of `to_json`; unknown or ill-typed fields raise ValueError."""
        ...

    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        """Training data; another place (a step, a process) draws others."""
        ...


@dataclass(frozen=True)
class Toy2DConfig:
    """Training on a density in the plane."""

    kind: ClassVar[str] = "toy2d"

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

    @property
    def label(self) -> str:
        return f"{self.dataset}-{self.preset}"

    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        """Fresh data; another place (a step, a process) draws other points."""
        from ebgfn.data.stream import Stream

        return Stream(self.density(), bits=self.bits, seed=self.seed, place=place)

    def density(self) -> Density:
        """The distribution that the data are drawn from."""
        return density(self.dataset) if self.weights is None else drawn(np.array(self.weights))

    def to_json(self) -> dict[str, Any]:
        """Plain values; fields that are None are left out."""
        return given(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Toy2DConfig":
        """Inverse of `to_json`; unknown or ill-typed fields raise ValueError."""
        check_names(cls, values)
        if "weights" in values:
            values = values | {"weights": _table(values["weights"])}
        return cls(**values)


def given(config: Any) -> dict[str, Any]:
    """Plain values of a config; fields that are None are left out."""
    return {k: v for k, v in dataclasses.asdict(config).items() if v is not None}


def check_names(config: type, values: dict[str, Any]) -> None:
    """Refuse settings that a config does not have."""
    known = {f.name for f in dataclasses.fields(config)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}")


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


COUPLINGS = ("free", "homogeneous")
ESTIMATES = ("pooled", "refit", "sparse")
ABOUT_COUPLINGS = "free: each pair its own; homogeneous: pairs at equal displacement on the torus share one"
ABOUT_ESTIMATES = (
    "sparse: penalised; refit: unpenalised on the support found; pooled: refit, shrunk to what couplings share"
)
STARTS = ("zero", "shipped")
ABOUT_IMAGE_STARTS = "where training starts: zero, or the shipped model of the same images and preset"


@dataclass(frozen=True)
class IsingConfig:
    """Recovery of the couplings of a lattice from samples of it."""

    kind: ClassVar[str] = "ising"

    side: int = _limited(10, *ising.SIDES, "side of the square lattice, with periodic boundaries")
    sigma: float = _limited(0.2, *ising.SIGMAS, "true coupling of neighbours")
    samples: int = _limited(2000, 50, 20_000, "number of samples to learn from")
    couplings: str = _choice("free", COUPLINGS, ABOUT_COUPLINGS)
    estimate: str = _choice("pooled", ESTIMATES, ABOUT_ESTIMATES)
    budget_s: float = _limited(120.0, 1.0, MAX_BUDGET_S, "seconds of training")
    steps: int | None = _limited(None, 1, MAX_STEPS, "number of steps instead of seconds; reproducible")
    seed: int = _limited(0, 0, 2**31 - 1, "random seed, of the data too")
    start: str = _choice("zero", STARTS, "couplings at first: zero, or those of the shipped model of nearest sigma")

    def __post_init__(self):
        check(self)

    @property
    def preset(self) -> str:
        return "fast"

    @property
    def dim(self) -> int:
        return self.side**2

    @property
    def label(self) -> str:
        return f"ising-{self.side}x{self.side}-{self.sigma:g}".replace(".", "_")

    @property
    def lattice(self) -> ising.Lattice:
        return ising.Lattice(self.side, self.sigma)

    def data(self) -> UInt8[np.ndarray, "samples dim"]:
        """The samples to learn from: the same for the same seed."""
        return self.lattice.sample(self.samples, np.random.default_rng(self.seed))

    def true_couplings(self) -> Float[np.ndarray, "dim dim"] | None:
        return self.lattice.couplings()

    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        from ebgfn.data.stream import Rows

        return Rows(self.data(), seed=self.seed, place=place)

    def to_json(self) -> dict[str, Any]:
        return given(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "IsingConfig":
        check_names(cls, values)
        return cls(**values)


@dataclass(frozen=True)
class FileConfig:
    """Couplings of binary samples from a file. `side` says that they are a square lattice; 0: no geometry is known."""

    kind: ClassVar[str] = "file"

    path: str = field(default="", metadata={"help": "CSV or NPZ file of binary samples, one a row"})
    side: int = _limited(0, 0, ising.SIDES[1], "side of the lattice that the columns are, row by row; 0: none")
    couplings: str = _choice("free", COUPLINGS, ABOUT_COUPLINGS)
    estimate: str = _choice("pooled", ESTIMATES, ABOUT_ESTIMATES)
    budget_s: float = _limited(120.0, 1.0, MAX_BUDGET_S, "seconds of training")
    steps: int | None = _limited(None, 1, MAX_STEPS, "number of steps instead of seconds; reproducible")
    seed: int = _limited(0, 0, 2**31 - 1, "random seed")

    def __post_init__(self):
        check(self)
        if not isinstance(self.path, str) or not self.path:
            raise ValueError("path must name a CSV or NPZ file of binary samples")
        if self.couplings == "homogeneous" and not self.side:
            raise ValueError("couplings homogeneous needs the side of the lattice")

    @property
    def preset(self) -> str:
        return "fast"

    @property
    def dim(self) -> int:
        return self.data().shape[1]

    @property
    def label(self) -> str:
        # A file's name comes from outside; the folder's name keeps what is harmless of it.
        return "file-" + "".join(c if c.isascii() and c.isalnum() else "_" for c in Path(self.path).stem)[:24]

    def data(self) -> UInt8[np.ndarray, "samples dim"]:
        """The file's samples; ValueError says what is wrong with them."""
        x = uploads.read(Path(self.path))
        if self.side and x.shape[1] != self.side**2:
            raise ValueError(f"a lattice of side {self.side} has {self.side**2} columns, the file has {x.shape[1]}")
        return x

    def true_couplings(self) -> Float[np.ndarray, "dim dim"] | None:
        return None

    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        from ebgfn.data.stream import Rows

        return Rows(self.data(), seed=self.seed, place=place)

    def to_json(self) -> dict[str, Any]:
        return given(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "FileConfig":
        check_names(cls, values)
        return cls(**values)


@dataclass(frozen=True)
class LatticeConfig:
    """A sampler for all couplings of a lattice at once, trained against the known energy without data."""

    kind: ClassVar[str] = "lattice"

    side: int = _limited(10, *ising.SIDES, "side of the square lattice, with periodic boundaries")
    budget_s: float = _limited(900.0, 1.0, MAX_BUDGET_S, "seconds of training")
    steps: int | None = _limited(None, 1, MAX_STEPS, "number of steps instead of seconds; reproducible")
    seed: int = _limited(0, 0, 2**31 - 1, "random seed")

    def __post_init__(self):
        check(self)

    @property
    def preset(self) -> str:
        return "fast"

    @property
    def dim(self) -> int:
        return self.side**2

    @property
    def label(self) -> str:
        return f"lattice-{self.side}x{self.side}"

    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        from ebgfn.data.stream import Nothing

        return Nothing()

    def to_json(self) -> dict[str, Any]:
        return given(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "LatticeConfig":
        check_names(cls, values)
        return cls(**values)


IMAGE_PRESETS = ("fast", "small", "mlp")
ABOUT_IMAGE_PRESETS = "fast: a U-Net; small: one half as wide, which samples sooner; mlp: fully connected"


@dataclass(frozen=True)
class ImagesConfig:
    """Training on a set of binary images."""

    kind: ClassVar[str] = "images"

    dataset: str = _choice("mnist", images.IMAGE_SETS, "set of images")
    preset: str = _choice("fast", IMAGE_PRESETS, ABOUT_IMAGE_PRESETS)
    budget_s: float = _limited(1200.0, 1.0, MAX_BUDGET_S, "seconds of training")
    steps: int | None = _limited(None, 1, MAX_STEPS, "number of steps instead of seconds; reproducible")
    seed: int = _limited(0, 0, 2**31 - 1, "random seed")
    start: str = _choice("zero", STARTS, ABOUT_IMAGE_STARTS)

    def __post_init__(self):
        check(self)

    @property
    def side(self) -> int:
        return images.SIDES[self.dataset]

    @property
    def dim(self) -> int:
        return self.side**2

    @property
    def label(self) -> str:
        return f"{self.dataset}-{self.preset}"

    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        from ebgfn.data.image_stream import BinaryImages

        return BinaryImages(images.read(self.dataset, "train"), seed=self.seed, place=place)

    def to_json(self) -> dict[str, Any]:
        return given(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ImagesConfig":
        check_names(cls, values)
        return cls(**values)


CONFIGS: dict[str, type[Config]] = {
    c.kind: c for c in (Toy2DConfig, IsingConfig, FileConfig, ImagesConfig, LatticeConfig)
}
