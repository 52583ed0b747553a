"""Back-and-forth moves, path by path: everything is enumerated at D = 3."""

import pytest
import torch

from ebgfn.core.losses import balance_residual
from ebgfn.core.trajectories import finest, log_prob
from ebgfn.evaluation import exact
from ebgfn.mcmc.back_and_forth import BackAndForth, Proposal, propose
from tests.examples import CHOICES, ExactPolicy, PolynomialEnergy, all_paths, energy, log_alpha, matrix, policy

DIM = 3
EVERY_K = (1, 2, 3)


def move(paths) -> Proposal:
    return Proposal(paths.x, paths.order_back, paths.x_new, paths.order_forward, paths.k, paths.log_pf, paths.log_pb)


@pytest.mark.parametrize("k", EVERY_K)
@pytest.mark.parametrize("choice", CHOICES)
def test_transition_matrix_is_reversible(choice, k):
    target, paths = energy(DIM), all_paths(policy(DIM, *choice), k)
    propose_from = matrix(paths.x, paths.x_new, paths.log_q.exp())
    torch.testing.assert_close(propose_from.sum(1), torch.ones(2**DIM, dtype=torch.float64), rtol=0, atol=1e-6)
    with torch.no_grad():
        ratio = log_alpha(target, policy(DIM, *choice), move(paths))
    accepted = matrix(paths.x, paths.x_new, (paths.log_q + ratio.clamp(max=0)).exp())
    flow = exact.log_p(target, DIM)[0].exp()[:, None] * accepted
    torch.testing.assert_close(flow, flow.T, rtol=0, atol=1e-6)
    assert (ratio.abs() > 0.1).any(), "a test in which every move is accepted would prove nothing"


@pytest.mark.parametrize("k", EVERY_K)
@pytest.mark.parametrize("choice", CHOICES)
def test_proposals_have_the_enumerated_probabilities(choice, k, generator):
    net, copies = policy(DIM, *choice), 5000
    paths = all_paths(net, k)
    expected = matrix(paths.x, paths.x_new, paths.log_q.exp())
    x = exact.all_states(DIM).repeat(copies, 1)
    found = matrix(x, propose(net, x, k, generator).x_new, torch.ones(len(x))) / copies
    se = (expected * (1 - expected) / copies).sqrt().clamp(min=1e-9)
    assert ((found - expected).abs() <= 4.5 * se + 1e-6).all()


@pytest.mark.parametrize("k", EVERY_K)
@pytest.mark.parametrize("choice", CHOICES)
def test_a_proposal_describes_itself(choice, k, generator):
    net, x = policy(5, *choice), (torch.rand(50, 5, generator=generator) < 0.5).float()
    found = propose(net, x, k, generator)
    voided_back = torch.zeros_like(found.voided).scatter(1, found.order_back[:, 5 - k :], True)
    voided_forward = torch.zeros_like(found.voided).scatter(1, found.order_forward[:, 5 - k :], True)
    assert torch.equal(voided_back, voided_forward)
    assert torch.equal(found.voided, voided_back)
    assert (found.voided.sum(1) == k).all()
    assert torch.equal(found.x_new[~found.voided], x[~found.voided])
    for order in (found.order_back, found.order_forward):
        assert torch.equal(order.sort(1).values, torch.arange(5).expand(50, 5))
    log_pf, log_pb = log_prob(net, found.x_new, found.order_forward, schedule=finest(net.dim, start=found.start))
    torch.testing.assert_close((found.log_pf, found.log_pb), (log_pf, log_pb))


@pytest.mark.parametrize("choice", CHOICES)
def test_a_step_reports_the_ratio_that_training_differentiates(choice, generator):
    target, net = energy(5), policy(5, *choice)
    x = (torch.rand(40, 5, generator=generator) < 0.5).float()
    kernel = BackAndForth(target, net, 3)
    _, info = kernel.step(kernel.init(x), torch.Generator().manual_seed(7))
    found = propose(net, x, 3, torch.Generator().manual_seed(7))
    assert torch.equal(found.x_new, info.proposal)
    assert torch.equal(found.order_back, info.order_back)
    ratio = log_alpha(target, net, found)
    torch.testing.assert_close(ratio.detach(), info.log_alpha, rtol=1e-4, atol=1e-5)
    ratio.square().sum().backward()
    assert target.net.last.weight.grad.any()
    assert net.net.last.weight.grad.any()


