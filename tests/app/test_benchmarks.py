"""The Benchmarks page without a browser: figures of the cards, and what is left out."""

import json

from ebgfn.files import write_json
from ebgfn.ui.plane import shipped
from tests.app.pages import open_page, sentences

PAGE = "pages/benchmarks.py"


def test_figures_of_a_card(stocked):
    at = open_page(PAGE)
    assert not at.exception
    table = at.dataframe[0].value
    assert table["GFlowNet above floor"].tolist() == ["+0.521"]
    assert table["MMD × 10⁶"].tolist() == ["10 ± 2"]
    assert table["data to data"].tolist() == ["−2"]


def test_a_refuted_energy_has_no_figure_in_the_table(stocked):
    path = shipped.by_set()["8gaussians"].folder / "card.json"
    card = json.loads(path.read_text())
    write_json(path, {key: card[key] for key in card if not key.startswith("ebm_")} | {"refuted": True})
    table = open_page(PAGE).dataframe[0].value
    assert table["energy NLL"].tolist() == ["refuted"]
    assert table["energy above floor"].tolist() == [""]


def test_cards_without_all_figures_are_left_out(stocked):
    (shipped.by_set()["8gaussians"].folder / "card.json").write_text('{"gfn_nll": 20.0}')
    at = open_page(PAGE)
    assert not at.exception
    assert len(at.dataframe) == 0
    assert "complete card" in sentences(at)
