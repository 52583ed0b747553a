"""Cells as codes, codes as bits, and back; what a column seems to hold."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ebgfn.problems.table.columns import (
    MOST_LEVELS,
    UNKNOWN,
    Category,
    Constant,
    Date,
    Number,
    Text,
    binned,
    understood,
)
from ebgfn.problems.table.schema import Schema, of_bits

RNG = np.random.default_rng(0)
CELLS = {
    "numbers": st.decimals(-1e6, 1e6, places=3).map(str),
    "categories": st.sampled_from(["red", "green", "blue", "=1+1", "rot, grün"]),
    "dates": st.dates(min_value=pd.Timestamp("1700-01-01").date(), max_value=pd.Timestamp("2200-01-01").date()).map(
        str
    ),
    "two": st.sampled_from(["no", "yes"]),
}
ROWS = st.integers(3, 60).flatmap(
    lambda n: st.fixed_dictionaries(
        {name: st.lists(st.none() | cell, min_size=n, max_size=n) for name, cell in CELLS.items()}
    )
)


@given(ROWS)
def test_rows_become_bits_and_bits_rows_of_the_same_bits(rows):
    table = pd.DataFrame(rows, dtype=object)
    assume(sum(table[name].nunique() > 1 for name in table) > 1)
    schema = Schema.of(table)
    found = schema.encode(table)
    assert found.x.shape == (len(table), schema.dim)
    assert schema.legal(found.x).all()
    again = schema.decode(found.x, RNG)
    assert np.array_equal(schema.encode(again).x, found.x)
    for column in schema.columns:
        place = schema.places[column.name]
        missing = table[column.name].isna().to_numpy()
        assert (found.known[:, place] == ~missing[:, None]).all()
        if not isinstance(column, Number):
            assert (again[column.name] == table[column.name])[~missing].all()
        else:
            assert set(again[column.name]) <= set(table[column.name].dropna()) | {"-0.000", "0.000"}
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_neighbouring_bins_differ_in_one_bit():
    column = Number.of("n", [str(i) for i in range(3000)])
    assert column.bits == 6
    x = column.encode(np.arange(column.levels))
    assert (np.abs(np.diff(x.astype(int), axis=0)).sum(1) == 1).all()
    assert np.array_equal(column.decode(x), np.arange(column.levels))


def test_bins_are_about_equally_full_and_hold_their_ends():
    values = np.random.default_rng(0).normal(size=6400).round(3)
    bins = binned(values)
    assert len(bins) == 64
    column = Number("n", bins, 3)
    counts = np.bincount(column.codes([f"{value:.3f}" for value in values]), minlength=64)
    assert 70 < counts.min() <= counts.max() < 130
    assert (bins[0][0], bins[-1][-1]) == (values.min(), values.max())


def test_a_value_that_many_rows_have_is_a_bin_of_its_own():
    cells = ["0"] * 500 + [str(i) for i in range(1, 501)]
    column = Number.of("n", cells)
    assert column.bins[0] == (0.0,)
    assert (column.codes(cells) == 0).sum() == 500


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["0", "1", "1"], Category),
        (["3", "1.5", "-2"], Number),
        (["1e3", "2e-2", "7"], Number),
        (["2020-01-01", "2021-05-06", "1999-12-31"], Date),
        (["2020-01-01T10:00:00", "2021-05-06T11:30:00", "1999-12-31T00:00:01"], Date),
        (["a", "b", "c", "a"], Category),
        (["a", "2", "c", "a"], Category),
        ([f"name {i}" for i in range(MOST_LEVELS + 1)], Text),
        (["x", "x", None], Constant),
        ([None, None], Constant),
        (["inf", "1", "2"], Category),
        (["nan", "1", "2"], Category),
    ],
)
def test_what_a_column_seems_to_hold(cells, kind):
    column = understood("c", cells)
    assert type(column) is kind
    assert column.name == "c"


def test_the_most_frequent_category_comes_first_and_of_two_the_smaller():
    assert Category.of("c", ["b", "a", "b", "c", None]).values == ("b", "a", "c")
    assert Category.of("c", ["1", "1", "0"]).values == ("0", "1")
    assert Category.of("c", ["10", "9", "10"]).values == ("9", "10")


def test_numbers_are_told_as_they_stood():
    column = Number.of("n", ["1.50", "2.25", "3"])
    assert column.cells(np.arange(3), RNG) == ["1.50", "2.25", "3.00"]
    assert Number.of("n", ["1", "20", "300"]).cells(np.arange(3), RNG) == ["1", "20", "300"]
    assert Date.of("d", ["2020-02-29", "2020-03-01", "2020-03-02"]).cells(np.arange(3), RNG)[0] == "2020-02-29"


def test_what_a_column_cannot_hold_is_one_sentence():
    with pytest.raises(ValueError, match="row 2 of column 'c' has a value that it cannot have; it has a, b"):
        Category("c", ("a", "b")).codes(["a", "z"])
    with pytest.raises(ValueError, match="row 3 of column 'n' must be a number"):
        Number.of("n", ["1", "2", "3"]).codes(["1", None, "one"])
    assert Number.of("n", ["1", "2", "3"]).codes(["-7", None, "2.2"]).tolist() == [0, UNKNOWN, 1]


def test_codes_that_no_value_has_are_known():
    schema = Schema((Category("c", ("a", "b", "c")), Category("d", ("0", "1"))))
    x = np.array([[0, 0, 1], [1, 0, 0], [1, 1, 0]], np.uint8)
    assert schema.legal(x).tolist() == [True, True, False]
    assert schema.decode(x[:2], RNG).to_dict("list") == {"c": ["a", "c"], "d": ["1", "0"]}
    with pytest.raises(ValueError, match="a code that no value has"):
        schema.decode(x, RNG)


def test_columns_that_do_not_change_come_back():
    table = pd.DataFrame({"k": ["x", "x", "x"], "a": ["0", "1", "0"], "b": ["1", "1", "0"]}, dtype=object)
    schema = Schema.of(table)
    assert schema.dim == 2
    assert schema.decode(schema.encode(table).x, RNG).equals(table)


def test_a_column_can_be_told_to_be_another():
    table = pd.DataFrame({"zip": ["10115", "20095", "80331"], "b": ["0", "1", "0"]}, dtype=object)
    assert isinstance(Schema.of(table, {"zip": "category"}).columns[0], Category)
    for kinds, words in (
        ({"zap": "number"}, "there is no column 'zap'"),
        ({"zip": "colour"}, "must be one of constant, text, category, number, date"),
        ({"zip": "constant"}, "it is not constant"),
        ({"b": "date"}, "holds what is no date"),
    ):
        with pytest.raises(ValueError, match=words):
            Schema.of(table, kinds)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (None, "a schema must have columns"),
        ({}, "a schema must have columns"),
        ({"columns": [{"name": "a"}]}, "each of a name and a kind"),
        ({"columns": [{"name": "a", "kind": "colour"}]}, "a column must be one of"),
        ({"columns": [{"name": 3, "kind": "text"}]}, "the name of a column must be a text"),
        ({"columns": [{"name": "a", "kind": "category", "values": ["x", "x"]}]}, "no two alike"),
        ({"columns": [{"name": "a", "kind": "category", "values": ["x"]}]}, "2 to 64 values"),
        ({"columns": [{"name": "a", "kind": "number", "bins": [[1], [1]]}]}, "each larger than the one before"),
        ({"columns": [{"name": "a", "kind": "number", "bins": [[1], [float("nan")]]}]}, "each larger"),
        ({"columns": [{"name": "a", "kind": "number", "bins": [[1]]}]}, "2 to 64 bins"),
        ({"columns": [{"name": "a", "kind": "text", "run": "x"}]}, "a schema must have columns"),
        ({"columns": 2 * [{"name": "a", "kind": "category", "values": ["x", "y"]}]}, "different names"),
        ({"columns": [{"name": "a", "kind": "category", "values": ["x", "y"]}]}, "few columns that change"),
    ],
)
def test_a_schema_from_anywhere_is_held_to_its_form(values, words):
    with pytest.raises(ValueError, match=words):
        Schema.from_json(values)


def test_a_table_without_a_column_is_refused():
    with pytest.raises(ValueError, match="the table has no column 'column 2'; it must have column 1, column 2"):
        of_bits(2).encode(pd.DataFrame({"column 1": ["0"]}))
