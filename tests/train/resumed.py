"""A run that was interrupted, beside one that was not."""

import dataclasses
import io
from typing import Any
from unittest import mock

import torch

from ebgfn.problems import of
from ebgfn.problems.training import restore, start, train


def assert_alike(config: Any, recipe: Any, *, at: tuple[int, ...]) -> None:
    """A run that is saved after so many steps and restored ends as one of all steps does: weights, averages, optimizers,
    pools, data, random numbers and losses are equal to the last digit.
    """
    # How such a model is watched is a matter of its weights alone.
    quiet = mock.Mock(return_value=mock.Mock(look=lambda model: ({}, {})))
    with mock.patch.object(of(config), "look", quiet):
        whole = start(config, recipe)
        *_, last = train(whole, event_interval_s=60)
        for step, file in zip(at, _saved(config, recipe, at), strict=True):
            resumed = restore(config, torch.load(file, weights_only=True), recipe)
            assert resumed.step == step
            *_, resumed_last = train(resumed, event_interval_s=60)
            where = _difference(whole.state_dict(), resumed.state_dict())
            assert not where, f"restored after {step} steps it has another {where}"
            # Losses of phases that were over before are told no more.
            assert resumed_last.metrics.items() <= last.metrics.items(), f"{resumed_last.metrics}, not {last.metrics}"


def _saved(config: Any, recipe: Any, at: tuple[int, ...]) -> list[io.BytesIO]:
    """What one run saves after each of so many steps."""
    state, files = start(config, recipe), []
    events = train(state, event_interval_s=0)
    for step in at:
        while state.step < step:
            next(events)
        files.append(io.BytesIO())
        torch.save(state.state_dict(), files[-1])
        files[-1].seek(0)
    return files


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
