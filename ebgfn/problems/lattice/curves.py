"""Curves against sigma of the sampler of all sigma: log Z, energy, magnetisation and correlation.

Where there is a closed form (log Z and mean energy, Kaufman) the sampler stands against it, elsewhere against exact samples.
"""

import io
import math
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from ebgfn.core.weights import effective_sample_size, log_weights
from ebgfn.files import write_bytes
from ebgfn.model import Model
from ebgfn.nets.lattice import at_sigma, curve, draw_lattices
from ebgfn.problems.lattice import kaufman
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.problems.lattice.observables import abs_magnetisation, correlation, mean_energy
from ebgfn.shipped import fingerprint

FILE, SAMPLES = "curves.npz", 4000
# Closest around the critical point, 0.2203, where everything changes fastest; on an odd side sigma > 0 only.
_UPWARDS = (0.05, 0.1, 0.15, 0.18, 0.2, 0.22, 0.25, 0.3, 0.4, 0.5)
_ODD = (0.0, 0.025, 0.075, 0.125, 0.165, 0.19, 0.21, 0.235, 0.275, 0.35, 0.45)


def sigmas(side: int) -> list[float]:
    """The 21 couplings at which the sampler is looked at."""
    if side % 2:
        return sorted({*_UPWARDS, *_ODD})
    return [-s for s in reversed(_UPWARDS)] + [0.0, *_UPWARDS]


@dataclass(frozen=True)
class Point:
    """The sampler at one sigma; `_se` are standard errors, `exact_` figures of exact samples.

    Energies are those of a site, in nats. The magnetisation is |mean spin|, with every second spin turned for sigma < 0;
    the correlation is that of spins half a side apart along an axis. `log_z` is the learned one, `log_z_is` that of
    importance sampling, both of the whole lattice.
    """

    sigma: float
    log_z: float
    log_z_is: float
    log_z_is_se: float
    ess: float
    energy: float
    energy_se: float
    magnetisation: float
    magnetisation_se: float
    correlation: float
    correlation_se: float
    exact_magnetisation: float
    exact_magnetisation_se: float
    exact_correlation: float
    exact_correlation_se: float


def points(model: Model, sigmas: list[float], n: int, generator: torch.Generator) -> Iterator[Point]:
    """Look at `n` lattices of the sampler and `n` exact ones at each sigma."""
    for sigma in sigmas:
        yield _point(model, sigma, n, generator)


@torch.no_grad()
def _point(model: Model, sigma: float, n: int, generator: torch.Generator) -> Point:
    lattice, here = Lattice(model.config.side, sigma), at_sigma(model, sigma)
    drawn = draw_lattices(here.policy, n, generator)
    log_w = log_weights(here.energy, drawn)
    log_z = (log_w.logsumexp(0) - math.log(n)).item()
    ours = drawn.x.cpu().numpy().astype(np.uint8)
    exact = lattice.sample(
        n, np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator, device=generator.device)))
    )
    figures = {}
    for prefix, samples in (("", ours), ("exact_", exact)):
        size, far = abs_magnetisation(samples, staggered=sigma < 0), correlation(samples)
        figures |= {f"{prefix}magnetisation": size.value, f"{prefix}magnetisation_se": size.se}
        figures |= {f"{prefix}correlation": float(far.value[-1]), f"{prefix}correlation_se": float(far.se[-1])}
    energy = mean_energy(ours, lattice)
    return Point(
        sigma=sigma,
        log_z=here.log_z.item(),
        log_z_is=log_z,
        log_z_is_se=float((log_w - log_z).exp().std() / math.sqrt(n)),
        ess=effective_sample_size(log_w),
        energy=energy.value / model.dim,
        energy_se=energy.se / model.dim,
        **figures,
    )


Column = Float[np.ndarray, " sigmas"]


@dataclass(frozen=True)
class Curves:
    """Points as columns, named as in `Point`, and how many lattices each stands on."""

    side: int
    n: int
    columns: dict[str, Column]

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def log_z_error(self, name: str = "log_z") -> Column:
        """Estimate less Kaufman's log Z, in nats a site."""
        return (self[name] - kaufman.curves(self.side, self["sigma"]).log_z) / self.side**2


def gathered(side: int, n: int, rows: list[Point]) -> Curves:
    """Points as curves."""
    return Curves(side, n, {name: np.array([asdict(row)[name] for row in rows]) for name in Point.__annotations__})


def curves(model: Model, sigmas: list[float], n: int, generator: torch.Generator) -> Curves:
    """All points at once; takes about a second a sigma for n = 1000."""
    return gathered(model.config.side, n, list(points(model, sigmas, n, generator)))


def learned_log_z(model: Model, sigma: Column) -> Column:
    """The learned log Z at any sigma, of the whole lattice."""
    return curve(model.log_z.double(), torch.from_numpy(sigma).to(model.device)).cpu().numpy()


def save(seen: Curves, folder: Path) -> None:
    """Store curves beside the checkpoint that they were measured on."""
    buffer = io.BytesIO()
    about = {"side": np.array(seen.side), "n": np.array(seen.n), "weights": np.array(fingerprint(folder))}
    np.savez_compressed(buffer, allow_pickle=False, **about, **seen.columns)
    write_bytes(folder / FILE, buffer.getvalue())


def stored(folder: Path) -> Curves | None:
    """Curves of a checkpoint; None if there are none, or if they are of other weights or cannot be read."""
    try:
        with np.load(folder / FILE) as file:
            if str(file["weights"]) != fingerprint(folder):
                return None
            columns = {name: file[name] for name in Point.__annotations__}
            return Curves(int(file["side"]), int(file["n"]), columns)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
