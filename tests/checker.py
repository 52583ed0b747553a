"""The checker of types and shapes while tests run: an int is allowed where a float is asked for (PEP 484)."""

import jaxtyping
from beartype import BeartypeConf, beartype

# These check what comes from outside themselves, and answer with a ValueError that tests want to see.
BOUNDARIES = {f"{kind}Config.__init__" for kind in ("Toy2D", "Ising", "Images", "Lattice")}
BOUNDARIES |= {f"{kind}Sizes.__init__" for kind in ("MLP", "UNet", "Field", "Lattice")}
BOUNDARIES |= {f"TrainedModel.{method}" for method in ("sample", "log_prob", "fill")}

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function):
    return function if function.__qualname__ in BOUNDARIES else _beartype(function)


def switch(*, on: bool) -> None:
    """Whether calls are checked from now on."""
    jaxtyping.config.update("jaxtyping_disable", not on)
