"""Files of samples: what is written is read back, and what is none of ours is refused in a sentence."""

import io

import numpy as np
import pytest

import ebgfn
from ebgfn import samples

X = np.random.default_rng(0).integers(0, 2, (7, 5)).astype(np.uint8)


def put(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_arrays_come_back_with_what_is_known_of_them(tmp_path):
    energy = np.linspace(0, 1, 7)
    data = samples.to_npz(X, about={"model": "mine", "seed": 3}, energy=energy, source=np.array(["a"] * 7))
    back = ebgfn.load_samples(put(tmp_path, "mine.npz", data))
    assert np.array_equal(back.x, X)
    assert np.array_equal(back.others["energy"], energy)
    assert back.others["source"].tolist() == ["a"] * 7
    assert back.about == {"model": "mine", "seed": 3}


def test_chains_keep_their_shape(tmp_path, monkeypatch):
    chains = np.stack([X, 1 - X])
    assert np.array_equal(ebgfn.load_samples(put(tmp_path, "c.npz", samples.to_npz(chains))).x, chains)
    monkeypatch.setattr(samples, "MOST_COMPRESSED", 0)
    assert np.array_equal(ebgfn.load_samples(put(tmp_path, "c.npz", samples.to_npz(chains))).x, chains)


def test_lines_come_back_with_their_columns(tmp_path):
    point = np.array([0.1, -2.5, 3.0, 1e-7, 12345.678, 0.0, 1.0])
    text = samples.to_csv(X, x=point, source=["exact"] * 7, accepted=["", 1, 0, 1, 0, 1, 0])
    back = ebgfn.load_samples(put(tmp_path, "mine.csv", text))
    assert np.array_equal(back.x, X)
    np.testing.assert_allclose(back.others["x"], point, rtol=1e-8)
    assert back.others["source"].tolist() == ["exact"] * 7
    assert np.isnan(back.others["accepted"][0])
    assert back.others["accepted"][1:].tolist() == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("names", [None, ("a", "b, c", "d", "e", 'f"')])
def test_tables_come_back_with_their_names(tmp_path, names):
    back = ebgfn.load_samples(put(tmp_path, "mine.csv", samples.to_table(X, names)))
    assert np.array_equal(back.x, X)
    assert back.names == (names or ("x1", "x2", "x3", "x4", "x5"))


def _archive(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b""),
        ("a.csv", b"x1,x2\n"),
        ("a.csv", b"x1,x2\n0,1\n1\n"),
        ("a.csv", b"x1,x2\n0,2\n"),
        ("a.csv", b"bits\n01\n012\n"),
        ("a.csv", b"\xff\xfe"),
        ("a.npz", b"PK nothing"),
        ("a.npz", _archive(y=X)),
        ("a.npz", _archive(x=X + 1)),
        ("a.npz", _archive(x=np.array([None], dtype=object))),
    ],
)
def test_other_files_are_refused_in_a_sentence(tmp_path, name, data):
    with pytest.raises(ValueError, match="holds no samples as ebgfn writes them"):
        ebgfn.load_samples(put(tmp_path, name, data))
