"""Rows with gaps: what is known stays, what is not is the sampler's and no target."""

import itertools

import numpy as np
import pytest
import torch

from ebgfn.core.losses import any_order_likelihood
from ebgfn.core.policy import PolicyOutput
from ebgfn.core.states import random_masks
from ebgfn.train.any_order import AnyOrder
from ebgfn.train.learner import Sampler
from ebgfn.train.source import OnDevice, Rows, RowsWithGaps, completed, with_means

X = np.array([[1, 0, 1, 0], [1, 1, 0, 0], [0, 1, 1, 1]], np.uint8)
KNOWN = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 1, 0]], bool)


class Copies(torch.nn.Module):
    """Says of every entry that it is most likely what entry 2 is; of that, that it is one in four times."""

    learned_location = learned_erasure = False
    dim, rows, order, step_nats = 4, 100, None, None

    def __init__(self):
        super().__init__()
        self.masks = []

    def forward(self, x, mask):
        self.masks.append(mask)
        copied = torch.where(mask[:, 2:3], 20 * (2 * x[:, 2:3] - 1), 0.0).expand(x.shape).clone()
        copied[:, 2] = -np.log(3)
        return PolicyOutput(copied, None, None)


def test_what_is_known_stays_and_the_rest_is_the_samplers(generator):
    source = completed(RowsWithGaps(X, KNOWN, seed=0), Copies(), generator)
    rows = source.draw(300)
    known = {tuple(x[k]) for x, k in zip(X[:, 2:3], KNOWN[:, 2:3], strict=True)}
    assert known == {(1,), (0,)}
    whole = rows[(rows[:, 0] == 1) & (rows[:, 1] == 0) & (rows[:, 2] == 1) & (rows[:, 3] == 0)]
    assert len(whole) == 100
    # Of the second row the unknown entries copy a zero, of the third a one.
    assert (rows == torch.tensor([1.0, 0, 0, 0])).all(1).sum() == 100
    assert (rows == torch.tensor([1.0, 1, 1, 1])).all(1).sum() == 100


def test_an_entry_that_tells_others_is_drawn_as_often_as_it_should(generator):
    known = np.array([[0, 0, 0, 0]] * 2, bool)
    known[:, 3] = True
    rows = completed(RowsWithGaps(X[:2], known, seed=0), Copies(), generator).draw(4000)
    assert rows[:, 2].mean().item() == pytest.approx(0.25, abs=0.03)
    assert not rows[:, 3].any()


def test_a_source_without_gaps_is_left_alone(generator):
    source = Rows(X, seed=0)
    assert completed(source, Copies(), generator) is source


def test_means_are_none_where_nobody_knows(generator):
    source = RowsWithGaps(X, KNOWN, seed=0)
    for part in (source, OnDevice(source, torch.device("cpu")), completed(source, Copies(), generator)):
        x, means = with_means(part, 6)
        assert means.isnan().sum() == 2 * (~KNOWN).sum()
        assert torch.equal(x[~means.isnan()], means[~means.isnan()])
    x, means = with_means(completed(source, Copies(), generator), 6, whole=True)
    assert torch.equal(x, means)
    x, means = with_means(OnDevice(Rows(X, seed=0), torch.device("cpu")), 3)
    assert torch.equal(x, means)


def test_what_nobody_knows_is_neither_filled_nor_a_target(generator):
    policy = Copies()
    policy.weight = torch.nn.Parameter(torch.zeros(1))
    learner = AnyOrder(Sampler(policy, torch.zeros(())), lr=0.1)
    x, means = with_means(RowsWithGaps(X, KNOWN, seed=0), 300)
    policy.masks.clear()
    learner.loss(x, means, generator)
    (mask,) = policy.masks
    assert not (mask & means.isnan()).any()
    one = learner.loss(x, means, generator.manual_seed(1))
    other = learner.loss(torch.where(means.isnan(), 1 - x, x), means, generator.manual_seed(1))
    assert torch.equal(one, other)


def test_states_of_rows_with_gaps_are_uniform_among_the_known(generator):
    known = torch.tensor([[True, False, True, True]]).expand(60_000, -1)
    mask = random_masks(60_000, 4, generator, known=known)
    assert not mask[:, 1].any()
    counts = {
        filled: (mask == torch.tensor(filled)).all(1).float().mean().item()
        for filled in itertools.product((False, True), repeat=4)
    }
    for filled, share in counts.items():
        number = sum(filled)
        expected = 0.0 if filled[1] or number == 3 else 1 / 3 / (1 if number == 0 else 3)
        assert share == pytest.approx(expected, abs=0.01)


def test_the_estimate_of_what_is_known_has_its_mean_over_orders():
    torch.manual_seed(0)
    logits = {tuple(m): torch.randn(4) for m in itertools.product((False, True), repeat=4)}
    x, known = torch.tensor([1.0, 0, 1, 1]), torch.tensor([True, False, True, True])
    bits = [0, 2, 3]

    def nats(mask, bit):
        p = torch.sigmoid(logits[tuple(mask)][bit])
        return -(p if x[bit] > 0.5 else 1 - p).log().item()

    total = 0.0
    for order in itertools.permutations(bits):
        mask = [False] * 4
        for bit in order:
            total += nats(mask, bit) / 6
            mask[bit] = True
    estimate = 0.0
    for t in range(3):
        sets = list(itertools.combinations(bits, t))
        for filled in sets:
            mask = torch.tensor([bit in filled for bit in range(4)])
            one = any_order_likelihood(logits[tuple(mask.tolist())][None], x[None], mask[None], known[None])
            estimate += one.item() / 3 / len(sets)
    assert estimate == pytest.approx(total, rel=1e-5)
