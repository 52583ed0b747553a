"""Online EM: one step by hand, likelihood that rises to the optimum, memory, what is kept, and the policy that it fits."""

import itertools
import math

import pytest
import torch

from ebgfn.evaluation import exact
from ebgfn.nets.bernoulli_mixture import BernoulliMixture
from ebgfn.nets.mixture import MixturePolicy
from ebgfn.train import online_em
from ebgfn.train.learner import Diverged, Sampler
from ebgfn.train.online_em import OnlineEM
from tests.train.enumerated import Given

DIM = 5
TRUTH = BernoulliMixture(
    torch.tensor([0.2, 0.5, 0.3]).log(),
    torch.logit(torch.tensor([[0.9] * 5, [0.1, 0.1, 0.1, 0.9, 0.9], [0.2, 0.9, 0.2, 0.1, 0.2]])),
)


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(online_em, "BEGIN_ROWS", 400)


def learner(components: int = 3) -> OnlineEM:
    return OnlineEM(Sampler(MixturePolicy(DIM, components=components), torch.tensor(0.0)))


def density(learned: OnlineEM) -> torch.Tensor:
    return learned.averaged.policy.mixture.log_prob(exact.all_states(DIM))


def test_a_step_that_remembers_nothing_is_a_step_of_expectation_maximisation(monkeypatch, generator):
    """With all of the weight on the new rows: weights and probabilities are means of the shares, by hand."""
    monkeypatch.setattr(online_em, "PSEUDO_COUNTS", 1e-9)
    em, x = learner(2), TRUTH.sample(400, generator)
    em.begin(Given(x))
    mixture = BernoulliMixture(*(part.clone() for part in vars(em.module.policy.mixture).values()))
    old_weight, old_ones = em._weight.clone(), em._ones.clone()
    remembered = online_em.MEMORY * 2 * math.sqrt(400)
    rate = min(0.5, 400 / remembered)
    nats = em.update(x)
    assert nats == pytest.approx(-mixture.log_prob(x).mean().item(), rel=1e-5)
    share = torch.stack([mixture.log_weight.exp()[k] * _product(mixture, k, x) for k in range(2)], 1)
    share = share / share.sum(1, keepdim=True)
    weight = (1 - rate) * old_weight + rate * share.mean(0)
    ones = (1 - rate) * old_ones + rate * (share.T @ x) / 400
    after = em.averaged.policy
    torch.testing.assert_close(after.log_weight.exp(), weight / weight.sum(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.sigmoid(after.log_odds), ones / weight[:, None], rtol=1e-3, atol=1e-4)


def _product(mixture: BernoulliMixture, k: int, x: torch.Tensor) -> torch.Tensor:
    p = torch.sigmoid(mixture.log_odds[k])
    return torch.where(x > 0.5, p, 1 - p).prod(1)


def test_it_comes_to_the_distribution_of_its_rows(generator):
    em = learner(6)
    em.begin(Given(TRUTH.sample(2000, generator)))
    p = TRUTH.log_prob(exact.all_states(DIM)).exp()
    for step in range(150):
        em.update(TRUTH.sample(1000, generator), rate=0.5 * (1 + math.cos(math.pi * step / 150)))
    divergence = (p * (p.log() - density(em))).sum().item()
    # Of n rows a model of m parameters that holds the truth is m / 2n off; n is at least what is remembered at the end.
    assert divergence < 0.004
    assert density(em).exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_what_appears_late_is_learned_and_what_is_gone_is_forgotten(generator):
    em, other = learner(8), torch.ones(1000, DIM)
    em.begin(Given(TRUTH.sample(1000, generator)))
    for _ in range(300):
        em.update(torch.cat([TRUTH.sample(700, generator), other[:300]]))
    full = em.averaged.policy.mixture.log_prob(other[:1]).exp().item()
    expected = 0.3 + 0.7 * TRUTH.log_prob(other[:1]).exp().item()
    assert full == pytest.approx(expected, abs=0.06)
    for _ in range(300):
        em.update(TRUTH.sample(1000, generator))
    assert em.averaged.policy.mixture.log_prob(other[:1]).exp().item() < 0.5 * full


def test_at_rate_zero_nothing_is_learned(monkeypatch, generator):
    # But for what the entries are given beside the rows, of which more are remembered each time.
    monkeypatch.setattr(online_em, "PSEUDO_COUNTS", 1e-9)
    em = learner()
    em.begin(Given(TRUTH.sample(500, generator)))
    em.update(TRUTH.sample(500, generator))
    before = density(em)
    em.update(torch.ones(500, DIM), rate=0.0)
    torch.testing.assert_close(density(em), before, atol=1e-3, rtol=0)


def test_no_value_becomes_certain(generator):
    em = learner(4)
    x = torch.zeros(600, DIM)
    em.begin(Given(x))
    for _ in range(20):
        em.update(x)
    assert em.averaged.policy.log_odds.isfinite().all()
    assert density(em).isfinite().all()


def test_a_state_of_its_own_goes_on_alike(generator):
    one, two = learner(), learner()
    one.begin(Given(TRUTH.sample(500, generator)))
    one.update(TRUTH.sample(500, generator))
    two.load_state_dict(one.state_dict())
    x = TRUTH.sample(500, generator)
    assert one.update(x) == two.update(x)
    assert one.updates == two.updates == 2
    assert torch.equal(density(one), density(two))


def test_its_first_steps_are_of_all_rows(generator):
    """Each raises their likelihood and says nothing of others; later ones do nothing, in a copy that goes on as well."""
    em, x = learner(), TRUTH.sample(400, generator)
    nats = []
    for step in range(online_em.BEGIN_STEPS):
        if step == 3:
            em, before = learner(), em
            em.load_state_dict(before.state_dict())
        em.begin(Given(x))
        nats.append(-em.module.policy.mixture.log_prob(x).mean().item())
    assert all(later < earlier for earlier, later in itertools.pairwise(nats))
    em.begin(Given(torch.ones(400, DIM)))
    assert -em.module.policy.mixture.log_prob(x).mean().item() == nats[-1]


def test_a_policy_that_has_learned_is_gone_on_with(generator):
    em = learner()
    em.begin(Given(TRUTH.sample(500, generator)))
    em.update(TRUTH.sample(500, generator))
    again = OnlineEM(em.averaged)
    again.begin(Given(torch.ones(500, DIM)))
    torch.testing.assert_close(density(again), density(em), atol=0, rtol=0)
    again.update(TRUTH.sample(500, generator), rate=0.0)
    torch.testing.assert_close(density(again), density(em), atol=0.01, rtol=0)


def test_rows_that_are_no_numbers_end_it():
    em = learner()
    with pytest.raises(Diverged, match="MixturePolicy became nan"):
        em.update(torch.full((4, DIM), math.nan))
