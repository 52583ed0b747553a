"""A network's way to learn: of rows that are no data it is told so."""

import pytest
import torch

from ebgfn.nets.mlp import MLPPolicy
from ebgfn.train.any_order import AnyOrder
from ebgfn.train.learner import Sampler

DIM = 5


class OnesAndVariedZeros:
    """Data are ones, and variations of them zeros."""

    def draw(self, n: int) -> torch.Tensor:
        return torch.ones(n, DIM)

    def draw_varied(self, n: int) -> torch.Tensor:
        return torch.zeros(n, DIM)


@pytest.fixture
def learner():
    torch.manual_seed(0)
    policy = MLPPolicy(DIM, hidden=16, depth=2, varied=True)
    return AnyOrder(Sampler(policy, torch.zeros(())), varied=0.5, lr=0.02)


def test_what_it_says_of_data_stays_of_data(learner, generator):
    learner.begin(OnesAndVariedZeros())
    for _ in range(150):
        learner.learn(torch.ones(32, DIM), torch.ones(32, DIM), rate=1.0, generator=generator)
    x, mask = torch.zeros(2, DIM), torch.zeros(2, DIM, dtype=torch.bool)
    policy = learner.module.policy
    with torch.no_grad():
        assert (policy(x, mask).value_logits > 3).all()
        told = policy(x, mask, varied=torch.tensor([False, True])).value_logits
    assert (told[0] > 3).all()
    assert (told[1] < -3).all()
    assert torch.equal(policy.begin(x, mask), policy.net.first(torch.zeros(2, 2 * DIM)))


def test_varied_rows_come_on_top(learner, generator, monkeypatch):
    learner.begin(OnesAndVariedZeros())
    seen = []
    policy = learner.module.policy
    monkeypatch.setattr(
        policy, "forward", lambda *given, **told: seen.append(told) or MLPPolicy.forward(policy, *given, **told)
    )
    learner.learn(torch.ones(32, DIM), torch.ones(32, DIM), rate=1.0, generator=generator)
    assert seen[0]["varied"].sum() == 16
    assert len(seen[0]["varied"]) == 48
