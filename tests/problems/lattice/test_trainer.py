"""Our algorithm for a known energy: labels, trajectory balance by enumeration of steps, chains, and every schedule."""

import math

import pytest
import torch

from ebgfn.core.energy import conditionals
from ebgfn.core.trajectories import log_prob
from ebgfn.evaluation import exact
from ebgfn.nets.lattice import KNOTS, MAX_SIGMA, LatticeEnergy, LatticeSizes, curve
from ebgfn.problems.checkpoint import build as untrained
from ebgfn.problems.lattice import trainer
from ebgfn.problems.lattice.config import LatticeConfig
from ebgfn.problems.lattice.kaufman import log_z as kaufman_log_z
from ebgfn.problems.lattice.trainer import LatticeRecipe, LatticeTrainer
from ebgfn.train.learner import Moment
from ebgfn.train.source import Nothing
from tests.train.enumerated import asked, falling, gradient

SIDE, DIM = 3, 9


def build(**changes) -> LatticeTrainer:
    recipe = LatticeRecipe(**{"batch": 32, "sites": 4, "rungs": 4, "replicas": 8, "first_sweeps": 5} | changes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = untrained(LatticeConfig(side=SIDE), LatticeSizes(hidden=12, depth=2))
        torch.nn.init.normal_(model.policy.net.last.weight, std=0.2)
    return LatticeTrainer(model, recipe)


def test_void_sites_are_labelled_by_their_neighbours(monkeypatch, generator):
    algorithm = build()
    drawn, shown = [], []
    algorithm.energy.spins = torch.randn(4, 8, DIM, generator=generator).sign()
    draw = algorithm.energy.draw
    monkeypatch.setattr(algorithm.energy, "draw", lambda n, generator: drawn.append(draw(n, generator)) or drawn[-1])
    logits = torch.randn(32, 4, generator=generator)
    monkeypatch.setattr(LatticeTrainer, "_logits", staticmethod(lambda *seen: shown.append(seen) or logits))
    policy = algorithm.sampler.module.policy
    loss = algorithm._any_order(policy, generator)
    ((spins, sigma),), ((net, partial, site, told, _),) = drawn, shown
    assert net is policy
    assert torch.equal(told, sigma)
    assert not partial.gather(1, site).any(), "a site that is filled already teaches nothing"
    assert torch.equal(partial, spins * (partial != 0))
    filled = (partial != 0).sum(1)
    assert filled.tolist() == sorted(filled.tolist())
    assert (filled[0], filled[-1]) == (0, DIM - 1)
    at = [
        conditionals(LatticeEnergy(SIDE).at(s.item()), (row[None] + 1) / 2)[0]
        for row, s in zip(spins, sigma, strict=True)
    ]
    label = torch.stack(at).gather(1, site)
    assert label.std() > 0.1
    expected = -(label * logits.sigmoid().log() + (1 - label) * (-logits).sigmoid().log())
    assert loss.item() == pytest.approx(expected.mean().item(), rel=1e-4)


def test_logits_are_those_of_the_policy_at_each_rows_sigma(generator):
    """Without its network a policy follows the fields, from whatever side it looks."""
    algorithm = build()
    policy = algorithm.sampler.module.policy
    torch.nn.init.zeros_(policy.net.last.weight)
    partial = torch.randint(-1, 2, (6, DIM), generator=generator).float()
    site, sigma = torch.randint(0, DIM, (6, 4), generator=generator), torch.linspace(0.1, 0.5, 6)
    found = LatticeTrainer._logits(policy, partial, site, sigma, generator)
    fields = partial @ (LatticeEnergy(SIDE).at(1.0).couplings())
    torch.testing.assert_close(found, 4 * sigma[:, None] * fields.gather(1, site))


def test_balance_is_the_squared_residual_of_the_samplers_own_trajectories(monkeypatch):
    """With each step of a trajectory looked at once, the gradient is the whole one."""
    algorithm = build(sites=DIM)
    policy, log_z = algorithm.sampler.module.policy, algorithm.sampler.module.log_z
    with torch.no_grad():
        log_z.add_(0.2 * torch.randn(KNOTS, generator=torch.Generator().manual_seed(1)))
    drawn = []
    sample = trainer.draw
    monkeypatch.setattr(trainer, "draw", lambda *given: drawn.append((given[0], sample(*given))) or drawn[-1][1])
    steps = torch.arange(DIM)
    monkeypatch.setattr(torch, "randint", lambda low, high, shape, generator, device: steps.expand(shape).contiguous())
    seen = asked(monkeypatch, algorithm.sampler)
    told = algorithm._balance(0.25, torch.Generator().manual_seed(4))
    sigma = torch.rand(1, generator=torch.Generator().manual_seed(4)) * MAX_SIGMA

    ((net, paths),) = drawn
    assert net.policy is policy
    log_pf, log_pb = log_prob(policy.at(sigma.item()), paths.x, paths.order, schedule=paths.schedule)
    energy = LatticeEnergy(SIDE).at(sigma.item())(paths.x)
    residual = curve(log_z, sigma) + log_pf - log_pb + energy
    ((loss, rate),) = seen
    assert rate == 0.25
    assert told["balance"] == pytest.approx(residual.square().mean().item(), rel=1e-4)
    assert residual.std() > 0.1
    expected = gradient(residual.square().mean(), algorithm.sampler.module)
    torch.testing.assert_close(gradient(loss, algorithm.sampler.module), expected, rtol=1e-3, atol=1e-4)


def test_a_few_steps_stand_for_all(generator):
    """Steps are drawn uniformly, with replacement: their mean is the sum over all."""
    algorithm = build(sites=2)
    policy, sigma = algorithm.sampler.module.policy, torch.tensor([0.3])
    one = trainer.draw(policy.at(0.3), 1, generator)
    parts = {k: v.expand(5000, *v.shape[1:]) for k, v in vars(one).items() if isinstance(v, torch.Tensor)}
    many = trainer.Trajectories(**parts, schedule=one.schedule)
    with torch.no_grad():
        found = algorithm._log_q(policy, many, sigma, generator)
    whole = (one.log_pf - one.log_pb).item()
    assert abs(found.mean().item() - whole) < 4.5 * found.std().item() / math.sqrt(5000)
    assert found.std() > 0.05


@pytest.mark.slow
def test_log_z_begins_at_what_importance_weights_say(monkeypatch, generator):
    algorithm = build(batch=400)
    drawn = []
    sample = trainer.draw
    monkeypatch.setattr(trainer, "draw", lambda *given: drawn.append((given[0], sample(*given))) or drawn[-1][1])
    algorithm._begin_balance(generator)
    assert algorithm.energy.balancing
    assert len(drawn) == KNOTS
    for knot, sigma in enumerate(torch.linspace(0, MAX_SIGMA, KNOTS).tolist()):
        policy, paths = drawn[knot]
        assert policy.policy is algorithm.sampler.averaged.policy
        weights = (-LatticeEnergy(SIDE).at(sigma)(paths.x) - paths.log_pf + paths.log_pb).double().exp()
        for part in (algorithm.sampler.module, algorithm.sampler.averaged):
            assert part.log_z[knot].item() == pytest.approx(weights.mean().log().item(), rel=1e-4)
        if sigma < 0.15:
            se = (weights.std() / weights.mean()).item() / math.sqrt(400)
            assert part.log_z[knot].item() == pytest.approx(kaufman_log_z(SIDE, sigma), abs=4.5 * se + 1e-3)


def test_chains_have_the_moments_of_their_sigma(generator):
    algorithm = build(rungs=4, replicas=3000)
    chains = algorithm.energy
    assert chains.sigma.tolist() == pytest.approx([0.0625, 0.1875, 0.3125, 0.4375])
    # From aligned spins; energies forget them in a few sweeps, even where the magnetisation does not.
    for _ in range(25):
        chains.sweep(generator)
    states = exact.all_states(DIM)
    for rung, sigma in enumerate(chains.sigma.tolist()):
        energy = LatticeEnergy(SIDE).at(sigma)
        p = exact.log_p(energy, DIM)[0].exp()
        values = energy(states).double()
        found = energy((chains.spins[rung] + 1) / 2)
        mean = (p * values).sum().item()
        spread = (p * (values - mean).square()).sum().sqrt().item()
        assert abs(found.mean().item() - mean) < 4.5 * spread / math.sqrt(3000)


def test_drawn_states_are_those_of_chains_some_of_them_turned_over(generator):
    chains = build(rungs=4, replicas=8).energy
    chains.spins = (torch.rand(4, 8, DIM, generator=generator) < 0.5) * 2.0 - 1.0
    spins, sigma = chains.draw(2000, generator)
    rung = (sigma[:, None] - chains.sigma).abs().argmin(1)
    assert torch.equal(chains.sigma[rung], sigma)
    assert (rung.bincount() - 500).abs().max() < 4.5 * math.sqrt(2000 * 3 / 16)
    same, turned = ((chains.spins[rung] == sign * spins[:, None]).all(2).any(1) for sign in (1, -1))
    assert (same | turned).all()
    assert abs(turned.float().mean().item() - 0.5) < 4.5 * 0.5 / math.sqrt(2000) + 0.05
    assert abs(spins.mean().item()) < 4.5 / math.sqrt(2000)


def test_chains_are_swept_at_first_and_now_and_then(monkeypatch, generator):
    algorithm = build(first_sweeps=5, sweep_every=4)
    asked(monkeypatch, algorithm.sampler)
    swept = []
    monkeypatch.setattr(algorithm.energy, "sweep", lambda generator: swept[-1].append(1))
    for step in range(9):
        swept.append([])
        algorithm.step(Nothing(), Moment(step, 0.1), generator)
    assert [len(s) for s in swept] == [5, 0, 0, 0, 1, 0, 0, 0, 1]


def test_balance_takes_over_at_the_end_and_begins_once(monkeypatch, generator):
    algorithm = build()
    done = []

    def begin(generator):
        done.append("begin")
        algorithm.energy.balancing = True

    monkeypatch.setattr(algorithm, "_begin_balance", begin)
    monkeypatch.setattr(algorithm, "_balance", lambda rate, generator: done.append("balance") or {})
    monkeypatch.setattr(
        algorithm, "_any_order", lambda policy, generator: done.append("any order") or torch.tensor(0.0)
    )
    asked(monkeypatch, algorithm.sampler)
    for progress in (0.0, 0.5, 0.84, 0.86, 0.99):
        algorithm.step(Nothing(), Moment(1, progress), generator)
    assert done == ["any order"] * 3 + ["begin", "balance", "balance"]


def test_rates_warm_up_and_fall_to_zero(monkeypatch, generator):
    algorithm = build()
    monkeypatch.setattr(algorithm, "_begin_balance", lambda generator: None)
    seen = asked(monkeypatch, algorithm.sampler)
    moments = [Moment(0, 0.0), Moment(49, 0.0), Moment(99, 0.0), Moment(100, 0.25), Moment(100, 0.5), Moment(100, 0.9)]
    for now in [*moments, Moment(100, 1.0)]:
        algorithm.step(Nothing(), now, generator)
    assert [rate for _, rate in seen] == pytest.approx([0.01, 0.5, 1.0, falling(0.25), 0.5, falling(0.9), 0.0])
    rates = {id(p): g["lr"] for g in algorithm.sampler.optimizer.param_groups for p in g["params"]}
    log_z = algorithm.sampler.module.log_z
    assert {lr for key, lr in rates.items() if key != id(log_z)} == {algorithm.recipe.lr}
    assert rates[id(log_z)] == algorithm.recipe.log_z_lr
