"""Our algorithm: every term of both losses against its gradient by enumeration at D = 3, the fixed point, every schedule."""

import contextlib
import math

import pytest
import torch

from ebgfn.evaluation import exact
from ebgfn.model import Model
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from ebgfn.nets.mixture import MixturePolicy
from ebgfn.nets.mlp import MLPEnergy, MLPPolicy, MLPSizes
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.train import any_order, contrast, fast
from ebgfn.train.chains import ChainPlan
from ebgfn.train.fast import Fast, FastRecipe
from ebgfn.train.learner import Moment
from ebgfn.train.lessons import Lessons
from ebgfn.train.online_em import BEGIN_ROWS
from tests import examples
from tests.train.enumerated import Given, asked, every_mask, falling, gradient, nats

DIM = 3
STATES = exact.all_states(DIM)
MASKS = every_mask(DIM)
# A distribution whose probabilities are multiples of 1/16: as often as this each state is in DATA.
COUNTS = torch.tensor([1, 2, 4, 1, 2, 1, 3, 2])
DATA = STATES.repeat_interleave(COUNTS, 0)
# Noise that is each of the eight states alike, and no other loss.
BARE = {"plan": ChainPlan(chains=0), "chain_loss": 0.0, "flips": 0.0, "pairs": 0.0}


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch):
    """Whatever this machine has: gradients are compared."""
    for part in (any_order, contrast):
        monkeypatch.setattr(part, "half_precision", lambda device: contextlib.nullcontext())


class Means(Given):
    """A source that can tell the means of its rows."""

    def __init__(self, x, mean):
        super().__init__(x)
        self.mean = mean

    def draw_with_means(self, n):
        return self.x[:n], self.mean[:n]


