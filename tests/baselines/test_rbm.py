"""Restricted Boltzmann machines: their normaliser, answers and draws against enumeration, and what they learn."""

import itertools
from functools import partialmethod
from types import SimpleNamespace

import pytest
import torch

from ebgfn.baselines import rbm_training
from ebgfn.baselines.rbm import RBM
from ebgfn.baselines.rbm_training import Training, fit
from ebgfn.evaluation.exact import all_states

DIM = 6


@pytest.fixture
def machine(generator):
    """A machine with couplings, and columns of another density."""
    weight = torch.randn(DIM, 4, generator=generator)
    visible, hidden, columns = (torch.randn(n, generator=generator) for n in (DIM, 4, DIM))
    return RBM(weight, visible, hidden, columns)


@pytest.fixture
def rows(generator):
    """Each row is one of two patterns with some noise."""
    pattern = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 1, 0, 1, 0, 1]])
    x = pattern[torch.randint(0, 2, (2000,), generator=generator)]
    return (x - (torch.rand(x.shape, generator=generator) < 0.1).float()).abs()


def exact_log_p(machine):
    """log p of all rows, and log Z."""
    weights = -machine.free_energy(all_states(DIM)).double()
    return weights - weights.logsumexp(0), weights.logsumexp(0).item()


def test_free_energy_sums_over_hidden_units(machine):
    x, h = all_states(DIM), all_states(4)
    both = (x @ machine.weight) @ h.T + (x @ machine.visible)[:, None] + (h @ machine.hidden)[None]
    assert torch.allclose(-machine.free_energy(x), both.logsumexp(1), atol=1e-4)


def test_log_z_is_that_of_enumeration(machine, generator):
    found = machine.with_log_z(generator, chains=1000, temperatures=100).log_z
    assert 0 < found.se < 0.05
    assert abs(found.value - exact_log_p(machine)[1]) < 4.5 * found.se


def test_weights_are_unbiased_with_few_temperatures(machine, generator):
    log_w = machine.annealed(20_000, temperatures=3, generator=generator).log_w
    ratio = (log_w.double() - exact_log_p(machine)[1]).exp()
    assert abs(ratio.mean() - 1) < 4.5 * ratio.std() / 20_000**0.5


def test_hidden_entries_have_the_probabilities_of_enumeration(machine, generator):
    x, mask = (torch.rand(2, 30, DIM, generator=generator) < 0.5).unbind()
    x, states = x.float(), all_states(DIM)
    fits = ((states[None] == x[:, None]) | ~mask[:, None]).all(2)
    p = fits * exact_log_p(machine)[0].exp()
    expected = (p @ states.double() / p.sum(1, keepdim=True)).float()
    assert (machine.conditional(x, mask, generator) - expected).abs().max() < 0.1


@pytest.mark.slow
def test_drawn_rows_have_its_moments(machine, generator):
    n, p, states = 4000, exact_log_p(machine)[0].exp(), all_states(DIM).double()
    mean = p @ states
    drawn = machine.sample(n, generator).double()
    assert ((drawn.mean(0) - mean).abs() < 4.5 * (mean * (1 - mean) / n).sqrt()).all()
    pairs = states.T @ (p[:, None] * states)
    assert ((drawn.T @ drawn / n - pairs).abs() < 4.5 * (pairs * (1 - pairs) / n).sqrt()).all()


@pytest.mark.slow
def test_a_small_table_is_learned(rows, generator):
    learning = Training(rows, hidden=8, rate=1e-2, generator=generator)
    steps = 600
    for step in range(steps):
        learning.step(1 - step / steps)
    found, _ = exact_log_p(learning.averaged)
    index = (rows @ 2.0 ** torch.arange(DIM - 1, -1, -1)).long()
    share = torch.bincount(index, minlength=2**DIM).double() / len(rows)
    entropy = -(share * share.clamp(min=1e-9).log()).sum()
    means = rows.mean(0)
    independent = -(means * means.log() + (1 - means) * (1 - means).log()).sum()
    assert -found[index].mean() < entropy + 0.05 < independent - 0.5


@pytest.mark.slow
def test_rows_held_out_choose_and_seconds_end_it(rows, monkeypatch):
    """Of two the one that does not learn loses the race; what comes back knows its normaliser."""
    monkeypatch.setattr(rbm_training, "RACE", ((3, 1e-9), (8, 5e-2)))
    monkeypatch.setattr(rbm_training, "LOOKS", 2)
    monkeypatch.setattr(rbm_training, "LOOK_TEMPERATURES", 100)
    monkeypatch.setattr(RBM, "with_log_z", partialmethod(RBM.with_log_z, temperatures=100))
    clock = itertools.count()
    monkeypatch.setattr(rbm_training, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    found = fit(rows[:1500], rows[1500:], seconds=600.0)
    assert 600 <= next(clock) < 610
    assert len(found.hidden) == 8
    assert abs(found.log_z.value - exact_log_p(found)[1]) < 4.5 * found.log_z.se
