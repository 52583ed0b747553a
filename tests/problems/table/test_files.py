"""Tables in files: what is read, what is refused, and that nothing that is written is run by a spreadsheet."""

import io

import numpy as np
import pandas as pd
import pytest

from ebgfn.problems.table import files


def columns(data: bytes, name: str = "t.csv", **how) -> dict[str, list]:
    return files.parse(data, name, **how).to_dict("list")


def test_names_separator_and_missing_cells_are_found():
    told = {"a": ["1", "2"], "b": ["x y", None]}
    for text in ("a,b\n1,x y\n2,\n", "a;b\n1;x y\n2;NA\n", "a\tb\n1\tx y\n2\t?\n", 'a|b\r\n1|"x y"\r\n\r\n2|nan\r\n'):
        assert columns(text.encode()) == told
    assert columns("\ufeffa,b\n1,x y\n2,\n".encode()) == told
    # A separator within quotes is none, and one that stands in some lines only.
    assert columns(b'a,b\n"1;2",x\n3,"y,z"\n') == {"a": ["1;2", "3"], "b": ["x", "y,z"]}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("0,1\n1,1\n0,0\n", False),
        ("a,1\nb,2\n", False),
        ("a,b\na,c\nd,b\n", False),
        ("name,c\nx,c\ny,d\n", False),
        ("name,age\nx,3\ny,4\n", True),
        ("c,age\nc,3\ny,4\n", True),
        ("a,a\nx,y\n", False),
    ],
)
def test_whether_the_first_line_are_names(text, named):
    assert (list(columns(text.encode())) == text.split("\n")[0].split(",")) == named
    assert list(columns(text.encode(), header=False)) == ["column 1", "column 2"]


def test_one_column_without_any_separator():
    assert columns(b"x\n1\n2\n") == {"x": ["1", "2"]}


def test_what_other_programs_write_is_read_alike():
    table = pd.DataFrame({"n": [1, 2, 3], "h": [0.5, None, 2.0], "w": [1.0, None, 3.0], "b": [True, False, True],
                          "d": pd.to_datetime(["2020-01-01", "2020-01-02", None]), "s": ["x", None, " y "]})  # fmt: skip
    expected = {
        "n": ["1", "2", "3"], "h": ["0.5", None, "2.0"], "w": ["1", None, "3"], "b": ["1", "0", "1"],
        "d": ["2020-01-01T00:00:00", "2020-01-02T00:00:00", None], "s": ["x", None, "y"],
    }  # fmt: skip
    for suffix, write in ((".parquet", table.to_parquet), (".feather", table.to_feather)):
        file = io.BytesIO()
        write(file)
        assert columns(file.getvalue(), f"t{suffix}") == expected
    file = io.BytesIO()
    np.savez(file, x=np.array([[1, 0], [0, 1]]))
    assert columns(file.getvalue(), "t.npz") == {"column 1": ["1", "0"], "column 2": ["0", "1"]}


def test_no_cell_is_a_formula_and_all_come_back():
    table = pd.DataFrame(
        {"=a": ["=cmd|' /C calc'!A0", "+x", "-1.5", "@y", None, "'quoted'"], "b": list("123456")}, dtype=object
    )
    text = files.to_csv(table)
    for line in text.splitlines():
        assert not line.lstrip('"').startswith(("=", "+", "@"))
    assert "\n-1.5,3\n" in text, "a number is a number"
    assert files.parse(text.encode(), "t.csv", header=True).equals(table)


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "t.csv", "there must be 2 to 2,000,000 rows, got 0"),
        (b"a,b\n", "t.csv", "rows, got 1"),
        (b"a,b\n1,2\n", "t.csv", "rows, got 1"),
        (b"a,b\n1,2,3\n", "t.csv", "line 2 of the CSV file has 3 cells, the first has 2"),
        (b"a,b\n\xff\xfe,2\n", "t.csv", "not text in UTF-8"),
        (b"a,b\n\0,2\n3,4\n", "t.csv", "bytes that are no text"),
        (b"a,b,a\n1,2,3\n1,2,3\n", "t.csv", "two columns have the name 'a'"),
        (b"x" * 200_000 + b",1\n2,3\n", "t.csv", "cannot be read"),
        (
            ",".join("1" * 3000).encode() + b"\n" + ",".join("1" * 3000).encode(),
            "t.csv",
            "1 to 2000 columns, got 3,000",
        ),
        (b"PAR1 no", "t.parquet", "cannot be read as parquet"),
        (b"no", "t.feather", "cannot be read as feather"),
        (b"no", "t.npz", "the NPZ file cannot be read"),
        (b"1,2\n", "t.xlsx", "the file's name must end in .csv"),
        (b"1,2\n", "t", "the file's name must end in .csv"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(data, name, words):
    with pytest.raises(ValueError, match=words) as refusal:
        files.parse(data, name)
    assert "\n" not in str(refusal.value)


def test_arrays_are_looked_at_before_they_are_unpacked():
    for x, words in (
        (np.zeros(3), "a table of numbers"),
        (np.array([["a"]]), "a table of numbers"),
        (np.zeros((1, 2)), "got 1"),
    ):
        file = io.BytesIO()
        np.savez(file, x=x)
        with pytest.raises(ValueError, match=words):
            files.parse(file.getvalue(), "t.npz")
    file = io.BytesIO()
    np.savez(file, x=np.array([[None, 1]], dtype=object))
    with pytest.raises(ValueError, match="a table of numbers"):
        files.parse(file.getvalue(), "t.npz")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="No such file"):
        files.read(tmp_path / "t.csv")


def test_a_packed_table_is_read_as_it_was():
    table = files.parse(b"a,b,c\n1,=cmd,\n02,x,NA\n2.50, y ,?\n", "t.csv")
    assert table["a"].tolist() == ["1", "02", "2.50"]
    pd.testing.assert_frame_equal(files.parse(files.pack(table), "t.parquet"), table)


def test_a_cell_that_is_cut_is_read_again_as_it_is():
    table = files.parse(("a,b\n" + "x" * (files.LONGEST_CELL - 1) + " tail,1\ny,2\n").encode(), "t.csv")
    pd.testing.assert_frame_equal(files.parse(files.pack(table), "t.parquet"), table)


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
def test_more_cells_than_are_asked_for_are_refused(suffix):
    data = {
        ".csv": lambda: b"1,2\n" * 30,
        ".npz": lambda: _npz(np.ones((30, 2))),
        ".parquet": lambda: files.pack(pd.DataFrame(np.full((30, 2), "1"), columns=["a", "b"])),
    }[suffix]()
    assert len(files.parse(data, f"t{suffix}", most_cells=60)) >= 29
    with pytest.raises(ValueError, match="rows times columns must be at most 50, got"):
        files.parse(data, f"t{suffix}", most_cells=50)


def _npz(x: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=x)
    return buffer.getvalue()
