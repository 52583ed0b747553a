"""Lessons: moves of an exact sampler balance, flows are those of their paths, and packing loses nothing."""

import contextlib

import pytest
import torch

from ebgfn.evaluation import exact
from ebgfn.nets.mlp import MLPPolicy
from ebgfn.train import lessons as module
from ebgfn.train.lessons import Lessons, lessons, pack, unpack
from tests import examples

DIM = 6


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch):
    monkeypatch.setattr(module, "half_precision", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(module, "GROUPS", 64)


def data(n: int) -> torch.Tensor:
    return (torch.rand(n, DIM, generator=torch.Generator().manual_seed(5)) < 0.6).float()


def exact_pair() -> tuple[MLPPolicy, examples.FunctionEnergy]:
    """A sampler whose log-odds do not depend on the state, and the energy that it is exact for."""
    policy, bias = MLPPolicy(DIM, hidden=8, depth=1), torch.linspace(-1.5, 2.0, DIM)
    policy.net.last.bias.data.copy_(bias)
    return policy, examples.FunctionEnergy(DIM, lambda x: -(x @ bias))


def test_moves_of_an_exact_sampler_balance(generator):
    """Then log alpha vanishes for every move, and of whole ones E + log q is minus log Z."""
    policy, energy = exact_pair()
    made = lessons(energy, policy, data(600), generator, path_steps=3)
    assert torch.equal(made.x, data(600).byte())
    assert (made.x_new != made.x).any(1).float().mean() > 0.3
    alpha = energy(made.x.float()) - energy(made.x_new.float()) + made.log_flow - made.log_flow_new
    torch.testing.assert_close(alpha, torch.zeros(600), rtol=0, atol=1e-5)
    _, log_z = exact.log_p(energy, DIM)
    assert 0 < made.whole.float().mean() < 1
    for x, flow in ((made.x, made.log_flow), (made.x_new, made.log_flow_new)):
        log_q = flow[made.whole]
        torch.testing.assert_close(log_q, (-energy(x.float()) - log_z)[made.whole].float(), rtol=0, atol=1e-4)


def test_with_a_sampler_that_is_not_exact_the_ends_have_the_density_that_is_told(generator):
    """Importance weights 1 / q of whole moves add up to the number of states, whatever the sampler."""
    made = lessons(examples.energy(DIM), examples.policy(DIM), data(6000), generator, path_steps=DIM)
    weights = (-made.log_flow_new[made.whole]).exp()
    assert abs(weights.mean().item() - 2**DIM) < 4.5 * weights.std().item() / len(weights) ** 0.5


def test_packing_loses_nothing(generator):
    bits = data(7).byte()
    assert torch.equal(unpack(pack(bits), DIM), bits)
    made = lessons(*reversed(exact_pair()), data(30), generator, path_steps=2)
    again = Lessons.unpacked(made.packed(), dim=DIM, device=torch.device("cpu"))
    for name, part in vars(made).items():
        assert torch.equal(vars(again)[name], part), name
