"""The learner: averages of weights by hand, learning rates of every group, clipping."""

import math

import pytest
import torch
from torch import nn

from ebgfn.nets.unet import UNet
from ebgfn.optim.muon import hidden_kernels
from ebgfn.train.learner import Learner


def layer() -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(3, 2)


def squares(module: nn.Module) -> torch.Tensor:
    return torch.stack([(p - 1.0).square().sum() for p in module.parameters()]).sum()


def flat(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in module.parameters()])


@pytest.mark.parametrize("average", [0.5, 0.9, 0.999])
def test_averaged_weights_are_the_average_of_the_iterates(average):
    learner = Learner(layer(), lr=0.05, average=average)
    expected = flat(learner.module)
    for n in range(1, 41):
        learner.update(squares(learner.module))
        # The memory grows to that of `average`: at first the untrained weights are forgotten quickly.
        keep = min(average, n / (n + 9))
        expected = keep * expected + (1 - keep) * flat(learner.module)
        torch.testing.assert_close(flat(learner.averaged), expected)
    assert (flat(learner.averaged) - flat(learner.module)).abs().min() > 1e-3, "the average must lag behind"


def test_without_averaging_the_weights_themselves_are_shown():
    learner = Learner(layer(), lr=0.05)
    for _ in range(3):
        learner.update(squares(learner.module))
        assert torch.equal(flat(learner.averaged), flat(learner.module))


def test_every_group_moves_downhill_at_its_own_rate():
    module = layer()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    learner = Learner(module, lr=0.01, rates={"bias": 0.2})
    learner.update(squares(module), rate=0.25)
    # The first step of Adam is the learning rate against the sign of the gradient.
    for name, lr in (("weight", 0.01), ("bias", 0.2)):
        downhill = -(before[name] - 1.0).sign()
        torch.testing.assert_close(
            module.get_parameter(name) - before[name], 0.25 * lr * downhill, rtol=1e-3, atol=1e-6
        )
    learner.update(squares(module), rate=0.5)
    assert sorted(group["lr"] for group in learner.optimizer.param_groups) == pytest.approx([0.5 * 0.01, 0.5 * 0.2])
    assert learner.updates == 2


def test_gradients_are_clipped_to_the_norm_given():
    grads = {}
    for clip in (0.0, 0.5, 1e6):
        module = layer()
        Learner(module, lr=0.0, clip=clip).update(squares(module))
        grads[clip] = torch.cat([p.grad.flatten() for p in module.parameters()])
    assert grads[0.5].norm().item() == pytest.approx(0.5, rel=1e-4)
    torch.testing.assert_close(grads[0.5] / 0.5, grads[0.0] / grads[0.0].norm(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(grads[1e6], grads[0.0])


def test_gradients_of_a_step_are_those_of_its_loss_alone():
    module = layer()
    learner = Learner(module, lr=0.0)
    for _ in range(2):
        learner.update(squares(module))
    torch.testing.assert_close(module.bias.grad, 2 * (module.bias.detach() - 1.0))


def test_kernels_decay_by_their_rate():
    moved = []
    for decay in (0.0, 0.3):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            module = UNet(4, width=4, dense=4)
        for p in module.parameters():
            nn.init.constant_(p, 0.1)
        before = [k.detach().clone() for k in hidden_kernels(module)]
        Learner(module, lr=0.0, kernel_lr=0.01, kernel_decay=decay).update(squares(module), rate=0.5)
        moved.append([k.detach() - b for k, b in zip(hidden_kernels(module), before, strict=True)])
    for plain, decayed in zip(*moved, strict=True):
        torch.testing.assert_close(
            decayed - plain, torch.full_like(plain, -0.5 * 0.01 * 0.3 * 0.1), rtol=1e-2, atol=1e-6
        )


def test_the_average_of_a_moving_weight_lags_as_a_geometric_mean_of_times_does():
    # A weight that moves by one a step lies keep / (1 - keep) steps ahead of its average.
    module = nn.Linear(1, 1, bias=False)
    learner = Learner(module, lr=0.0, average=0.8)
    for n in range(200):
        nn.init.constant_(module.weight, float(n))
        learner.update(0.0 * module.weight.sum())
    assert math.isclose(199 - learner.averaged.weight.item(), 0.8 / 0.2, rel_tol=1e-4)


class Mixed(nn.Module):
    """A kernel for Muon, a bias for Adam, and a buffer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)
        self.register_buffer("seen", torch.zeros(3))


def test_averages_take_buffers_as_they_are():
    learner = Learner(Mixed(), lr=0.1, average=0.9)
    learner.module.seen += 2.5
    learner.update(learner.module.conv.weight.sum() + learner.module.conv.bias.sum())
    assert (learner.averaged.seen == 2.5).all()


def test_gradients_of_kernels_do_not_count_in_the_clipping_of_the_others():
    learner = Learner(Mixed(), lr=0.1, clip=1.0, kernel_lr=0.01)
    learner.update(1000 * learner.module.conv.weight.sum() + 0.2 * learner.module.conv.bias.sum())
    # Its norm is 0.4: below the clip, although the kernel's is far above.
    torch.testing.assert_close(learner.module.conv.bias.grad, torch.full((4,), 0.2))
