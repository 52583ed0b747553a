"""The Overview page without a browser: empty state, its numbers, a bad address, a checkpoint that cannot be read."""

import json

import pytest

from ebgfn.files import write_json
from ebgfn.ui.components import trajectory_player
from ebgfn.ui.plane import shipped
from ebgfn.ui.shell import routes
from tests.app.pages import open_page, sentences

PAGE = "pages/overview.py"


@pytest.fixture
def played(monkeypatch):
    """What the page gives to the player."""
    shown = []
    monkeypatch.setattr(trajectory_player, "draw", lambda told, density, *, name, key: shown.append((name, told)))
    return shown


def test_without_a_model_it_says_what_to_do(machine):
    at = open_page(PAGE)
    assert not at.exception
    assert "Train one" in sentences(at)
    assert len(at.get("page_link")) == len(routes.pages()) - 1


def test_a_shipped_model_plays_and_its_numbers_balance(stocked, played):
    at = open_page(PAGE)
    assert not at.exception
    (name, told), *_ = played
    assert name == "8gaussians"
    residual = float(told.log_z) + told.log_pf[0] - told.log_pb[0] + told.energy[0]
    assert f"{residual:+.2f}$" in "\n".join(m.value for m in at.markdown)
    table = at.dataframe[0].value
    assert table["GFlowNet above floor"].tolist() == ["+0.521"]
    assert table["MMD × 10⁶"].tolist() == ["10 ± 2"]
    assert table["data to data"].tolist() == ["−2"]


def test_a_refuted_energy_has_no_figure_in_the_table(stocked, played):
    path = shipped.by_set()["8gaussians"].folder / "card.json"
    card = json.loads(path.read_text())
    write_json(path, {key: card[key] for key in card if not key.startswith("ebm_")} | {"refuted": True})
    table = open_page(PAGE).dataframe[0].value
    assert table["energy NLL"].tolist() == ["refuted"]
    assert table["energy above floor"].tolist() == [""]


def test_a_model_that_is_not_shipped_gets_a_sentence(stocked, played):
    at = open_page(PAGE, shown="elsewhere")
    assert not at.exception
    assert "must be one of 8gaussians" in sentences(at)


def test_a_damaged_checkpoint_is_told(stocked, played):
    folder = shipped.by_set()["8gaussians"].folder
    (folder / "preview.npz").unlink()
    (folder / "model.safetensors").write_bytes(b"nothing")
    at = open_page(PAGE)
    assert not at.exception
    assert "no readable checkpoint" in sentences(at)


def test_cards_without_all_figures_are_left_out_of_the_table(stocked, played):
    (shipped.by_set()["8gaussians"].folder / "card.json").write_text('{"gfn_nll": 20.0}')
    at = open_page(PAGE)
    assert not at.exception
    assert len(at.dataframe) == 0
