"""Persistent contrastive divergence against maximum likelihood by enumeration."""

import itertools
import math
from functools import partial

import pytest
import torch
from scipy.optimize import minimize

from ebgfn.baselines import pcd
from ebgfn.baselines.pcd import PCD, PCDRecipe
from ebgfn.evaluation import exact
from ebgfn.mcmc import DMALA, Gibbs, GibbsWithGradients
from ebgfn.model import Model
from ebgfn.nets.quadratic import QuadraticEnergy, QuadraticSizes
from ebgfn.train.learner import Diverged, Moment
from ebgfn.train.source import Rows

DIM = 4
KERNELS = {"gibbs": partial(Gibbs, sites=2), "gibbs with gradients": GibbsWithGradients, "dmala": DMALA}


def learnt(steps: int, generator: torch.Generator, *, shared: torch.Tensor | None = None, **settings) -> PCD:
    """Trained for so many steps."""
    model = Model(None, QuadraticSizes(), QuadraticEnergy(DIM, shared=shared), None, None)
    trainer = PCD(
        model, PCDRecipe(**{"kernel": KERNELS["gibbs"], "l1": 0.0, "lr": 0.02, "sampling_steps": 2} | settings)
    )
    for step in range(steps):
        trainer.step(Rows(data().byte().numpy(), seed=0), Moment(step, 0.0), generator)
    return trainer


def data(n: int = 500) -> torch.Tensor:
    """Spins on a ring that agree with the next one more or less often."""
    generator = torch.Generator().manual_seed(0)
    energy = QuadraticEnergy(DIM)
    energy.weights.data = torch.tensor([0.15, 0.0, -0.1, 0.2, 0.0, 0.1])
    energy.field_weights.data = torch.tensor([0.3, 0.0, -0.2, 0.1])
    chosen = torch.multinomial(exact.log_p(energy, DIM)[0].exp(), n, replacement=True, generator=generator)
    return exact.all_states(DIM)[chosen]


def most_likely(x: torch.Tensor, shared: torch.Tensor | None = None) -> QuadraticEnergy:
    """Couplings and fields of the largest likelihood, with log Z by enumeration."""
    energy = QuadraticEnergy(DIM, shared=shared)

    def value_gradient(w):
        torch.nn.utils.vector_to_parameters(torch.tensor(w, dtype=torch.float32), energy.parameters())
        loss = energy(x).mean() + torch.logsumexp(-energy(exact.all_states(DIM)), 0)
        gradient = torch.autograd.grad(loss, list(energy.parameters()))
        return loss.item(), torch.cat(gradient).double().numpy()

    start = torch.nn.utils.parameters_to_vector(energy.parameters()).detach().double().numpy()
    torch.nn.utils.vector_to_parameters(
        torch.tensor(minimize(value_gradient, start, jac=True).x, dtype=torch.float32), energy.parameters()
    )
    return energy.requires_grad_(False)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [pytest.param(k, id=name) for name, k in KERNELS.items()])
def test_tends_to_maximum_likelihood(kernel, generator):
    trainer, truth = learnt(160, generator, kernel=kernel), most_likely(data())
    # 256 chains err by 1/16 in each moment, whose slope is 2 at most; the mean over steps by far less.
    assert (trainer.networks().energy.couplings() - truth.couplings()).abs().max() < 0.02
    assert (trainer.networks().energy.fields() - truth.fields()).abs().max() < 0.04
    assert (trainer.energy.couplings() - truth.couplings()).abs().max() < 0.1
    assert truth.weights.abs().max() > 0.15
    assert truth.fields().abs().max() > 0.2


def test_all_rows_are_looked_at_once():
    def trained(later: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        trainer = learnt(1, generator)
        trainer.step(Rows(later.byte().numpy(), seed=0), Moment(1, 0.5), generator)
        return trainer.energy.weights

    assert torch.equal(trained(data()), trained(1 - data()[:, [0, 0, 0, 0]]))


def test_it_has_no_sampler(generator):
    networks = learnt(1, generator).networks()
    assert networks.policy is networks.log_z is None


def test_shared_couplings_stay_equal(generator):
    shared = torch.tensor([[-1, 0, 1, 0], [0, -1, 0, 1], [1, 0, -1, 0], [0, 1, 0, -1]])
    trainer = learnt(120, generator, shared=shared)
    torch.testing.assert_close(trainer.averaged.couplings(), most_likely(data(), shared).couplings(), atol=0.01, rtol=0)
    assert len(trainer.energy.couplings().unique()) == 3


def test_penalty_shrinks(generator):
    sizes = [learnt(60, generator, l1=l1).averaged.couplings().abs().mean().item() for l1 in (0.0, 0.1, 5.0)]
    assert sizes[0] > 1.1 * sizes[1] > 5 * sizes[2]


def test_same_seed_same_couplings():
    one, again, other = (learnt(5, torch.Generator().manual_seed(seed)).energy.couplings() for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_chains_go_on_from_where_they_were(monkeypatch, generator):
    seen = []
    real = pcd.advance

    def watched(kernel, x, *, steps, generator):
        after = real(kernel, x, steps=steps, generator=generator)
        seen.append((x, after))
        return after

    monkeypatch.setattr(pcd, "advance", watched)
    learnt(3, generator)
    assert seen[0][0].shape == (256, DIM)
    for (_, left), (found, _) in itertools.pairwise(seen):
        assert torch.equal(left, found)
    assert not torch.equal(*seen[0])


def test_an_energy_that_is_not_finite_is_noticed(generator):
    trainer = learnt(1, generator)
    with torch.no_grad():
        trainer.energy.weights[0] = math.nan
    with pytest.raises(Diverged, match="became nan"):
        trainer.step(Rows(data().byte().numpy(), seed=0), Moment(1, 0.5), generator)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": 0.0}, "lr must be a positive number"),
        ({"lr": math.nan}, "lr must be a positive number"),
        ({"l1": -0.1}, "at least 0"),
        ({"sampling_steps": 0}, "at least 1"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        PCDRecipe(**settings)
