"""A bound on log Z that shares nothing with the sampler finds what the sampler never looks at."""

import json
import math

import pytest
import torch

from ebgfn import shipped
from ebgfn.evaluation import exact
from ebgfn.evaluation.refutation import descend, energies, log_z_at_least, one_flip_from
from ebgfn.nets.mlp import MLPEnergy
from ebgfn.problems.checkpoint import load


class Peak(torch.nn.Module):
    """Falls by `slope` for each entry that differs from one place, down to zero."""

    def __init__(self, place: torch.Tensor, height: float, slope: float):
        super().__init__()
        self.place, self.height, self.slope, self.dim = place, height, slope, len(place)

    def forward(self, x):
        return -(self.height - self.slope * (x - self.place).abs().sum(1)).clamp(min=0)


@pytest.mark.slow
def test_no_bound_is_above_log_z(generator):
    torch.manual_seed(0)
    energy = MLPEnergy(8, hidden=16, depth=2)
    for p in energy.parameters():
        torch.nn.init.normal_(p)
    with torch.no_grad():
        log_z = (-energy(exact.all_states(8).float())).double().logsumexp(0).item()
    for _ in range(5):
        assert log_z_at_least(energy, 8, generator) <= log_z + 1e-5


def test_the_mass_of_blank_paper_and_its_neighbours_is_found(generator):
    found = log_z_at_least(Peak(torch.zeros(64), height=100, slope=25), 64, generator)
    # Blank itself, 64 vectors one entry away at three quarters of the height; the rest is beyond what was looked at.
    assert found >= math.log(math.exp(100.0) + 64 * math.exp(75.0)) - 1e-3


def test_descents_only_go_down_and_find_a_planted_state(generator):
    hidden = (torch.rand(64, generator=generator) < 0.4).float()
    energy = Peak(hidden, height=200, slope=3)
    x = (torch.rand(6, 64, generator=generator) < 0.5).float()
    assert (descend(energy, x) == hidden).all()
    assert log_z_at_least(energy, 64, generator) == pytest.approx(200 + math.log1p(64 * math.exp(-3)), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["images-mnist", "images-omniglot", "images-digits", "images-mnist-small"])
def test_blank_paper_refutes_no_figure_of_a_shipped_energy(name):
    card, model = json.loads((shipped.folder() / name / "card.json").read_text()), load(shipped.folder() / name)
    assert "ebm_nll" not in card
    assert "log_z_upper" not in card
    blank = (-energies(model.energy, one_flip_from(torch.zeros(model.dim)))).logsumexp(0).item()
    assert blank < card["log_z_lower"] + 1e-2
    assert card["refuted"] == (card["ebm_nll_lower"] > model.dim * math.log(2))
