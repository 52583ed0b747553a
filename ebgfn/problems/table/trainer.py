"""Training on a table: ours, with dropout and both models' stopping points chosen by held-out rows.

A table may have two hundred rows or two million, and a network that has to learn from few knows them by heart. So rows that
are kept for choosing are looked at all the time: when they become less probable, the sampler goes back to where they were
most probable, and learns more slowly with more of its activations left out; when that helps no more, it is done, and the
energy has the rest of the time. What the energy learns beside the density that it refines is judged by the same rows.
"""

import copy
import math
from dataclasses import replace
from typing import Any

import torch

from ebgfn.core.states import Vectors
from ebgfn.evaluation.likelihood import bound
from ebgfn.model import Model, Networks
from ebgfn.nets.refined import RefinedEnergy
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
# How often the energy goes back before it is done; draws of its density that tell what it does to log Z.
TRIES, DRAWS = 4, 2048


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


class Judged:
    """An energy that refines a density as held-out rows like it best: at first it is the density itself.

    Beside the density's own, -log p of rows is f and what it does to log Z, of which draws of the density tell.
    """

    def __init__(self, energy: Learner[RefinedEnergy], x: Vectors):
        self._energy, self._x = energy, x
        drawn, nats = energy.averaged.drawn(DRAWS, torch.Generator(x.device).manual_seed(SEED))
        self._drawn, self._log_w = drawn, nats - energy.averaged.steepened(nats)
        self.best = copy.deepcopy(energy.averaged)
        self._nats, self._waited, self.tried = self.nats(), 0, 0

    @property
    def stopped(self) -> bool:
        return self.tried == TRIES

    @property
    def rate(self) -> float:
        """Of the usual learning rate."""
        return SLOWER**self.tried

    @torch.no_grad()
    def nats(self) -> float:
        """Mean -log p of the rows, less that under the density."""
        learned = self._energy.averaged.learned
        log_z = (self._log_w - learned(self._drawn)).logsumexp(0) - math.log(len(self._drawn))
        return (learned(self._x).mean() + log_z).item()

    def look(self) -> None:
        """To be called after each of the energy's steps."""
        if self._energy.updates % EVERY:
            return
        nats, self._waited = self.nats(), self._waited + 1
        if nats < self._nats:
            self._nats, self._waited = nats, 0
            self.best.load_state_dict(self._energy.averaged.state_dict())
        elif self._waited == PATIENCE:
            for part in (self._energy.module, self._energy.averaged):
                part.load_state_dict(self.best.state_dict())
            self.tried, self._waited = self.tried + 1, 0

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best.state_dict(), "nats": self._nats, "waited": self._waited, "tried": self.tried}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best.load_state_dict(state["best"])
        self._nats, self._waited, self.tried = (state[name] for name in ("nats", "waited", "tried"))


class Fast(fast.Fast):
    """Our algorithm, steered by held-out rows."""

    def __init__(self, model: Model, recipe: fast.FastRecipe):
        super().__init__(model, recipe)
        assert isinstance(self.sampler, AnyOrder)
        valid = model.config.split.valid
        self._held_out = HeldOut(valid, self.sampler, model.device)
        self._whole = torch.from_numpy(valid.x[valid.whole][:STATES]).float().to(model.device)
        self._judged: Judged | None = None  # once the energy refines a density

    def step(self, source: Source, now: Moment, generator: torch.Generator) -> dict[str, float]:
        if self._held_out.stopped and now.progress < self._usual.warm_share:
            self._begin_energy(now.progress)
        return super().step(source, now, generator)

    def _begin_energy(self, progress: float) -> None:
        self._usual = replace(self._usual, warm_share=progress, teach_share=progress)

    def _begin(self, source: Source, generator: torch.Generator) -> None:
        self._held_out.go_back()
        super()._begin(source, generator)
        self._judge()

    def _judge(self) -> None:
        if isinstance(self.energy.averaged, RefinedEnergy) and len(self._whole):
            self._judged = Judged(self.energy, self._whole)

    def _learn_energy(self, source: Source, now: Moment, rate: float, generator: torch.Generator) -> dict[str, float]:
        if self._judged is None:
            return super()._learn_energy(source, now, rate, generator)
        if self._judged.stopped:
            return {}
        told = super()._learn_energy(source, now, rate * self._judged.rate, generator)
        self._judged.look()
        return told

    def networks(self) -> Networks:
        found = super().networks()
        return found if self._judged is None else found._replace(energy=self._judged.best)

    def _learn(self, source: Source, rate: float, generator: torch.Generator) -> dict[str, float]:
        if self._held_out.stopped:
            return {}
        told = super()._learn(source, rate * self._held_out.rate, generator)
        self._held_out.look()
        return told

    def pool(self) -> dict[str, Any]:
        judged = None if self._judged is None else self._judged.state_dict()
        kept = {"held_out": self._held_out.state_dict(), "judged": judged, "warm_share": self._usual.warm_share}
        return super().pool() | kept

    def refill(self, pool: dict[str, Any]) -> None:
        super().refill(pool)
        self._held_out.load_state_dict(pool["held_out"])
        if pool["warm_share"] != self._usual.warm_share:
            self._begin_energy(pool["warm_share"])
        if pool["judged"] is not None:
            self._judge()
            assert self._judged is not None
            self._judged.load_state_dict(pool["judged"])
