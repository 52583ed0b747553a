"""What is turned while a model trains: nothing unless it is turned, and then what it says."""

import math
from dataclasses import replace

import pytest
import torch

from ebgfn.core.energy import tempered
from ebgfn.evaluation import exact
from ebgfn.mcmc.gibbs_with_gradients import GibbsWithGradients
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems import training
from ebgfn.problems.images.recipes import DIGITS, UNET
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.recipes import FAST
from ebgfn.train import chains, paper
from ebgfn.train.knobs import LIMITS, UNTURNED, Knobs, turned
from tests import examples

DIM = 6


@pytest.fixture
def small_energy():
    return examples.PolynomialEnergy(DIM).requires_grad_(False)


@pytest.fixture
def small_policy():
    return MLPSizes(hidden=8, depth=2).policy(DIM)


def trained(steps: int, knobs: Knobs, *, preset: str = "fast", bits: int = 3):
    """A state after so many steps of a training under the knobs."""
    state = training.start(Toy2DConfig(preset=preset, bits=bits, steps=100))
    state.knobs = knobs
    for _ in range(steps):
        state.take_step(0.5)
    return state


def weights(state) -> list[torch.Tensor]:
    found = state.trainer.state_dict()
    return [*found["energy"]["module"].values(), *found["sampler"]["module"].values()]


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_what_is_not_turned_changes_nothing_and_rate_0_learns_nothing(preset):
    usual, again = (weights(trained(5, knobs, preset=preset)) for knobs in (UNTURNED, Knobs(rate=1.0)))
    assert all(torch.equal(a, b) for a, b in zip(usual, again, strict=True))
    state = trained(1, UNTURNED, preset=preset)
    state.knobs, before = Knobs(rate=0.0), [w.clone() for w in weights(state)]
    for _ in range(3):
        state.take_step(0.5)
    found = state.trainer.state_dict()["energy"]["module"]
    assert all(torch.equal(a, b) for a, b in zip(before[: len(found)], found.values(), strict=True))
    state.knobs = UNTURNED
    state.take_step(0.5)
    assert not all(torch.equal(a, b) for a, b in zip(before[: len(found)], found.values(), strict=True))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("recipe", [FAST, DIGITS])
def test_the_sampler_has_its_share_of_the_negatives_and_together_they_weigh_as_before(recipe, share):
    found = turned(recipe, Knobs(share=share))
    ours, others = found.chain_loss + found.pairs, found.noise + found.flips
    assert ours / (ours + others) == pytest.approx(share)
    assert ours + others == pytest.approx(recipe.chain_loss + recipe.pairs + recipe.noise + recipe.flips)
    assert replace(found, **{n: getattr(recipe, n) for n in ("chain_loss", "pairs", "noise", "flips")}) == recipe


def test_a_recipe_without_the_other_kind_keeps_its_negatives():
    assert turned(UNET, Knobs(share=0.5)) == UNET


def test_the_recipe_comes_back_when_a_knob_is_turned_back():
    state = trained(2, Knobs(share=1.0, k=2, temperature=2.0, rate=2.0))
    assert state.trainer.recipe.noise == 0.0
    assert state.trainer._chains.plan.k == 2
    state.knobs = UNTURNED
    state.take_step(0.5)
    assert state.trainer.recipe == FAST
    assert state.trainer._chains.plan == FAST.plan


@pytest.mark.parametrize("k", [0, 1, 4, 99])
def test_moves_of_chains_erase_k_entries(small_policy, generator, k):
    lengths = {chains.move_length(small_policy, 8, generator, k=k)[0] for _ in range(60)}
    assert lengths == {min(k, DIM)} if k else len(lengths) > 2
    start = chains.move_length(small_policy, 8, generator, k=2)[1][0]
    assert start == DIM - 2


def test_chains_are_of_the_energy_at_the_temperature(small_energy, generator):
    """An enumerable energy: the states of many chains against exp(-E / T), and against exp(-E), which is refuted."""
    states = exact.all_states(DIM)
    kernel = GibbsWithGradients(tempered(small_energy, 3.0))
    state = kernel.init(states.repeat(200, 1))
    for _ in range(60):
        state, _ = kernel.step(state, generator)
    index = exact.index_of(state.x)
    n, counts = len(index), torch.bincount(index, minlength=2**DIM).double()
    with torch.no_grad():
        p, other = ((-small_energy(states).double() / t).softmax(0) for t in (3.0, 1.0))
    chi = ((counts - n * p) ** 2 / (n * p)).sum().item()
    assert chi < 2**DIM + 5 * math.sqrt(2 * 2**DIM)
    assert ((counts - n * other) ** 2 / (n * other)).sum().item() > 1000
    assert tempered(small_energy, 1.0) is small_energy
    torch.testing.assert_close(tempered(small_energy, 3.0).neighbours(states), small_energy.neighbours(states) / 3)


def test_negatives_of_the_published_algorithm(monkeypatch):
    made = []
    monkeypatch.setattr(paper.Paper, "_drawn", lambda self, n, g: made.append(("drawn", n)) or torch.zeros(n, DIM))
    monkeypatch.setattr(paper.Paper, "_moved", lambda self, x, k, g: made.append((k, len(x))) or torch.zeros_like(x))
    for knobs, expected in (
        (UNTURNED, [(3, 128)]),
        (Knobs(share=0.25, k=5), [("drawn", 32), (5, 96)]),
        (Knobs(share=1.0), [("drawn", 128)]),
        (Knobs(k=784), [(DIM, 128)]),
    ):
        made.clear()
        trained(1, knobs, preset="paper")
        assert made == expected


def test_the_published_sampler_balances_the_energy_at_the_temperature(monkeypatch):
    seen = []
    monkeypatch.setattr(
        paper, "trajectory_balance", lambda log_z, f, b, energy: seen.append(energy) or (f + 0 * log_z) ** 2
    )
    for temperature in (None, 2.0):
        state = training.start(Toy2DConfig(preset="paper", bits=3, steps=10))
        with torch.no_grad():
            state.trainer.energy.module.net.last.bias.fill_(3.0)
        state.knobs = Knobs(temperature=temperature)
        state.take_step(0.0)
    assert (seen[0] == 3.0).all()
    assert (seen[1] == 1.5).all()


@pytest.mark.parametrize(
    "values",
    [
        {"rate": -0.1},
        {"k": 0},
        {"share": 1.01},
        {"temperature": 0.0},
        {"speed": 1},
        [1],
        None,
    ],
)
def test_bad_values_are_refused(values):
    with pytest.raises(ValueError, match=r"must be|knobs are rate, k"):
        Knobs.from_json(values)


def test_what_is_turned_is_read_back():
    for knobs in (UNTURNED, Knobs(rate=0.5, k=8, share=0.0, temperature=2)):
        assert Knobs.from_json(knobs.turned()) == knobs
    assert set(LIMITS) == set(Knobs.__dataclass_fields__)
