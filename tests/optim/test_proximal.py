"""The update that finds couplings: its slope against derivatives, its fixed points, and what it recovers."""

import numpy as np
import pytest
import torch

from ebgfn.baselines import penalised
from ebgfn.evaluation import exact
from ebgfn.nets.quadratic import QuadraticEnergy, pairs
from ebgfn.nets.torus import displacements
from ebgfn.optim.plan import scale
from ebgfn.optim.proximal import FIELD_PRIOR, PRIOR, Couplings
from ebgfn.problems.ising import gibbs
from ebgfn.problems.ising.scores import neg_log_rmse
from ebgfn.problems.lattice.exact import Lattice
from tests import graphs

DIM = 5


def random_energy(dim: int, *, spread: float = 0.3, shared=None, fields: float = 0.0, one=False) -> QuadraticEnergy:
    energy = QuadraticEnergy(dim, shared=shared, one_field=one)
    with torch.no_grad():
        energy.field_weights.copy_(fields * torch.linspace(-1, 1, dim)[-len(energy.field_weights) :])
        energy.weights.normal_(std=spread, generator=torch.Generator().manual_seed(1))
    return energy


def pseudo_nats(spins, couplings, fields):
    """Negative log pseudo-likelihood of a row, whose slope the update follows when negatives are the data themselves."""
    return torch.nn.functional.softplus(-spins * (4 * spins @ couplings + 2 * fields)).sum(1)


@pytest.fixture
def spins(generator):
    return 2.0 * (torch.rand(400, DIM, generator=generator) < 0.4) - 1


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("ring", [False, True])
def test_the_slope_without_moves_is_that_of_the_pseudo_likelihood(spins, ring, centred):
    distance = (torch.arange(DIM) - torch.arange(DIM)[:, None]).abs()
    shared = torch.minimum(distance, DIM - distance) - 1 if ring else pairs(DIM)
    learned = Couplings(random_energy(DIM, shared=shared, fields=0.3, one=ring))
    learned.centre = torch.full((DIM,), 0.2) + (0 if ring else torch.linspace(-0.4, 0.4, DIM)) if centred else None
    centre = learned.centre if centred else torch.zeros(DIM)
    size, weights = learned.pairs, learned.module.weights
    start = learned.module.field_weights + (2 * learned.module.couplings() @ centre)[: 1 if ring else DIM]

    def nats(w):
        couplings = torch.where(shared >= 0, w[shared.clamp(min=0)], 0.0)
        return pseudo_nats(spins, couplings, w[size:] - 2 * couplings @ centre)

    slope, start = learned.slope(spins), torch.cat([weights, start])
    # A pair counts its two conditionals by half each: the slope of the likelihood, if spins are independent.
    by_row = torch.autograd.functional.jacobian(nats, start) / 2
    torch.testing.assert_close(slope.gradient, by_row.mean(0), atol=2e-5, rtol=1e-4)
    if not ring:
        curvature = torch.autograd.functional.hessian(lambda w: nats(w).mean(), start).diagonal() / 2
        torch.testing.assert_close(slope.curvature, curvature, atol=2e-4, rtol=1e-3)
        torch.testing.assert_close(slope.variance, by_row.square().mean(0), atol=2e-4, rtol=1e-3)


def mean_spins(energy: QuadraticEnergy) -> torch.Tensor:
    p = exact.log_p(energy, energy.dim)[0].exp()
    return ((2 * exact.all_states(energy.dim) - 1) * p[:, None]).sum(0).float()


