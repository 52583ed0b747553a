"""The true log-densities: they integrate to one, and their mean over the data is the entropy known from elsewhere."""

import math

import numpy as np
import pytest

from ebgfn.problems.plane.densities import DENSITIES
from ebgfn.problems.plane.truth import LOG_DENSITIES, log_density


@pytest.mark.slow
@pytest.mark.parametrize("name", DENSITIES)
def test_integrates_to_one(name):
    rng = np.random.default_rng(0)
    side, n = 12.0, 20_000
    density = np.exp(log_density(name, (rng.random((n, 2)) - 0.5) * side))
    assert abs(density.mean() * side**2 - 1) < 4 * density.std() * side**2 / math.sqrt(n)


@pytest.mark.parametrize("name", DENSITIES)
def test_mean_over_data_is_the_entropy_floor(name):
    density, n = DENSITIES[name], 4000
    xy = density.draw(n, np.random.default_rng(1))
    nats = 2 * math.log(density.units) - log_density(name, xy)
    assert abs(nats.mean() - density.entropy) < 4 * nats.std() / math.sqrt(n) + density.entropy_error + 1e-3


def test_every_set_has_one():
    assert set(LOG_DENSITIES) == set(DENSITIES)
