"""Sets of images: parts and binarisation, what comes with the project, and files that are missing or damaged."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from ebgfn.problems import downloads
from ebgfn.problems.images import sets
from ebgfn.problems.images.stream import BinaryImages

NOWHERE = ("http://127.0.0.1:9/",)
NAME = "mnist/t10k-labels-idx1-ubyte.gz"

mnist = pytest.mark.skipif(not sets.available("mnist"), reason="MNIST is not on this machine")
omniglot = pytest.mark.skipif(not sets.available("omniglot"), reason="Omniglot is not on this machine")


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A machine without data and without a network."""
    monkeypatch.setenv("EBGFN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EBGFN_DATA_DIR", raising=False)
    monkeypatch.setattr(sets, "MIRRORS", {"mnist": NOWHERE, "omniglot": NOWHERE})
    return tmp_path


def test_digits_are_always_there():
    parts = [sets.read("digits", split) for split in sets.SPLITS]
    assert [part.grey.shape for part in parts] == [(1297, 64), (200, 64), (300, 64)]
    assert sum(len(part.labels) for part in parts) == 1797
    assert all(set(part.labels) == set(range(10)) for part in parts)
    assert sets.available("digits")
    together = np.concatenate([part.grey for part in parts])
    assert 0.3 < (together >= 128).mean() < 0.5


def test_static_images_do_not_change():
    found = sets.read("digits", "test")
    assert np.array_equal(found.bits(np.random.default_rng(0)), found.bits(np.random.default_rng(1)))
    assert np.array_equal(sets.binarised_test("digits"), found.static())


def test_dynamic_pixels_have_their_grey_level_as_mean():
    grey = np.tile(np.arange(0, 256, 5, dtype=np.uint8), (4000, 1))
    drawn = sets.Images(grey, np.zeros(4000, np.int64), dynamic=True).bits(np.random.default_rng(0))
    p = grey[0] / 255
    assert (np.abs(drawn.mean(0) - p) <= 4.5 * np.sqrt(p * (1 - p) / 4000)).all()


def test_the_stream_visits_all_and_tells_the_means():
    grey = np.repeat(np.arange(10, dtype=np.uint8)[:, None] * 25, 16, axis=1)
    stream = BinaryImages(sets.Images(grey, np.arange(10), dynamic=True), seed=0)
    x, mean = stream.draw_with_means(10)
    assert sorted((mean[:, 0] * 255).round().int().tolist()) == sorted(grey[:, 0].tolist())
    assert ((x == 0) | (x == 1)).all()
    again = BinaryImages(sets.Images(grey, np.arange(10), dynamic=True), seed=0)
    assert (again.draw(10) == x).all()
    other = BinaryImages(sets.Images(grey, np.arange(10), dynamic=True), seed=0, place=(1,))
    assert (other.draw(10) != x).any()


def test_shipped_digits_are_500_of_all_kinds():
    bits, labels = sets.shipped_digits()
    assert bits.shape == (500, 784)
    assert set(np.unique(bits)) == {0, 1}
    assert (np.bincount(labels, minlength=10) >= 30).all()
    assert 0.1 < bits.mean() < 0.16


@mnist
def test_shipped_digits_are_those_of_the_test_set():
    bits, labels = sets.shipped_digits()
    assert np.array_equal(bits, sets.binarised_test("mnist")[:: sets.SHIPPED_EVERY])
    assert np.array_equal(labels, sets.read("mnist", "test").labels[:: sets.SHIPPED_EVERY])


@mnist
def test_parts_of_mnist():
    sizes = [sets.read("mnist", split).grey.shape for split in sets.SPLITS]
    assert sizes == [(50_000, 784), (10_000, 784), (10_000, 784)]


@mnist
def test_static_mnist_is_the_same_images_by_threshold():
    dynamic, static = (sets.read(name, "test") for name in ("mnist", "mnist-static"))
    assert np.array_equal(dynamic.grey, static.grey)
    assert np.array_equal(sets.binarised_test("mnist-static"), dynamic.grey >= 128)
    assert not np.array_equal(sets.binarised_test("mnist-static"), sets.binarised_test("mnist"))


@omniglot
def test_drawers_of_omniglot_are_in_one_part_only(tmp_path, monkeypatch):
    monkeypatch.setenv("EBGFN_HOME", str(tmp_path))
    train, validation, test = (sets.read("omniglot", split) for split in sets.SPLITS)
    assert len(train.labels) == 8 * len(validation.labels) == 8 * len(test.labels)
    assert np.array_equal(np.unique(train.labels), np.unique(test.labels))
    assert (tmp_path / "data" / sets.OMNIGLOT_CACHE).is_file()
    (tmp_path / "data" / sets.OMNIGLOT_CACHE).write_bytes(b"damaged")
    assert np.array_equal(sets.read("omniglot", "test").grey, test.grey)


def drawing(at: int) -> bytes:
    picture = Image.new("1", (105, 105), 1)
    picture.paste(0, (at, 10, at + 3, 95))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def test_small_omniglot(empty, monkeypatch):
    """Two archives that share an alphabet: each drawing counts once, thin lines stay, drawers decide the part."""
    digests = {}
    for number, alphabets in ((1, "AB"), (2, "BC")):
        path = empty / f"images_background_small{number}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for alphabet in alphabets:
                for drawer in range(1, 21):
                    name = f"small{number}/{alphabet}/character01/0001_{drawer:02d}.png"
                    archive.writestr(name, drawing(10 + ord(alphabet) % 8 * 8))
        digests[f"omniglot/{path.name}"] = downloads._digest(path)
    monkeypatch.setenv("EBGFN_DATA_DIR", str(empty))
    monkeypatch.setitem(sets.FILES, "omniglot", digests)
    parts = [sets.read("omniglot", split) for split in sets.SPLITS]
    assert [len(part.labels) for part in parts] == [48, 6, 6]
    bits = parts[0].static().reshape(-1, 28, 28)
    assert (bits[:, 6:22].sum(2) >= 1).all(), "a line three pixels wide is not interrupted"


def test_without_network_the_message_says_where_to_put_the_file(empty):
    with pytest.raises(downloads.DataUnavailable) as caught:
        sets.read("mnist", "test")
    for part in ("train-images-idx3-ubyte.gz", "127.0.0.1", "EBGFN_DATA_DIR", "not set", str(empty / "home")):
        assert part in str(caught.value)
    assert not sets.available("mnist")


def test_a_damaged_file_of_the_user_is_refused(empty, monkeypatch):
    (empty / "mnist").mkdir()
    (empty / NAME).write_bytes(b"not the labels")
    monkeypatch.setenv("EBGFN_DATA_DIR", str(empty))
    with pytest.raises(downloads.DataUnavailable, match="damaged or another file"):
        downloads.find(NAME, sets.FILES["mnist"][NAME])
    assert (empty / NAME).read_bytes() == b"not the labels"


def test_a_damaged_file_of_the_cache_does_not_count(empty):
    kept = downloads.cache() / NAME
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"half of it")
    assert downloads.find(NAME, sets.FILES["mnist"][NAME]) is None


def test_idx_files(tmp_path):
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(struct.pack(">4B3i", 0, 0, 8, 3, 2, 3, 4) + values.tobytes()))
    assert np.array_equal(sets._idx(path), values)


@pytest.mark.parametrize(("name", "split"), [("cifar", "test"), ("mnist", "all")])
def test_unknown_names_are_refused(name, split):
    with pytest.raises(ValueError, match="one of mnist, mnist-static, omniglot, digits"):
        sets.read(name, split)
