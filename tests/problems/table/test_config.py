"""Settings of a training on a table: which rows it trains on, which it is measured by, and what is refused."""

import hashlib
import json

import numpy as np
import pytest

from ebgfn.problems.downloads import DATA_DIR, DataUnavailable
from ebgfn.problems.table import sets
from ebgfn.problems.table.config import TableConfig, short
from ebgfn.problems.table.schema import of_bits

LINES = (",".join(16 * "0") + "\n" + ",".join(8 * "10") + "\n").encode()


@pytest.fixture
def path(tmp_path):
    """A hundred rows of three columns, of which one is nothing."""
    rng = np.random.default_rng(0)
    lines = [f"{rng.integers(2)},{'xyz'[rng.integers(3)]},{rng.normal():.2f},same" for _ in range(100)]
    file = tmp_path / "t.csv"
    file.write_text("a,b,c,d\n" + "\n".join(lines) + "\n")
    return file


def test_rows_are_split_by_the_seed_and_each_is_in_one_part(path):
    one, other = (TableConfig(path=str(path), seed=seed) for seed in (1, 2))
    assert [len(part.x) for part in one.split] == [70, 10, 20]
    together = np.concatenate([part.x for part in one.split])
    everything = one.columns.encode(one.table).x
    assert sorted(map(bytes, together)) == sorted(map(bytes, everything))
    assert not np.array_equal(one.split.test.x, other.split.test.x)
    assert np.array_equal(one.split.test.x, TableConfig(path=str(path), seed=1).split.test.x)


def test_files_of_other_rows_are_taken_as_they_are(path, tmp_path):
    (tmp_path / "v.csv").write_text("b,a,c,d\nx,0,1.5,same\nz,1,-9,same\n")
    config = TableConfig(path=str(path), valid=str(tmp_path / "v.csv"))
    assert [len(part.x) for part in config.split] == [80, 2, 20]
    assert config.columns.decode(config.split.valid.x, np.random.default_rng(0))["b"].tolist() == ["x", "z"]


def test_the_settings_hold_what_was_understood(path):
    config = TableConfig(path=str(path))
    kept = TableConfig.from_json(json.loads(json.dumps(config.to_json())))
    path.unlink()
    assert kept == config
    assert kept.dim == config.dim == 1 + 2 + 2
    assert kept.label == "t"


def test_a_schema_of_ones_own(path, tmp_path):
    schema = TableConfig(path=str(path)).columns.to_json()
    schema["columns"][2] = {"kind": "text", "name": "c"}
    (tmp_path / "s.json").write_text(json.dumps(schema))
    assert TableConfig(path=str(path), schema=str(tmp_path / "s.json")).dim == 3
    (tmp_path / "s.json").write_text("{")
    with pytest.raises(ValueError, match="schema must be a JSON file of columns"):
        TableConfig(path=str(path), schema=str(tmp_path / "s.json"))
    (tmp_path / "s.json").write_text(json.dumps(of_bits(2).to_json()))
    with pytest.raises(ValueError, match="the table has no column 'column 1'"):
        _ = TableConfig(path=str(path), schema=str(tmp_path / "s.json")).split


def test_rows_with_gaps_are_kept_and_empty_ones_are_not(path):
    path.write_text(path.read_text() + ",x,1,same\n" + 20 * ",,,same\n")
    config = TableConfig(path=str(path))
    assert [len(part.x) for part in config.split] == [71, 10, 20]
    known = np.concatenate([part.known for part in config.split])
    assert (~known[:, 0]).sum() == 1
    assert known[:, 1:].all()
    with pytest.raises(ValueError, match="preset must be fast where cells are empty, got paper"):
        _ = TableConfig(path=str(path), preset="paper").split


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dataset": "nothing"}, "dataset must be one of breast-cancer, iris"),
        ({"dataset": "iris", "path": "t.csv"}, "dataset must not be given with a path"),
        ({"path": ""}, "path must name a file"),
        ({"test": "t.csv"}, "must not be given without a path"),
        ({"path": "nowhere.csv"}, "No such file"),
    ],
)
def test_what_is_not_allowed_is_one_sentence(settings, words):
    with pytest.raises(ValueError, match=words):
        TableConfig(**settings)


@pytest.mark.parametrize("name", sets.SMALL)
def test_small_tables_have_no_gaps(name):
    config = TableConfig(dataset=name)
    assert len(config.split.train.x) > 100
    assert config.dim >= 10
    assert all(column.bits for column in config.columns.columns)


def test_binary_tables_have_splits_of_their_own(tmp_path, monkeypatch):
    config = TableConfig(dataset="nltcs")
    assert config.dim == 16
    monkeypatch.setenv(DATA_DIR, str(tmp_path))
    monkeypatch.setattr(
        sets, "SHA256", dict.fromkeys((f"nltcs.{part}.data" for part in sets.SPLITS), hashlib.sha256(LINES).hexdigest())
    )
    (tmp_path / "debd").mkdir()
    for part in sets.SPLITS:
        (tmp_path / "debd" / f"nltcs.{part}.data").write_bytes(LINES)
    assert [part.x.shape for part in config.split] == 3 * [(2, 16)]
    assert config.split.train.x[1].tolist() == 8 * [1, 0]
    (tmp_path / "debd" / "nltcs.test.data").write_bytes(LINES[1:])
    with pytest.raises(DataUnavailable, match="is damaged or another file"):
        sets.binary("nltcs", "test")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Sick people 2024", "Sick-people"),
        ("../../etc/passwd", "etc-passwd"),
        ("<b>", "b"),
        ("...", "table"),
        ("0123456789abcdef" * 4, "table"),
        ("tëst", "t-st"),
    ],
)
def test_a_label_is_short_and_never_more_than_a_name(name, label):
    assert short(name) == label
    assert short(label) == label


def test_a_table_is_called_as_it_is_said(path):
    assert TableConfig(path=str(path), called="people").label == "people"
    for called in ("../x", "a" * 13, "", "-"):
        with pytest.raises(ValueError, match="letters, digits and hyphens"):
            TableConfig(path=str(path), called=called)
    with pytest.raises(ValueError, match="with a path only"):
        TableConfig("iris", called="people")
