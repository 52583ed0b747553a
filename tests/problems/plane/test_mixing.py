"""Memory, equal cost and the six terms of log alpha."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from ebgfn.mcmc import BackAndForth, Gibbs, run_chain
from ebgfn.model import Model
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from ebgfn.nets.mixture import MixturePolicy, MixtureSizes
from ebgfn.nets.mlp import MLPEnergy, MLPSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.plane import mixing
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.landscape import half_width

BITS, N = 4, 4000


@pytest.fixture(scope="module")
def model() -> Model:
    """Random networks: neither sampler nor energy is flat, and they do not agree."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = build(Toy2DConfig(dataset="8gaussians", bits=BITS), MLPSizes(hidden=16, depth=2, learned_erasure=True))
        for net in (built.energy.net, built.policy.net):
            torch.nn.init.normal_(net.last.weight, std=0.5)
    return built


def test_memory_of_a_chain_that_stays_is_one():
    start = np.array([0, 3, 7, 7, 60])
    assert mixing.memory(start, start) == (pytest.approx(1.0), 0.0)


def test_memory_of_independent_ends_is_zero():
    rng = np.random.default_rng(0)
    value, se = mixing.memory(rng.integers(0, 64, N), rng.integers(0, 64, N))
    assert abs(value) < 4 * se


def test_memory_of_a_mixture_is_its_share():
    """A share r of chains never moves, the others are drawn afresh: memory is r, and its standard error is honest."""
    rng, share = np.random.default_rng(1), 0.3
    estimates = []
    for _ in range(200):
        start = rng.integers(0, 64, 500)
        end = np.where(rng.random(500) < share, start, rng.integers(0, 64, 500))
        estimates.append(mixing.memory(start, end))
    values, errors = np.array(estimates).T
    assert abs(values.mean() - share) < 4 * errors.mean() / math.sqrt(200)
    assert errors.mean() == pytest.approx(values.std(), rel=0.2)


def test_memory_in_a_plane_of_one_cell_is_zero():
    assert mixing.memory(np.zeros(5, dtype=np.int64), np.zeros(5, dtype=np.int64)) == (0.0, 0.0)


def test_cells_follow_the_plane(model):
    grid = model.config.density().grid(16)
    edge = 0.98 * half_width(grid)
    xy = np.array([[-edge, -edge], [edge, -edge], [-edge, edge], [0.1, 0.1], [-edge / 8, edge / 8]])
    numbers = mixing.cells(grid, torch.from_numpy(grid.encode(xy)))
    assert numbers.tolist() == [0, 56, 7, 36, 28]


def test_cells_cut_the_square_that_is_shown(model):
    """Not the whole grid, whose border is empty: every row and column of cells is reached within the square."""
    grid = model.config.density().grid(16)
    inside = np.linspace(-0.999, 0.999, 400) * half_width(grid)
    numbers = mixing.cells(grid, torch.from_numpy(grid.encode(np.stack([inside, inside], 1))))
    counts = np.bincount(numbers // mixing.CELLS, minlength=mixing.CELLS)
    assert counts.min() == counts.max() == 50


def test_ladder_ends_at_the_dimension():
    assert mixing.ladder(32) == [1, 2, 4, 8, 16, 32]
    assert mixing.ladder(6) == [1, 2, 4, 6]


def test_every_kernel_gets_the_same_cost(model):
    rows = list(mixing.compare(model, chains=8, budget=132))
    # Half a move is the most that rounding can give away; a move is never refused.
    for row in rows:
        one = row.passes / row.moves
        assert row.moves == 1 or abs(row.passes - 132) <= one / 2
    assert [row.k for row in rows] == [None, None, None, 1, 2, 4, 8]
    assert rows[0].acceptance == 1.0


@pytest.mark.parametrize(("k", "passes"), [(1, 6), (3, 6), (2 * BITS, 4)])
def test_a_mixture_fills_all_at_once_and_its_cost_says_so(monkeypatch, generator, k, passes):
    """Every product of rows and components is a pass, and so is the energy's call."""
    built = build(Toy2DConfig(dataset="8gaussians", bits=BITS), MixtureSizes(components=4))
    calls = []
    for thing, method in ((MixturePolicy, "begin"), (BernoulliMixture, "log_prob"), (MLPEnergy, "forward")):
        real = getattr(thing, method)
        monkeypatch.setattr(thing, method, lambda *a, real=real, **how: calls.append(1) or real(*a, **how))
    kernel = BackAndForth(built.energy, built.policy, k)
    state = kernel.init((torch.rand(5, 2 * BITS, generator=generator) < 0.5).float())
    calls.clear()
    kernel.step(state, generator)
    assert len(calls) == kernel.network_passes == mixing.cost(built, k) == passes
    assert mixing.dearest(built) == 6


@pytest.mark.slow
def test_the_same_seed_measures_the_same(model):
    def numbers(seed: int) -> list:
        return [(r.kernel, r.k, r.acceptance, r.memory) for r in mixing.compare(model, chains=16, budget=66, seed=seed)]

    assert numbers(3) == numbers(3)
    assert numbers(3) != numbers(4)


def test_kernel_that_never_moves_remembers(model):
    @dataclass(frozen=True)
    class Still(Gibbs):
        def step(self, state, generator):
            return state, super().step(state, generator)[1]

    x = torch.randint(0, 2, (64, model.dim), generator=torch.Generator().manual_seed(0)).float()
    settings = {"model": model, "generator": torch.Generator().manual_seed(0), "budget": 20}
    assert mixing.measure("still", Still(model.energy), x, **settings).memory == pytest.approx(1.0)
    assert mixing.measure("Gibbs", Gibbs(model.energy), x, **settings).memory < 0.9


@pytest.mark.parametrize("k", [1, 3, 2 * BITS])
def test_terms_add_up_to_the_ratio_of_the_kernel(model, k, generator):
    x = torch.randint(0, 2, (5, model.dim), generator=generator).float()
    chain = run_chain(BackAndForth(model.energy, model.policy, k), x, steps=6, generator=generator)
    for index in range(5):
        terms = mixing.move_terms(model, chain, index, k=k)
        torch.testing.assert_close(terms.log_alpha(), chain.log_alpha[:, index], atol=1e-4, rtol=1e-4)
        assert terms.table().shape == (6, 6)
        assert (terms.table()[:, 2:] < 1e-6).all()  # log-probabilities
