"""Settings of the recovery of couplings from samples: of a lattice, which are made here, or of a file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float, UInt8

from ebgfn.problems.config import STARTS, Config, check, choice, limited, random_seed, step_count, training_seconds
from ebgfn.problems.ising import uploads
from ebgfn.problems.lattice import exact

if TYPE_CHECKING:
    from ebgfn.train.source import Stored

COUPLINGS = ("free", "homogeneous")
ESTIMATES = ("refit", "pooled", "sparse")
ABOUT_COUPLINGS = "free: each pair its own; homogeneous: pairs at equal displacement on the torus share one"
ABOUT_ESTIMATES = (
    "refit: unpenalised on the support found; pooled: refit, shrunk to what couplings share; sparse: penalised"
)
PRESETS = ("fast", "paper", "basic")
ABOUT_PRESETS = "fast: ours; paper: the published algorithm with a quadratic energy; basic: its basic version"
METHODS = ("ebgfn", "pcd-gibbs", "pcd-gwg", "pseudo-likelihood")
ABOUT_METHODS = (
    "ebgfn: energy and sampler together; pcd-gibbs, pcd-gwg: persistent contrastive divergence with chains of that kernel, "
    "and pseudo-likelihood with our penalty and refit, energies without a sampler"
)
# Of a lattice that is made here, unless given.
USUAL = {"side": 10, "sigma": 0.2, "samples": 2000}


@dataclass(frozen=True)
class IsingConfig(Config):
    """Recovery of couplings: without a `path`, of a lattice of this side and sigma from so many samples of it.

    With one, from the rows of that file; `side` then says that its columns are a square lattice, row by row.
    """

    kind: ClassVar[str] = "ising"

    side: int | None = limited(
        None, *exact.SIDES, "side of the lattice, usually 10; for a file only if its columns are a lattice"
    )
    sigma: float | None = limited(None, *exact.SIGMAS, "true coupling of neighbours, usually 0.2; not for a file")
    samples: int | None = limited(None, 50, 20_000, "number of samples that are made, usually 2000; not for a file")
    couplings: str = choice("free", COUPLINGS, ABOUT_COUPLINGS)
    estimate: str = choice("refit", ESTIMATES, ABOUT_ESTIMATES)
    method: str = choice("ebgfn", METHODS, ABOUT_METHODS)
    preset: str = choice("fast", PRESETS, ABOUT_PRESETS)
    budget_s: float = training_seconds(120.0)
    steps: int | None = step_count()
    seed: int = random_seed("random seed, of the data too")
    start: str = choice("zero", STARTS, "couplings at first: zero, or those of the shipped model of nearest sigma")
    path: str | None = field(default=None, metadata={"help": "CSV or NPZ file of binary samples, one a row"})

    def __post_init__(self):
        if self.method != "ebgfn" and (self.preset, self.start) != ("fast", "zero"):
            raise ValueError(f"preset and start must not be given with method {self.method}: they belong to ebgfn")
        if self.trainer not in ("fast", "pseudo-likelihood") and self.estimate != ESTIMATES[0]:
            raise ValueError(
                f"estimate must not be given with {self.trainer}: only ebgfn and pseudo-likelihood have it"
            )
        if self.path is None:
            for name, usual in USUAL.items():
                if getattr(self, name) is None:
                    object.__setattr__(self, name, usual)
            return check(self)
        check(self)
        if not isinstance(self.path, str) or not self.path:
            raise ValueError("path must name a CSV or NPZ file of binary samples")
        if self.sigma is not None or self.samples is not None:
            raise ValueError(
                "sigma and samples must not be given with a path: they describe samples that are made here"
            )
        if self.couplings == "homogeneous" and self.side is None:
            raise ValueError("homogeneous couplings need the side of the lattice")
        if self.start != "zero":
            raise ValueError("start must be zero for the samples of a file")

    @property
    def trainer(self) -> str:
        return self.preset if self.method == "ebgfn" else self.method

    @property
    def dim(self) -> int:
        return self.data().shape[1] if self.lattice is None else self.lattice.dim

    @property
    def label(self) -> str:
        if self.path is None:
            return f"ising-{self.side}x{self.side}-{self.sigma:g}".replace(".", "_")
        # A file's name comes from outside; the folder's name keeps what is harmless of it.
        return "file-" + "".join(c if c.isascii() and c.isalnum() else "_" for c in Path(self.path).stem)[:24]

    @property
    def lattice(self) -> exact.Lattice | None:
        """What the samples are of, if they are made here."""
        if self.path is not None:
            return None
        assert self.side is not None
        assert self.sigma is not None
        return exact.Lattice(self.side, self.sigma)

    def data(self) -> UInt8[np.ndarray, "samples dim"]:
        """The samples to learn from: made anew, the same for the same seed, or the file's. Errors: ValueError."""
        if self.path is None:
            assert self.lattice is not None
            assert self.samples is not None
            return self.lattice.sample(self.samples, np.random.default_rng(self.seed))
        x = uploads.read(Path(self.path)).x
        if self.side is not None and x.shape[1] != self.side**2:
            raise ValueError(f"a lattice of side {self.side} has {self.side**2} columns, the file has {x.shape[1]}")
        return x

    def names(self) -> tuple[str, ...] | None:
        """Of a file's columns, where it has them. Errors: ValueError."""
        return None if self.path is None else uploads.read(Path(self.path)).names

    def true_couplings(self) -> Float[np.ndarray, "dim dim"] | None:
        """J where it is known."""
        return None if self.lattice is None else self.lattice.couplings()

    def source(self, *, place: tuple[int, ...] = ()) -> "Stored":
        from ebgfn.train.source import Rows

        return Rows(self.data(), seed=self.seed, place=place)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Any:
        # Runs of earlier versions say so that a file's columns are no lattice.
        if "path" in values and values.get("side") == 0:
            values = values | {"side": None}
        return super().from_json(values)
