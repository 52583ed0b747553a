"""What is done with a trained model of a table, without a browser: sections on a page of their own."""

import io
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ebgfn.evaluation.dependence import Dependence
from ebgfn.problems.checkpoint import load
from ebgfn.problems.table import answers, files
from ebgfn.problems.table.columns import Category, Number
from ebgfn.ui.components import column_circle, line_charts, row_cells, split_matrix
from ebgfn.ui.components.column_circle import Link
from ebgfn.ui.shell import models
from ebgfn.ui.table import (
    dependence,
    filled_files,
    filling,
    marginals,
    memorised,
    odd_rows,
    row_answers,
    row_samples,
    scoring,
)
from tests import tiny_table
from tests.app.pages import sentences

PATIENCE_S = 60


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    tiny_table.trained(folder / "orders.csv").save(folder / "checkpoint")
    return folder / "checkpoint"


@pytest.fixture
def folder(trained_once, machine, monkeypatch) -> Path:
    """A checkpoint, of which little is drawn and no log Z is measured."""
    monkeypatch.setattr(row_samples, "ROWS", 400)
    monkeypatch.setattr(row_samples, "PIECE", 200)
    monkeypatch.setattr(scoring, "partition", lambda model, x, generator: ())
    return trained_once


def page(section: str, folder: str) -> None:
    import importlib
    from pathlib import Path as Folder

    importlib.import_module(f"ebgfn.ui.table.{section}").show(Folder(folder), seed=0)


def opened(section: str, folder: Path) -> AppTest:
    at = AppTest.from_function(page, kwargs={"section": section, "folder": str(folder)}, default_timeout=120).run()
    assert not at.exception
    return at


def done(measurement) -> None:
    measurement.future.result(timeout=PATIENCE_S)


def text(at) -> str:
    return "\n".join(element.value for kind in (at.markdown, at.caption) for element in kind)


@pytest.fixture
def shown(monkeypatch):
    """What the sections give to the views, by kind, last ones last."""
    told = {"charts": [], "circle": [], "matrix": []}
    monkeypatch.setattr(line_charts, "draw", lambda charts, *, key, tall=False: told["charts"].extend(charts))  # noqa: PLW0108
    monkeypatch.setattr(column_circle, "draw", lambda names, links, *, key: told["circle"].append((names, links)))
    monkeypatch.setattr(split_matrix, "draw", lambda split, *, key: told["matrix"].append(split))  # noqa: PLW0108
    return told


def test_drawn_rows_stand_beside_real_ones(folder, shown):
    done(row_samples.measurement(models.stored(folder), 0))
    at = opened("drawn_rows", folder)
    drawn, real = at.dataframe
    assert list(drawn.value) == list(real.value) == list(tiny_table.NAMES)
    assert "400 rows drawn with seed 0" in text(at)
    assert [button.proto.label for button in at.get("download_button")][:2] == ["1,000 rows (CSV)", "10,000 rows (CSV)"]
    *columns, near = shown["charts"]
    assert {chart.title for chart in columns} == set(tiny_table.NAMES[:5])
    assert all(np.sum(line.y) == pytest.approx(1) for chart in (*columns, near) for line in chart.lines)
    (split,) = shown["matrix"]
    assert split.names == list(tiny_table.NAMES[:5])
    # The size tells the weight, in real rows and in drawn ones.
    assert split.above[0, 1] > split.above[0, 2] + 0.3
    assert split.below[1, 0] > split.below[2, 0] + 0.3


def test_columns_are_chosen(folder, shown):
    done(row_samples.measurement(models.stored(folder), 0))
    at = opened("drawn_rows", folder)
    shown["charts"].clear()
    at.multiselect(key="draw_columns").set_value(["place"]).run()
    assert shown["charts"][0].title == "place"
    assert set(shown["charts"][0].axis.names) == {"north", "south", "west"}


def test_marginals_are_shares_and_their_distance():
    column = Number("n", tuple((float(value),) for value in range(24)))
    found = marginals._marginal(column, np.array([0, 0, 11, 11]), np.array([0, 11, 5, 5]))
    assert found.bars[:3] == ("0", "2", "4")
    assert (found.real[0], found.drawn[5], found.distance) == (0.5, 0.5, 0.5)
    many = marginals._bars(Category("c", tuple(f"v{i}" for i in range(30))))
    assert many[-2:] == ("v10", marginals.OTHERS)


