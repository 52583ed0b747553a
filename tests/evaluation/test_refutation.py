"""A search that shares nothing with the sampler finds what the sampler never looks at."""

import json
import math

import pytest
import torch

from ebgfn import shipped
from ebgfn.evaluation.refutation import descend, energies, one_flip_from, search
from ebgfn.nets.mlp import MLPPolicy
from ebgfn.problems.checkpoint import load
from tests.examples import neighbours


class Peak(torch.nn.Module):
    """Falls by `slope` for each entry that differs from one place, down to zero."""

    def __init__(self, place: torch.Tensor, height: float, slope: float):
        super().__init__()
        self.place, self.height, self.slope, self.dim = place, height, slope, len(place)

    def forward(self, x):
        return -(self.height - self.slope * (x - self.place).abs().sum(1)).clamp(min=0)

    def neighbours(self, x):
        return neighbours(self, x)


def found_in(energy, generator):
    """What a short search finds, beside a uniform sampler."""
    data = (torch.rand(50, energy.dim, generator=generator) < 0.5).float()
    return search(energy, MLPPolicy(energy.dim, hidden=8, depth=2), data, chains=24, moves=8, generator=generator)


def test_the_mass_of_blank_paper_and_its_neighbours_is_found(generator):
    found = found_in(Peak(torch.zeros(64), height=100, slope=25), generator)
    # Blank itself, 64 vectors one entry away at three quarters of the height; the rest is beyond what was looked at.
    assert found.log_mass >= math.log(math.exp(100.0) + 64 * math.exp(75.0)) - 1e-3
    assert found.highest == 100
    assert not found.most_probable(1).any()


def test_descents_only_go_down_and_find_a_planted_state(generator):
    hidden = (torch.rand(64, generator=generator) < 0.4).float()
    energy = Peak(hidden, height=200, slope=3)
    x = (torch.rand(6, 64, generator=generator) < 0.5).float()
    assert (descend(energy, x) == hidden).all()
    found = found_in(energy, generator)
    assert (found.most_probable(1) == hidden).all()
    # Beside the one-flip neighbours, some states further away.
    assert -1e-6 <= found.log_mass - 200 - math.log1p(64 * math.exp(-3)) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["images-mnist", "images-omniglot", "images-digits", "images-mnist-small"])
def test_blank_paper_refutes_no_figure_of_a_shipped_energy(name):
    card, model = json.loads((shipped.folder() / name / "card.json").read_text()), load(shipped.folder() / name)
    assert card.get("log_z_upper", card["log_z_lower"]) >= card["log_z_lower"]
    around = one_flip_from(torch.zeros(model.dim))[:: 1 if model.dim < 100 else 7]
    blank = (-energies(model.energy, around)).logsumexp(0).item() + math.log(1 + model.dim) - math.log(len(around))
    assert blank < card["log_z_lower"] + 1e-2
    if "ebm_nll" in card:
        assert not card["refuted"]
        assert card["ebm_nll"] < model.dim * math.log(2)
