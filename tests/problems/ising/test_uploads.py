"""Files of samples that may come from anywhere: what is taken, and what is refused in one clear sentence."""

import io
import os
import zipfile

import numpy as np
import pytest

from ebgfn.problems.ising import uploads
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.runs import store

ROWS = 60


@pytest.fixture
def x():
    return np.random.default_rng(0).integers(0, 2, (ROWS, 5)).astype(np.uint8)


def csv(x, separator=",", head="") -> bytes:
    return (head + "".join(separator.join(map(str, row)) + "\n" for row in x.tolist())).encode()


def npz(compressed=True, **arrays) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def zipped(name: str, contents: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, contents)
    return buffer.getvalue()


def with_value(x, value, row=2, column=3):
    changed = x.astype(float)
    changed[row, column] = value
    return changed


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_csv_with_any_usual_separator(x, separator):
    assert np.array_equal(uploads.parse(csv(x, separator), "a.csv").x, x)


@pytest.mark.parametrize("head", ["a,b,c,d,e\n", "\ufeff", '"a, the first",b,c,d,e\n', ",0,1,2,3\n", "\n\n"])
def test_a_line_of_names_is_skipped(x, head):
    assert np.array_equal(uploads.parse(csv(x, head=head), "A.CSV").x, x)


@pytest.mark.parametrize(
    ("head", "separator", "names"),
    [
        ("a,b,c,d,e\n", ",", ("a", "b", "c", "d", "e")),
        ('"a, the first",b,c,d,e\n', ";", None),
        ('"a, the first";b;c;d;e\n', ";", ("a, the first", "b", "c", "d", "e")),
        ("a b c d e\n", " ", ("a", "b", "c", "d", "e")),
        (",0,1,2,3\n", ",", ("column 1", "0", "1", "2", "3")),
        ("a,a,b\x00\x1b[31m,  c   d ,\n", ",", ("a", "a (2)", "b [31m", "c d", "column 5")),
        (f"{'x' * 50},b,c,d,e\n", ",", ("x" * 40, "b", "c", "d", "e")),
        ("a,b\n", ",", None),
        (f"{'x' * 140_000},b,c,d,e\n", ",", None),
        ("", ",", None),
    ],
)
def test_names_of_columns_are_kept_tidy(x, head, separator, names):
    found = uploads.parse(csv(x, separator, head), "a.csv")
    assert found.names == names
    assert np.array_equal(found.x, x)


def test_names_travel_with_the_samples(x, tmp_path):
    names = ("a", "b", "Größe", "d", "e")
    path = tmp_path / "a.npz"
    path.write_bytes(uploads.pack(x, names))
    assert uploads.read(path).names == IsingConfig(path=str(path)).names() == names
    assert np.array_equal(IsingConfig(path=str(path)).data(), x)
    assert uploads.pack(x, names) != uploads.pack(x)
    assert IsingConfig().names() is None


@pytest.mark.parametrize(
    "names",
    [np.arange(5), np.array(["a", "b"]), np.array([["a"] * 5]), np.array([b"a"] * 5), np.array(["y" * 2000] * 5)],
    ids=["numbers", "few", "table", "bytes", "long"],
)
def test_what_are_no_names_counts_as_none(x, names):
    found = uploads.parse(npz(x=x, names=names), "a.npz")
    assert found.names is None
    assert np.array_equal(found.x, x)


def test_numbers_may_be_written_in_any_way(x):
    words = np.where(x == 1, '"1.0"', '"0e0"')
    contents = "\r\n".join(",".join(row) for row in words).encode()
    assert np.array_equal(uploads.parse(contents, "a.csv").x, x)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, bool])
def test_npz_of_any_kind_of_number(x, kind):
    assert np.array_equal(uploads.parse(npz(x=x.astype(kind), other=np.zeros(3)), "a.npz").x, x)
    assert np.array_equal(uploads.parse(npz(compressed=False, spins=np.asfortranarray(x.astype(kind))), "a.npz").x, x)


def test_minus_one_and_one_are_spins(x):
    spins = 2 * x.astype(np.int8) - 1
    assert np.array_equal(uploads.parse(csv(spins), "a.csv").x, x)
    assert np.array_equal(uploads.parse(npz(x=spins), "a.npz").x, x)


