"""A training that learns nothing, at once: what a run folder needs of `ebgfn.problems.training`, failures on demand."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ebgfn.model import Model
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.train.loop import Event, TrainingDiverged

CONFIG = Toy2DConfig(bits=3, steps=20)


@dataclass
class FakeState:
    config: Toy2DConfig
    step: int = 0
    elapsed_s: float = 0.0
    saved_at: list[int] = field(default_factory=list)

    def model(self) -> Model:
        return build(self.config, MLPSizes(hidden=2, depth=1))

    def state_dict(self) -> dict[str, Any]:
        self.saved_at.append(self.step)
        return {"step": self.step, "elapsed_s": self.elapsed_s}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]


@dataclass
class FakeTrainer:
    """Yields an event a step; one second passes on `self.now` in each."""

    now: float = 0.0
    diverges_at: int | None = None
    nan_at: int | None = None
    crashes_at: int | None = None
    seconds: float = 0.0
    state: FakeState | None = None

    def start(self, config: Toy2DConfig, *, device: str = "auto") -> FakeState:
        self.state = FakeState(config)
        return self.state

    def restore(self, config: Toy2DConfig, saved: dict[str, Any], *, device: str) -> FakeState:
        state = self.start(config)
        state.load_state_dict(saved)
        return state

    def train(self, state: FakeState, *, event_interval_s: float) -> Iterator[Event]:
        steps = state.config.steps
        assert steps is not None
        while state.step < steps:
            if state.step + 1 == self.diverges_at:
                raise TrainingDiverged(f"training stopped at step {self.diverges_at}: the loss became nan")
            if state.step + 1 == self.crashes_at:
                raise KeyError("a bug")
            time.sleep(self.seconds)
            state.step, state.elapsed_s, self.now = state.step + 1, state.elapsed_s + 1.0, self.now + 1.0
            nll = float("nan") if state.step == self.nan_at else 20.0 - state.step / 10
            share = state.step / steps
            yield Event(state.step, state.elapsed_s, share, {"gfn_nll": nll}, {"samples": np.zeros((4, 2))})
