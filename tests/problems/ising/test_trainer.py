"""Our algorithm for couplings: what the sampler is taught, what the couplings are told, and every schedule."""

import math

import pytest
import torch

from ebgfn.evaluation import exact
from ebgfn.model import Model
from ebgfn.nets.mlp import MLPSizes
from ebgfn.nets.quadratic import FieldPolicy, QuadraticEnergy
from ebgfn.optim.plan import Plan, Scale
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.trainer import IsingRecipe, IsingTrainer
from ebgfn.train.learner import Moment
from ebgfn.train.noise import broad_noise
from ebgfn.train.source import Rows
from tests import examples
from tests.train.enumerated import asked, falling

DIM = 4


def build(estimate: str = "refit", **changes) -> IsingTrainer:
    energy = QuadraticEnergy(DIM)
    with torch.no_grad():
        energy.weights.normal_(std=0.4, generator=torch.Generator().manual_seed(1))
        energy.field_weights.copy_(torch.tensor([0.5, -0.3, 0.0, 0.8]))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        policy = examples.randomised(FieldPolicy(DIM, hidden=16, depth=2))
    config = IsingConfig(side=3, estimate=estimate)
    return IsingTrainer(Model(config, MLPSizes(), energy, policy, torch.tensor(0.3)), IsingRecipe(**changes))


def rows(share: float = 0.5) -> Rows:
    x = (torch.rand(64, DIM, generator=torch.Generator().manual_seed(2)) < share).byte()
    return Rows(x.numpy(), seed=0)


def begun(algorithm: IsingTrainer, chains: torch.Tensor, monkeypatch) -> None:
    """As after the first step: with these chains, which stay where they are."""
    algorithm._noise = broad_noise(torch.full((8, DIM), 0.5), components=1)
    algorithm._chains.x, algorithm._left = chains, 10**6
    monkeypatch.setattr(algorithm._chains, "next", lambda energy, policy, generator: chains)


def test_the_sampler_learns_from_chains_alone_with_the_energys_conditionals_as_labels(monkeypatch, generator):
    algorithm, chains = build(batch=64), exact.all_states(DIM)
    begun(algorithm, chains, monkeypatch)
    x, labels = algorithm._rows(rows(), generator)
    assert len(x) == 64
    p = exact.log_p(algorithm.energy.averaged, DIM)[0].exp().float()
    for i in range(DIM):
        one, zero = x.clone(), x.clone()
        one[:, i], zero[:, i] = 1, 0
        p_one, p_zero = p[exact.index_of(one)], p[exact.index_of(zero)]
        torch.testing.assert_close(labels[:, i], p_one / (p_one + p_zero), rtol=1e-4, atol=1e-5)


def test_couplings_are_told_data_and_chains_as_spins(monkeypatch, generator):
    algorithm = build(batch=64, memory=0.75, inner=3)
    told, updates, chains = [], [], exact.all_states(DIM)
    begun(algorithm, chains, monkeypatch)
    monkeypatch.setattr(
        algorithm.energy, "correct", lambda data, negative, *, memory: told.append((data, negative, memory))
    )
    monkeypatch.setattr(Plan, "step", lambda plan, couplings, spins, how, **at: updates.append(spins))
    asked(monkeypatch, algorithm.sampler)
    source = rows()
    algorithm.step(source, Moment(0, 0.0), generator)
    ((data, negative, memory),) = told
    assert torch.equal(data, 2 * source.all - 1)
    assert torch.equal(negative, 2 * chains - 1)
    assert memory == 0.75
    assert len(updates) == 3
    assert torch.equal(updates[0], data)


def test_chains_say_nothing_in_an_ordered_phase(monkeypatch, generator):
    """They do not come from one order to the other, and a pull that lags behind would drive the couplings away."""
    algorithm = build(batch=64)
    begun(algorithm, exact.all_states(DIM), monkeypatch)
    aligned = Rows(torch.tensor(32 * [[0] * DIM, [1] * DIM]).byte().numpy(), seed=0)
    algorithm.step(aligned, Moment(0, 0.0), generator)
    assert algorithm._scale.ordered
    assert not algorithm.energy._correction.any()


