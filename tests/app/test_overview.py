"""The Overview page without a browser: empty state, its numbers, a bad address, a checkpoint that cannot be read."""

import math
import shutil

import numpy as np
import pytest

from ebgfn import bundle
from ebgfn.problems.plane.densities import DENSITIES
from ebgfn.ui.components import first_screen, trajectory_player
from ebgfn.ui.overview import living, stories
from ebgfn.ui.plane import preview, shipped
from ebgfn.ui.shell import routes
from tests.app.conftest import CARD
from tests.app.pages import open_page, sentences

PAGE = "pages/overview.py"


@pytest.fixture
def played(monkeypatch):
    """What the page gives to the player."""
    shown = []
    monkeypatch.setattr(trajectory_player, "draw", lambda told, density, *, name, key: shown.append((name, told)))
    return shown


@pytest.fixture
def first(monkeypatch):
    """What the page gives to the first screen; `follow` names the card that is clicked."""
    seen = {}

    def draw(training, images, lattices, cards, *, dial):
        seen.update(training=training, images=images, lattices=lattices, cards=cards)
        return seen.pop("follow", None)

    monkeypatch.setattr(first_screen, "draw", draw)
    return seen


def test_without_a_model_it_says_what_to_do(machine, first):
    at = open_page(PAGE)
    assert not at.exception
    assert "Train one" in sentences(at)
    # A row of all for narrow screens, and below each other page with its words.
    assert len(at.get("page_link")) == 2 * len(routes.pages()) - 1
    assert first["training"] is first["images"] is first["lattices"] is None
    # Nothing was measured here, so nothing is claimed.
    assert not any(character.isdigit() for card in first["cards"] for character in card.text)


def test_a_shipped_model_plays_and_its_numbers_balance(stocked, played):
    at = open_page(PAGE)
    assert not at.exception
    (name, told), *_ = played
    assert name == "8gaussians"
    residual = float(told.log_z) + told.log_pf[0] - told.log_pb[0] + told.energy[0]
    assert f"{residual:+.2f}$" in "\n".join(m.value for m in at.markdown)


def test_the_loop_plays_the_stored_training_with_its_numbers(stocked, first):
    open_page(PAGE)
    training = first["training"]
    assert (training.name, training.names) == ("8gaussians", ("8gaussians",))
    # The tests' model has no history: one moment, with the figures of its card.
    (moment,) = training.moments
    floor = DENSITIES["8gaussians"].entropy
    assert moment.numbers == (f"{CARD['gfn_nll'] - floor:.2f}", f"{CARD['ebm_nll'] - floor:.2f}", "81%")
    assert moment.seconds == CARD["train_seconds"]


def test_a_click_on_a_card_carries_what_was_chosen(stocked, first):
    at = open_page(PAGE, data="8gaussians")
    first["follow"] = "landscape"
    at.run()
    assert not at.exception
    assert [title.value for title in at.title] == ["2D landscape"]
    assert at.query_params["data"] == "8gaussians"


def test_a_model_that_is_not_shipped_gets_a_sentence(stocked, played):
    at = open_page(PAGE, data="elsewhere")
    assert not at.exception
    assert "must be one of 8gaussians" in sentences(at)


def test_a_damaged_checkpoint_is_told(stocked, played):
    folder = shipped.by_set()["8gaussians"].folder
    (folder / "preview.npz").unlink()
    (folder / "model.safetensors").write_bytes(b"nothing")
    at = open_page(PAGE)
    assert not at.exception
    assert "not a readable checkpoint" in sentences(at)


def test_what_is_shipped_is_what_the_first_screen_shows():
    """Its pictures are of the weights that lie here: after shipping anew they must be made anew."""
    growth, sweep = stories.load()
    assert growth is not None
    assert sweep is not None
    assert growth.x.shape == growth.filled.shape == (stories.GROWN, 784)
    assert set(np.unique(growth.filled)) == set(range(stories.STEPS))
    # With sigma the spins agree more and more.
    agreeing = [(row == np.roll(row, 1, axis)).mean() for row in sweep.spins.reshape(-1, 10, 10) for axis in (0, 1)]
    assert np.mean(agreeing[:8]) < 0.7
    assert np.mean(agreeing[-8:]) > 0.9
    assert [bonds.sigma for bonds in sweep.recovered] == [0.1, 0.2, 0.3, 0.4, 0.5]
    for bonds in sweep.recovered[:4]:
        assert np.allclose([bonds.right, bonds.down], bonds.sigma, atol=0.06)
    text = living.cards("2spirals", sweep)[2].text
    assert "200 of 200 bonds and 0 wrong ones" in text


def test_pictures_of_other_weights_are_not_shown(monkeypatch, tmp_path):
    for name in (stories.IMAGES, stories.LATTICE, "ising-10x10-0.2"):
        (tmp_path / name).mkdir()
        shutil.copy(bundle.root() / "checkpoints" / name / "model.safetensors", tmp_path / name)
    monkeypatch.setenv("EBGFN_CHECKPOINTS", str(tmp_path))
    growth, sweep = stories.load()
    assert growth is not None
    assert sweep is not None
    assert [bonds.sigma for bonds in sweep.recovered] == [0.2]
    (tmp_path / stories.IMAGES / "model.safetensors").write_bytes(b"others")
    growth, sweep = stories.load()
    assert growth is None
    assert sweep is not None
    assert stories.load(tmp_path / "nothing.npz") == (None, None)


def test_pictures_are_made_coarse_by_their_means():
    seen = shipped.pictures(shipped.by_set()["2spirals"])
    training = living.training("2spirals", ("2spirals",), seen)
    assert {moment.p.shape for moment in training.moments} == {(living.SIDE, living.SIDE)}
    assert len(training.moments) == living.MOMENTS
    mass = preview.levels.decode(seen.final.p, 1.0).mean()
    assert math.isclose(preview.levels.decode(training.moments[-1].p, 1.0).mean(), mass, rel_tol=0.02)
    assert (abs(training.points) <= 1).all()
