"""Our algorithm for images: every term of every loss against its gradient by hand, and every schedule, at D = 6."""

import contextlib
import itertools
import math

import pytest
import torch
from torch import nn

from ebgfn.core.trajectories import log_ratio
from ebgfn.evaluation import exact
from ebgfn.model import Model
from ebgfn.nets.mlp import MLPEnergy, MLPPolicy, MLPSizes
from ebgfn.problems.images import trainer
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.images.stream import BinaryImages
from ebgfn.problems.images.trainer import PART, ImagesRecipe, ImagesTrainer, Pairs
from ebgfn.train.learner import Moment
from tests import examples
from tests.train.enumerated import every_mask, falling, gradient, nats

DIM = 6


class Same(BinaryImages):
    """The same images each time, with the means that they were drawn with."""

    def __init__(self, x: torch.Tensor, mean: torch.Tensor | None = None):
        self.x, self.mean = x, x if mean is None else mean

    def draw_with_means(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.x[:n], self.mean[:n]


def linear(bias: torch.Tensor) -> examples.FunctionEnergy:
    """E(x) = -b.x, whose exact sampler has the log-odds b in every state."""
    return examples.FunctionEnergy(DIM, lambda x: -(x @ bias))


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch):
    """Whatever this machine has: gradients are compared."""
    monkeypatch.setattr(trainer, "half_precision", lambda device: contextlib.nullcontext())


def build(**changes) -> ImagesTrainer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        policy = examples.randomised(MLPPolicy(DIM, hidden=16, depth=2, blocks=True))
        energy = examples.randomised(MLPEnergy(DIM, hidden=16, depth=2))
    recipe = ImagesRecipe(**{"batch": 16, "energy_batch": 16, "fresh": 32, "path_steps": 4} | changes)
    return ImagesTrainer(Model(ImagesConfig(dataset="digits"), MLPSizes(), energy, policy, torch.tensor(0.3)), recipe)


def data(n: int) -> torch.Tensor:
    return (torch.rand(n, DIM, generator=torch.Generator().manual_seed(5)) < 0.6).float()


def pairs(n: int, *, known: int) -> Pairs:
    """Any numbers at all: of the first `known` the log-probabilities of whole paths are there."""
    generator = torch.Generator().manual_seed(3)
    log_q, log_q_new, log_flow = (2 * torch.randn(3, n, generator=generator) - 4).unbind()
    x, x_new = data(2 * n).byte().chunk(2)
    log_q[known:] = log_q_new[known:] = math.nan
    return Pairs(x, x_new, log_q, log_q_new, log_flow)