@pytest.mark.parametrize("wrap", [lambda t: (csv(t), "a.csv"), lambda t: (npz(x=t), "a.npz")])
@pytest.mark.parametrize(
    ("value", "words"), [(2, "has 2"), (0.5, "has 0.5"), (np.nan, "has nan"), (np.inf, "has inf"), (1e300, "has 1e")]
)
def test_the_column_that_is_not_binary_is_named(x, wrap, value, words):
    with pytest.raises(ValueError, match=f"column 4 is not binary: row 3 {words}"):
        uploads.parse(*wrap(with_value(x, value)))


def test_of_several_bad_columns_the_first_is_named(x):
    table = with_value(with_value(x, 7, row=0, column=4), 3, row=50, column=1)
    with pytest.raises(ValueError, match="column 2 is not binary: row 51 has 3"):
        uploads.binary(table)


def test_zero_among_spins_is_explained(x):
    spins = with_value(2.0 * x - 1, 0)
    with pytest.raises(ValueError, match=r"column 4 is not binary: row 3 has 0; 0 and -1 do not go together"):
        uploads.binary(spins)


@pytest.mark.parametrize("text", ["yes", "", "1 0", "nan?"])
def test_what_is_no_number_is_named_but_not_repeated(x, text):
    words = x.astype(str).astype(object)
    words[6, 2] = text
    with pytest.raises(ValueError, match="column 3 is not binary: row 7 is not a number") as error:
        uploads.parse("\n".join(",".join(row) for row in words).encode(), "a.csv")
    assert "yes" not in str(error.value)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("kind", [np.uint8, bool])
def test_a_constant_column_is_named(x, value, kind):
    x[:, 1] = value
    with pytest.raises(ValueError, match=f"column 2 is constant: every row has {value}"):
        uploads.parse(npz(x=x.astype(kind)), "a.npz")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((49, 5), "50 to 100000 samples, got 49"),
        ((60, 1), "2 to 400 columns, got 1"),
        ((60, 401), "2 to 400 columns, got 401"),
        ((100_001, 2), "got 100001"),
        ((30_000, 400), "at most 10,000,000, got 12,000,000"),
        ((60,), "got 1 dimensions"),
        ((60, 5, 2), "got 3 dimensions"),
        ((0, 5), "got 0"),
    ],
)
def test_sizes_that_are_refused(shape, words):
    with pytest.raises(ValueError, match=words):
        uploads.parse(npz(x=np.zeros(shape, np.uint8)), "a.npz")


def test_rows_of_unequal_length_and_empty_files(x):
    with pytest.raises(ValueError, match="row 61 of the CSV file has 2 values, the first has 5"):
        uploads.parse(csv(x) + b"1,0\n", "a.csv")
    with pytest.raises(ValueError, match="got 0"):
        uploads.parse(b"", "a.csv")
    with pytest.raises(ValueError, match="got 0"):
        uploads.parse(b"a,b,c\n", "a.csv")


@pytest.mark.parametrize(
    ("contents", "name", "words"),
    [
        (b"\xff\xfe\x00", "a.csv", "not text in UTF-8"),
        (b"no zip", "a.npz", "cannot be read"),
        (b"0,1\n", "a.txt", "must end in .csv or .npz"),
        (npz(a=np.zeros((60, 5)), b=np.zeros((60, 5))), "a.npz", "one array, or one named 'x'"),
        (npz(x=np.array([["1"] * 5] * 60)), "a.npz", "numbers or truth values"),
        (npz(x=np.zeros((60, 5), complex)), "a.npz", "numbers or truth values"),
        (zipped("x.npy", b"\x93NUMPY\x01\x00"), "a.npz", "cannot be read"),
        (zipped("x.npy", b"nothing of the kind"), "a.npz", "cannot be read"),
        (zipped("x.npy", b"\x93NUMPY\x02\x00" + b"\xff" * 100), "a.npz", "plain table"),
        (zipped("readme.txt", b"hello"), "a.npz", "one array"),
    ],
)
def test_files_that_are_not_what_they_should_be(contents, name, words):
    with pytest.raises(ValueError, match=words):
        uploads.parse(contents, name)


