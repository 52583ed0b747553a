"""The checker of types and shapes while tests run: an int is allowed where a float is asked for (PEP 484)."""

from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping
from beartype import BeartypeConf, beartype

# These check what comes from outside themselves, and answer with a ValueError that tests want to see.
BOUNDARIES = {f"{kind}Config.__init__" for kind in ("Toy2D", "Ising", "File", "Lattice")} | {"Architecture.__init__"}
BOUNDARIES |= {f"TrainedModel.{method}" for method in ("sample", "log_prob", "fill")}

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function):
    return function if function.__qualname__ in BOUNDARIES else _beartype(function)


@contextmanager
def unchecked() -> Iterator[None]:
    """For trainings of many equal steps, of which checks take a third of the time; shorter ones are checked."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
