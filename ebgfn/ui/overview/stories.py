"""Pictures of the first screen that are no landscapes: images that grow, lattices at every sigma, recovered couplings.

`python -m ebgfn.ui.overview.stories` makes them from the shipped models and stores them among the assets, so that the first
screen needs no torch. What was made from other weights than those that lie here is not shown.
"""

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from ebgfn import bundle, shipped
from ebgfn.files import write_bytes

FILE = "first_screen.npz"
IMAGES, LATTICE, COUPLINGS = "images-mnist-small", "lattice-10x10", re.compile(r"ising-10x10-(0\.\d+)")
GROWN, STEPS = 16, 49
SIGMAS = np.round(np.linspace(0, 0.5, 26), 2)


@dataclass(frozen=True)
class Growth:
    """Images and the step in which each pixel was filled, counted from 0."""

    x: UInt8[np.ndarray, "n dim"]
    filled: UInt8[np.ndarray, "n dim"]


@dataclass(frozen=True)
class Bonds:
    """Couplings recovered at one sigma: of each site to its right and lower neighbour, and how many are found and wrong."""

    sigma: float
    right: Float[np.ndarray, " dim"]
    down: Float[np.ndarray, " dim"]
    found: int
    wrong: int


@dataclass(frozen=True)
class Sweep:
    """One lattice of the sampler at each sigma, from the same random numbers, and couplings by rising sigma."""

    spins: UInt8[np.ndarray, "sigmas dim"]
    recovered: tuple[Bonds, ...]

    @property
    def side(self) -> int:
        return round(self.spins.shape[1] ** 0.5)


def grown(folder: Path) -> Growth:
    """Images of a shipped sampler. Errors: CheckpointError."""
    import torch

    from ebgfn.core.schedules import best_schedule, draw
    from ebgfn.core.states import ranks
    from ebgfn.problems.checkpoint import load

    policy = load(folder).policy
    schedule = best_schedule(policy.step_nats, STEPS)
    drawn = draw(policy, GROWN, torch.Generator().manual_seed(0), schedule=schedule)
    filled = np.searchsorted(schedule, ranks(drawn.order).numpy(), side="right") - 1
    return Growth(drawn.x.numpy().astype(np.uint8), filled.astype(np.uint8))


def swept(folder: Path) -> UInt8[np.ndarray, "sigmas dim"]:
    """One lattice at each of SIGMAS. Errors: CheckpointError."""
    import torch

    from ebgfn.nets.lattice import at_sigma, draw_lattices
    from ebgfn.problems.checkpoint import load

    model = load(folder)
    at = [draw_lattices(at_sigma(model, s).policy, 1, torch.Generator().manual_seed(0)).x for s in SIGMAS.tolist()]
    return torch.cat(at).numpy().astype(np.uint8)


def recovered(folder: Path, sigma: float) -> Bonds:
    """What a shipped model learned of the couplings of a 10 x 10 lattice. Errors: CheckpointError."""
    from ebgfn.problems.checkpoint import load
    from ebgfn.ui.components.couplings_view import bonds

    model = load(folder)
    found, side = model.energy.couplings().detach().numpy(), model.config.side
    counted, site = bonds.count(found, side), np.arange(side * side).reshape(side, side)
    right, down = (found[site, np.roll(site, -1, axis)].ravel() for axis in (1, 0))
    return Bonds(sigma, right, down, counted.near, counted.long)


def save(path: Path) -> None:
    """Make all pictures from the shipped models and store them. Errors: CheckpointError, OSError."""
    here = shipped.folder()
    growth, spins = grown(here / IMAGES), swept(here / LATTICE)
    of_couplings = {f.name: float(m[1]) for f in sorted(here.iterdir()) if (m := COUPLINGS.fullmatch(f.name))}
    arrays: dict[str, object] = {
        "x": np.packbits(growth.x, axis=1),
        "filled": growth.filled,
        "spins": np.packbits(spins, axis=1),
        "couplings": list(of_couplings),
    }
    for name, sigma in of_couplings.items():
        bonds = recovered(here / name, sigma)
        arrays |= {f"{name}_{part}": value for part, value in vars(bonds).items()}
    arrays |= {f"{name}_weights": shipped.fingerprint(here / name) for name in (IMAGES, LATTICE, *of_couplings)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{k: np.asarray(v) for k, v in arrays.items()})
    write_bytes(path, buffer.getvalue())


def load(path: Path | None = None) -> tuple[Growth | None, Sweep | None]:
    """What is stored of the weights that lie here, None for what is not."""
    try:
        with np.load(path or bundle.root() / "assets" / FILE, allow_pickle=False) as data:
            growth = _growth(data) if _current(data, IMAGES) else None
            return growth, _sweep(data) if _current(data, LATTICE) else None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None, None


def _current(data: np.lib.npyio.NpzFile, name: str) -> bool:
    try:
        return str(data[f"{name}_weights"]) == shipped.fingerprint(shipped.folder() / name)
    except OSError:
        return False


def _growth(data: np.lib.npyio.NpzFile) -> Growth:
    filled = data["filled"]
    return Growth(np.unpackbits(data["x"], axis=1, count=filled.shape[1]), filled)


def _sweep(data: np.lib.npyio.NpzFile) -> Sweep:
    names = [str(name) for name in data["couplings"] if _current(data, str(name))]
    parts = [[data[f"{name}_{part}"] for part in Bonds.__annotations__] for name in names]
    found = tuple(Bonds(float(s), right, down, int(found), int(wrong)) for s, right, down, found, wrong in parts)
    return Sweep(np.unpackbits(data["spins"], axis=1, count=100), tuple(sorted(found, key=lambda one: one.sigma)))


if __name__ == "__main__":
    save(bundle.root() / "assets" / FILE)
