"""Your table without a browser: the example, files that are read and files that are not, training, what is deleted."""

import io
import time

import numpy as np
import pandas as pd
import pytest
import torch

from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems import training
from ebgfn.problems.checkpoint import build
from ebgfn.problems.table import files, held_out
from ebgfn.problems.table.config import TableConfig
from ebgfn.problems.table.schema import Schema
from ebgfn.runs import jobs, store
from ebgfn.runs.worker import Worker
from ebgfn.ui.components import line_charts
from ebgfn.ui.shell import routes, visitor
from ebgfn.ui.table import EXAMPLE, run_curves, tasks, understood, upload
from tests.app.pages import bad_addresses, check_refusals, labels, open_page, sentences, values

PAGE, RUN, SIZES = "pages/table.py", "mine", MLPSizes(hidden=8, depth=1)
OWNER = "me"
COLUMNS = ("name", "smoker", "age", "since", "note", "country")


def people(rows: int = 40) -> str:
    """Names, a category, a number, a date, a formula, and a column that is always the same."""
    rng = np.random.default_rng(0)
    lines = [
        f"P{i},{'yes' if rng.random() < 0.4 else 'no'},{rng.integers(20, 60)},2020-01-{1 + i % 9:02d},=cmd,same"
        if i % 2
        else f"P{i},no,{rng.integers(20, 60)},2020-01-{1 + i % 9:02d},plain,same"
        for i in range(rows)
    ]
    # More names than a category may have.
    return "\n".join([",".join(COLUMNS), *lines]) + "\n"


@pytest.fixture
def home(machine, monkeypatch):
    """A machine without models, on which nothing starts by itself; the visitor is always the same."""
    monkeypatch.setattr(jobs, "poll", lambda: None)
    monkeypatch.setattr(visitor, "name", lambda: OWNER)
    return machine


@pytest.fixture(scope="module")
def example_once(tmp_path_factory):
    """A model of the example, with its held-out rows beside it."""
    folder = tmp_path_factory.mktemp("shipped") / f"table-{EXAMPLE}"
    with torch.random.fork_rng(), pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        model = build(TableConfig(EXAMPLE), SIZES)
        model.save(folder)
        patch.setattr(held_out, "ROWS", 10)
        patch.setattr(held_out, "measure", lambda model: iter([-80 - np.arange(10.0)]))  # no two alike
        held_out.keep(model, folder)
    return folder


@pytest.fixture
def example(home, example_once, monkeypatch):
    monkeypatch.setenv("EBGFN_CHECKPOINTS", str(example_once.parent))
    return example_once


@pytest.fixture
def charts(monkeypatch):
    """Charts that the page draws, by key."""
    found = {}
    monkeypatch.setattr(line_charts, "draw", lambda charts, *, key, **_: found.update({key: charts}))
    return found


@pytest.fixture
def submitted(monkeypatch):
    """Settings of what the page wants trained."""
    configs = []
    monkeypatch.setattr(jobs, "submit", lambda config, *, owner: configs.append(config) or "new")
    return configs


def bring(at, contents: bytes | str, name: str = "../../Sick people.csv"):
    (field,) = at.file_uploader
    contents = contents.encode() if isinstance(contents, str) else contents
    return field.set_value((name, contents, "text/csv")).run()


def text(at) -> str:
    return "\n".join(element.value for kind in (at.markdown, at.caption) for element in kind)


def finished(home, path, *, name: str = RUN, owner: str = OWNER, steps: int = 4):
    """A run that was trained for some steps, on a file or, without one, on the example."""
    now = time.time()
    config = TableConfig(path=str(path), called="people", steps=steps)
    run = store.create(home / "runs" / name, config, store.Status("running", now, now, owner=owner))
    Worker(run, training).work()
    return run


@pytest.fixture
def brought(home):
    """The kept file of a table."""
    return store.keep_file(files.pack(files.parse(people().encode(), "t.csv")), ".parquet")


