"""A run that was interrupted, beside one that was not."""

import dataclasses
import io
from typing import Any
from unittest import mock

import torch

from ebgfn.problems import of
from ebgfn.problems.training import restore, start, train
from ebgfn.train.loop import TrainState


def assert_alike(config: Any, recipe: Any, *, at: tuple[int, ...]) -> None:
    """A run that is saved after so many steps and restored ends as one of all steps does: weights, averages, optimizers,
    pools, data, random numbers and losses are equal to the last digit.
    """
    # How such a model is watched is a matter of its weights alone.
    quiet = mock.Mock(return_value=mock.Mock(look=lambda model: ({}, {})))
    with mock.patch.object(of(config), "look", quiet):
        whole = start(config, recipe)
        *_, last = train(whole, event_interval_s=60)
        for step in at:
            resumed = _restored(config, recipe, step)
            *_, resumed_last = train(resumed, event_interval_s=60)
            where = _difference(whole.state_dict(), resumed.state_dict())
            assert not where, f"restored after {step} steps it has another {where}"
            # Losses of phases that were over before are told no more.
            assert resumed_last.metrics.items() <= last.metrics.items(), f"{resumed_last.metrics}, not {last.metrics}"


def _restored(config: Any, recipe: Any, step: int) -> TrainState:
    """What was saved after so many steps, in another state, by way of a file."""
    first = start(config, recipe)
    events = train(first, event_interval_s=0)
    while first.step < step:
        next(events)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = restore(config, torch.load(file, weights_only=True), recipe)
    assert second.step == step
    return second


def _difference(a: Any, b: Any, path: str = "state") -> str:
    """Where two nested states first differ, time apart; empty if nowhere."""
    if path == "state/elapsed_s":
        return ""
    if dataclasses.is_dataclass(a):
        return _difference(vars(a), vars(b), path)
    if isinstance(a, torch.Tensor):
        return "" if torch.equal(a.nan_to_num(), b.nan_to_num()) else path
    if isinstance(a, dict | list | tuple):
        if len(a) != len(b):
            return path
        keys = a if isinstance(a, dict) else range(len(a))
        return next((where for key in keys if (where := _difference(a[key], b[key], f"{path}/{key}"))), "")
    return "" if a == b else path