@pytest.mark.parametrize("one_field", [False, True])
def test_fields_and_couplings_are_recovered(one_field, generator):
    """From skewed columns: of a model small enough to enumerate, within standard errors of 20,000 rows."""
    ring = torch.tensor([[min((i - j) % DIM, (j - i) % DIM) - 1 for j in range(DIM)] for i in range(DIM)])
    shared = ring if one_field else None
    energy = random_energy(DIM, spread=0.15, fields=0.6, shared=shared, one=one_field)
    p = exact.log_p(energy, DIM)[0].exp().float()
    x = exact.all_states(DIM)[torch.multinomial(p, 20_000, replacement=True, generator=generator)]
    spins, learned = 2 * x - 1, Couplings(QuadraticEnergy(DIM, shared=shared, one_field=one_field))
    learned.centre = scale(spins, ordered=0.85, one_field=one_field).centre
    assert learned.centre is not None
    for _ in range(100):
        learned.penalised_step(spins, step=0.3, threshold=0.0, concave=False)
    for _ in range(100):
        learned.refit_step(spins, step=0.3, pooled=False)
    slope = learned.slope(spins)
    error = slope.standard_error(len(spins))
    found, true = learned.averaged, energy
    assert ((found.weights - true.weights).abs() < 4.5 * error[: learned.pairs]).all()
    assert ((found.field_weights - true.field_weights).abs() < 8 * error[learned.pairs :]).all()
    torch.testing.assert_close(mean_spins(found), spins.mean(0), atol=0.02, rtol=0)


def test_of_columns_that_are_alike_the_coupling_is_found_in_every_resample(generator):
    x = (torch.rand(300, 3, generator=generator) < 0.5).float()
    x[:, 1] = torch.where(torch.arange(300) % 10 == 0, 1 - x[:, 0], x[:, 0])
    energy = penalised.fit(x, estimate="refit", steps=20)
    pair = torch.zeros(3, 3, dtype=torch.bool)
    pair[0, 1] = pair[1, 0] = True
    assert torch.equal(energy.couplings() > 0, pair)
    assert all(torch.equal(next(penalised.stability(x, energy, generator, steps=20)), pair) for _ in range(3))


@pytest.mark.slow
def test_independent_columns_of_any_shares_are_not_coupled():
    """Twenty data sets of 2000 rows of nine columns; without fields a third of the pairs seems coupled."""
    with_a_pair = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = torch.from_numpy(rng.random((2000, 9)) < rng.uniform(0.1, 0.9, 9)).float()
        with_a_pair += bool(penalised.fit(x, estimate="refit", steps=20).couplings().any())
    assert with_a_pair <= 1
    learned = Couplings(QuadraticEnergy(9))
    for _ in range(60):
        learned.penalised_step(2 * x - 1, step=0.1, threshold=4.0, concave=True)
    assert learned.module.weights.count_nonzero() > 12


@pytest.mark.slow
def test_a_sparse_graph_with_fields_is_found():
    """30 columns, each coupled to three others by 0.1 to 0.3 of any sign, with fields: 2000 rows."""
    right = found = true = 0
    for seed in range(2):
        couplings, fields, rng = graphs.sparse(30, 3, seed=seed)
        x = torch.from_numpy(gibbs.sample(couplings, fields, 2000, rng, sweeps=60)).float()
        there = penalised.fit(x, estimate="refit", steps=50).couplings().numpy() != 0
        right, found, true = (
            right + (there & (couplings != 0)).sum(),
            found + there.sum(),
            true + (couplings != 0).sum(),
        )
    assert right >= 0.95 * found
    assert right >= 0.95 * true


def test_negatives_of_the_model_itself_leave_no_slope():
    """With all states as data, weighted by p, the gradient vanishes at the true couplings."""
    energy = random_energy(DIM)
    p = exact.log_p(energy, DIM)[0].exp()
    generator = torch.Generator().manual_seed(0)
    rows = torch.multinomial(p.float(), 200_000, replacement=True, generator=generator)
    spins = 2 * exact.all_states(DIM)[rows] - 1
    slope = Couplings(energy).slope(spins)
    assert len(slope.gradient) == 15
    assert (slope.gradient.abs() < 4.5 * (slope.variance / len(spins)).sqrt()).all()