@pytest.mark.parametrize(
    ("drawn", "held_out", "words"),
    [
        ([0] * 80 + [3] * 20, [3] * 100, "repeats training rows"),
        ([2] * 50 + [3] * 50, [3] * 50 + [4] * 50, "leans on the rows"),
        ([3] * 50 + [4] * 50, [3] * 51 + [4] * 49, "does not memorise"),
        ([0] * 90 + [1] * 10, [0] * 90 + [1] * 10, "does not memorise"),
    ],
)
def test_memorising_is_judged_beside_held_out_rows(drawn, held_out, words):
    found = memorised.Nearness(np.array(drawn), np.array(held_out), 5)
    assert words in memorised.verdict(found)
    assert f"{np.mean(np.array(drawn) == 0):.1%} of the drawn rows" in memorised.sentence(found)


@pytest.fixture
def cells(monkeypatch):
    """Cells that the section gives to the view, the latest last."""
    seen = []
    monkeypatch.setattr(row_cells, "draw", lambda shown, **_: seen.append(shown))
    return seen


@pytest.fixture
def press(cells, monkeypatch):
    """Let the view send a row, as a visitor would; the page is then as it is after that."""

    def send(at, *row):
        def draw(shown, *, key, turn, on_changed):
            monkeypatch.setattr(row_cells, "changed", lambda key, count: row)
            on_changed()
            monkeypatch.setattr(row_cells, "draw", lambda shown, **_: cells.append(shown))

        monkeypatch.setattr(row_cells, "draw", draw)
        return at.run().run()

    return send


def test_void_cells_have_distributions_and_whole_rows(folder, cells):
    at = opened("filling", folder)
    shown = cells[-1]
    assert [cell.name for cell in shown] == list(tiny_table.NAMES[:5])
    void = [cell for cell in shown if cell.value is None]
    assert len(void) == filling.FIRST_VOID
    for cell in void:
        assert cell.answer is not None
        assert sum(cell.answer.shares) == pytest.approx(1)
        assert cell.answer.stood is not None
        assert cell.answer.ordered == (cell.name in tiny_table.NAMES[:2])
    assert all(cell.answer is None for cell in shown if cell.value is not None)
    rows = at.dataframe[0].value
    assert {cell.name for cell in void} == set(rows.columns[1 : 1 + len(void)])
    at.button(key="fill_back").click().run()
    assert all(cell.value == cell.stood for cell in cells[-1])
    assert "No cell is void" in sentences(at)
    at.button(key="fill_all").click().run()
    assert all(cell.value is None for cell in cells[-1])
    at.number_input(key="fill_number").set_value(5).run()
    model = load(folder)
    fifth = model.config.columns.decode(model.config.whole("test")[4:5], np.random.default_rng(0))
    assert [cell.stood for cell in cells[-1]] == fifth[list(tiny_table.NAMES[:5])].iloc[0].tolist()


def test_the_sampler_knows_what_follows_from_the_rest(folder):
    source = models.stored(folder)
    row = ("7", "75", "north", None, None)
    found = row_answers.answered(source, row, ("7", "75", "north", "yes", "yes"), 0)
    large = found.cells[3].answer
    assert large is not None
    assert large.values[0] == "yes"
    assert large.shares[0] > 0.8
    assert found.rows["large"][0] == "yes"
    assert (found.void, found.right) == (2, 2)


def test_a_median_is_that_of_the_shares():
    column = Number("n", ((1.0,), (2.0,), (3.0, 4.0, 5.0)))
    assert row_answers.distribution(column, np.array([0.2, 0.25, 0.55]), 1).said == "median 4"
    assert row_answers.distribution(column, np.array([0.5, 0.25, 0.25]), -1).said == "median 1"
    found = row_answers.distribution(Category("c", ("a", "b", "c")), np.array([0.1, 0.6, 0.3]), 0)
    assert (found.values, found.said, found.stood) == (("b", "c", "a"), "b, 60%", 2)


@pytest.mark.parametrize("sent", [None, "x", [None], [1, 2, 3], [None, "", "a"], [None, "a" * 500, "b"], {"0": "a"}])
def test_what_a_browser_sends_is_held_to_its_form(monkeypatch, sent):
    monkeypatch.setattr(row_cells.st, "session_state", {"cells": {"changed": sent}})
    assert row_cells.changed("cells", 3) is None