def test_pickles_are_never_opened(x):
    buffer = io.BytesIO()
    np.save(buffer, np.array([[print]], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="numbers or truth values"):
        uploads.parse(zipped("x.npy", buffer.getvalue()), "a.npz")


def test_a_header_that_lies_costs_no_memory():
    """Shape and type are held to the limits before anything of that size is made."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 400)})
    with pytest.raises(ValueError, match="got 1000000000"):
        uploads.parse(zipped("x.npy", header.getvalue()), "a.npz")
    short = io.BytesIO()
    np.lib.format.write_array_header_1_0(short, {"descr": "<f8", "fortran_order": False, "shape": (60, 5)})
    with pytest.raises(ValueError, match="cannot be read"):
        uploads.parse(zipped("x.npy", short.getvalue() + b"\0" * 8), "a.npz")


def refusal(contents: bytes) -> str:
    """Why an NPZ file is refused, empty if it is taken; any other exception is a failure of the test."""
    try:
        uploads.parse(contents, "a.npz")
    except ValueError as error:
        return str(error)
    return ""


def damaged(contents: bytes, rng: np.random.Generator) -> bytes:
    """The same with up to three bytes changed; one in four is cut short as well."""
    changed = bytearray(contents)
    for at in rng.integers(0, len(contents), rng.integers(1, 4)):
        changed[at] = rng.integers(256)
    end = len(contents) if rng.random() < 0.75 else rng.integers(len(contents) // 2, len(contents))
    return bytes(changed[:end])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing")
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_damaged_files_are_refused_in_words(x):
    """Whatever byte of a good archive, or of the array in it, is changed: the answer is samples or a sentence."""
    rng, inner = np.random.default_rng(0), io.BytesIO()
    np.save(inner, x)
    archives = [damaged(npz(x=x), rng) for _ in range(1500)]
    arrays = [zipped("x.npy", damaged(inner.getvalue()[:140], rng) + inner.getvalue()[140:]) for _ in range(1500)]
    for kind in (archives, arrays):
        sentences = [text for text in map(refusal, kind) if text]
        assert len(sentences) > 400
        assert all("\n" not in text and len(text) < 400 for text in sentences)


def test_too_many_bytes_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "big.csv"
    path.write_bytes(b"0" * (uploads.MAX_BYTES + 1))
    with pytest.raises(ValueError, match="larger than 5 MB"):
        uploads.read(path)
    with pytest.raises(ValueError, match="larger than 5 MB"):
        uploads.parse(path.read_bytes(), path.name)
    with pytest.raises(ValueError, match="No such file"):
        uploads.read(tmp_path / "nowhere.csv")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EBGFN_HOME", str(tmp_path))
    return tmp_path


def test_kept_samples_come_back_and_their_name_is_a_digest(home, x):
    path = store.keep_upload(x)
    assert path.parent == home / "uploads"
    assert len(path.stem) == 64
    assert set(path.stem) <= set("0123456789abcdef")
    assert np.array_equal(IsingConfig(path=str(path)).data(), x)
    assert store.keep_upload(x.copy()) == path
    assert store.keep_upload(1 - x) != path
    assert len(list((home / "uploads").iterdir())) == 2


def test_only_the_newest_stay_and_those_that_a_run_still_reads(home, x, monkeypatch):
    monkeypatch.setattr(store, "MAX_UPLOADS", 3)
    needed = store.keep_upload(x)
    store.create(home / "runs" / "waits", IsingConfig(path=str(needed)), store.Status("queued", 1.0, 1.0))
    store.create(home / "runs" / "other", IsingConfig(), store.Status("queued", 1.0, 1.0))
    os.utime(needed, (1, 1))
    paths = []
    for i in range(5):
        y = x.copy()
        y[i] = 1 - y[i]
        paths.append(store.keep_upload(y))
        os.utime(paths[-1], (10 + i, 10 + i))
    assert needed.exists()
    assert [path.exists() for path in paths] == [False, False, True, True, True]


def test_what_would_not_be_read_again_is_not_kept(home, monkeypatch, x):
    monkeypatch.setattr(uploads, "MAX_BYTES", 50)
    with pytest.raises(ValueError, match="fewer rows"):
        store.keep_upload(x)
    assert not list(home.glob("uploads/*"))


def test_a_kept_file_goes_once_no_run_names_it(home, x):
    path = store.keep_upload(x)
    config = IsingConfig(path=str(path))
    assert store.kept_file(config) == path
    run = store.create(home / "runs" / "one", config, store.Status("done", 1.0, 1.0))
    other = store.create(home / "runs" / "other", config, store.Status("done", 1.0, 1.0))
    store.drop_file(path)
    store.delete(run)
    assert path.exists()
    store.delete(other)
    assert not path.exists()
    assert store.kept_file(IsingConfig(path=str(home / "elsewhere.npz"))) is None
    assert store.kept_file(IsingConfig()) is None
