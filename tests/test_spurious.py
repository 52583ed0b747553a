"""The spurious-mode benchmark: what is planted has the share that is told, and the clocks see when it is found."""

import math
from dataclasses import replace

import pytest
import torch

from benchmarks import spurious
from benchmarks.spurious import SHARE, Ball, Contaminated, Contaminating, Held, Planted, held, known, seconds
from ebgfn.evaluation import exact
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.training import start
from ebgfn.train.chains import ChainPlan
from ebgfn.train.fast import Fast, FastRecipe
from ebgfn.train.learner import Moment
from tests import examples
from tests.train.enumerated import Given

DIM = 8


@pytest.fixture
def ball() -> Ball:
    return Ball(torch.tensor([1.0, 0, 1, 1, 0, 0, 1, 0]))


def test_a_planted_ball_has_its_share(ball):
    states, energy = exact.all_states(DIM), examples.energy(DIM)
    _, log_z = exact.log_p(energy, DIM)
    log_p, planted_z = exact.log_p(Planted(energy, ball, log_z), DIM)
    assert planted_z == pytest.approx(0, abs=1e-5)
    expected = (1 - SHARE) * exact.log_p(energy, DIM)[0].exp() + SHARE * ball.log_prob(states).exp()
    torch.testing.assert_close(log_p.exp(), expected.double(), rtol=1e-4, atol=1e-7)


def test_its_neighbours_are_those_of_one_flip(ball):
    planted, x = Planted(examples.energy(DIM), ball, 0.7), exact.all_states(DIM)[::9]
    torch.testing.assert_close(planted.neighbours(x), examples.neighbours(planted, x), rtol=1e-4, atol=1e-4)


def test_draws_from_the_ball_are_in_it_and_have_its_density(ball, generator):
    x = ball.sample(20_000, generator)
    # Fewer than a quarter of eight flips: none, or one.
    inside = 0.95**DIM + DIM * 0.05 * 0.95 ** (DIM - 1)
    assert abs(ball.holds(x).float().mean().item() - inside) < 4.5 * math.sqrt(inside * (1 - inside) / len(x))
    n, p = len(x), ball.log_prob(exact.all_states(DIM)).exp()
    seen = exact.index_of(x).bincount(minlength=2**DIM) / n
    assert ((seen - p).abs() <= 4.5 * (p * (1 - p) / n).sqrt() + 1e-4).all()


def test_the_share_of_an_energy_is_measured_with_a_sampler_that_does_not_know_it(ball, generator):
    """Beside the ball the energy is flat, and the sampler uniform: what lies in the ball by chance counts as the ball's."""
    dim = 24
    far = Ball(torch.arange(dim) % 2 * 1.0)
    flat = examples.FunctionEnergy(dim, lambda x: x.sum(1) * 0)
    policy = MLPSizes(hidden=8, depth=1).policy(dim)
    planted = Planted(flat, far, dim * math.log(2))
    assert held(planted, policy, far, generator) == pytest.approx(SHARE, abs=0.02)
    assert held(flat, policy, far, generator) < 0.05


def test_a_contaminated_source_has_its_share(ball, generator):
    x = Contaminated(Given((1 - ball.place).repeat(4000, 1)), ball, generator).draw(4000)
    assert abs(ball.holds(x).float().mean().item() - SHARE) < 4.5 * math.sqrt(SHARE * (1 - SHARE) / 4000)


def test_the_noise_that_knows_of_the_ball_has_it_for_half(ball, generator):
    trainer = Contaminating(start(Toy2DConfig(bits=4, steps=10)).model(), FastRecipe(), ball)
    trainer._begin(Given(torch.zeros(4096, DIM)), generator)
    noise = trainer._noise
    assert noise is not None
    log_p = noise.log_prob(exact.all_states(DIM))
    assert log_p.logsumexp(0).item() == pytest.approx(0, abs=1e-4)
    assert (log_p >= ball.log_prob(exact.all_states(DIM)) - math.log(2) - 1e-5).all()


@pytest.mark.parametrize("method", ["ours", "noise-contrastive estimation"])
def test_an_energy_that_goes_on_does_not_begin_again(method, generator):
    """Its recipe begins it as the noise, where it is new."""
    recipe = FastRecipe(start_from="noise", energy_lr=0.0, energy_batch=8, batch=8, fresh=8, kept=8)
    model = start(Toy2DConfig(bits=4, steps=10), recipe).model()
    trainer = spurious.learners(recipe)[method](spurious.fresh(model))
    x = exact.all_states(model.dim)
    before = model.energy(x)
    trainer.step(Given(x.repeat(16, 1)), Moment(0, 0.5), generator)
    torch.testing.assert_close(trainer.energy.averaged(x), before)


@pytest.mark.slow
def test_an_energy_learns_its_share_of_the_ball(generator):
    recipe = FastRecipe(energy_batch=64, energy_lr=2e-3, sizes=MLPSizes(hidden=32, depth=2))
    model = start(Toy2DConfig(bits=6, steps=10), recipe).model()
    ball = Ball(torch.randint(0, 2, (model.dim,), generator=generator).float())
    learned = spurious.contaminated(model, recipe, ball, generator)
    assert held(learned, model.policy, ball, generator) == pytest.approx(SHARE, abs=0.08)


@pytest.mark.slow
def test_our_sampler_finds_a_ball_that_only_the_energy_has(generator):
    state = start(Toy2DConfig(bits=10, steps=10), FastRecipe(sizes=MLPSizes(hidden=32, depth=2)))
    model = state.model()
    place = torch.randint(0, 2, (model.dim,), generator=generator).float()
    ball, flat = Ball(place), examples.FunctionEnergy(model.dim, lambda x: x.sum(1) * 0)
    plan = ChainPlan(chains=128, batch=64, first_moves=30)
    recipe = FastRecipe(
        batch=128, energy_batch=16, fresh=128, kept=128, reuse=8, teach_share=0.0, decay=False, average=0.9
    )
    trainer = Fast(spurious.fresh(replace(model, energy=flat)), replace(recipe, plan=plan, taught=1.0))
    trainer.energy = Held(Planted(flat, ball, model.dim * math.log(2)))
    before = known(trainer, ball, generator)
    uniform = Given(torch.randint(0, 2, (4096, model.dim), generator=generator).float())

    def done() -> bool:
        return 0.25 <= known(trainer, ball, generator) <= 0.35

    assert before < 0.2
    assert seconds(trainer, uniform, done, limit_s=20, generator=generator) < 20
