"""A quick look at a model of a table in training."""

import numpy as np
import torch

from ebgfn.core.schedules import draw, fill
from ebgfn.evaluation.likelihood import bound, gfn_nll
from ebgfn.model import Model
from ebgfn.problems.base import LOOK_SEED
from ebgfn.problems.table.config import TableConfig
from ebgfn.problems.table.report import acceptance


class TableLook:
    """The sampler's bound on rows that are kept for choosing (on what is known), the acceptance, and rows drawn now."""

    ROWS, DRAWN, STEPS = 256, 24, 16

    def __init__(self, config: TableConfig):
        valid = config.split.valid
        self._x = torch.from_numpy(valid.x[: self.ROWS]).float()
        self._known = torch.from_numpy(valid.known[: self.ROWS])

    @torch.no_grad()
    def look(self, model: Model) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """`gfn_bound` in nats, or by paths `gfn_nll` of a sampler that chooses its own order; `mh_acceptance`."""
        generator, policy = torch.Generator().manual_seed(LOOK_SEED), model.policy
        whole = policy.step_nats is None
        metrics = {"mh_acceptance": acceptance(model, fill(policy, self._x, self._known, generator), generator)}
        if whole:
            metrics["gfn_nll"] = gfn_nll(policy, self._x, trajectories=1, generator=generator).value
        else:
            metrics["gfn_bound"] = (
                bound(policy, self._x, states=4, generator=generator, known=self._known).mean().item()
            )
        drawn = draw(policy, self.DRAWN, generator, steps=None if whole else min(self.STEPS, model.dim))
        return metrics, {"samples": drawn.x.numpy().astype(np.uint8)}
