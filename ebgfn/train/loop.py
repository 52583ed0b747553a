"""Training as a loop that yields events: make or restore a state, then iterate; to pause, stop asking."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ebgfn import parallel, seeds
from ebgfn.model import Model
from ebgfn.train.knobs import UNTURNED
from ebgfn.train.learner import Diverged, Moment, Trainer
from ebgfn.train.source import OnDevice, Stored

# Looking costs about this share of the time at most, unless events would come too seldom: for a live page, or where there
# is none, of large networks, for checkpoints.
LOOK_SHARE, MOST_SECONDS_BETWEEN_EVENTS = 0.14, 2.0
LARGE_LOOK_SHARE, MOST_SECONDS_BETWEEN_CHECKPOINTS = 0.03, 10.0
# At first, while most changes and somebody surely looks, about these shares; large networks need longer to show something.
FIRST_S, FIRST_LOOK_SHARE = 30.0, 0.4
LARGE_FIRST_S, LARGE_FIRST_LOOK_SHARE = 120.0, 0.15

Look = Callable[[Model], tuple[dict[str, float], dict[str, np.ndarray]]]


class TrainingDiverged(RuntimeError):
    """Training cannot go on; the message names the step and the cause."""


@dataclass(frozen=True)
class Event:
    """A look at training. `metrics` are quick estimates on few points, `frame` the arrays that a live page draws.

    `elapsed_s` counts training only, over all its sessions; `progress` is the share of the budget used.
    """

    step: int
    elapsed_s: float
    progress: float
    metrics: dict[str, float]
    frame: dict[str, np.ndarray] = field(default_factory=dict)


class TrainState:
    """Everything that training changes: models, optimizers and pools (in `trainer`), data, generators, step and time.

    `knobs` are theirs who watch, to be turned between two events; they are kept in the run and not in this state.
    """

    def __init__(self, trainer: Trainer, model: Model):
        """`model` is what the trainer was made from: its config, its sizes and its device are those of training."""
        self.trainer, self.config, self.sizes, self.device = trainer, model.config, model.sizes, model.device
        self.step, self.elapsed_s, self.knobs = 0, 0.0, UNTURNED
        self.generator = self._fresh_generator()

    def progress(self) -> float:
        """Share of the budget used, 0..1."""
        done = self.step / self.config.steps if self.config.steps else self.elapsed_s / self.config.budget_s
        return min(1.0, done)

    def model(self) -> Model:
        """The model with averaged weights, as it is now, in main memory."""
        return Model(self.config, self.sizes, *self.trainer.networks()).on("cpu")

    @cached_property
    def source(self) -> Stored:
        """Training data; every process has its own."""
        return self._fresh_source()

    def take_step(self, progress: float) -> dict[str, float]:
        """One step; returns what is worth logging. Raises TrainingDiverged."""
        try:
            source = self.source if self.device.type == "cpu" else OnDevice(self.source, self.device)
            told = self.trainer.step(source, Moment(self.step, progress, self.knobs), self.generator)
        except Diverged as cause:
            raise TrainingDiverged(f"training stopped at step {self.step}: {cause}") from None
        self.step += 1
        return told

    def _fresh_source(self) -> Stored:
        return self.config.source(place=(self.step, parallel.rank()))

    def _fresh_generator(self) -> torch.Generator:
        return seeds.generator(self.config.seed, "training", self.step, parallel.rank(), device=self.device)

    def state_dict(self) -> dict[str, Any]:
        return {
            "trainer": self.trainer.state_dict(),
            "source": self.source.state_dict(),
            "generator": self.generator.get_state(),
            "device": self.device.type,
            "step": self.step,
            "elapsed_s": self.elapsed_s,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.trainer.load_state_dict(state["trainer"])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]
        self.source, self.generator = self._fresh_source(), self._fresh_generator()
        if parallel.rank() > 0:  # what is saved are the leader's
            return
        self.source.load_state_dict(state["source"])
        if state["device"] == self.device.type:  # the states of generators of different kinds say nothing to each other
            self.generator.set_state(state["generator"])


def train(state: TrainState, look: Look, *, live: bool, event_interval_s: float) -> Iterator[Event]:
    """Train to the end of the budget, with a `look` about every `event_interval_s` seconds (0: every step) and at the end.

    `live`: somebody may be watching, so looks may cost more. The time between two calls of the iterator does not count.
    Raises TrainingDiverged.
    """
    if parallel.together():
        parallel.meet()
        state.load_state_dict(parallel.from_leader(state.state_dict()))
    last_event, look_s, losses = -event_interval_s, 0.0, {}
    _ = state.source  # what it takes to read the data is no training
    clock = time.perf_counter()
    while (progress := parallel.number_from_leader(state.progress())) < 1.0:
        losses |= state.take_step(progress)
        now = time.perf_counter()
        state.elapsed_s, clock = state.elapsed_s + now - clock, now
        early = state.elapsed_s < last_event + _pause(event_interval_s, look_s, state.elapsed_s, live=live)
        if early and state.progress() < 1.0:
            continue
        metrics, frame = look(state.model())
        look_s = time.perf_counter() - now
        last_event = state.elapsed_s
        state.elapsed_s += look_s
        yield Event(state.step, state.elapsed_s, state.progress(), metrics | losses, frame)
        clock = time.perf_counter()
    parallel.leave()


def _pause(event_interval_s: float, look_s: float, elapsed_s: float, *, live: bool) -> float:
    """Seconds from one event to the next, given what the last look cost."""
    if event_interval_s == 0:
        return 0.0
    if live:
        share, most = FIRST_LOOK_SHARE if elapsed_s < FIRST_S else LOOK_SHARE, MOST_SECONDS_BETWEEN_EVENTS
    else:
        share = LARGE_FIRST_LOOK_SHARE if elapsed_s < LARGE_FIRST_S else LARGE_LOOK_SHARE
        most = MOST_SECONDS_BETWEEN_CHECKPOINTS
    return max(event_interval_s, min(look_s / share, most))