def test_a_row_of_the_right_form_is_taken(monkeypatch):
    monkeypatch.setattr(row_cells.st, "session_state", {"cells": {"changed": [None, "a", "b"]}})
    assert row_cells.changed("cells", 3) == (None, "a", "b")


def test_a_cell_that_is_pressed_is_void_and_one_that_is_typed_is_known(folder, cells, press):
    at = press(opened("filling", folder), None, "75", "north", "yes", None)
    assert not at.exception
    assert [cell.value for cell in cells[-1]] == [None, "75", "north", "yes", None]
    assert [cell.answer is None for cell in cells[-1]] == [False, True, True, True, False]
    assert cells[-1][0].answer.said == "median 7"


def test_a_value_that_a_column_cannot_have_is_refused(folder, cells, press):
    at = opened("filling", folder)
    before = cells[-1]
    for row, words in (
        (("many", *[None] * 4), "must be a number"),
        ((None, None, "*moon*", None, None), "cannot have"),
    ):
        press(at, *row)
        assert not at.exception
        assert words in sentences(at)
        assert "*moon*" not in sentences(at)
        assert [cell.value for cell in cells[-1]] == [cell.value for cell in before]


def upload(at, contents: bytes, name: str = "../<b>mine</b>.csv"):
    (field,) = at.file_uploader
    return field.set_value((name, contents, "text/csv")).run()


def settled(at):
    """Until what is measured beside the page is drawn."""
    deadline = time.monotonic() + PATIENCE_S
    while "Measuring on this machine" in text(at) or at.get("progress"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        at.run()
    return at


def test_a_file_with_empty_cells_comes_back_full(folder, cells, monkeypatch):
    monkeypatch.setattr(filled_files, "PIECE", 7)
    table = tiny_table.table().iloc[:40].reset_index(drop=True)
    holes = table.copy()
    holes.loc[3:20, "large"] = None
    holes.loc[30, "size"] = None
    at = settled(upload(opened("filling", folder), files.to_csv(holes).encode()))
    assert not at.exception
    assert "**19** empty cells of **19** rows" in text(at)
    parts = list(filled_files.measurement(*_asked(folder, holes)).rows)
    found = filled_files.joined(holes, parts)
    given = holes.notna()
    assert found.table.notna().all(axis=None)
    assert (found.table.where(given) == table.where(given))[given].sum().sum() == given.sum().sum()
    assert sorted(set(found.cells["row"])) == [*range(4, 22), 31]
    assert found.cells.groupby(["row", "column"])["share"].sum().to_numpy() == pytest.approx(1)
    assert (found.table["large"] == table["large"]).mean() > 0.9


def _asked(folder: Path, holes: pd.DataFrame):
    import hashlib

    return models.stored(folder), hashlib.sha256(files.to_csv(holes).encode()).hexdigest(), 0


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"a,b\n1,2\n3,\n", "has no column"),
        (files.to_csv(tiny_table.table()[:5]).encode(), "has no empty cell"),
        (files.to_csv(tiny_table.table()[:5].replace({"north": "moon", "south": "moon"})).encode(), "cannot have"),
    ],
)
def test_a_file_that_cannot_be_filled_is_told_why(folder, cells, contents, words):
    at = upload(opened("filling", folder), contents)
    assert not at.exception
    assert words in sentences(at)
    assert "<b>" not in sentences(at)


def test_odd_rows_come_least_probable_first_with_what_surprises(folder, shown):
    source = models.stored(folder)
    done(scoring.held_out(source, 0))
    at = opened("odd_rows", folder)
    table = at.dataframe[0].value
    assert np.all(np.diff(table["log p"]) >= 0)
    assert set(table["row"]) <= set(range(1, 49))
    (chart,) = shown["charts"]
    assert np.sum(chart.lines[0].y) == 48
    found = scoring.so_far(scoring.held_out(source, 0))
    assert found is not None
    least = int(found.rows.log_q.argmin())
    assert table["row"].iloc[0] == least + 1
    told = pd.read_csv(io.StringIO(odd_rows.as_csv(tiny_table.table()[:48], found)))
    assert list(told)[:5] == ["row", "log_p_sampler", "log_p_sampler_se", "rank", "surprise_1"]
    assert told["log_p_sampler"].to_numpy() == pytest.approx(found.rows.log_q)


