"""Training as a loop that yields events: start or restore a state, then iterate; to pause, stop asking."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ebgfn import parallel, problems, processor, seeds, shipped
from ebgfn.algorithms.learner import Diverged, Moment
from ebgfn.config import Config
from ebgfn.data.stream import Stored
from ebgfn.model import Architecture, Model, build

# Watching costs about this share of the time at most, unless events would come too seldom: for a live page, or where there
# is none, of large networks, for checkpoints.
WATCH_SHARE, MOST_SECONDS_BETWEEN_EVENTS = 0.14, 2.0
LARGE_WATCH_SHARE, MOST_SECONDS_BETWEEN_CHECKPOINTS = 0.03, 10.0


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
    """Everything that training changes: models, optimizers and pools (in `algorithm`), data, generators, step and time."""

    def __init__(self, config: Config, recipe: Any = None, *, begin_from: Path | None = None):
        self.config = config
        problem = problems.of(config)
        algorithm, default = problem.trainers[config.preset]
        recipe = recipe or default
        self.architecture: Architecture = recipe.architecture
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.number(config.seed, "weights"))  # torch's layers take no generator
            model = build(config, self.architecture)
        if begin_from is not None:
            shipped.give(model, begin_from)
        self.device = processor.device() if problem.large else torch.device("cpu")
        self.algorithm = algorithm(model.on(self.device), recipe)
        self.step, self.elapsed_s = 0, 0.0
        self.generator = self._fresh_generator()

    def progress(self) -> float:
        """Share of the budget used, 0..1."""
        done = self.step / self.config.steps if self.config.steps else self.elapsed_s / self.config.budget_s
        return min(1.0, done)

    def model(self) -> Model:
        """The model with averaged weights, as it is now, for use on the processor."""
        energy, sampler = self.algorithm.energy.averaged, self.algorithm.sampler.averaged
        model = Model(self.config, self.architecture, energy, sampler.policy, sampler.log_z.detach())
        return model.on(torch.device("cpu"))

    @cached_property
    def source(self) -> Stored:
        """Training data; every process has its own."""
        return self._fresh_source()

    def _fresh_source(self) -> Stored:
        return self.config.source(place=(self.step, parallel.rank()))

    def _fresh_generator(self) -> torch.Generator:
        return seeds.generator(self.config.seed, "training", self.step, parallel.rank(), device=self.device)

    def state_dict(self) -> dict[str, Any]:
        return {
            "algorithm": self.algorithm.state_dict(),
            "source": self.source.state_dict(),
            "generator": self.generator.get_state(),
            "device": self.device.type,
            "step": self.step,
            "elapsed_s": self.elapsed_s,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.algorithm.load_state_dict(state["algorithm"])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]
        self.source, self.generator = self._fresh_source(), self._fresh_generator()
        if parallel.rank() > 0:  # what is saved are the leader's
            return
        self.source.load_state_dict(state["source"])
        if state["device"] == self.device.type:  # the states of generators of different kinds say nothing to each other
            self.generator.set_state(state["generator"])


def start(config: Config, recipe: Any = None) -> TrainState:
    """A state to begin with, untrained or from a shipped model; `recipe` replaces the preset's settings (for ablations).

    Errors: ValueError where the config begins from a shipped model and there is none.
    """
    return TrainState(config, recipe, begin_from=problems.of(config).begins_from(config, shipped.folder()))


def restore(config: Config, saved: dict[str, Any], recipe: Any = None) -> TrainState:
    """The state that `state_dict` gave; where a shipped model was begun from, it is not needed again."""
    state = TrainState(config, recipe)
    state.load_state_dict(saved)
    return state


def train(state: TrainState, *, event_interval_s: float = 0.5) -> Iterator[Event]:
    """Train to the end of the budget, yielding about every `event_interval_s` seconds (0: every step) and at the end.

    The time between two calls of the iterator does not count. Raises TrainingDiverged.
    """
    if parallel.together():
        parallel.meet()
        state.load_state_dict(parallel.from_leader(state.state_dict()))
    problem = problems.of(state.config)
    source, watch = state.source, problem.look(state.config)
    last_event, watch_s, losses = -event_interval_s, 0.0, {}
    clock = time.perf_counter()
    while (progress := parallel.number_from_leader(state.progress())) < 1.0:
        try:
            with processor.working_on(state.device):
                losses |= state.algorithm.step(source, Moment(state.step, progress), state.generator)
        except Diverged as cause:
            raise TrainingDiverged(f"training stopped at step {state.step}: {cause}") from None
        state.step += 1
        now = time.perf_counter()
        state.elapsed_s, clock = state.elapsed_s + now - clock, now
        if (
            state.elapsed_s < last_event + _pause(event_interval_s, watch_s, live=not problem.large)
            and state.progress() < 1.0
        ):
            continue
        metrics, frame = watch.look(state.model())
        watch_s = time.perf_counter() - now
        last_event = state.elapsed_s
        state.elapsed_s += watch_s
        yield Event(state.step, state.elapsed_s, state.progress(), metrics | losses, frame)
        clock = time.perf_counter()
    parallel.leave()


def _pause(event_interval_s: float, watch_s: float, *, live: bool) -> float:
    """Seconds from one event to the next, given what the last look cost."""
    if event_interval_s == 0:
        return 0.0
    if live:
        return max(event_interval_s, min(watch_s / WATCH_SHARE, MOST_SECONDS_BETWEEN_EVENTS))
    return max(event_interval_s, min(watch_s / LARGE_WATCH_SHARE, MOST_SECONDS_BETWEEN_CHECKPOINTS))
