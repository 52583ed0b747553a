"""Coverage: its value by chance, and what a mode that is missing takes away."""

import math

import pytest
import torch

from ebgfn.evaluation.coverage import NEAREST, coverage


def test_two_samples_of_one_density_cover_each_other_but_for_chance(generator):
    found = [coverage(*torch.randn(2, 1500, 2, generator=generator)).value for _ in range(20)]
    mean = sum(found) / len(found)
    se = math.sqrt(sum((one - mean) ** 2 for one in found) / 19 / 20)
    assert abs(mean - (1 - 2.0**-NEAREST)) < 4.5 * se


def test_a_mode_that_is_never_drawn_takes_its_share(generator):
    points = torch.randn(2000, 2, generator=generator)
    points[:600] += 20.0
    found = coverage(torch.randn(2000, 2, generator=generator), points)
    assert found.value == pytest.approx(0.7 * (1 - 2.0**-NEAREST), abs=0.02)
    assert found.se == pytest.approx(math.sqrt(found.value * (1 - found.value) / 2000), rel=0.01)


def test_samples_too_many_in_one_place_cover_little(generator):
    points = torch.randn(1000, 2, generator=generator)
    assert coverage(points[:1].expand(1000, 2), points).value < 0.02


def test_few_points_are_refused():
    with pytest.raises(ValueError, match="more than 5 points, got 5"):
        coverage(torch.zeros(3, 2), torch.zeros(5, 2))
