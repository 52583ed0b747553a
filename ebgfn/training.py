"""Training as a loop that yields events: start or restore a state, then iterate; to pause, stop asking."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ebgfn import parallel, processor, shipped
from ebgfn.algorithms import ALGORITHMS
from ebgfn.algorithms.learner import Diverged, Moment
from ebgfn.config import Config
from ebgfn.data.stream import Source
from ebgfn.evaluation.watch import WATCHES
from ebgfn.model import Architecture, Model, build

# Watching costs about this share of the time at most, unless events would come too seldom: for a live page, or where there
# is none, of images, for checkpoints.
WATCH_SHARE, MOST_SECONDS_BETWEEN_EVENTS = 0.14, 2.0
IMAGES_WATCH_SHARE, MOST_SECONDS_BETWEEN_CHECKPOINTS = 0.03, 10.0
# Between the random numbers of one process and those of the next.
FAR = 10**7


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
    """Everything that training changes: models and optimizers (in `algorithm`), generators, step and time."""

    def __init__(self, config: Config, recipe: Any = None):
        self.config = config
        algorithm, default = ALGORITHMS[config.kind, config.preset]
        recipe = recipe or default
        self.architecture: Architecture = recipe.architecture
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)  # the initial weights: torch's layers take no generator
            model = build(config, self.architecture)
        if (path := shipped.first(config)) is not None:
            shipped.give(model, path)
        # Only networks of images are large enough for another device to be quicker.
        self.device = processor.device() if config.kind == "images" else torch.device("cpu")
        self.algorithm = algorithm(model.on(self.device), recipe)
        self.generator = torch.Generator(self.device).manual_seed(config.seed)
        self.step, self.elapsed_s = 0, 0.0

    def progress(self) -> float:
        """Share of the budget used, 0..1."""
        done = self.step / self.config.steps if self.config.steps else self.elapsed_s / self.config.budget_s
        return min(1.0, done)

    def model(self) -> Model:
        """The model with averaged weights, as it is now, for use on the processor."""
        energy, sampler = self.algorithm.energy.averaged, self.algorithm.sampler.averaged
        model = Model(self.config, self.architecture, energy, sampler.policy, sampler.log_z.detach())
        return model.on(torch.device("cpu"))

    def source(self) -> Source:
        """Training data; a restored state goes on with others, and every process has its own."""
        return self.config.source(position=self.step + FAR * parallel.rank())

    def state_dict(self) -> dict[str, Any]:
        return {
            "energy": self.algorithm.energy.state_dict(),
            "sampler": self.algorithm.sampler.state_dict(),
            "generator": self.generator.get_state(),
            "device": self.device.type,
            "step": self.step,
            "elapsed_s": self.elapsed_s,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.algorithm.energy.load_state_dict(state["energy"])
        self.algorithm.sampler.load_state_dict(state["sampler"])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]
        if state.get("device", "cpu") == self.device.type and parallel.rank() == 0:
            self.generator.set_state(state["generator"])
        else:  # the states of generators of different kinds say nothing to each other
            self.generator.manual_seed(self.config.seed + 1_000_003 * self.step + FAR * parallel.rank())


def start(config: Config, recipe: Any = None) -> TrainState:
    """An untrained state; `recipe` replaces the settings of the config's preset (for ablations)."""
    return TrainState(config, recipe)


def train(state: TrainState, *, event_interval_s: float = 0.5) -> Iterator[Event]:
    """Train to the end of the budget, yielding about every `event_interval_s` seconds (0: every step) and at the end.

    The time between two calls of the iterator does not count. Raises TrainingDiverged.
    """
    if parallel.together():
        parallel.meet()
        state.load_state_dict(parallel.from_leader(state.state_dict()))
    source, watch = state.source(), WATCHES[state.config.kind](state.config)
    last_event, watch_s, losses = -event_interval_s, 0.0, {}
    clock = time.perf_counter()
    while (progress := parallel.from_leader(state.progress())) < 1.0:
        try:
            with processor.working_on(state.device):
                losses |= state.algorithm.step(source, Moment(state.step, progress), state.generator)
        except Diverged as cause:
            raise TrainingDiverged(f"training stopped at step {state.step}: {cause}") from None
        state.step += 1
        now = time.perf_counter()
        state.elapsed_s, clock = state.elapsed_s + now - clock, now
        if (
            state.elapsed_s < last_event + _pause(event_interval_s, watch_s, live=state.config.kind != "images")
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
    return max(event_interval_s, min(watch_s / IMAGES_WATCH_SHARE, MOST_SECONDS_BETWEEN_CHECKPOINTS))
