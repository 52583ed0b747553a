"""Trajectories of a model for the Overview: how they fill a vector, and what each of their partial states may become."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from ebgfn.problems.plane.gray import Grid
from ebgfn.ui.components.trajectory_player import FRACTION, ToldTrajectories

if TYPE_CHECKING:
    import torch

    from ebgfn.model import Model

TOLD, COMPLETIONS, SEED = 4, 240, 3


def tell(model: "Model", grid: Grid, half: float) -> ToldTrajectories:
    """Sample trajectories and complete each of their states many times; `half` is the shown square's half-width."""
    import torch

    from ebgfn.core.schedules import draw

    generator = torch.Generator().manual_seed(SEED)
    told = draw(model.policy, TOLD, generator)
    clouds = [
        [grid.decode(_completions(model, x, order, t, generator)) for t in range(model.dim + 1)]
        for x, order in zip(told.x, told.order, strict=True)
    ]
    return ToldTrajectories(
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
