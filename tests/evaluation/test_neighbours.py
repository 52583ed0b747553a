"""Nearest training images against brute force."""

import torch

from ebgfn.evaluation import neighbours
from ebgfn.evaluation.neighbours import memory, nearest


def test_nearest_is_that_of_brute_force(generator, monkeypatch):
    monkeypatch.setattr(neighbours, "ROWS", 7)
    x, train = ((torch.rand(n, 20, generator=generator) < 0.4).float() for n in (13, 50))
    index, distance = nearest(x, train)
    all_ = (x.unsqueeze(1) != train).sum(2)
    assert torch.equal(distance, all_.min(1).values)
    assert torch.equal(all_.gather(1, index.unsqueeze(1)).squeeze(1), distance)


def test_copies_are_seen(generator):
    train, test = ((torch.rand(200, 64, generator=generator) < 0.5).float() for _ in range(2))
    copied = memory(torch.cat([train[:30], test[:10]]), test, train)
    assert copied.copies == 0.75
    assert copied.samples.value < copied.test.value / 2
    fresh = memory((torch.rand(200, 64, generator=generator) < 0.5).float(), test, train)
    assert fresh.copies == 0
    assert abs(fresh.samples.value - fresh.test.value) < 4.5 * (fresh.samples.se**2 + fresh.test.se**2) ** 0.5
