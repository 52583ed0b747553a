"""How a policy that is a mixture learns: expectation maximisation, a batch of fresh rows at a time.

Maximum likelihood of whole trajectories, as for any policy; but of a mixture the mean over all orders and all partial states
is known, so that a step has no noise but that of its rows. Sufficient statistics are averaged over the last rows, as many as
grow with the root of how many there were, and the parameters are those that the averages ask for.

Cappé and Moulines, "On-line expectation-maximization algorithm for latent data models", 2009, arXiv 0712.4273.
"""

import copy
import math
from typing import Any

import torch
from torch import Tensor

from ebgfn import parallel
from ebgfn.core.states import Vectors
from ebgfn.nets.bernoulli_mixture import around, improved
from ebgfn.train.learner import Diverged, Sampler
from ebgfn.train.source import Source

# Rows that are remembered: this times components times the root of the rows seen. On 2spirals, 512 components, 10 s of one
# core: 0.025 nats above the floor; of a third as many 0.037, of three times as many 0.047, after 40 s 0.034 and 0.026.
MEMORY = 0.15
# Before each of its first steps one of expectation maximisation on so many fresh rows. All of them before the first step
# would keep who waits for the first picture, for half a second.
BEGIN_ROWS, BEGIN_STEPS = 20_000, 8
# Entries of either value that every component is given beside its rows.
PSEUDO_COUNTS = 0.1


class OnlineEM:
    """The learner of a `MixturePolicy`. `averaged` is what it has learned, an average by its nature.

    `_weight`, `_ones`: mean share of each component in a row, and of its ones among the entries.
    """

    def __init__(self, sampler: Sampler):
        self.module = sampler.requires_grad_(False).eval()
        self.averaged = copy.deepcopy(self.module)
        self.updates = 0
        policy = self.module.policy
        # Components that are alike, as long as nothing was learned, would stay so.
        self._to_begin = 0 if policy.log_odds.any() else BEGIN_STEPS
        self._weight = policy.log_weight.exp()
        self._ones = policy.log_odds.sigmoid() * self._weight[:, None]

    @torch.no_grad()
    def begin(self, source: Source) -> None:
        """One of the first steps, where it had learned nothing; in several processes on the rows of the leader."""
        if not self._to_begin:
            return
        policy, rows = self.module.policy, source.draw(BEGIN_ROWS)
        known = around(rows, components=len(self._weight)) if self._to_begin == BEGIN_STEPS else policy.mixture
        fitted = improved(known, rows)
        policy.log_weight.copy_(parallel.from_leader(fitted.log_weight))
        policy.log_odds.copy_(parallel.from_leader(fitted.log_odds))
        self._weight.copy_(policy.log_weight.exp())
        self._ones.copy_(policy.log_odds.sigmoid() * self._weight[:, None])
        self._to_begin -= 1

    def learn(self, x: Vectors, means: Vectors, *, rate: float, generator: torch.Generator) -> float:
        """As `AnyOrder.learn`."""
        return self.update(x, rate=rate)

    @torch.no_grad()
    def update(self, x: Vectors, *, rate: float = 1.0) -> float:
        """One step on these rows at `rate` times their share of what is remembered; returns their mean nats before it.
        Errors: Diverged."""
        policy = self.module.policy
        joint = policy.mixture.joint(x)
        nats = -parallel.mean(joint.logsumexp(1).mean()).item()
        if not math.isfinite(nats):
            raise Diverged(f"the loss of the {type(policy).__name__} became {nats}")
        share = joint.softmax(1)
        remembered = MEMORY * len(self._weight) * math.sqrt(BEGIN_ROWS + self.updates * len(x))
        rate = min(0.5, rate * len(x) / remembered)
        self._weight.lerp_(parallel.mean(share.mean(0)), rate)
        self._ones.lerp_(parallel.mean(share.T @ x / len(x)), rate)
        self._maximise(PSEUDO_COUNTS / remembered)
        self.updates += 1
        return nats

    def _maximise(self, prior: float) -> None:
        weight = self._weight + 1e-6
        zeros = (self._weight[:, None] - self._ones).clamp(min=0)
        for policy in (self.module.policy, self.averaged.policy):
            policy.log_weight.copy_((weight / weight.sum()).log())
            policy.log_odds.copy_((self._ones + prior).log() - (zeros + prior).log())

    def state_dict(self) -> dict[str, Any]:
        parts: dict[str, Tensor] = {"weight": self._weight, "ones": self._ones}
        return parts | {"module": self.module.state_dict(), "updates": self.updates, "to_begin": self._to_begin}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._weight.copy_(state["weight"])
        self._ones.copy_(state["ones"])
        self.updates, self._to_begin = state["updates"], state["to_begin"]
        for part in (self.module, self.averaged):
            part.load_state_dict(state["module"])
