"""Training on a table: ours, with dropout and the sampler's stopping point chosen by held-out rows.

A table may have two hundred rows or two million, and a network that has to learn from few knows them by heart. So rows that
are kept for choosing are looked at all the time: when they become less probable, the sampler goes back to where they were
most probable, and learns more slowly with more of its activations left out; when that helps no more, it is done, and the
energy has the rest of the time.
"""

import copy
from dataclasses import replace
from typing import Any

import torch

from ebgfn.evaluation.likelihood import bound
from ebgfn.model import Model
from ebgfn.problems.table.schema import Encoded
from ebgfn.train import fast
from ebgfn.train.any_order import AnyOrder
from ebgfn.train.learner import Learner, Moment, Sampler
from ebgfn.train.source import Source

# Steps between two looks, states that a look asks of all rows together, and its random numbers, which never change.
EVERY, STATES, SEED = 40, 2048, 0
# After so many looks none of which was the best, the sampler goes back; shares of activations left out, one after another,
# and what is left of the learning rate each time.
PATIENCE, DROPOUT, SLOWER = 6, (0.0, 0.1, 0.2, 0.3, 0.4), 0.4


class HeldOut:
    """Rows that training does not see, and the sampler that found them most probable."""

    def __init__(self, rows: Encoded, sampler: Learner[Sampler], device: torch.device):
        self._sampler, chosen = sampler, slice(STATES)
        self._x = torch.from_numpy(rows.x[chosen]).float().to(device)
        self._known = torch.from_numpy(rows.known[chosen]).to(device)
        self._best, self._waited, self._kept, self.tried = float("inf"), 0, {}, 0
        self._apply()

    @property
    def stopped(self) -> bool:
        """Whether all shares of dropout were tried."""
        return self.tried == len(DROPOUT)

    @property
    def rate(self) -> float:
        """Of the usual learning rate."""
        return SLOWER**self.tried

    def look(self) -> None:
        """To be called after each of the sampler's steps."""
        sampler = self._sampler
        if sampler.updates % EVERY:
            return
        generator = torch.Generator(self._x.device).manual_seed(SEED)
        states = max(2, STATES // len(self._x))
        policy = sampler.averaged.policy
        nats = bound(policy, self._x, states=states, generator=generator, known=self._known).mean().item()
        if nats < self._best:
            weights = {"module": sampler.module.state_dict(), "averaged": sampler.averaged.state_dict()}
            self._best, self._waited, self._kept = nats, 0, copy.deepcopy(weights)
            return
        self._waited += 1
        if self._waited == PATIENCE:
            self.go_back()
            self.tried, self._waited = self.tried + 1, 0
            self._apply()

    def go_back(self) -> None:
        """To where the rows were most probable."""
        if self._kept:
            self._sampler.module.load_state_dict(self._kept["module"])
            self._sampler.averaged.load_state_dict(self._kept["averaged"])

    def _apply(self) -> None:
        """Leave out the share of activations that is being tried."""
        self._sampler.module.policy.net.dropout = DROPOUT[min(self.tried, len(DROPOUT) - 1)]

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "waited": self._waited, "kept": self._kept, "tried": self.tried}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._best, self._waited, self._kept, self.tried = (state[name] for name in ("best", "waited", "kept", "tried"))
        self._apply()


class Fast(fast.Fast):
    """Our algorithm, steered by held-out rows."""

    def __init__(self, model: Model, recipe: fast.FastRecipe):
        super().__init__(model, recipe)
        assert isinstance(self.sampler, AnyOrder)
        self._held_out = HeldOut(model.config.split.valid, self.sampler, model.device)

    def step(self, source: Source, now: Moment, generator: torch.Generator) -> dict[str, float]:
        if self._held_out.stopped and now.progress < self._usual.warm_share:
            self._begin_energy(now.progress)
        return super().step(source, now, generator)

    def _begin_energy(self, progress: float) -> None:
        self._usual = replace(self._usual, warm_share=progress, teach_share=progress)

    def _begin(self, source: Source, generator: torch.Generator) -> None:
        self._held_out.go_back()
        super()._begin(source, generator)

    def _learn(self, source: Source, rate: float, generator: torch.Generator) -> dict[str, float]:
        if self._held_out.stopped:
            return {}
        told = super()._learn(source, rate * self._held_out.rate, generator)
        self._held_out.look()
        return told

    def pool(self) -> dict[str, Any]:
        return super().pool() | {"held_out": self._held_out.state_dict(), "warm_share": self._usual.warm_share}

    def refill(self, pool: dict[str, Any]) -> None:
        super().refill(pool)
        self._held_out.load_state_dict(pool["held_out"])
        if pool["warm_share"] != self._usual.warm_share:
            self._begin_energy(pool["warm_share"])
