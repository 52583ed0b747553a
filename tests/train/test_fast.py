"""Our algorithm for data in the plane: gradients by enumeration at D = 3, and every schedule."""

import pytest
import torch

from ebgfn.evaluation import exact
from ebgfn.model import Model
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.train import fast
from ebgfn.train.fast import Fast, FastRecipe, Lessons
from ebgfn.train.learner import Moment
from tests import examples
from tests.train.enumerated import Given, asked, every_mask, every_trajectory, falling, gradient, nats

DIM = 3
STATES = exact.all_states(DIM)
MASKS = every_mask(DIM)
# A distribution whose probabilities are multiples of 1/16: as often as this each state is in DATA.
COUNTS = torch.tensor([1, 2, 4, 1, 2, 1, 3, 2])
DATA = STATES.repeat_interleave(COUNTS, 0)


def build(**changes) -> Fast:
    net, energy = examples.policy(DIM), examples.energy(DIM)
    return Fast(Model(Toy2DConfig(), MLPSizes(), energy, net, torch.tensor(0.3)), FastRecipe(**changes))


@pytest.fixture
def no_chance(monkeypatch):
    """Each row meets every mask, pools are not shuffled, and uniform bits are all states alike."""
    monkeypatch.setattr(fast, "random_masks", lambda n, dim, generator: MASKS.repeat(n // len(MASKS), 1))
    monkeypatch.setattr(torch, "randperm", lambda n, generator, device: torch.arange(n))

    def uniform_bits(low, high, shape, generator, device):
        assert (low, high) == (0, 2)
        return STATES.repeat(shape[0] // len(STATES), 1).long()

    monkeypatch.setattr(torch, "randint", uniform_bits)


def of_data() -> examples.FunctionEnergy:
    """-log of the distribution of DATA."""
    return examples.FunctionEnergy(DIM, lambda x: -COUNTS[exact.index_of(x)].float().log())


@pytest.mark.slow
@pytest.mark.parametrize("taught", [False, True])
def test_the_sampler_follows_the_likelihood_of_the_energy(taught, no_chance, monkeypatch, generator):
    """Labels from an energy that fits the data replace values by their conditional means: the gradient stays the same."""
    x = DATA.repeat_interleave(len(MASKS), 0)
    algorithm = build(batch=len(x), pool=len(x), energy_batch=16, warm_share=0.0, teach_share=0.3)
    sampler, _ = asked(monkeypatch, algorithm.sampler), asked(monkeypatch, algorithm.energy)
    algorithm.energy.averaged = of_data()
    algorithm.step(Given(x), Moment(0, 0.5 if taught else 0.1), generator)
    policy = algorithm.sampler.module.policy
    expected = nats(policy, DATA).mean()
    torch.testing.assert_close(gradient(sampler[0][0], policy), gradient(expected, policy), rtol=1e-4, atol=1e-5)
    if not taught:
        assert sampler[0][0].item() == pytest.approx(expected.item(), rel=1e-5)


def test_labels_are_those_of_the_energy_where_it_differs_from_the_data(no_chance, monkeypatch, generator):
    """The data alone stand for three states here; what is void is labelled by the energy of all."""
    algorithm = build(batch=27, pool=27, energy_batch=8, warm_share=0.0, teach_share=0.3)
    sampler, _ = asked(monkeypatch, algorithm.sampler), asked(monkeypatch, algorithm.energy)
    algorithm.energy.averaged = of_data()
    x = STATES[[1, 4, 6]].repeat_interleave(len(MASKS), 0)
    algorithm.step(Given(x), Moment(0, 0.3), generator)
    p = COUNTS / 16
    one, zero = (p[exact.index_of(_with(x, value))].view(-1, DIM) for value in (1.0, 0.0))
    labels, void = one / (one + zero), ~MASKS.repeat(3, 1)
    logits = algorithm.sampler.module.policy(x, ~void).value_logits
    cross = -(labels * logits.sigmoid().log() + (1 - labels) * (-logits).sigmoid().log())
    expected = (DIM / void.sum(1) * (cross * void).sum(1)).mean()
    assert sampler[0][0].item() == pytest.approx(expected.item(), rel=1e-5)


def _with(x, value):
    """Each row D times, one entry after another set to the value."""
    rows = x.repeat_interleave(DIM, 0)
    return torch.where(torch.eye(DIM).bool().repeat(len(x), 1), value, rows)


def test_states_of_one_point_are_a_batch_together(no_chance, monkeypatch, generator):
    algorithm = build(states_per_point=9)
    x = STATES[[3, 5]].repeat_interleave(9, 0)
    monkeypatch.setattr(fast, "random_masks", lambda n, dim, generator: MASKS.repeat_interleave(n // 9, 0))
    policy = algorithm.sampler.module.policy
    loss = algorithm._any_order(x[::9].repeat(9, 1), x[::9].repeat(9, 1), generator)
    assert loss.item() == pytest.approx(nats(policy, STATES[[3, 5]]).mean().item(), rel=1e-5)


def noise_gradient(energy, data) -> torch.Tensor:
    """Of telling data from uniform bits: each state weighted by the probability of being taken for the other kind."""
    log_uniform = -DIM * torch.tensor(2.0).log()
    taken_for_noise = torch.sigmoid(energy(data) + log_uniform).detach()
    taken_for_data = torch.sigmoid(-energy(STATES) - log_uniform).detach()
    return gradient((taken_for_noise * energy(data)).mean() - (taken_for_data * energy(STATES)).mean(), energy)


def test_the_energy_tells_data_from_uniform_bits(no_chance, generator):
    algorithm = build(energy_batch=16)
    energy = algorithm.energy.module
    loss = algorithm._contrastive(Given(DATA), None, generator)
    torch.testing.assert_close(gradient(loss, energy), noise_gradient(energy, DATA), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("negatives", [True, False])
def test_weighted_negatives_give_the_gradient_of_the_likelihood(negatives, no_chance, generator):
    """The sampler's ends are far from the energy's distribution; their weights make up for that, exactly."""
    algorithm = build(energy_batch=16, negatives=negatives)
    energy = algorithm.energy.module
    often = torch.tensor([3, 1, 2, 1, 1, 5, 2, 1])
    lesson = Lessons(DATA, DATA, STATES.repeat_interleave(often, 0), (often / 16).log().repeat_interleave(often))
    loss = algorithm._contrastive(Given(DATA), lesson, generator)
    log_z = torch.logsumexp(-energy(STATES), 0)
    likelihood = gradient(energy(DATA).mean() + log_z, energy)
    assert likelihood.abs().max() > 0.1
    expected = noise_gradient(energy, DATA) + negatives * likelihood
    torch.testing.assert_close(gradient(loss, energy), expected, rtol=1e-4, atol=1e-5)


def test_a_pool_holds_what_the_averaged_models_say(no_chance, monkeypatch, generator):
    algorithm = build(batch=16, pool=48, reuse=3)
    averaged = algorithm.sampler.averaged.policy
    for weights in averaged.parameters():
        weights.mul_(0.7)
    for weights in algorithm.energy.averaged.parameters():
        weights.mul_(1.2)
    paths = every_trajectory(averaged)

    def draw(policy, n, generator):
        assert policy is averaged
        assert n == len(paths.x)
        return paths

    monkeypatch.setattr(fast, "draw", draw)
    x = DATA.repeat(3, 1)
    lessons = [algorithm._next_lesson(Given(x), Moment(0, 0.2), generator) for _ in range(9)]
    assert len(algorithm._order) == 0, "three batches in the pool, each used three times"
    log_q = paths.log_pf - paths.log_pb
    for i, lesson in enumerate(lessons):
        rows = slice(i % 3 * 16, i % 3 * 16 + 16)
        assert torch.equal(lesson.x, x[rows])
        assert torch.equal(lesson.labels, x[rows])
        assert torch.equal(lesson.negative, paths.x[rows])
        torch.testing.assert_close(lesson.log_q, log_q[rows])
    # log Z by importance weights: here of all trajectories once, as a mean over as many.
    weights = (-algorithm.energy.averaged(paths.x) - log_q).exp()
    for part in (algorithm.sampler.module, algorithm.sampler.averaged):
        assert part.log_z.item() == pytest.approx(weights.mean().log().item(), rel=1e-5)


def test_log_z_of_an_exact_sampler_is_right(generator):
    """An untrained policy is exact for the flat energy: log Z = D log 2, from any trajectories."""
    algorithm = build(pool=32)
    for module in (algorithm.sampler.averaged.policy, algorithm.energy.averaged):
        for weights in module.net.last.parameters():
            weights.zero_()
    algorithm._make(DATA, Moment(0, 0.2), generator)
    assert algorithm.sampler.module.log_z.item() == pytest.approx(DIM * 0.693147, abs=1e-4)


def test_models_teach_each_other_when_there_is_something_to_learn(monkeypatch, generator):
    algorithm = build(batch=16, energy_batch=16, pool=16, reuse=1)
    sampler, energy = asked(monkeypatch, algorithm.sampler), asked(monkeypatch, algorithm.energy)
    taught, shown = [], []
    monkeypatch.setattr(
        algorithm, "_any_order", lambda x, labels, g: taught.append(x is not labels) or torch.tensor(0.0)
    )
    monkeypatch.setattr(
        algorithm, "_contrastive", lambda source, lesson, g: shown.append(lesson is not None) or torch.tensor(0.0)
    )
    progress = [0.0, 0.09, 0.1, 0.29, 0.3, 0.9]
    for p in progress:
        algorithm.step(Given(DATA), Moment(1000, p), generator)
    assert shown == [p >= 0.1 for p in progress]
    assert taught == [p >= 0.3 for p in progress]
    assert len(sampler) == len(energy) == len(progress)


@pytest.mark.parametrize("decay", [True, False])
def test_both_learning_rates_warm_up_and_fall_to_zero(decay, monkeypatch, generator):
    algorithm = build(batch=16, energy_batch=16, pool=16, reuse=1, decay=decay)
    seen = [asked(monkeypatch, learner) for learner in (algorithm.sampler, algorithm.energy)]
    moments = [Moment(0, 0.0), Moment(49, 0.0), Moment(99, 0.0), Moment(500, 0.25), Moment(800, 0.5), Moment(999, 1.0)]
    for now in moments:
        algorithm.step(Given(DATA), now, generator)
    expected = [0.01, 0.5, 1.0, falling(0.25), 0.5, 0.0] if decay else [0.01, 0.5, 1.0, 1.0, 1.0, 1.0]
    for learner in seen:
        assert [rate for _, rate in learner] == pytest.approx(expected)
    groups = [learner.optimizer.param_groups[0]["lr"] for learner in (algorithm.sampler, algorithm.energy)]
    assert groups == [algorithm.recipe.lr, algorithm.recipe.energy_lr]