def test_cells_are_marked_the_stronger_the_less_probable():
    cells = pd.DataFrame({"a": [0.5, 0.02], "b": [0.05, 0.0001], "c": [0.2, 0.09], "d": [0.9, 0.095]})
    assert odd_rows.surprising(cells, 0) == [("b", 0.05)]
    assert [name for name, _ in odd_rows.surprising(cells, 1)] == ["b", "a", "c"]
    assert odd_rows.surprising(None, 0) == []
    strengths = [odd_rows.strength(p) for p in (1e-9, 1e-3, 0.01, 0.1)]
    assert strengths == sorted(strengths, reverse=True)
    assert (strengths[0], strengths[-1]) == pytest.approx((0.75, 0.15))
    assert [odd_rows.percent(p) for p in (0.1, 0.02, 0.004, 1e-5)] == ["10%", "2%", "0.4%", "< 0.1%"]


def test_own_rows_are_scored_beside_held_out_ones(folder, shown):
    source = models.stored(folder)
    done(scoring.held_out(source, 0))
    table = tiny_table.table().iloc[:12].reset_index(drop=True)
    table.loc[4, ["size", "<b>weight</b>", "large"]] = ["0", "79", "no"]
    at = settled(upload(opened("odd_rows", folder), files.to_csv(table).encode()))
    assert not at.exception
    scored = at.dataframe[-1].value
    assert scored["row"].iloc[0] == 5
    assert [line.name for line in shown["charts"][-1].lines] == ["held out", "yours"]
    assert np.sum(shown["charts"][-1].lines[1].y) == 12


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.drop(columns="place"), "has no column"),
        (lambda table: table.assign(place="moon"), "cannot have"),
    ],
)
def test_rows_that_cannot_be_scored_are_told_why(folder, shown, change, words):
    at = upload(opened("odd_rows", folder), files.to_csv(change(tiny_table.table()[:5])).encode())
    assert not at.exception
    assert words in sentences(at)


def test_columns_that_hang_together_are_joined(folder, shown):
    done(row_samples.measurement(models.stored(folder), 0))
    at = opened("dependence", folder)
    names, links = shown["circle"][-1]
    assert sorted(names) == sorted(tiny_table.NAMES[:5])
    assert {names[links[0].first], names[links[0].second]} == {"size", "<b>weight</b>"}
    assert links[0].nats > 0.5
    assert links[0].real > 0.5
    assert "pairs hang together" in text(at)
    table = at.dataframe[0].value
    assert np.all(np.diff(table["nats, model"]) <= 0)


def test_without_links_it_says_so(folder, shown, monkeypatch):
    done(row_samples.measurement(models.stored(folder), 0))
    none = Dependence(np.zeros((5, 5)), np.ones((5, 5)), np.zeros((5, 5)), 400)
    monkeypatch.setattr(row_samples, "drawn_dependence", lambda *args, **named: none)
    at = opened("dependence", folder)
    assert "No two columns hang together" in sentences(at)
    assert not shown["circle"]


def test_each_column_keeps_its_strongest_links():
    links = [Link(0, 1, 5.0, 5.0), Link(0, 2, 4.0, 4.0), Link(1, 2, 3.0, 3.0), Link(0, 3, 1.0, 1.0), Link(1, 3, 0.5, 0)]
    links.append(Link(2, 3, 0.1, 0.1))
    assert [link.drawn for link in dependence.strongest_of_each(links)] == [True, True, True, True, True, False]


@pytest.mark.parametrize("section", ["drawn_rows", "filling", "odd_rows", "dependence"])
def test_a_table_that_is_gone_is_told(folder, shown, cells, tmp_path, section):
    moved = tmp_path / "checkpoint"
    shutil.copytree(folder, moved)
    settings = json.loads((moved / "config.json").read_text())
    settings["config"]["path"] = str(tmp_path / "gone.csv")
    (moved / "config.json").write_text(json.dumps(settings))
    at = opened(section, moved)
    assert "gone.csv" in sentences(at).replace("\\", "")
    assert not at.dataframe


def test_scores_of_the_page_are_those_of_the_command(folder):
    """The same parts, put together alike."""
    source = models.stored(folder)
    model = models.load(source)
    done(scoring.held_out(source, 0))
    found = scoring.so_far(scoring.held_out(source, 0))
    assert found is not None
    told = answers.score_table(found.rows, others=found.rows.each, log_z=None)
    rows = model.config.columns.decode(model.config.whole("test"), np.random.default_rng(0))
    assert len(told) == len(rows)
    assert told["rank"].corr(told["log_p_sampler"], method="spearman") > 0.999