class EveryState(BernoulliMixture):
    """Coin flips of which a sample is all states alike."""

    def sample(self, n, generator):
        return STATES.repeat(n // len(STATES), 1)


def build(**changes) -> Fast:
    net, energy = examples.policy(DIM), examples.energy(DIM)
    algorithm = Fast(Model(Toy2DConfig(), MLPSizes(), energy, net, torch.tensor(0.3)), FastRecipe(**changes))
    algorithm._noise = EveryState(torch.zeros(1), torch.zeros(1, DIM))
    return algorithm


def every_state_masked(monkeypatch) -> None:
    """Each row meets every mask."""
    monkeypatch.setattr(any_order, "random_masks", lambda n, *_, **__: MASKS.repeat(n // len(MASKS), 1))


def of_data() -> examples.FunctionEnergy:
    """-log of the distribution of DATA."""
    return examples.FunctionEnergy(DIM, lambda x: -(COUNTS[exact.index_of(x)] / 16).log())


def taught(x: torch.Tensor, x_new: torch.Tensor, **parts) -> Lessons:
    none = torch.zeros(len(x))
    flows = ("log_flow", "log_flow_new", "known", "known_new")
    rest = dict.fromkeys(flows, none) | {"whole": none > 0} | parts
    return Lessons(x=x.byte(), x_new=x_new.byte(), **rest)


def given_lessons(monkeypatch, algorithm: Fast, lessons: Lessons) -> None:
    algorithm._lessons = lessons
    monkeypatch.setattr(Lessons, "some", lambda self, n, generator: self)


def test_the_sampler_follows_the_likelihood_of_the_data(monkeypatch, generator):
    every_state_masked(monkeypatch)
    x = DATA.repeat_interleave(len(MASKS), 0)
    algorithm = build(batch=len(x), **BARE)
    policy = algorithm.sampler.module.policy
    loss, expected = algorithm.sampler.loss(*algorithm._rows(Given(x), generator), generator), nats(policy, DATA).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(gradient(loss, policy), gradient(expected, policy), rtol=1e-4, atol=1e-5)


def test_means_that_a_source_can_tell_are_the_labels(monkeypatch, generator):
    every_state_masked(monkeypatch)
    algorithm = build(batch=len(MASKS), **BARE)
    policy = algorithm.sampler.module.policy
    x, mean = STATES[[5]].expand(len(MASKS), -1), torch.tensor([0.1, 0.5, 0.9]).expand(len(MASKS), -1)
    loss = algorithm.sampler.loss(*algorithm._rows(Means(x, mean), generator), generator)
    logits, void = policy(x, MASKS).value_logits, ~MASKS
    cross = -(mean * logits.sigmoid().log() + (1 - mean) * (-logits).sigmoid().log())
    assert loss.item() == pytest.approx((DIM / void.sum(1) * (cross * void).sum(1)).mean().item(), rel=1e-5)


def test_chains_are_a_part_of_what_the_sampler_learns_from(generator):
    algorithm = build(batch=16, taught=0.25, plan=ChainPlan(chains=8, batch=8))
    algorithm._chains.x = STATES[[7]].repeat(8, 1)
    x, label = algorithm._rows(Given(STATES[[0]].repeat(16, 1)), generator)
    assert torch.equal(x, label)
    from_chains = (x != 0).any(1)
    assert from_chains.sum() == 4
    assert not from_chains[:12].logical_not().all(), "they are mixed among the data"


def test_a_mixture_learns_by_expectation_maximisation_from_data_and_chains(generator):
    policy = MixturePolicy(DIM, components=8)
    recipe = FastRecipe(batch=64, taught=0.25, plan=ChainPlan(chains=16, batch=8))
    algorithm = Fast(Model(Toy2DConfig(), MLPSizes(), examples.energy(DIM), policy, torch.tensor(0.3)), recipe)
    algorithm._chains.x = STATES[[7]].repeat(16, 1)
    source = Given(DATA.repeat(BEGIN_ROWS // 16, 1))
    told = [algorithm._learn(source, 1.0, generator)["any_order"] for _ in range(400)]
    assert told[-1] < told[0]
    drawn = algorithm.sampler.averaged.policy.mixture.log_prob(STATES).exp()
    expected = 0.75 * COUNTS / 16
    expected[7] += 0.25
    torch.testing.assert_close(drawn, expected, rtol=0, atol=0.02)


def noise_gradient(energy, weight: float = 1.0) -> torch.Tensor:
    """Of telling DATA from uniform bits: each state weighted by the probability of being taken for the other kind."""
    log_uniform = -DIM * torch.tensor(2.0).log()
    noise, data = torch.sigmoid(energy(DATA) + log_uniform), torch.sigmoid(-energy(STATES) - log_uniform)
    return weight * gradient((noise.detach() * energy(DATA)).mean() - (data.detach() * energy(STATES)).mean(), energy)


@pytest.mark.parametrize("noise", [1.0, 0.3])
def test_the_energy_tells_data_from_noise(noise, generator):
    algorithm = build(energy_batch=16, noise=noise, **BARE)
    energy = algorithm.energy.module
    loss = algorithm._contrastive(Given(DATA), generator)
    torch.testing.assert_close(gradient(loss, energy), noise_gradient(energy, noise), rtol=1e-4, atol=1e-5)


def test_the_energy_tells_data_from_flips(monkeypatch, generator):
    algorithm = build(energy_batch=16, **BARE | {"flips": 0.7})
    energy, other = algorithm.energy.module, DATA.roll(3, 0)
    monkeypatch.setattr(fast, "flip_some", lambda x, generator: other)
    loss = algorithm._contrastive(Given(DATA), generator)
    mistaken = torch.sigmoid(energy(DATA) - energy(other)).detach()
    expected = noise_gradient(energy) + 0.7 * gradient((mistaken * (energy(DATA) - energy(other))).mean(), energy)
    torch.testing.assert_close(gradient(loss, energy), expected, rtol=1e-4, atol=1e-5)


def with_chains(monkeypatch, algorithm: Fast, x: torch.Tensor) -> None:
    algorithm._chains.x = x
    monkeypatch.setattr(algorithm._chains, "next", lambda energy, policy, generator: x)


def test_with_chains_in_equilibrium_the_gradient_is_half_that_of_the_likelihood(monkeypatch, generator):
    """Chains that are as often in each state as p_phi says, here made so by a weight of the energy's own."""
    algorithm = build(energy_batch=16, **BARE | {"noise": 0.0, "chain_loss": 1.0, "plan": ChainPlan(chains=16)})
    energy = algorithm.energy.module
    algorithm.energy.averaged = energy
    p = torch.softmax(-energy(STATES), 0).detach()
    often = (p * 4096).round().long()
    with_chains(monkeypatch, algorithm, STATES.repeat_interleave(often, 0))
    loss = algorithm._contrastive(Given(DATA), generator)
    likelihood = gradient(energy(DATA).mean() + torch.logsumexp(-energy(STATES), 0), energy)
    assert likelihood.abs().max() > 0.1
    torch.testing.assert_close(gradient(loss, energy), likelihood / 2, rtol=1e-2, atol=5e-3)


def test_the_reference_of_chains_is_the_averaged_energy_and_gets_no_gradient(monkeypatch, generator):
    algorithm = build(energy_batch=16, **BARE | {"noise": 0.0, "chain_loss": 0.6, "plan": ChainPlan(chains=16)})
    energy, averaged = algorithm.energy.module, algorithm.energy.averaged
    averaged.net.last.weight.mul_(-1.5)
    x = STATES[[0, 3, 3, 6]]
    with_chains(monkeypatch, algorithm, x)
    loss = algorithm._contrastive(Given(DATA), generator)
    there, back = torch.sigmoid(energy(DATA) - averaged(DATA)), torch.sigmoid(averaged(x) - energy(x))
    expected = gradient((there.detach() * energy(DATA)).mean() - (back.detach() * energy(x)).mean(), energy)
    torch.testing.assert_close(gradient(loss, energy), 0.6 * expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("whole", [True, False])
def test_the_energy_tells_data_from_ends_of_moves(whole, monkeypatch, generator):
    """Of complete paths by the density of either, of others by log alpha."""
    algorithm = build(energy_batch=16, **BARE | {"noise": 0.0, "pairs": 0.4})
    energy, other = algorithm.energy.module, DATA.roll(5, 0)
    flow, flow_new = torch.linspace(-3, 0, 16), torch.linspace(-1, -4, 16)
    given_lessons(
        monkeypatch,
        algorithm,
        taught(DATA, other, log_flow=flow, log_flow_new=flow_new, whole=torch.full((16,), whole)),
    )
    loss = algorithm._contrastive(Given(STATES.repeat(2, 1)), generator)
    begin, end = energy(DATA), energy(other)
    if whole:
        taken, mistaken = torch.sigmoid(begin + flow), torch.sigmoid(-end - flow_new)
        expected = (taken.detach() * begin - mistaken.detach() * end).mean()
    else:
        alpha = torch.sigmoid(begin - end + flow - flow_new).detach()
        expected = (alpha * (begin - end)).mean()
    torch.testing.assert_close(gradient(loss, energy), 0.4 * gradient(expected, energy), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", ["noise", "flips", "chain_loss", "pairs"])
def test_every_loss_of_the_energy_is_least_at_the_datas_own(part, monkeypatch, generator):
    """At E = -log p_data the gradient vanishes, each kind of other point being as often there as it should be."""
    algorithm = build(energy_batch=16, **BARE | {"noise": 0.0, part: 1.0, "plan": ChainPlan(chains=16)})
    free = torch.nn.Parameter(-(COUNTS / 16).log())
    table = examples.FunctionEnergy(DIM, lambda x: free[exact.index_of(x)])
    table.free = free
    algorithm.energy.module = algorithm.energy.averaged = table
    with_chains(monkeypatch, algorithm, DATA)
    # Any flip from any data, both ways alike; moves by a sampler that is uniform: p(s) q(x' | s) for all x, x'.
    monkeypatch.setattr(fast, "flip_some", lambda x, generator: (x - 1).abs())
    x, x_new = DATA.repeat_interleave(8, 0), STATES.repeat(16, 1)
    flat = torch.full((128,), -DIM * 0.693147)
    whole = torch.arange(128) % 128 >= 0
    given_lessons(monkeypatch, algorithm, taught(x, x_new, log_flow=flat, log_flow_new=flat, whole=whole))
    loss = algorithm._contrastive(Given(DATA), generator)
    moved = loss.item()
    assert moved > 0.5
    assert gradient(loss, table).abs().max() < 1e-4


def test_log_z_of_an_exact_sampler_is_right(generator):
    """An untrained policy is exact for the flat energy: log Z = D log 2, from any trajectories."""
    algorithm = build()
    for module in (algorithm.sampler.averaged.policy, algorithm.energy.averaged):
        for weights in module.net.last.parameters():
            weights.zero_()
    algorithm._draw_some(generator)
    for part in (algorithm.sampler.module, algorithm.sampler.averaged):
        assert part.log_z.item() == pytest.approx(DIM * 0.693147, abs=1e-4)


def test_a_share_of_the_energys_data_may_be_what_the_sampler_draws(generator):
    algorithm = build(smooth=0.25, **BARE)
    rows = Given(torch.zeros(4000, DIM))
    assert not algorithm._smoothed(rows, 4000, generator).any(), "nothing has been drawn yet"
    algorithm._drawn = torch.ones(50, DIM)
    share = algorithm._smoothed(rows, 4000, generator).all(1).float().mean().item()
    assert abs(share - 0.25) < 4.5 * (0.25 * 0.75 / 4000) ** 0.5


def test_log_z_of_another_sampler_is_right_in_the_mean(generator):
    algorithm = build()
    _, log_z = exact.log_p(algorithm.energy.averaged, DIM)
    found = []
    for _ in range(20):
        algorithm._draw_some(generator)
        found.append(algorithm.sampler.module.log_z.item())
    assert sum(found) / 20 == pytest.approx(log_z, abs=0.1)


def watched(monkeypatch, **changes) -> tuple[Fast, dict[str, list]]:
    """An algorithm whose losses are nothing, and what it asks for."""
    algorithm = build(batch=16, energy_batch=16, fresh=16, reuse=1, **changes)
    sampler, energy = asked(monkeypatch, algorithm.sampler), asked(monkeypatch, algorithm.energy)
    taught_at: list[bool] = []
    monkeypatch.setattr(algorithm.sampler, "loss", lambda x, means, g: torch.tensor(0.0))
    monkeypatch.setattr(algorithm, "_contrastive", lambda source, g: torch.tensor(0.0))
    monkeypatch.setattr(algorithm, "_teach", lambda source, g: taught_at.append(True))
    return algorithm, {"sampler": sampler, "energy": energy, "taught": taught_at}


def test_the_sampler_alone_comes_first_and_then_both_and_then_they_learn_from_each_other(monkeypatch, generator):
    algorithm, seen = watched(monkeypatch, warm_share=0.4, teach_share=0.6)
    counts = []
    for progress in (0.0, 0.39, 0.4, 0.59, 0.6, 0.99):
        algorithm.step(Given(DATA), Moment(1000, progress), generator)
        counts.append(tuple(len(seen[name]) for name in ("sampler", "energy", "taught")))
    assert counts == [(1, 0, 0), (2, 0, 0), (3, 1, 0), (4, 2, 0), (5, 3, 1), (6, 4, 2)]


def test_the_sampler_stays_as_it_is_where_it_has_no_joint_rate(monkeypatch, generator):
    algorithm, seen = watched(monkeypatch, warm_share=0.5, teach_share=0.5, joint_rate=0.0)
    for progress in (0.1, 0.6, 0.9):
        algorithm.step(Given(DATA), Moment(1000, progress), generator)
    assert (len(seen["sampler"]), len(seen["energy"])) == (1, 2)


@pytest.mark.parametrize("decay", [True, False])
def test_both_learning_rates_warm_up_and_fall_to_zero(decay, monkeypatch, generator):
    algorithm, seen = watched(monkeypatch, decay=decay, warm_share=0.0, joint_rate=0.5)
    updates = [0, 49, 99, 500, 800, 999]
    for n, progress in zip(updates, (0.0, 0.0, 0.0, 0.25, 0.5, 1.0), strict=True):
        algorithm.energy._updates = n
        algorithm.step(Given(DATA), Moment(n, progress), generator)
    expected = [0.01, 0.5, 1.0, falling(0.25), 0.5, 0.0] if decay else [0.01, 0.5, 1.0, 1.0, 1.0, 1.0]
    assert [rate for _, rate in seen["energy"]] == pytest.approx(expected)
    assert [rate for _, rate in seen["sampler"]] == pytest.approx([rate / 2 for rate in expected])


def test_each_part_of_the_budget_has_a_decay_of_its_own(monkeypatch, generator):
    algorithm, seen = watched(monkeypatch, warm_share=0.6, teach_share=0.6)
    for progress in (0.15, 0.3, 0.5999):
        algorithm.step(Given(DATA), Moment(1000, progress), generator)
    algorithm.energy._updates = 1000
    for progress in (0.6, 0.8, 1.0):
        algorithm.step(Given(DATA), Moment(1000, progress), generator)
    assert [rate for _, rate in seen["sampler"]] == pytest.approx([falling(0.25), 0.5, 0.0, 1.0, 0.5, 0.0], abs=1e-5)


def test_lessons_are_used_several_times_and_the_oldest_go(generator):
    algorithm = build(batch=16, fresh=32, reuse=2, kept=80, **BARE | {"pairs": 1.0})
    sizes = []
    for step in range(16):
        before = algorithm._lessons
        algorithm._teach(Given(DATA.repeat(2, 1)), generator)
        assert (algorithm._lessons is not before) == (step % 4 == 0), "32 rows make for 4 batches of 16"
        sizes.append(len(algorithm._lessons.x))
    assert sizes[::4] == [32, 64, 80, 80]


def blocky(start: str = "zero", **changes) -> Fast:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        policy = examples.randomised(MLPPolicy(6, hidden=16, depth=2, blocks=True))
        energy = examples.randomised(MLPEnergy(6, hidden=16, depth=2))
    config = ImagesConfig(dataset="digits", start=start)
    recipe = FastRecipe(**{"lr": 0.5, "lr_learned": 0.25, "start_from": "sampler"} | changes)
    return Fast(Model(config, MLPSizes(), energy, policy, torch.tensor(0.3)), recipe)


def six(n: int) -> Given:
    return Given((torch.rand(n, 6, generator=torch.Generator().manual_seed(5)) < 0.6).float())


def test_the_energy_begins_as_what_the_averaged_sampler_sees_and_blocks_are_measured(generator):
    algorithm = blocky()
    policy = algorithm.sampler.averaged.policy
    policy.net.hidden[0].weight.mul_(0.5)
    algorithm._begin(six(fast.ROWS), generator)
    for energy in (algorithm.energy.module, algorithm.energy.averaged):
        assert torch.equal(energy.net.hidden[0].weight, policy.net.hidden[0].weight)
    assert torch.equal(policy.step_nats, algorithm.sampler.module.policy.step_nats)
    assert (policy.step_nats - math.log(2)).abs().min() > 0.01, "what no curve has before it is measured"


def test_the_energy_may_begin_as_the_noise(generator, whole_beginning):
    algorithm = blocky(start_from="noise")
    algorithm._begin(six(fast.ROWS), generator)
    x = algorithm._noise.sample(200, generator)
    for energy in (algorithm.energy.module, algorithm.energy.averaged):
        with torch.no_grad():
            assert (energy(x) + algorithm._noise.log_prob(x)).abs().mean() < 0.3


def test_learned_networks_go_on_gently_and_an_energy_that_has_learned_keeps_what_it_has(generator):
    assert blocky().sampler.optimizer.param_groups[0]["lr"] == 0.5
    learned = blocky("shipped")
    assert learned.sampler.optimizer.param_groups[0]["lr"] == 0.25
    before = learned.energy.module.net.hidden[0].weight.clone()
    learned._begin(six(fast.ROWS), generator)
    assert torch.equal(learned.energy.module.net.hidden[0].weight, before)
