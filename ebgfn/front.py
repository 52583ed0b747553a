"""The front door of the library: a trained model that takes arrays, tensors or nested lists and answers in numpy.

    model = ebgfn.load("images-mnist")
    model.energy(model.sample(16, seed=0))

The sampler is a GFlowNet: `sample`, `log_prob` and `fill` all speak of its distribution q(x), `energy` of p(x), which is
proportional to exp(-E(x)). Training drives the two together; they are equal only where it has fully succeeded.
"""

import operator
import os
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8

from ebgfn import shipped
from ebgfn.arguments import MAX_SAMPLES, MAX_SEED
from ebgfn.core.schedules import draw_pieces, fill, usual_schedule
from ebgfn.core.weights import log_mean_exp_rows
from ebgfn.evaluation.likelihood import log_ratios
from ebgfn.model import Model
from ebgfn.problems import of
from ebgfn.problems.checkpoint import load as read
from ebgfn.runs import store

MAX_TRAJECTORIES = 10_000
# Vectors that go through the networks together, of `log_prob` once for each trajectory: bounds memory.
PIECE, TRAJECTORIES_PIECE = 1024, 20_000

Bits = UInt8[np.ndarray, "n dim"]
Numbers = Float[np.ndarray, " n"]


class LogProb(NamedTuple):
    """log q of each row in nats, and its standard error."""

    value: Numbers
    se: Numbers


@dataclass(frozen=True)
class TrainedModel:
    """Energy and sampler of binary vectors of `dim` entries, from what `load` was given (`name`).

    Rows `x` are anything that numpy reads as an array of shape (n, dim) of 0 and 1. Results are numpy arrays, the same for
    the same seed. What is not allowed raises ValueError. `parts` holds the networks themselves and the config that they were
    trained by.
    """

    name: str
    parts: Model = field(repr=False)

    @property
    def dim(self) -> int:
        return self.parts.dim

    @property
    def sigma(self) -> float | None:
        """The coupling of a lattice's model."""
        return getattr(self.parts.policy, "sigma", None)

    @torch.no_grad()
    def energy(self, x: Any) -> Numbers:
        """E(x) of each row, in nats."""
        rows = torch.from_numpy(_bits("x", _rows(x, self.dim))).float()
        return torch.cat([self.parts.energy(piece) for piece in rows.split(PIECE)]).numpy()

    def sample(self, n: int, seed: int = 0) -> Bits:
        """Draw `n` rows from the sampler, the very ones of `ebgfn sample`."""
        n = _whole("n", n, 1, MAX_SAMPLES)
        return torch.cat(list(draw_pieces(self.parts.policy, n, _generator(seed)))).numpy()

    def log_prob(self, x: Any, *, trajectories: int = 20, seed: int = 0) -> LogProb:
        """log-probability that `sample` draws each row, in nats, with its standard error.

        log of the mean of P_F / P_B over random trajectories that end in the row (see `evaluation.likelihood`). The mean is
        unbiased, its logarithm is too low on average, by about se^2 / 2: a lower bound in expectation that rises with
        `trajectories`. Where few of these carry the mean, the standard error is too small as well.
        """
        rows = torch.from_numpy(_bits("x", _rows(x, self.dim))).float()
        count, generator = _whole("trajectories", trajectories, 2, MAX_TRAJECTORIES), _generator(seed)
        policy = self.parts.policy
        schedule = usual_schedule(policy, k=self.dim)
        found = [
            log_mean_exp_rows(log_ratios(policy, piece, trajectories=count, schedule=schedule, generator=generator))
            for piece in rows.split(max(1, TRAJECTORIES_PIECE // count))
        ]
        value, se = (torch.cat(parts).numpy() for parts in zip(*found, strict=True))
        return LogProb(value, se)

    def fill(self, x: Any, mask: Any, *, seed: int = 0) -> Bits:
        """Draw the entries that are not given from the sampler, given those that are.

        `mask` is True where an entry of `x` is given and is kept, False where it is to be drawn; shape (n, dim), or (dim,)
        for all rows. What `x` holds where the mask is False is not looked at, NaN will do: `fill(x, ~np.isnan(x))`. Entries
        are filled in a random order, in blocks where the sampler of images has them; repeat a row for several answers.
        """
        given = np.broadcast_to(_mask(mask, rows := _rows(x, self.dim)), rows.shape)
        start = torch.from_numpy(_bits("x", np.where(given, rows, 0))).float()
        return fill(self.parts.policy, start, torch.from_numpy(given.copy()), _generator(seed)).byte().numpy()


def load(model: str | os.PathLike[str], *, sigma: float | None = None) -> TrainedModel:
    """Open a shipped model by its name, a run by its id, or the folder of a run or a checkpoint.

    `sigma` chooses the coupling of a lattice's model, in -0.5..0.5 (on odd sides 0..0.5), 0.2 by default. Errors: ValueError
    where there is no such model, its files cannot be read, or sigma is not allowed.
    """
    name = os.fspath(model)
    parts = read(store.locate(name, shipped=shipped.folder()))
    return TrainedModel(name, of(parts.config).at(parts, sigma))


def _array(name: str, value: Any) -> np.ndarray:
    try:
        array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    except (ValueError, TypeError):  # rows of different lengths; a type of torch that numpy does not know
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array, a tensor or nested lists of equally long rows of 0 and 1")
    return array


def _rows(x: Any, dim: int) -> np.ndarray:
    array = _array("x", x)
    if array.ndim != 2 or array.shape[1] != dim or len(array) == 0:
        raise ValueError(f"x must be of shape (n, {dim}) with n at least 1, got {array.shape}")
    return array


def _mask(mask: Any, rows: np.ndarray) -> np.ndarray:
    array, one = _array("mask", mask), rows.shape[1:]
    if array.shape not in (one, rows.shape):
        allowed = " or ".join(str(shape) for shape in dict.fromkeys((one, rows.shape)))
        raise ValueError(f"mask must be of shape {allowed}, got {array.shape}")
    return _bits("mask", array).astype(bool)


def _bits(name: str, array: np.ndarray) -> np.ndarray:
    wrong = array[(array != 0) & (array != 1)]
    if len(wrong):
        raise ValueError(f"entries of {name} must be 0 or 1, got {wrong[0]}")
    return array.astype(np.uint8)


def _whole(name: str, value: Any, low: int, high: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise ValueError(f"{name} must be a whole number in {low}..{high}, got {value!r}")
    return number


def _generator(seed: Any) -> torch.Generator:
    return torch.Generator().manual_seed(_whole("seed", seed, 0, MAX_SEED))