def test_the_sampler_follows_the_couplings_and_fields_that_are_kept(generator):
    algorithm = build(batch=64)
    for step in range(5):
        algorithm.step(rows(0.1), Moment(step, 0.1 * step), generator)
        energy, policy, _ = algorithm.networks()
        for part in (policy, algorithm.sampler.module.policy):
            assert torch.equal(part.fields, energy.fields())
            assert torch.equal(part.couplings, energy.couplings())
    assert (energy.fields() < -0.5).all()
    torch.testing.assert_close(algorithm.energy.centre, 2 * rows(0.1).all.mean(0) - 1)


@pytest.mark.parametrize(("pairs", "least"), [(1, 2.576), (36, 3.63), (4950, 4.75)])
def test_the_penalty_grows_with_the_number_of_pairs(pairs, least):
    """Normal quantiles: of data sets without couplings one in a hundred has any of them beyond."""
    assert Plan().threshold(pairs) == pytest.approx(least, abs=0.01)


def told_steps(algorithm: IsingTrainer, monkeypatch, *, scale: Scale) -> list[tuple[str, dict]]:
    """What couplings are asked to do at the quarters and the middle of the first half, and after it."""
    seen: list[tuple[str, dict]] = []
    for name in ("penalised_step", "refit_step"):
        monkeypatch.setattr(algorithm.energy, name, lambda spins, *, name=name, **how: seen.append((name, how)))
    for progress in (0.0, 0.125, 0.126, 0.499, 0.5, 1.0):
        plan, estimate = algorithm.recipe.stages, algorithm._estimate
        plan.step(algorithm.energy, torch.ones(2, DIM), scale, progress=progress, estimate=estimate)
    return seen


@pytest.mark.parametrize("estimate", ["pooled", "refit"])
def test_first_which_couplings_there_are_then_how_large(estimate, monkeypatch):
    seen = told_steps(build(estimate), monkeypatch, scale=Scale(0.2, ordered=False))
    threshold = Plan().threshold(6)
    finding = [
        ("penalised_step", {"step": 0.2, "threshold": threshold, "concave": concave}) for concave in (0, 0, 1, 1)
    ]
    assert seen == finding + 2 * [("refit_step", {"step": 0.2, "pooled": estimate == "pooled"})]


@pytest.mark.parametrize("ordered", [False, True])
def test_penalised_couplings_stand_where_asked_for_and_in_an_ordered_phase(ordered, monkeypatch):
    algorithm = build("refit" if ordered else "sparse")
    threshold = 1.5 if ordered else Plan().threshold(6)
    seen = told_steps(algorithm, monkeypatch, scale=Scale(0.1, ordered=ordered))
    assert seen == 6 * [("penalised_step", {"step": 0.1, "threshold": threshold, "concave": False})]


def test_the_sampler_warms_up_and_cools_down(monkeypatch, generator):
    algorithm = build(batch=32)
    seen = asked(monkeypatch, algorithm.sampler)
    for updates, progress in ((0, 0.0), (49, 0.0), (99, 0.0), (199, 0.25), (199, 0.5), (199, 1.0)):
        algorithm.energy._updates = updates
        algorithm.step(rows(), Moment(0, progress), generator)
    assert [rate for _, rate in seen] == pytest.approx([0.01, 0.5, 1.0, falling(0.25), 0.5, 0.0])


def test_the_data_say_how_far_a_step_may_go(monkeypatch, generator):
    """By the largest eigenvalue of the spins' correlations: D where all agree, 1 where none do."""
    algorithm = build(most_values=16 * DIM)
    source = Rows(exact.all_states(DIM).byte().numpy(), seed=0)
    assert torch.equal(algorithm._look_at(source), 2 * exact.all_states(DIM) - 1)
    assert algorithm._scale == Scale(0.3, ordered=False)
    aligned = Rows(torch.tensor([[0] * DIM, [1] * DIM]).byte().numpy(), seed=0)
    other = build()
    other._look_at(aligned)
    assert math.isclose(other._scale.step, 1 / DIM, rel_tol=1e-5)
    assert other._scale.ordered
    # Three of four agree: of a sum of 4 the largest eigenvalue is 3.
    three = [[a, a, a, b] for a in (0, 1) for b in (0, 1)]
    for ordered, expected in ((0.74, True), (0.76, False)):
        algorithm = build(stages=Plan(ordered=ordered))
        algorithm._look_at(Rows(torch.tensor(three).byte().numpy(), seed=0))
        assert algorithm._scale.ordered == expected
