"""Independent random numbers for each use of one seed: children of one `numpy.random.SeedSequence`.

A seed that went into two generators as it is would give initial weights, noise and data that depend on each other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import numpy as np
import torch

Use = Literal["weights", "training", "data", "evaluation", "split"]


def sequence(seed: int, use: Use, *place: int) -> np.random.SeedSequence:
    """The child for one use; `place`, such as a step or a process, tells several of one use apart."""
    return np.random.SeedSequence(seed, spawn_key=(get_args(Use).index(use), *place))


def rng(seed: int, use: Use, *place: int) -> np.random.Generator:
    """numpy's generator for one use."""
    return np.random.default_rng(sequence(seed, use, *place))


def number(seed: int, use: Use, *place: int) -> int:
    """A seed in 0..2^32 - 1, which is all that torch's generator on processors takes, for one use."""
    return int(sequence(seed, use, *place).generate_state(1)[0])


def generator(seed: int, use: Use, *place: int, device: torch.device | str = "cpu") -> torch.Generator:
    """torch's generator for one use."""
    return torch.Generator(device).manual_seed(number(seed, use, *place))


@contextmanager
def ambient(generator: torch.Generator) -> Iterator[None]:
    """torch's ambient random numbers follow the generator inside, and are as before after it: dropout takes no generator."""
    device = generator.device
    state = torch.get_rng_state() if device.type == "cpu" else torch.cuda.get_rng_state(device)
    seed = int(torch.randint(0, 2**31, (), generator=generator, device=device))
    (torch.manual_seed if device.type == "cpu" else torch.cuda.manual_seed)(seed)
    try:
        yield
    finally:
        torch.set_rng_state(state) if device.type == "cpu" else torch.cuda.set_rng_state(state, device)