def test_it_opens_with_the_example_and_its_held_out_rows(example):
    at = open_page(PAGE)
    assert not at.exception
    table = at.dataframe[0].value
    assert len(table) == 10
    assert table["log p"].tolist() == pytest.approx(held_out.load(example).log_q.tolist())
    config = TableConfig(EXAMPLE)
    expected = config.columns.decode(config.whole("test")[:10], np.random.default_rng(0))
    assert table["target"].tolist() == expected["target"].tolist()
    assert table["mean radius"].tolist() == expected["mean radius"].astype(float).tolist()
    assert "Delete my table now" not in labels(at)


def test_held_out_rows_of_other_weights_are_measured_anew(example, tmp_path):
    assert held_out.load(example) is not None
    folder = tmp_path / "changed"
    build(TableConfig(EXAMPLE), SIZES).save(folder)
    (folder / held_out.FILE).write_bytes((example / held_out.FILE).read_bytes())
    assert held_out.load(folder) is None


def test_without_a_model_it_says_what_to_do(home, submitted):
    at = open_page(PAGE)
    assert not at.exception
    assert "no trained model of the example" in sentences(at)
    at.number_input(key="train_seconds").set_value(30).run()
    at.button(key="train").click().run()
    assert submitted == [TableConfig(EXAMPLE, budget_s=30.0)]


def test_a_file_is_understood_kept_and_trained_on(example, home, submitted):
    at = bring(open_page(PAGE), people(80))
    assert not at.exception
    assert "**80 rows, 6 columns.**" in text(at)
    assert "4 of 6 columns are learned" in text(at)
    assert not list(home.glob("uploads/*"))
    at.button(key="train").click().run()
    assert not at.exception
    (config,) = submitted
    (kept,) = (home / "uploads").iterdir()
    assert config.path == str(kept)
    assert set(kept.stem) <= set("0123456789abcdef")
    assert config.label == "Sick-people"
    table = files.parse(people(80).encode(), "t.csv")
    assert config.columns == Schema.of(table)
    pd.testing.assert_frame_equal(files.read(kept), table)


def npz(shape: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=np.zeros(shape, np.uint8))
    return buffer.getvalue()


BAD = {
    "empty": ("", "got 0"),
    "one row": ("a,b\n1,2\n", "2 to 2,000,000 rows"),
    "few rows": ("a,b\n" + "1,2\n3,4\n" * 5, "10 rows, too few"),
    "wide": ("\n".join([",".join("01" * 50_000)] * 22), "1 to 2000 columns"),
    "no text": (b"a,b\n\xff\xfe,1\n" * 30, "not text in UTF-8"),
    "same names": ("a,a,b\n" + "x,y,1\n" * 30, "the name 'a'"),
    "ragged": ("a,b\n" + "1,2\n" * 30 + "1\n", "line 32"),
    "large": ("a,b\n" + "1,2\n" * 1_400_000, "larger than 5 MB"),
}


@pytest.mark.parametrize(("contents", "words"), BAD.values(), ids=BAD)
def test_a_file_that_cannot_be_read_gets_one_sentence(home, contents, words):
    at = bring(open_page(PAGE), contents, "bad.csv")
    assert not at.exception
    (said,) = [error.value for error in at.error]
    assert words in said.replace("\\", "")
    assert said.count("llowed are") == 1
    assert "Train" in labels(at)  # of the example


def test_arrays_are_refused_before_they_are_unpacked(monkeypatch):
    packed = npz((2000, 2000))
    assert len(packed) < 10_000
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(ValueError, match=r"at most 1,000,000, got 4,000,000$"):
        upload.read("x.npz", packed)


@pytest.mark.parametrize("kind", ["missing", "constant"])
def test_a_table_that_says_nothing_cannot_be_trained_on(home, kind):
    cell = {"missing": "NA", "constant": "7"}[kind]
    at = bring(open_page(PAGE), "a,b\n" + f"{cell},{cell}\n" * 30)
    assert not at.exception
    assert "too few columns that change" in sentences(at)
    assert at.button(key="train").disabled