def test_couplings_stay_symmetric_with_zero_diagonal(spins):
    learned = Couplings(QuadraticEnergy(DIM))
    for t in range(40):
        learned.penalised_step(spins, step=0.2, threshold=2.0, concave=t > 20)
    for _ in range(20):
        learned.refit_step(spins, step=0.2, pooled=True)
    for energy in (learned.module, learned.averaged):
        couplings = energy.couplings()
        assert torch.equal(couplings, couplings.T)
        assert not couplings.diagonal().any()


def test_the_refit_minimises_the_loss_on_the_support(spins):
    learned = Couplings(QuadraticEnergy(DIM))
    for _ in range(100):
        learned.penalised_step(spins, step=0.2, threshold=0.5, concave=False)
    for _ in range(500):
        learned.refit_step(spins, step=0.2, pooled=False)
    gradient = learned.slope(spins).gradient[: learned.pairs] + PRIOR / len(spins) * learned.module.weights
    assert learned.support is not None
    assert gradient[learned.support].abs().max() < 1e-5
    assert not learned.module.weights[~learned.support].any()


def test_a_strong_penalty_leaves_nothing_and_noise_passes_seldom(generator):
    spins = 2.0 * (torch.rand(2000, 30, generator=generator) < 0.5) - 1  # no couplings at all: 435 chances to find one
    learned = Couplings(QuadraticEnergy(30))
    for t in range(150):
        learned.penalised_step(spins, step=0.3, threshold=4.1, concave=t > 75)
    assert (learned.module.weights != 0).sum() <= 1


