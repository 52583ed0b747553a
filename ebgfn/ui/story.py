"""How a GFlowNet fills a vector bit by bit: some trajectories, and what each of their partial states may become."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, Int8, UInt8

from ebgfn.problems.plane.gray import Grid

if TYPE_CHECKING:
    import torch

    from ebgfn.model import Model

TOLD, COMPLETIONS, SEED = 4, 240, 3
FRACTION = 100


@dataclass(frozen=True)
class Story:
    """`order` fills `x`; `clouds[i, t]` are points that state t of trajectory i, completed by P_F, ends in.

    Clouds are in hundredths of the shown square's half-width. Of each trajectory: its probabilities in nats, and its
    energy; of the model: the log Z learned by trajectory balance.
    """

    x: UInt8[np.ndarray, "told dim"]
    order: Int[np.ndarray, "told dim"]
    clouds: Int8[np.ndarray, "told states completions 2"]
    log_pf: Float[np.ndarray, " told"]
    log_pb: Float[np.ndarray, " told"]
    energy: Float[np.ndarray, " told"]
    log_z: Float[np.ndarray, ""]


def tell(model: "Model", grid: Grid, half: float) -> Story:
    """Sample trajectories and complete each of their states many times; `half` is the shown square's half-width."""
    import torch

    from ebgfn.core.schedules import draw

    generator = torch.Generator().manual_seed(SEED)
    told = draw(model.policy, TOLD, generator)
    clouds = [
        [grid.decode(_completions(model, x, order, t, generator)) for t in range(model.dim + 1)]
        for x, order in zip(told.x, told.order, strict=True)
    ]
    return Story(
        told.x.numpy().astype(np.uint8),
        told.order.numpy().astype(np.int64),
        np.clip(np.round(np.array(clouds) / half * FRACTION), -127, 127).astype(np.int8),
        told.log_pf.numpy(),
        told.log_pb.numpy(),
        model.energy(told.x).numpy(),
        model.log_z.numpy(),
    )


def _completions(
    model: "Model", x: "torch.Tensor", order: "torch.Tensor", t: int, generator: "torch.Generator"
) -> UInt8[np.ndarray, "completions dim"]:
    """Vectors that the state after `t` steps of (x, order) may become."""
    import torch

    from ebgfn.core.states import uniform_orders
    from ebgfn.core.trajectories import complete, finest

    rest = order[t:][uniform_orders(COMPLETIONS, model.dim - t, generator)]
    orders = torch.cat([order[:t].expand(COMPLETIONS, t), rest], dim=1)
    repeated = x.repeat(COMPLETIONS, 1)
    if t < model.dim:
        repeated = complete(model.policy, repeated, orders, schedule=finest(model.dim, start=t), generator=generator).x
    return repeated.numpy().astype(np.uint8)