def test_one_column_of_a_few_bits_is_a_table(home):
    at = bring(open_page(PAGE), "a\n" + "".join(f"{i}\n" for i in range(40)))
    assert not at.exception
    assert "a row is **2 bits**" in text(at)


def test_a_bad_file_leaves_the_table_before(home):
    at = bring(bring(open_page(PAGE), people(), "good.csv"), b"\xff\xfe", "bad.csv")
    assert "bad.csv: the file is not text" in sentences(at)
    assert "good.csv: **40 rows" in text(at)


def test_markdown_of_a_name_is_none(home):
    assert "\\*\\*x\\*\\*.csv" in text(bring(open_page(PAGE), people(), "**x**.csv"))


def test_a_kind_is_corrected_at_once(home, submitted):
    at = bring(open_page(PAGE), people())
    at.session_state[understood.SEEN].choose({"edited_rows": {2: {"kind": "category"}}}, list(COLUMNS))
    at.run()
    assert not at.exception
    ages = len(set(files.parse(people().encode(), "t.csv")["age"]))
    assert at.dataframe[0].value["becomes"][2].startswith(f"{ages} values")
    at.button(key="train").click().run()
    assert submitted[0].columns.columns[2].kind == "category"


def test_a_kind_that_does_not_fit_stops_the_button(home):
    at = bring(open_page(PAGE), people())
    at.session_state[understood.SEEN].choose({"edited_rows": {1: {"kind": "number"}}}, list(COLUMNS))
    at.run()
    assert "holds what is no number" in sentences(at)
    assert at.button(key="train").disabled


def test_kinds_of_a_browser_are_held_to_what_there_is():
    seen = understood.Seen("digest")
    seen.choose({"edited_rows": {0: {"kind": "date"}, 1: {"kind": "evil"}, 7: {"kind": "date"}}}, ["a", "b"])
    seen.choose(None, ["a", "b"])
    seen.choose({"edited_rows": {}}, ["a", "b"])  # as an editor reports whose data have changed
    assert seen.chosen == {"a": "date"}


@pytest.mark.parametrize(
    ("kind", "words"), [("number", "holds what is no number"), ("constant", "it is not constant"), ("text", "")]
)
def test_a_kind_that_does_not_fit_is_told(kind, words):
    found = understood.reading("c", ["x", "y", None, "x"], kind)
    assert words in found.complaint
    assert understood.becomes(found) == ("left out" if kind == "text" else "does not fit")


def test_mixed_columns_are_categories():
    assert understood.reading("c", ["1", "x", "2.5", "x"], None).kind == "category"


def test_curves_stand_beside_simple_models(home, brought, charts):
    run = finished(home, brought)
    fits = run_curves._fits(str(run.path))
    fits.future.result(60)
    at = open_page(PAGE, run=RUN)
    assert not at.exception
    held, acceptance = charts["table_curves"]
    ours, independent, tree = held.lines
    assert (ours.name, independent.name, tree.name) == ("GFlowNet, at most", "independent columns", "Chow-Liu tree")
    train, x = run.config.whole("train"), run.config.whole("valid")
    p = (train.sum(0) + 0.5) / (len(train) + 1)
    assert independent.y[0] == pytest.approx(-np.log(np.where(x == 1, p, 1 - p)).sum(1).mean(), rel=1e-4)
    assert ours.y[-1] == pytest.approx(run.metrics[-1]["gfn_bound"])
    assert acceptance.limits == (0, 1)
    assert {"log p"} <= set(at.dataframe[0].value.columns)
    assert {"Curves (NPZ)", "Model (ZIP)"} <= {button.label for button in at.get("download_button")}


def test_rows_of_the_moment_are_shown_while_it_trains(home, brought, charts):
    run = finished(home, brought)
    run.update(state="running", progress=0.5, heartbeat=time.time())
    at = open_page(PAGE, run=RUN)
    assert not at.exception
    drawn, real = (frame.value for frame in at.dataframe[:2])
    assert list(drawn.columns) == list(real.columns) == list(COLUMNS)
    assert set(drawn["smoker"]) <= {"yes", "no"}
    assert {"Pause", "Cancel", "Reset"} <= labels(at)