@pytest.mark.parametrize("k", EVERY_K)
@pytest.mark.parametrize("choice", CHOICES)
def test_ratio_is_the_difference_of_two_balance_residuals(choice, k, generator):
    target, net = energy(DIM), policy(DIM, *choice)
    paths = all_paths(net, k)

    def residual(x, order):
        return balance_residual(torch.tensor(0.7), *log_prob(net, x, order, schedule=finest(x.shape[1])), target(x))

    difference = residual(paths.x, paths.order_back) - residual(paths.x_new, paths.order_forward)
    torch.testing.assert_close(log_alpha(target, net, move(paths)), difference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("k", EVERY_K)
def test_an_exact_sampler_is_always_accepted(learned, k, generator):
    target = PolynomialEnergy(DIM)
    net = ExactPolicy(target, learned=learned)
    with torch.no_grad():
        ratio = log_alpha(target, net, move(all_paths(net, k)))
    torch.testing.assert_close(ratio, torch.zeros_like(ratio), rtol=0, atol=1e-5)
    kernel = BackAndForth(target, net, k)
    _, info = kernel.step(kernel.init(exact.all_states(DIM).repeat(20, 1)), generator)
    assert info.log_alpha.abs().max() < 1e-5


def test_moving_everything_forgets_the_start(generator):
    net = policy(DIM)
    paths = all_paths(net, DIM)
    rows = matrix(paths.x, paths.x_new, paths.log_q.exp())
    torch.testing.assert_close(rows, rows[:1].expand_as(rows), rtol=0, atol=1e-7)


def test_bad_k_is_refused(generator):
    for k in (0, DIM + 1, -1):
        with pytest.raises(ValueError, match=rf"k must be in 1\.\.3, got {k}"):
            BackAndForth(energy(DIM), policy(DIM), k)
        with pytest.raises(ValueError, match=r"k must be in 1\.\.3"):
            propose(policy(DIM), torch.zeros(2, DIM), k, generator)
    with pytest.raises(ValueError, match="energy has 4 variables, policy 3"):
        BackAndForth(energy(4), policy(DIM), 1)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", [(0, 3), (0, 1, 3), (0, 1, 2, 3), (1, 3), (1, 2, 3), (2, 3)])
def test_moves_in_blocks_leave_the_model_invariant(schedule, generator):
    # 40,000 exact samples, one move each: every state keeps its probability to within standard errors.
    target, net, n = energy(DIM), policy(DIM), 40_000
    p = exact.log_p(target, DIM)[0].exp().float()
    x = exact.all_states(DIM).float()[torch.multinomial(p, n, replacement=True, generator=generator)]
    kernel = BackAndForth(target, net, k=DIM - schedule[0], schedule=schedule)
    state, info = kernel.step(kernel.init(x), generator)
    found = torch.bincount(exact.index_of(state.x), minlength=2**DIM) / n
    assert ((found - p).abs() < 4.5 * (p * (1 - p) / n).sqrt()).all()
    assert 0.05 < info.accepted.float().mean() < 0.99, "a move always or never accepted would prove nothing"


def test_single_steps_in_blocks_are_the_plain_move(generator):
    target, net, x = energy(5), policy(5), (torch.rand(64, 5, generator=generator) < 0.5).float()
    for schedule in (None, (2, 3, 4, 5)):
        kernel = BackAndForth(target, net, k=3, schedule=schedule)
        _, info = kernel.step(kernel.init(x), generator)
        move = Proposal(x, info.order_back, info.proposal, info.order_forward, 3, info.log_alpha, info.log_alpha)
        with torch.no_grad():
            torch.testing.assert_close(info.log_alpha, log_alpha(target, net, move), atol=1e-4, rtol=1e-4)


def test_schedules_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="must go from 2 to 5"):
        BackAndForth(energy(5), policy(5), k=3, schedule=(0, 5))
    with pytest.raises(ValueError, match="uniform locations"):
        BackAndForth(energy(5), policy(5, True, False), k=3, schedule=(2, 5))
    with pytest.raises(ValueError, match="uniform locations"):
        BackAndForth(energy(5), policy(5, False, True), k=3, schedule=(2, 4, 5))
    assert BackAndForth(energy(5), policy(5, True, True), k=3, schedule=(2, 3, 4, 5)).k == 3


@pytest.mark.parametrize("k", EVERY_K)
def test_moves_of_a_policy_with_an_order_of_its_own_leave_the_model_invariant(k, generator):
    """Whole vectors go by that order, back and forth; a few entries are any."""
    net, target, copies = policy(DIM), energy(DIM), 20_000
    net.order = torch.tensor([2, 0, 1])
    kernel = BackAndForth(target, net, k)
    p = exact.log_p(target, DIM)[0].exp()
    chosen = torch.multinomial(p.float(), copies, replacement=True, generator=generator)
    state, info = kernel.step(kernel.init(exact.all_states(DIM)[chosen]), generator)
    counts = torch.bincount(exact.index_of(state.x), minlength=2**DIM).double()
    assert ((counts / copies - p).abs() < 4.5 * (p * (1 - p) / copies).sqrt()).all()
    assert 0.05 < info.accepted.float().mean() < 0.99
    own = (info.order_back == net.order).all(1).float().mean()
    assert own == 1 if k == DIM else own < 0.5
