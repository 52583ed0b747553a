"""How a GFlowNet fills a vector bit by bit, for the Overview: some trajectories, and what each partial state may become."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt8

from ebgfn.data.gray import Grid

if TYPE_CHECKING:
    from ebgfn.model import Model

TOLD, COMPLETIONS = 4, 240


@dataclass(frozen=True)
class Story:
    """`order` fills `x`; `clouds[i, t]` are points that state t of trajectory i, completed by P_F, ends in.

    Points are in units of the plane. Of each trajectory: its probabilities in nats, its energy, and the log Z learned by
    trajectory balance.
    """

    x: UInt8[np.ndarray, "told dim"]
    order: Int[np.ndarray, "told dim"]
    clouds: Float[np.ndarray, "told states completions 2"]
    log_pf: Float[np.ndarray, " told"]
    log_pb: Float[np.ndarray, " told"]
    energy: Float[np.ndarray, " told"]
    log_z: Float[np.ndarray, ""]


def tell(model: "Model", grid: Grid, *, seed: int = 3) -> Story:
    """Sample trajectories and complete each of their states many times."""
    import torch

    from ebgfn.trajectories import sample_forward

    generator = torch.Generator().manual_seed(seed)
    told = sample_forward(model.policy, TOLD, generator)
    clouds = [
        np.stack([_cloud(model, grid, told.x[i], told.order[i], t, generator) for t in range(model.dim + 1)])
        for i in range(TOLD)
    ]
    return Story(
        told.x.numpy().astype(np.uint8),
        told.order.numpy().astype(np.int64),
        np.stack(clouds).astype(np.float16),
        told.log_pf.numpy(),
        told.log_pb.numpy(),
        model.energy(told.x).numpy(),
        model.log_z.numpy(),
    )


def _cloud(model: "Model", grid: Grid, x, order, t: int, generator) -> Float[np.ndarray, "completions 2"]:  # noqa: ANN001
    import torch

    from ebgfn.trajectories import complete, uniform_orders

    if t == model.dim:
        return np.repeat(grid.decode(x.numpy().astype(np.uint8)[None]), COMPLETIONS, axis=0)
    rest = order[t:][uniform_orders(COMPLETIONS, model.dim - t, generator)]
    orders = torch.cat([order[:t].expand(COMPLETIONS, t), rest], dim=1)
    ends = complete(model.policy, x.repeat(COMPLETIONS, 1), orders, start=t, generator=generator)
    return grid.decode(ends.x.numpy().astype(np.uint8))
