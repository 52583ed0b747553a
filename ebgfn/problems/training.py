"""Training a model of any problem: what the loop needs is asked of the problem."""

from collections.abc import Iterator
from typing import Any

import torch

from ebgfn import seeds, shipped
from ebgfn.model import Model
from ebgfn.problems import Config, of
from ebgfn.problems.checkpoint import build, give
from ebgfn.train import loop
from ebgfn.train.device import device as device_of
from ebgfn.train.loop import Event, TrainingDiverged, TrainState


def start(config: Config, recipe: Any = None, *, device: str = "auto") -> TrainState:
    """A state to begin with, untrained or from a shipped model; `recipe` replaces the usual settings (for ablations).

    Errors: ValueError where the config begins from a shipped model and there is none, or for a device that is not there.
    """
    begin_from = of(config).begins_from(config, shipped.folder())
    model = _untrained(config, recipe)
    if begin_from is not None:
        give(model, begin_from)
    return _state(model, recipe, device)


def restore(config: Config, saved: dict[str, Any], recipe: Any = None, *, device: str = "auto") -> TrainState:
    """The state that `state_dict` gave; where a shipped model was begun from, it is not needed again."""
    state = _state(_untrained(config, recipe), recipe, device)
    state.load_state_dict(saved)
    return state


def train(state: TrainState, *, event_interval_s: float = 0.5) -> Iterator[Event]:
    """Train to the end of the budget with the problem's look, see `ebgfn.train.loop.train`."""
    problem = of(state.config)
    look = problem.look(state.config).look
    return loop.train(state, look, live=not problem.large, event_interval_s=event_interval_s)


def _untrained(config: Config, recipe: Any) -> Model:
    recipe = recipe or of(config).trainers[config.trainer][1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.number(config.seed, "weights"))  # torch's layers take no generator
        return build(config, recipe.sizes)


def _state(model: Model, recipe: Any, device: str) -> TrainState:
    problem = of(model.config)
    trainer, usual = problem.trainers[model.config.trainer]
    model = model.on(device_of(device, large=problem.large))
    return TrainState(trainer(model, recipe or usual), model)


__all__ = ["Event", "TrainState", "TrainingDiverged", "restore", "start", "train"]
