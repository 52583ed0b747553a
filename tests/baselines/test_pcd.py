"""Persistent contrastive divergence against maximum likelihood by enumeration, and its budgets."""

import itertools
import math
import time

import pytest
import torch
from scipy.optimize import minimize

from ebgfn.baselines import pcd
from ebgfn.baselines.pcd import Budget, Settings, learn
from ebgfn.evaluation import exact
from ebgfn.mcmc import DMALA, Gibbs, GibbsWithGradients
from ebgfn.nets.quadratic import QuadraticEnergy

DIM = 4
KERNELS = {
    "gibbs": lambda energy: Gibbs(energy, sites=2),
    "gibbs with gradients": GibbsWithGradients,
    "dmala": DMALA,
}


def data(n: int = 500) -> torch.Tensor:
    """Spins on a ring that agree with the next one more or less often."""
    generator = torch.Generator().manual_seed(0)
    energy = QuadraticEnergy(DIM)
    energy.weights.data = torch.tensor([0.15, 0.0, -0.1, 0.2, 0.0, 0.1])
    chosen = torch.multinomial(exact.log_p(energy, DIM)[0].exp(), n, replacement=True, generator=generator)
    return exact.all_states(DIM)[chosen]


def most_likely(x: torch.Tensor, shared: torch.Tensor | None = None) -> torch.Tensor:
    """Couplings of the largest likelihood, with log Z by enumeration."""
    energy = QuadraticEnergy(DIM, shared=shared)

    def value_gradient(w):
        energy.weights.data = torch.tensor(w, dtype=torch.float32)
        loss = energy(x).mean() + torch.logsumexp(-energy(exact.all_states(DIM)), 0)
        (gradient,) = torch.autograd.grad(loss, energy.weights)
        return loss.item(), gradient.double().numpy()

    found = minimize(value_gradient, energy.weights.detach().double().numpy(), jac=True)
    energy.weights.data = torch.tensor(found.x, dtype=torch.float32)
    return energy.couplings().detach()


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [pytest.param(k, id=name) for name, k in KERNELS.items()])
def test_tends_to_maximum_likelihood(kernel, generator):
    x = data()
    result = learn(
        x, kernel, Budget(iterations=160), generator=generator, settings=Settings(lr=0.02, l1=0, sampling_steps=2)
    )
    truth = most_likely(x)
    # 256 chains err by 1/16 in each moment, whose slope is 2 at most; the mean over iterations by far less.
    assert (result.averaged - truth).abs().max() < 0.02
    assert (result.couplings - truth).abs().max() < 0.1
    assert truth.abs().max() > 0.15


def test_shared_couplings_stay_equal(generator):
    x, shared = data(), torch.tensor([[-1, 0, 1, 0], [0, -1, 0, 1], [1, 0, -1, 0], [0, 1, 0, -1]])
    settings = Settings(lr=0.02, l1=0, sampling_steps=2)
    result = learn(x, KERNELS["gibbs"], Budget(iterations=120), generator=generator, settings=settings, shared=shared)
    torch.testing.assert_close(result.averaged, most_likely(x, shared), atol=0.01, rtol=0)
    assert len(result.couplings.unique()) == 3


def test_penalty_shrinks(generator):
    sizes = []
    for l1 in (0.0, 0.1, 5.0):
        settings = Settings(lr=0.02, l1=l1, sampling_steps=2)
        result = learn(data(), KERNELS["gibbs"], Budget(iterations=60), generator=generator, settings=settings)
        sizes.append(result.averaged.abs().mean().item())
    assert sizes[0] > 1.1 * sizes[1] > 5 * sizes[2]


def test_same_seed_same_couplings():
    def one(seed):
        generator = torch.Generator().manual_seed(seed)
        return learn(data(), KERNELS["gibbs"], Budget(iterations=5), generator=generator).couplings

    assert torch.equal(one(0), one(0))
    assert not torch.equal(one(0), one(1))


def test_chains_go_on_from_where_they_were(monkeypatch, generator):
    seen = []
    real = pcd.advance

    def watched(kernel, x, *, steps, generator):
        after = real(kernel, x, steps=steps, generator=generator)
        seen.append((x, after))
        return after

    monkeypatch.setattr(pcd, "advance", watched)
    learn(data(), KERNELS["gibbs"], Budget(iterations=3), generator=generator)
    assert seen[0][0].shape == (256, DIM)
    for (_, left), (found, _) in itertools.pairwise(seen):
        assert torch.equal(left, found)
    assert not torch.equal(*seen[0])


def test_budgets_end_the_training(generator):
    assert learn(data(), KERNELS["gibbs"], Budget(iterations=7), generator=generator).iterations == 7
    began = time.perf_counter()
    result = learn(data(), KERNELS["gibbs"], Budget(iterations=10**9, seconds=0.2), generator=generator)
    assert 0.2 <= result.seconds <= time.perf_counter() - began
    assert result.iterations > 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Budget, "positive iterations or seconds"),
        (lambda: Budget(iterations=0), "positive iterations or seconds"),
        (lambda: Budget(iterations=5, seconds=-1.0), "positive iterations or seconds"),
        (lambda: Settings(lr=0.0), "lr must be a positive number"),
        (lambda: Settings(lr=math.nan), "lr must be a positive number"),
        (lambda: Settings(l1=-0.1), "at least 0"),
        (lambda: Settings(sampling_steps=0), "at least 1"),
        (lambda: learn(2 * data(), Gibbs, Budget(iterations=1), generator=torch.Generator()), "entries 0 or 1"),
    ],
)
def test_bad_input_is_noticed(make, message):
    with pytest.raises(ValueError, match=message):
        make()