def test_runs_of_tables_open_here(home, brought):
    page, query = routes.opening(finished(home, brought))
    assert (page.title, query) == ("Your table", {"run": RUN})


def test_a_run_whose_table_is_gone_says_so(example, home, brought, charts):
    finished(home, brought)
    brought.unlink()
    at = open_page(PAGE, run=RUN)
    assert not at.exception
    assert "not kept any more" in sentences(at)
    assert str(home) not in sentences(at)


def test_delete_leaves_nothing_and_shows_the_example(example, home, brought, charts):
    finished(home, brought)
    finished(home, brought, name="theirs", owner="somebody")
    at = open_page(PAGE, run=RUN)
    at = bring(at, people())
    at.button(key="delete_table").click().run()
    assert not at.exception
    assert [run.name for run in (home / "runs").iterdir()] == ["theirs"]
    assert brought.is_file()  # another visitor's run reads the same table
    assert "are deleted" in "\n".join(element.value for element in at.success)
    assert "run" not in at.query_params
    assert "rows, 6 columns" not in text(at)
    assert "569 tumours" in text(at)
    for key in (upload.READ, understood.SEEN, f"{upload.KEY}_last"):
        assert key not in at.session_state


def test_delete_takes_the_file_too(home, brought, charts):
    finished(home, brought)
    at = open_page(PAGE, run=RUN)
    at.button(key="delete_table").click().run()
    assert not brought.exists()
    assert not list((home / "runs").iterdir())


def test_only_ones_own_kept_tables_are_deleted(home, brought, tmp_path):
    elsewhere = tmp_path / "t.csv"
    elsewhere.write_text(people())
    finished(home, elsewhere, name="of-a-path")
    at = open_page(PAGE)
    assert "Delete my table now" not in labels(at)


def test_on_a_public_address_a_table_is_shown_to_its_visitor_alone(example, home, brought, charts, monkeypatch):
    finished(home, brought, name="theirs", owner="somebody")
    assert "table_curves" not in charts
    monkeypatch.setenv("EBGFN_HOSTED", "1")
    at = open_page(PAGE, run="theirs")
    assert not at.exception
    assert "another visitor's table" in sentences(at)
    assert "table_curves" not in charts
    assert "smoker" not in at.dataframe[0].value
    monkeypatch.delenv("EBGFN_HOSTED")
    open_page(PAGE, run="theirs")
    assert "table_curves" in charts


def test_what_cannot_be_trained_on_is_told_and_not_kept(home, monkeypatch, submitted):
    def refuse(config, table):
        raise ValueError("column 'age' is not to be learned")

    monkeypatch.setattr(TableConfig, "_encoded", refuse)
    at = bring(open_page(PAGE), people())
    at.button(key="train").click().run()
    assert "is not to be learned" in sentences(at)
    assert submitted == []
    assert not list((home / "uploads").iterdir())


def test_each_task_is_a_module_that_is_called(example, monkeypatch):
    called = []
    for name, task in tasks.TASKS.items():
        monkeypatch.setattr(
            f"ebgfn.ui.table.{task.module}.show", lambda folder, *, seed, n=name: called.append((n, seed))
        )
    for name in tasks.TASKS:
        assert not open_page(PAGE, do=name, seed="7").exception
    assert called == [(name, 7) for name in tasks.TASKS]


@pytest.mark.parametrize(
    "asked",
    bad_addresses(
        [
            ("do", "dance", "one of Draw rows, Fill in, Odd rows, What hangs together"),
            ("seed", "-1", "a whole number in 0..2147483647"),
            ("train_seconds", "1.5", "a whole number in 5..86400"),
            ("train_seed", "x", "a whole number in 0..2147483647"),
            ("run", "../../etc", "no longer exists"),
        ]
    ),
)
def test_bad_addresses(example, asked):
    check_refusals(open_page(PAGE, **values(asked)), asked)