def recovered(lattice: Lattice, *, pooled: bool, shared=None, steps: int = 250) -> tuple[Couplings, float]:
    spins = 2.0 * torch.from_numpy(lattice.sample(2000, np.random.default_rng(3))).float() - 1
    learned = Couplings(QuadraticEnergy(lattice.dim, shared=shared))
    for t in range(steps):
        learned.penalised_step(spins, step=0.15, threshold=4.1, concave=t > steps // 4)
    for _ in range(steps):
        learned.refit_step(spins, step=0.15, pooled=pooled)
    return learned, neg_log_rmse(learned.averaged.couplings().numpy(), lattice.couplings())


@pytest.mark.slow
def test_pooling_and_sharing_tell_equal_couplings_better():
    lattice = Lattice(6, 0.15)
    plain, pooled = (recovered(lattice, pooled=p)[1] for p in (False, True))
    shared = recovered(lattice, pooled=False, shared=torch.from_numpy(displacements(6)))[1]
    assert plain > 5.0
    assert pooled > plain + 0.7
    assert shared > plain + 0.7


@pytest.mark.slow
def test_pooling_does_not_make_unequal_couplings_equal(generator):
    """Signs at random: nothing to share, so nothing is pulled together."""
    energy = QuadraticEnergy(6)
    with torch.no_grad():
        energy.weights.copy_(0.25 * (2.0 * (torch.rand(15, generator=generator) < 0.5) - 1))
    p = exact.log_p(energy, 6)[0].exp().float()
    rows = torch.multinomial(p, 4000, replacement=True, generator=generator)
    spins = 2 * exact.all_states(6)[rows] - 1
    scores = []
    for pooled in (False, True):
        learned = Couplings(QuadraticEnergy(6))
        for _ in range(150):
            learned.penalised_step(spins, step=0.15, threshold=2.0, concave=True)
        for _ in range(300):
            learned.refit_step(spins, step=0.15, pooled=pooled)
        scores.append(neg_log_rmse(learned.averaged.couplings().numpy(), energy.couplings().detach().numpy()))
    assert scores[1] > scores[0] - 0.1


def test_the_slope_is_that_of_the_likelihood_when_negatives_are_the_models():
    """Data of another distribution: mean of -2 s s over data, and of 2 s s over the model, each where it belongs."""
    energy, n = random_energy(DIM, fields=0.5), 100_000
    generator, states = torch.Generator().manual_seed(4), 2 * exact.all_states(DIM) - 1
    p = exact.log_p(energy, DIM)[0].exp().float()
    rows = torch.multinomial(p, n, replacement=True, generator=generator)
    data = 2.0 * (torch.rand(n, DIM, generator=generator) < torch.linspace(0.2, 0.9, DIM)) - 1
    learned = Couplings(energy)
    learned.correct(data, states[rows], memory=0.0)
    gradient = learned.slope(data).gradient + learned._correction
    upper = torch.triu_indices(DIM, DIM, 1)
    of_data, of_model = data.T @ data / n, (states * p[:, None]).T @ states
    expected = (2 * of_model - 2 * of_data)[*upper]
    assert expected.abs().min() > 0.02
    # Of 2 s s: means of the model are known here, those of the negatives are random.
    assert ((gradient[:10] - expected).abs() < 4.5 * 2 / n**0.5).all()
    # A field's slope counts half.
    expected = ((states * p[:, None]).sum(0) - data.mean(0)) / 2
    assert ((gradient[10:] - expected).abs() < 4.5 / 2 / n**0.5).all()


def test_what_negatives_add_is_remembered_and_added(spins):
    learned = Couplings(random_energy(DIM))
    negative = spins.roll(1, 0) * torch.tensor([1.0, 1, -1, 1, -1])
    learned.centre = spins.mean(0)
    apart = learned._moments(negative) - learned._moments(spins)
    ridge = torch.tensor(10 * [PRIOR] + 5 * [FIELD_PRIOR]) / len(spins)
    weights = torch.cat([learned.module.weights, 2 * learned.module.couplings() @ learned.centre])
    assert apart.abs().max() > 0.05
    learned.correct(spins, negative, memory=0.75)
    learned._refits = 1
    learned.correct(spins, spins, memory=0.75)  # says nothing, but counts: before, each took the place of all
    for memory, share in ((0.75, 2 / 3), (0.75, 3 / 4), (0.75, 13 / 16), (0.0, 1.0)):
        learned.correct(spins, negative, memory=memory)
        whole = learned.slope(spins).gradient + share * apart + ridge * weights
        torch.testing.assert_close(learned._corrected(spins).gradient, whole)


@pytest.mark.parametrize("concave", [False, True])
def test_penalised_couplings_are_where_no_step_leads_on(spins, concave):
    """The slope against each coupling is its penalty, less where a concave one is lifted; a coupling at zero has less."""
    learned = Couplings(QuadraticEnergy(DIM))
    mixed = spins.clone()
    mixed[:, 1] = torch.where(torch.arange(len(spins)) % 4 == 0, spins[:, 1], spins[:, 0])  # one strong coupling
    for _ in range(400):
        learned.penalised_step(mixed, step=0.3, threshold=1.5, concave=concave)
    slope, weights = learned.slope(mixed), learned.module.weights
    gradient = slope.gradient[:10] + PRIOR / len(mixed) * weights
    penalty = 1.5 * (slope.variance[:10] / len(mixed)).sqrt()
    there = weights != 0
    assert 0 < there.sum() < len(weights)
    assert (gradient.abs() <= penalty + 1e-5)[~there].all()
    left = (penalty - weights.abs() * slope.curvature[:10] / 2.0).clamp(min=0) if concave else penalty
    torch.testing.assert_close(gradient[there], (-weights.sign() * left)[there], rtol=0, atol=1e-5)
    assert weights[0] > 0.3
    assert (left[0] == 0) == concave, "the strong one is free of its penalty"
    assert torch.equal(learned.averaged.weights, weights)


def test_steps_have_fistas_momentum_and_the_refits_average_is_of_its_later_half(spins):
    """A dozen steps by hand, with the restart where momentum leads uphill."""
    learned = Couplings(random_energy(DIM))
    reference = QuadraticEnergy(DIM)
    here = previous = learned.module.weights.clone()
    average, momentum = here, 1.0
    for n in range(1, 13):
        reference.weights.data.copy_(here)
        slope = Couplings(reference).slope(spins)
        gradient, curvature = slope.gradient[:10] + PRIOR / len(spins) * here, slope.curvature
        growing = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = here + (momentum - 1) / growing * (here - previous)
        new = ahead - 0.4 * gradient / (curvature[:10] + 0.01 * curvature.max())
        momentum = 1.0 if ((here - previous) * (new - here)).sum() < 0 else growing
        previous, here = here, new
        average = average + 2 / (n + 1) * (here - average)
        learned.refit_step(spins, step=0.4, pooled=False)
        torch.testing.assert_close(learned.module.weights, here, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(learned.averaged.weights, average, rtol=1e-4, atol=1e-6)
    assert (here - average).abs().max() > 1e-5


@pytest.mark.slow
def test_pooled_couplings_are_drawn_to_their_common_mean(spins):
    """At the end: slope against the precision of the common distribution, whose moments are those of the couplings."""
    learned = Couplings(random_energy(DIM))
    for _ in range(600):
        learned.refit_step(spins, step=0.4, pooled=True)
    assert learned.shrinkage is not None
    weights, slope, n = learned.module.weights, learned.slope(spins), len(spins)
    assert learned.support is not None
    kept = learned.support
    error = slope.standard_error(n)[:10]
    prior = slope.curvature[:10] * error.square() / learned.shrinkage.variance
    gradient = slope.gradient[:10] + PRIOR / n * weights + prior * (weights - learned.shrinkage.mean)
    torch.testing.assert_close(gradient[kept], torch.zeros_like(gradient[kept]), rtol=0, atol=1e-4)
    assert learned.shrinkage.mean == pytest.approx(weights[kept].mean().item(), abs=1e-4)
    left = 1 / (1 / error.square() + 1 / learned.shrinkage.variance)
    variance = ((weights - learned.shrinkage.mean).square() + left)[kept].mean().item()
    assert learned.shrinkage.variance == pytest.approx(variance, rel=0.02)


def test_a_coupling_far_from_all_others_and_near_zero_is_no_part_of_the_pool(spins):
    energy = QuadraticEnergy(DIM)
    energy.weights.data.copy_(torch.tensor([0.50, 0.51, 0.49, 0.52, 0.48, 0.50, 0.51, 0.49, 0.5, 0.01]))
    learned = Couplings(energy)
    learned.refit_step(torch.cat([spins] * 50), step=0.0, pooled=True)
    assert learned.support is not None
    assert learned.support.tolist() == [True] * 9 + [False]


def test_state_goes_on_where_it_was(spins):
    first, second = Couplings(QuadraticEnergy(DIM)), Couplings(QuadraticEnergy(DIM))
    for t in range(30):
        first.penalised_step(spins, step=0.2, threshold=1.0, concave=t > 10)
    for _ in range(5):
        first.refit_step(spins, step=0.2, pooled=True)
    second.load_state_dict(first.state_dict())
    for learned in (first, second):
        learned.refit_step(spins, step=0.2, pooled=True)
    assert torch.equal(first.module.weights, second.module.weights)
    assert torch.equal(first.averaged.weights, second.averaged.weights)


@pytest.mark.filterwarnings("ignore:for (field_)?weights")  # what is copied to the meta device is lost there
def test_a_state_comes_back_to_where_the_couplings_are():
    couplings = Couplings(QuadraticEnergy(4))
    couplings.support = torch.ones(6, dtype=torch.bool)
    state = couplings.state_dict()
    elsewhere = Couplings(QuadraticEnergy(4).to("meta"))
    elsewhere.load_state_dict(state)
    parts = (elsewhere._previous, elsewhere._correction, elsewhere.support, elsewhere.module.weights)
    assert {part.device.type for part in parts} == {"meta"}
