"""What `log_z` tells of an energy that refines a density: an upper bound beside its estimates."""

import pytest
import torch

from ebgfn.evaluation import exact
from ebgfn.evaluation.log_z import Budget, Limits, log_z
from tests.nets.test_refined import DIM, STATES, policy, refined

BUDGET = Budget(draws=300, others=300, chains=12, moves=20, annealed=50, temperatures=50, steps=3, certified=2000)


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_a_refined_energy_has_an_upper_bound(spread, generator):
    energy = refined(spread)
    drawn = STATES[torch.randint(0, 64, (400,), generator=generator)]
    found = log_z(
        energy,
        policy(),
        train=drawn[:200],
        test=drawn[200:],
        budget=BUDGET,
        limits=Limits(tolerance=0.3, arrives=False),
        generator=generator,
    )
    true, figures = exact.log_p(energy, DIM)[1], found.figures() | found.nll()
    assert true <= figures["log_z_upper"] < true + 1.0
    assert figures["log_z"] == pytest.approx(true, abs=0.15)
    if not found.refuted:
        gap = figures["ebm_nll_upper"] - figures["ebm_nll"]
        assert gap == pytest.approx(figures["log_z_upper"] - figures["log_z"], abs=1e-5)


def test_a_planted_fault_in_the_bound_is_found(generator, monkeypatch):
    """Of an energy whose term is not bounded as it says the search finds more mass than the bound allows."""
    energy = refined()
    rare = energy.known(STATES).argmax()
    energy.learned = lambda x: -60.0 * (x == STATES[rare]).all(1).float()
    drawn = STATES[torch.randint(0, 64, (400,), generator=generator)]
    found = log_z(
        energy,
        policy(),
        train=drawn[:200],
        test=drawn[200:],
        budget=BUDGET,
        limits=Limits(tolerance=0.3, arrives=False),
        generator=generator,
    )
    assert found.refuted
    assert found.value > found.certificate.upper
