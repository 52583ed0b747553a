"""What a problem brings along: its settings, networks and data, how it is trained, looked at in training, and measured.

Everything that treats all problems alike (training, runs, command line, pages) asks here and never compares kinds. Command
line and pages import these modules to know what is allowed, so whatever needs torch is imported where it is used.
"""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8

from ebgfn.samples import to_table

if TYPE_CHECKING:
    from ebgfn.model import Model, Networks

Bits = UInt8[np.ndarray, "n dim"]

# Fresh points or samples of a report, unless told otherwise.
POINTS = 4000
# Looks hold their points and random numbers fixed, so that curves move with the model alone.
LOOK_SEED = 2**31


@runtime_checkable
class Look(Protocol):
    """A quick look at a model in training."""

    def look(self, model: "Model") -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """A few numbers, and the arrays that a live page draws."""
        ...


class Problem(ABC):
    """One kind of model. `name` is the command's word for it, `text` a line of help, `config` the class of its settings.

    `large`: its networks are so large that a GPU is quicker, that looking at them all the time would cost too much, and that
    shipped weights are of half precision.
    """

    name: str
    text: str
    config: type[Any]
    large = False

    @property
    @abstractmethod
    def trainers(self) -> dict[str, tuple[Any, Any]]:
        """By `config.trainer`: the class of the trainer and the recipe of its settings, which has the networks' `sizes`."""

    @property
    @abstractmethod
    def sizes(self) -> tuple[Any, ...]:
        """The classes of sizes that its networks may have; each has a `kind` that tells it in a file."""

    @abstractmethod
    def networks(self, config: Any, sizes: Any, dim: int) -> "Networks":
        """Untrained: the energy flat or given, the policy uniform or led by the given energy."""

    @abstractmethod
    def look(self, config: Any) -> Look:
        """What is watched while a model of this config trains."""

    @abstractmethod
    def report(self, model: "Model", *, seed: int, points: int | None) -> dict[str, Any]:
        """Figures of a trained model, from so many points or the usual number of them."""

    @abstractmethod
    def data(self, config: Any, n: int, rng: np.random.Generator, *, sigma: float | None = None) -> Bits:
        """Points from which chains start: fresh ones, held-out ones or rows of a file; `sigma` as in `at`."""

    def describe(self, config: Any) -> list[str]:
        """What such a training is of, in a few words, then what else there is to say of it."""
        return [config.label]

    def knobs(self, config: Any) -> tuple[str, ...]:
        """What of `ebgfn.train.knobs.Knobs` may be turned while such a config trains."""
        return ()

    def shipped_name(self, config: Any) -> str:
        """Folder of the shipped model of such a config."""
        return f"{self.name}-{config.label}"

    def keep_beside(self, model: "Model", folder: Path) -> None:  # noqa: B027  (most have nothing to keep)
        """Store beside a shipped model what pages show of it and takes long to measure."""

    def at(self, model: "Model", sigma: float | None) -> "Model":
        """The model at one condition, where it holds many. Errors: ValueError for one that it does not know."""
        if sigma is not None:
            raise ValueError(
                f"sigma must not be given: this is a model of kind {self.name}, which has one distribution"
            )
        return model

    def dim(self, config: Any, description: dict[str, Any]) -> int:
        """Number of variables of a checkpoint, of which this is the description. Errors: ValueError."""
        return config.dim

    def decode(self, config: Any, x: Bits) -> dict[str, np.ndarray]:
        """What vectors of bits mean: further arrays of a file of samples."""
        return {}

    def legal(self, config: Any, x: Bits) -> Bool[np.ndarray, " n"]:
        """Which vectors stand for something; what does not is drawn again."""
        return np.ones(len(x), bool)

    def as_csv(self, config: Any, x: Bits) -> str:
        """Legal vectors as the text of a CSV file."""
        return to_table(x)

    def prepare(self, config: Any) -> None:  # noqa: B027  (most have nothing to fetch)
        """Fetch data that are not here yet. Errors: DataUnavailable."""

    def begins_from(self, config: Any, shipped: Path) -> Path | None:
        """Checkpoint in the folder of the shipped models that training starts from; None if it starts from zero.

        Errors: ValueError where there is none.
        """
        return None


def refuse_start(what: str) -> ValueError:
    """To be raised where no shipped model fits."""
    return ValueError(f"start must be zero: no model of {what} is shipped")


def settings(checkpoint: Path) -> dict[str, Any]:
    """The config of a shipped model; empty if it cannot be read: a damaged one is no start, and is reported where it is
    opened."""
    try:
        found = json.loads((checkpoint / "config.json").read_text())["config"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
