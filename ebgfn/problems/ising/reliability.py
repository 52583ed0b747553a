"""How far recovered couplings may be trusted: standard errors, stability over resamples, and whether pairs explain the
samples at all. Of estimates that our penalty and refit made. What is measured of a shipped model is stored beside it."""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8

from ebgfn.baselines.penalised import stability
from ebgfn.evaluation.coupling_errors import CouplingErrors, coupling_errors
from ebgfn.evaluation.misfit import Family, Misfit
from ebgfn.files import write_bytes
from ebgfn.model import Model
from ebgfn.optim.plan import looked_at
from ebgfn.problems.ising.check import check
from ebgfn.shipped import fingerprint

FILE = "reliability.npz"
RESAMPLES = 30
# Trainers whose couplings are found by a penalty, so that pairs are left that are not coupled.
PENALISED = ("fast", "pseudo-likelihood")


class Stability(NamedTuple):
    """Of so many resamples, the share in which each pair was found."""

    share: Float[np.ndarray, "dim dim"]
    resamples: int


@dataclass(frozen=True)
class Reliability:
    """What is known so far."""

    errors: CouplingErrors | None = None
    misfit: Misfit | None = None
    stability: Stability | None = None

    @classmethod
    def of(cls, rows: "Iterable[CouplingErrors | Misfit | Stability]") -> "Reliability":
        """What the rows of `measure` say together; of several that are alike the last counts."""
        seen = cls()
        for row in rows:
            if isinstance(row, CouplingErrors):
                seen = replace(seen, errors=row)
            elif isinstance(row, Misfit):
                seen = replace(seen, misfit=row)
            else:
                seen = replace(seen, stability=row)
        return seen


def measure(
    model: Model, x: UInt8[np.ndarray, "rows dim"], *, seed: int, most_work: float = float("inf")
) -> Iterator[CouplingErrors | Misfit | Stability]:
    """Standard errors, the test of fit, then stability resample by resample; the first alone where more would be more work
    than that: rows times columns squared."""
    x = looked_at(torch.from_numpy(x)).numpy()
    # Penalised couplings are too small by more than their errors.
    errors = None if model.config.estimate == "sparse" else coupling_errors(x, model.energy)
    if errors is not None:
        yield errors
    if len(x) * model.dim**2 > most_work:
        return
    yield check(model, x, seed=seed)
    resamples = stability(torch.from_numpy(x).float(), model.energy, torch.Generator().manual_seed(seed))
    found = np.zeros((model.dim, model.dim))
    for n in range(1, RESAMPLES + 1):
        found = found + next(resamples).double().numpy()
        yield Stability(found / n, n)


def save(seen: Reliability, folder: Path) -> None:
    """Store beside the checkpoint what was measured of it."""
    arrays = {"weights": np.array(fingerprint(folder))}
    if seen.errors is not None:
        arrays |= {"couplings": seen.errors.couplings, "fields": seen.errors.fields}
    if seen.misfit is not None:
        arrays["misfit"] = np.array(json.dumps(asdict(seen.misfit)))
    if seen.stability is not None:
        arrays |= {"share": seen.stability.share, "resamples": np.array(seen.stability.resamples)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_bytes(folder / FILE, buffer.getvalue())


def stored(folder: Path) -> Reliability | None:
    """What was measured of a checkpoint; None if nothing was, or of other weights, or if it cannot be read."""
    try:
        with np.load(folder / FILE) as file:
            if str(file["weights"]) != fingerprint(folder):
                return None
            errors = CouplingErrors(file["couplings"], file["fields"]) if "couplings" in file else None
            share = Stability(file["share"], int(file["resamples"])) if "share" in file else None
            return Reliability(errors, _misfit(str(file["misfit"])) if "misfit" in file else None, share)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None


def _misfit(text: str) -> Misfit:
    told = json.loads(text)
    families = (Family(**one | {"worst": tuple(one["worst"])}) for one in told["families"])
    return Misfit(tuple(families), told["rows"])