@pytest.mark.slow
def test_the_sampler_learns_grey_levels_as_the_mean_of_their_draws(monkeypatch, generator):
    masks = every_mask(DIM)[::10]  # a tenth of 360, still with every number of filled entries
    monkeypatch.setattr(trainer, "random_masks", lambda n, dim, generator: masks.repeat(n // len(masks), 1))
    algorithm = build(batch=len(masks))
    policy = algorithm.sampler.module.policy
    x, mean = data(1).expand(len(masks), -1), torch.linspace(0.1, 0.9, DIM).expand(len(masks), -1)
    loss = algorithm._any_order(Same(x, mean), generator)
    logits, void = policy(x, masks).value_logits, ~masks
    cross = -(mean * logits.sigmoid().log() + (1 - mean) * (-logits).sigmoid().log())
    expected = (DIM / void.sum(1) * (cross * void).sum(1)).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(gradient(loss, policy), gradient(expected, policy), rtol=1e-4, atol=1e-5)


def test_with_binary_images_the_sampler_follows_their_likelihood(monkeypatch, generator):
    masks = every_mask(DIM)
    monkeypatch.setattr(trainer, "random_masks", lambda n, dim, generator: masks.repeat(n // len(masks), 1))
    algorithm = build(batch=2 * len(masks))
    policy, x = algorithm.sampler.module.policy, data(2)
    loss = algorithm._any_order(Same(x.repeat_interleave(len(masks), 0)), generator)
    expected = nats(policy, x).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(gradient(loss, policy), gradient(expected, policy), rtol=1e-3, atol=1e-5)


def distilling_gradient(energy: nn.Module, made: Pairs, known: int, huber: float) -> torch.Tensor:
    """Residuals E + log q about their centre, clamped, times the gradient of E."""
    x = torch.cat([made.x[:known], made.x_new[:known]]).float()
    residual = (energy(x) + torch.cat([made.log_q[:known], made.log_q_new[:known]])).detach()
    off = residual - trainer._centre(residual, huber)
    return gradient((off.clamp(-huber, huber) * energy(x)).mean(), energy)


@pytest.mark.parametrize("huber", [10.0, 1.0])
def test_distilling_draws_the_energy_to_minus_log_q(huber, generator):
    algorithm, made = build(huber=huber), pairs(8, known=5)
    energy = algorithm.energy.module
    loss = algorithm._energy_loss(made, Moment(0, 0.6))
    expected = distilling_gradient(energy, made, 5, huber)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(gradient(loss, energy), expected, rtol=1e-4, atol=1e-5)


def test_distilling_is_over_when_the_energy_is_minus_log_q_up_to_a_constant():
    algorithm = build()
    algorithm.energy.module = linear(torch.linspace(-1, 1, DIM))
    x, x_new = data(20).byte().chunk(2)
    log_q, log_q_new = (-algorithm.energy.module(v.float()).detach() + 7.0 for v in (x, x_new))
    loss = algorithm._energy_loss(Pairs(x, x_new, log_q, log_q_new, torch.zeros(10)), Moment(0, 0.6))
    assert loss.item() == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("known", [0, 5])
def test_the_contrast_weighs_each_pair_by_the_chance_to_take_the_end_for_data(known):
    """p(x' is the data point) = sigmoid(log alpha) = sigmoid(E(x) - E(x') + log flow), beside a little distilling."""
    algorithm, made = build(anchor=0.3), pairs(8, known=known)
    energy = algorithm.energy.module
    loss = algorithm._energy_loss(made, Moment(0, 0.9))
    old, new = energy(made.x.float()), energy(made.x_new.float())
    taken = torch.sigmoid(old - new + made.log_flow).detach()
    contrast = gradient((taken * (old - new)).mean(), energy)
    expected = contrast + (0.3 * distilling_gradient(energy, made, known, 10.0) if known else 0.0)
    assert contrast.abs().max() > 0.1
    torch.testing.assert_close(gradient(loss, energy), expected, rtol=1e-4, atol=1e-5)


def test_distilling_alone_comes_first():
    algorithm, made = build(), pairs(8, known=8)
    energy = algorithm.energy.module
    alone = distilling_gradient(energy, made, 8, 10.0)
    for progress in (0.6, 0.7, 0.749, 0.75, 0.99):
        loss = algorithm._energy_loss(made, Moment(0, progress))
        assert torch.allclose(gradient(loss, energy), alone, atol=1e-5) == (progress < 0.75)


def exact_sampler(algorithm: ImagesTrainer) -> examples.FunctionEnergy:
    """Give the averaged sampler log-odds that do not depend on the state; the energy that it is exact for."""
    last, bias = algorithm.sampler.averaged.policy.net.last, torch.linspace(-1.5, 2.0, DIM)
    last.weight.zero_()
    last.bias.copy_(bias)
    return linear(bias)


def test_pairs_of_an_exact_sampler_balance(generator):
    """Then log alpha = E(x) - E(x') + log flow vanishes for every move, and E + log q is one constant."""
    algorithm = build()
    energy = exact_sampler(algorithm)
    x = data(200)
    made = algorithm._make(x, generator, whole=100)
    assert torch.equal(made.x, x.byte())
    assert (made.x_new != made.x).any(1).float().mean() > 0.3
    assert made.log_flow.abs().max() > 1.0
    torch.testing.assert_close(
        energy(made.x.float()) - energy(made.x_new.float()) + made.log_flow, torch.zeros(200), rtol=0, atol=1e-5
    )
    known = ~made.log_q.isnan()
    assert known.tolist() == [i < 128 for i in range(200)]
    assert torch.equal(known, ~made.log_q_new.isnan())
    _, log_z = exact.log_p(energy, DIM)
    for points, log_q in ((made.x, made.log_q), (made.x_new, made.log_q_new)):
        torch.testing.assert_close(log_q[known], (-energy(points.float()) - log_z)[known], rtol=0, atol=1e-5)


def test_flows_of_pairs_are_those_of_their_paths(monkeypatch, generator):
    """Of a sampler that is not exact, along the very orders that were drawn."""
    algorithm = build()
    asked_for = []
    whole = trainer.log_ratio

    def log_ratio(policy, x, order, *, schedule):
        assert policy is algorithm.sampler.averaged.policy
        asked_for.append((x, order, schedule))
        return whole(policy, x, order, schedule=schedule)

    monkeypatch.setattr(trainer, "log_ratio", log_ratio)
    made = algorithm._make(data(PART), generator, whole=0)
    ((both, orders, schedule),) = asked_for
    start = schedule[0]
    assert torch.equal(both.byte(), torch.cat([made.x, made.x_new]))
    back, forward = orders.chunk(2)
    assert torch.equal(back[:, :start], forward[:, :start]), "both paths begin at one state"
    assert torch.equal(back.sort(1).values, forward.sort(1).values)
    kept = torch.zeros(PART, DIM, dtype=torch.bool).scatter(1, back[:, :start], True)
    assert torch.equal(made.x[kept], made.x_new[kept])
    # One block at a time, by hand.
    flows = []
    for x, order in ((made.x.float(), back), (made.x_new.float(), forward)):
        total, rank = torch.zeros(PART), order.argsort(1)
        for first, end in itertools.pairwise(schedule):
            logits = algorithm.sampler.averaged.policy(x, rank < first).value_logits
            log_p = torch.where(x > 0.5, logits.sigmoid(), (-logits).sigmoid()).log()
            total = total + (log_p * ((rank >= first) & (rank < end))).sum(1)
        flows.append(total)
    torch.testing.assert_close(made.log_flow, flows[0] - flows[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("huber", [100.0, 0.5])
@pytest.mark.parametrize("steps", [1, 2])
def test_the_joint_loss_is_likelihood_and_the_squared_log_ratio(huber, steps, monkeypatch, generator):
    """With every block of a move in the loss once, its gradient is that of (log alpha)^2, linear beyond `huber`."""
    algorithm = build(huber=huber, balance=0.7, chosen=steps)
    policy, energy = algorithm.sampler.module.policy, algorithm.energy.averaged
    with torch.no_grad():
        algorithm.energy.module.net.last.weight.mul_(-2.0)  # the averaged energy is the one that is asked
    moves = []
    propose = trainer.propose
    monkeypatch.setattr(trainer, "_lengths", lambda dim, most, generator: (4, steps))
    monkeypatch.setattr(
        trainer, "propose", lambda *a, **k: moves.append((propose(*a, **k), k["schedule"])) or moves[-1][0]
    )
    monkeypatch.setattr(torch, "randint", lambda low, high, shape, generator, device: torch.arange(steps).expand(shape))
    likelihood = policy(data(4), data(4) > 2).value_logits.square().sum()
    monkeypatch.setattr(algorithm, "_any_order", lambda source, generator: likelihood)
    loss = algorithm._joint_loss(Same(data(16)), generator)

    ((move, schedule),) = moves
    assert torch.equal(move.x, data(16)[:8])
    assert (len(schedule) - 1, schedule[0], schedule[-1]) == (steps, DIM - 4, DIM)
    old, new = (
        log_ratio(policy, x, order, schedule=schedule)
        for x, order in ((move.x, move.order_back), (move.x_new, move.order_forward))
    )
    ratio = energy(move.x) - energy(move.x_new) + old - new
    assert ratio.abs().max() > 0.5
    # Huber's loss, times two: the square within, linear beyond.
    square = torch.where(ratio.abs() <= huber, ratio.square(), huber * (2 * ratio.abs() - huber))
    expected = gradient(likelihood, policy) + 0.7 * gradient(square.mean(), policy)
    torch.testing.assert_close(gradient(loss, policy), expected, rtol=1e-3, atol=1e-5)
    assert not gradient(loss, algorithm.energy.module).any()


def test_the_joint_loss_has_the_likelihood_of_images_in_it(monkeypatch, generator):
    algorithm = build(balance=0.0)
    drawn = []
    any_order = algorithm._any_order
    monkeypatch.setattr(
        algorithm, "_any_order", lambda source, generator: drawn.append(any_order(source, generator)) or drawn[-1]
    )
    loss = algorithm._joint_loss(Same(data(16)), generator)
    assert loss.item() == pytest.approx(drawn[0].item())


def test_log_z_follows_what_balance_says_where_it_is_known():
    algorithm, made = build(), pairs(8, known=5)
    energy = algorithm.energy.module
    x = torch.cat([made.x[:5], made.x_new[:5]]).float()
    said = (-energy(x) - torch.cat([made.log_q[:5], made.log_q_new[:5]])).mean().item()
    algorithm._energy_loss(made, Moment(0, 0.6))
    for part in (algorithm.sampler.module, algorithm.sampler.averaged):
        assert part.log_z.item() == pytest.approx(said, rel=1e-5), "at first at once"
        part.log_z.data.fill_(1.0)
    algorithm.energy._updates = 1
    algorithm._energy_loss(made, Moment(0, 0.9))
    algorithm._energy_loss(pairs(8, known=0), Moment(0, 0.9))
    for part in (algorithm.sampler.module, algorithm.sampler.averaged):
        assert part.log_z.item() == pytest.approx(0.98 + 0.02 * said, rel=1e-5)


@pytest.mark.parametrize("huber", [0.5, 3.0, 1e6])
def test_the_centre_is_where_hubers_loss_is_least(huber):
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0)).exp()  # skewed, most within 3 of the median
    centre = trainer._centre(values, huber)
    pull = (values - centre).clamp(-huber, huber)
    assert abs(pull.mean().item()) < 0.02 * values.std().item()
    if huber > 1e3:
        assert centre.item() == pytest.approx(values.mean().item(), rel=1e-5)


@pytest.mark.parametrize(("dim", "shortest"), [(64, 16), (784, 16), (6, 6)])
def test_moves_are_of_all_lengths(dim, shortest, generator):
    n = 3000
    drawn = [trainer._lengths(dim, 16, generator) for _ in range(n)]
    lengths = torch.tensor([length for length, _ in drawn]).float()
    assert shortest <= lengths.min()
    assert lengths.max() == dim
    if dim > shortest:
        part = lengths[lengths < dim]
        # Of log-uniform lengths some round to all entries as well.
        share = 2 / 3 * math.log((dim - 0.5) / shortest) / math.log(dim / shortest)
        assert abs(len(part) / n - share) < 4.5 * math.sqrt(share * (1 - share) / n)
        middle = math.sqrt(shortest * dim)
        assert abs((part < middle).float().mean() - 0.5) < 4.5 * 0.5 / math.sqrt(len(part)) + 0.02
    steps = {steps for length, steps in drawn if length >= 16}
    assert steps <= {1, 2, 4, 8, 16}
    assert all(1 <= steps <= length for length, steps in drawn)
    if dim > 16:
        assert steps == {1, 2, 4, 8, 16}
        counts = torch.tensor([s for _, s in drawn]).bincount()[[1, 2, 4, 8, 16]] / n
        assert ((counts - 0.2).abs() < 4.5 * math.sqrt(0.16 / n)).all()


def scheduled(algorithm: ImagesTrainer, monkeypatch) -> dict[str, list[float]]:
    """Rates that the losses are taken at from now on, the losses being nothing."""
    rates: dict[str, list[float]] = {"any_order": [], "energy": [], "balance": []}
    losses = {"_any_order": -1.0, "_energy_loss": -2.0, "_joint_loss": -3.0}
    for name, value in losses.items():
        monkeypatch.setattr(algorithm, name, lambda *_, value=value: torch.tensor(value))
    kinds = dict(zip(losses.values(), rates, strict=True))

    def update(learner):
        def taken(loss, *, rate=1.0):
            rates[kinds[loss.item()]].append(rate)
            learner._updates += 1
            return loss.item()

        return taken

    for learner in (algorithm.sampler, algorithm.energy):
        monkeypatch.setattr(learner, "update", update(learner))
    monkeypatch.setattr(algorithm, "_hand_over", lambda *_: None)
    monkeypatch.setattr(algorithm, "_next_pairs", lambda *_: pairs(2, known=0))
    return rates


def test_the_sampler_alone_comes_first_and_cools_down_on_its_own(monkeypatch, generator):
    algorithm = build()
    rates = scheduled(algorithm, monkeypatch)
    for now in (Moment(0, 0.0), Moment(49, 0.0), Moment(100, 0.15), Moment(200, 0.3), Moment(300, 0.5999)):
        algorithm.step(Same(data(16)), now, generator)
    assert rates["any_order"] == pytest.approx([0.01, 0.5, falling(0.25), 0.5, 0.0], abs=1e-5)
    assert rates["energy"] == rates["balance"] == []


def test_the_energy_warms_up_and_cools_down_over_what_is_left(monkeypatch, generator):
    algorithm = build()
    rates = scheduled(algorithm, monkeypatch)
    source = Same(data(16))
    for now in (Moment(1000, 0.6), Moment(1001, 0.6)):
        algorithm.step(source, now, generator)
    algorithm.energy._updates = 500
    for progress in (0.7, 0.8, 0.9, 1.0):
        algorithm.step(source, Moment(2000, progress), generator)
    assert rates["energy"] == pytest.approx([0.01, 0.02, falling(0.25), 0.5, falling(0.75), 0.0])
    assert rates["any_order"] == []
    # Distilling goes on to 0.75; from there on every second update is the sampler's too, at a tenth of the rate.
    assert rates["balance"] == pytest.approx([0.05, 0.0])
    assert algorithm.energy.updates == 504


def test_without_balance_the_sampler_stays_as_it_is(monkeypatch, generator):
    algorithm = build(balance=0.0)
    rates = scheduled(algorithm, monkeypatch)
    algorithm.energy._updates = 500
    for _ in range(4):
        algorithm.step(Same(data(16)), Moment(2000, 0.9), generator)
    assert rates["balance"] == []


def test_points_are_used_several_times_and_the_oldest_go(monkeypatch, generator):
    algorithm = build(fresh=32, energy_batch=16, reuse=2, kept=80)
    made = []
    make = algorithm._make
    monkeypatch.setattr(algorithm, "_make", lambda x, g, *, whole: made.append(whole) or make(x, g, whole=whole))
    source, sizes = Same(data(32)), []
    for step in range(32):
        # 32 points make for twice 32 / 8 batches.
        batch = algorithm._next_pairs(source, Moment(0, 0.7 if step < 16 else 0.8), generator)
        assert len(batch.x) == 8
        assert len(made) == step // 8 + 1
        sizes.append(len(algorithm._pairs.x))
    assert made == [32, 32, PART, PART]
    assert sizes[::8] == [32, 64, 80, 80]


def test_learned_networks_go_on_gently():
    fresh = build(lr=0.5, lr_learned=0.25)
    assert fresh.sampler.optimizer.param_groups[0]["lr"] == 0.5
    assert fresh.energy.optimizer.param_groups[0]["lr"] == fresh.recipe.energy_lr
    sampler, config = fresh.sampler.module, ImagesConfig(dataset="digits", start="shipped")
    model = Model(config, MLPSizes(), fresh.energy.module, sampler.policy, sampler.log_z.detach())
    assert ImagesTrainer(model, fresh.recipe).sampler.optimizer.param_groups[0]["lr"] == 0.25


def test_the_energy_begins_as_what_the_averaged_sampler_sees(generator):
    algorithm = build(curve_points=64)
    policy = algorithm.sampler.averaged.policy
    policy.net.hidden[0].weight.mul_(0.5)
    algorithm._hand_over(Same(data(64)), generator)
    for energy in (algorithm.energy.module, algorithm.energy.averaged):
        assert torch.equal(energy.net.hidden[0].weight, policy.net.hidden[0].weight)
    nats_ = algorithm.sampler.averaged.policy.step_nats
    assert torch.equal(nats_, algorithm.sampler.module.policy.step_nats)
    assert nats_.std() > 0.01
