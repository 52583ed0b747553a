"""How a GFlowNet fills a vector bit by bit: sent once, played in the browser, over the density of its energy."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int8, UInt8

from ebgfn.ui.components._shared import build, packed

_component = build(__file__, "transport")

# Clouds are in this part of the shown square's half-width.
FRACTION = 100


@dataclass(frozen=True)
class ToldTrajectories:
    """`order` fills `x`; `clouds[i, t]` are points that state t of trajectory i, completed by P_F, ends in.

    Of each trajectory: its probabilities in nats, and its energy; of the model: the log Z learned by trajectory balance.
    """

    x: UInt8[np.ndarray, "told dim"]
    order: Int[np.ndarray, "told dim"]
    clouds: Int8[np.ndarray, "told states completions 2"]
    log_pf: Float[np.ndarray, " told"]
    log_pb: Float[np.ndarray, " told"]
    energy: Float[np.ndarray, " told"]
    log_z: Float[np.ndarray, ""]


def draw(told: ToldTrajectories, backdrop: UInt8[np.ndarray, "side side"], *, name: str, key: str) -> None:
    """Play the trajectories of a model; `backdrop` is the density of its energy as bytes."""
    stories = [
        {"x": x.tolist(), "order": order.tolist(), "clouds": packed(clouds)}
        for x, order, clouds in zip(told.x, told.order, told.clouds, strict=True)
    ]
    data = {"source": name, "dim": told.x.shape[1], "stories": stories, "backdrop": packed(backdrop)}
    _component(key=key, data=data)
