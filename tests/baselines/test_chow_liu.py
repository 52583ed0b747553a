"""The tree is found where data are of one, and its probabilities are those of the data."""

import torch

from ebgfn.baselines.chow_liu import fit
from ebgfn.evaluation.exact import all_states


def chain(generator, rows, dim=6, stay=0.85):
    """Entries that are as the one before, mostly."""
    x = torch.empty(rows, dim)
    x[:, 0] = (torch.rand(rows, generator=generator) < 0.3).float()
    for i in range(1, dim):
        same = torch.rand(rows, generator=generator) < stay
        x[:, i] = torch.where(same, x[:, i - 1], 1 - x[:, i - 1])
    return x


def test_probabilities_sum_to_one_and_those_of_a_chain_are_found(generator):
    mixed = torch.tensor([3, 0, 5, 1, 4, 2])
    x = chain(generator, 20_000)[:, mixed]
    tree = fit(x)
    states = all_states(6)
    p = tree.log_prob(states).exp()
    assert abs(p.sum().item() - 1) < 1e-5
    edges = {frozenset((mixed[i].item(), mixed[tree.parent[i]].item())) for i in range(6) if tree.parent[i] != i}
    assert edges == {frozenset((i, i + 1)) for i in range(5)}
    unmixed = states[:, torch.argsort(mixed)]
    first = torch.where(unmixed[:, 0] > 0.5, 0.3, 0.7)
    true = first * torch.where(unmixed[:, 1:] == unmixed[:, :-1], 0.85, 0.15).prod(1)
    assert (p - true).abs().max() < 4.5 * (0.3 / 20_000) ** 0.5
    assert (true * (true / p).log()).sum() < 15 / 20_000


def test_columns_that_never_change_and_few_rows_leave_it_finite(generator):
    x = torch.zeros(3, 4)
    x[0, 2] = 1
    tree = fit(x)
    assert tree.log_prob(all_states(4)).isfinite().all()
    assert abs(tree.log_prob(all_states(4)).exp().sum().item() - 1) < 1e-5
    assert tree.log_prob(x[1:2]) > tree.log_prob(1 - x[1:2])
