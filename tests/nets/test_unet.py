"""The U-Net as policy and as energy."""

import pytest
import torch

from ebgfn.nets.unet import ConvEnergy, UNet, UNetSizes
from tests.core.test_schedules import conv_policy


def test_it_starts_flat_and_uniform(generator):
    x, sizes = (torch.rand(6, 64, generator=generator) < 0.5).float(), UNetSizes(hidden=8, channels=4)
    assert sizes.energy(8)(x).abs().max() == 0
    assert sizes.policy(8)(x, x > 0).value_logits.abs().max() == 0


def test_void_values_are_not_seen_and_filled_ones_matter(generator):
    net = conv_policy(8)
    x = (torch.rand(20, 64, generator=generator) < 0.5).float()
    mask = torch.rand(20, 64, generator=generator) < 0.5
    assert torch.equal(net(x, mask).value_logits, net(torch.where(mask, x, 1 - x), mask).value_logits)
    assert (net(x, mask).value_logits - net(torch.where(mask, 1 - x, x), mask).value_logits).abs().mean() > 1e-2


def test_every_pixel_is_seen_everywhere(generator):
    # The dense layer joins opposite corners, which three by three pixels at a time would not at 28 x 28.
    net = UNet(28, width=4, dense=8)
    for weights in (net.last.weight, net.dense_out.weight):
        torch.nn.init.normal_(weights)
    value, mask = torch.zeros(1, 784), torch.ones(1, 784)
    other = value.clone()
    other[0, 0] = 1.0
    assert (net(value, mask)[0, -1] - net(other, mask)[0, -1]).abs() > 0


def test_an_energy_starts_from_the_sampler_and_is_flat(generator):
    net, energy = conv_policy(8), ConvEnergy(8, width=4, dense=8)
    energy.start_from(net)
    x = (torch.rand(5, 64, generator=generator) < 0.5).float()
    assert energy(x).abs().max() == 0
    assert torch.equal(energy.net.first.weight, net.net.first.weight)
    assert torch.equal(energy.net.position, net.net.position)


def test_neighbours_are_single_flips(generator):
    energy = ConvEnergy(4, width=4, dense=8)
    torch.nn.init.normal_(energy.net.last.weight)
    x = (torch.rand(3, 16, generator=generator) < 0.5).float()
    flipped = x.clone()
    flipped[:, 5] = 1 - flipped[:, 5]
    with torch.no_grad():
        torch.testing.assert_close(energy.neighbours(x)[:, 5], energy(flipped))


def test_sides_that_cannot_be_halved_twice_are_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        UNet(10)
