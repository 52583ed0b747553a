"""Muon for kernels: which weights it takes, what a step does to them, and that a restart goes on alike."""

import copy

import pytest
import torch

from ebgfn.nets.mlp import ResidualMLP
from ebgfn.nets.unet import UNet
from ebgfn.optim.muon import FEWEST_CHANNELS, hidden_kernels
from ebgfn.train.learner import Learner


def net(seed: int) -> UNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = UNet(8, width=4, dense=8)
        for weights in made.parameters():
            torch.nn.init.normal_(weights, std=0.1)
    return made


def loss(module: UNet, seed: int) -> torch.Tensor:
    x = (torch.rand(16, 64, generator=torch.Generator().manual_seed(seed)) < 0.5).float()
    return module(2 * x - 1, torch.ones_like(x)).sub(x).square().mean()


def test_kernels_between_hidden_maps_are_taken():
    module = net(0)
    taken = {id(w) for w in hidden_kernels(module)}
    assert taken
    for name, weights in module.named_parameters():
        inner = weights.ndim == 4 and min(weights.shape[:2]) >= FEWEST_CHANNELS
        # Transposed convolutions, the first and the last layer and the map of positions are Adam's.
        expected = inner and not name.startswith(("first", "last", "from_", "position"))
        assert (id(weights) in taken) == expected, name
    assert hidden_kernels(ResidualMLP(8, 8, hidden=8, depth=2)) == []


def test_the_first_step_moves_a_kernel_alike_in_all_directions():
    module = net(1)
    learner = Learner(module, lr=0.0, kernel_lr=0.01)
    before = [w.detach().clone() for w in hidden_kernels(module)]
    others = [p.detach().clone() for p in module.parameters() if all(p is not k for k in hidden_kernels(module))]
    learner.update(loss(module, 0), rate=0.5)
    for old, new in zip(before, hidden_kernels(module), strict=True):
        step = (new.detach() - old).permute(0, 2, 3, 1).flatten(1)
        size = torch.linalg.svdvals(step)
        # Five Newton-Schulz iterations in bfloat16 bring singular values near 1, as Jordan et al. accept, not to it.
        assert size.min() > 0.005 * 0.4
        assert size.max() < 0.005 * 1.6
        # Downhill: the change opposes the gradient.
        grad = new.grad
        assert grad is not None
        assert (grad * (new.detach() - old)).sum() < 0
    rest = [p for p in module.parameters() if all(p is not k for k in hidden_kernels(module))]
    assert all(torch.equal(a, b) for a, b in zip(others, rest, strict=True))


def test_gradients_of_two_steps_do_not_add_up():
    module = net(4)
    learner = Learner(module, lr=0.0, kernel_lr=1e-12)  # steps too small to change anything
    for seed in (0, 1):
        learner.update(loss(module, seed))
    alone = torch.autograd.grad(loss(module, 1), hidden_kernels(module))
    for kernel, expected in zip(hidden_kernels(module), alone, strict=True):
        assert torch.allclose(kernel.grad, expected, rtol=1e-3, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("kernel_lr", [0.0, 0.01])
def test_a_restart_goes_on_alike(kernel_lr):
    first = Learner(net(2), lr=1e-3, average=0.9, kernel_lr=kernel_lr)
    for seed in range(3):
        first.update(loss(first.module, seed))
    again = Learner(net(3), lr=1e-3, average=0.9, kernel_lr=kernel_lr)
    again.load_state_dict(copy.deepcopy(first.state_dict()))
    for seed in range(3, 6):
        # Muon computes in bfloat16, which makes much of the last digit of a gradient.
        assert first.update(loss(first.module, seed)) == pytest.approx(again.update(loss(again.module, seed)), rel=1e-4)
    assert loss(first.averaged, 0).item() == pytest.approx(loss(again.averaged, 0).item(), rel=1e-4)
    losses = [loss(first.module, 0).item()]
    for seed in range(40):
        first.update(loss(first.module, seed))
    assert loss(first.module, 0).item() < losses[0]
