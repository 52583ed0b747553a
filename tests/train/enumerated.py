"""What stands in for chance in tests of algorithms: every outcome once, or as often as it is likely."""

import itertools
import math
from typing import Any

import torch
from torch import Tensor

from ebgfn.core.trajectories import Trajectories, finest, log_prob
from ebgfn.evaluation import exact
from ebgfn.train.learner import Learner


class Given:
    """A source that hands out the same rows each time."""

    def __init__(self, x: Tensor):
        self.x = x

    def draw(self, n: int) -> Tensor:
        assert n <= len(self.x)
        return self.x[:n]


def every_mask(dim: int) -> Tensor:
    """States that training may meet, each as often as it is likely: the number of filled entries uniform, then their set."""
    most = math.lcm(*(math.comb(dim, t) for t in range(dim)))
    rows = []
    for t in range(dim):
        for filled in itertools.combinations(range(dim), t):
            rows += [[i in filled for i in range(dim)]] * (most // math.comb(dim, t))
    return torch.tensor(rows)


def every_trajectory(policy: Any) -> Trajectories:
    """All pairs (x, order), x the slower index, with their log-probabilities."""
    orders = torch.tensor(list(itertools.permutations(range(policy.dim))))
    x = exact.all_states(policy.dim).repeat_interleave(len(orders), 0)
    order = orders.repeat(2**policy.dim, 1)
    with torch.no_grad():
        return Trajectories(x, order, finest(policy.dim), *log_prob(policy, x, order, schedule=finest(policy.dim)))


def nats(policy: Any, x: Tensor) -> Tensor:
    """-log P_F + log P_B of each row, the mean over all orders, differentiable."""
    orders = torch.tensor(list(itertools.permutations(range(policy.dim))))
    log_pf, log_pb = log_prob(
        policy, x.repeat_interleave(len(orders), 0), orders.repeat(len(x), 1), schedule=finest(x.shape[1])
    )
    return (log_pb - log_pf).view(len(x), -1).mean(1)


def gradient(loss: Tensor, module: torch.nn.Module) -> Tensor:
    """Of all parameters in one vector; zero for those that a loss does not know."""
    parameters = list(module.parameters())
    parts = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
    return torch.cat([part.flatten() for part in parts])


def asked(monkeypatch: Any, learner: Learner) -> list[tuple[Tensor, float]]:
    """Losses and rates that a learner is handed from now on; its weights stay as they are."""
    seen: list[tuple[Tensor, float]] = []

    def update(loss: Tensor, *, rate: float = 1.0) -> float:
        seen.append((loss, rate))
        learner._updates += 1
        return loss.item()

    monkeypatch.setattr(learner, "update", update)
    return seen


def falling(progress: float) -> float:
    """The documented decay of learning rates: half a cosine from 1 to 0."""
    return (1 + math.cos(math.pi * progress)) / 2
