"""Sets of binary images: MNIST and Omniglot at 28 x 28, scikit-learn's digits at 8 x 8, which need no download.

MNIST is dynamic: a pixel is 1 with the probability that its grey level tells, anew at each visit; the test set is drawn
once. All others are static, by a threshold at half: `mnist-static` are the same images so.

MNIST: LeCun, Cortes, Burges, CC BY-SA 3.0. Omniglot, small background sets: Lake, Salakhutdinov, Tenenbaum, MIT. Digits:
Alpaydin and Kaynak, UCI Machine Learning Repository, CC BY 4.0.
"""

import gzip
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from ebgfn import bundle
from ebgfn.files import write_bytes
from ebgfn.problems.downloads import DataUnavailable, cache, fetch, find

IMAGE_SETS = ("mnist", "mnist-static", "omniglot", "digits")
SPLITS = ("train", "validation", "test")
SIDES = {"mnist": 28, "mnist-static": 28, "omniglot": 28, "digits": 8}
TEST_SEED = 20_260_101
SHIPPED = bundle.root() / "assets" / "mnist_test_500.npz"
SHIPPED_EVERY = 20

MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
OMNIGLOT_MIRRORS = (
    "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
    "https://github.com/brendenlake/omniglot/raw/master/python/",
)
FILES = {
    "mnist": {
        "mnist/train-images-idx3-ubyte.gz": "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
        "mnist/train-labels-idx1-ubyte.gz": "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
        "mnist/t10k-images-idx3-ubyte.gz": "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
        "mnist/t10k-labels-idx1-ubyte.gz": "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
    },
    "omniglot": {
        "omniglot/images_background_small1.zip": "f38eb80f801274ac2b4dff5b24289016bfaba4a7d5bb50deebf27104ad6cb8a4",
        "omniglot/images_background_small2.zip": "3ccaa407515a8778e5d0861875af38b17e418f301ad5bb3b5a6b65d901a41c7f",
    },
    "digits": {},
}
# What a set is made from.
ARCHIVES = {"mnist": "mnist", "mnist-static": "mnist", "omniglot": "omniglot", "digits": "digits"}
MIRRORS = {"mnist": MNIST_MIRRORS, "omniglot": OMNIGLOT_MIRRORS}
# Of MNIST's training file the first 50,000, as is usual; of Omniglot's twenty drawers; of the digits in random order.
MNIST_TRAIN, OMNIGLOT_DRAWERS, DIGITS_ENDS = 50_000, (16, 18), (1297, 1497)
# Omniglot's lines are about 3 of 105 pixels wide; means over areas, cut at half, keep them whole: of 600 drawings 98 of 100
# have as many connected parts as before, against 96 and 94 if lines are first made 3 or 5 pixels wider.
OMNIGLOT_CACHE = "omniglot/28x28.npz"

Pixels = UInt8[np.ndarray, "images dim"]


@dataclass(frozen=True)
class Images:
    """Grey levels 0..255 of square images, row by row, with what they show; `dynamic`: pixels are drawn from them."""

    grey: Pixels
    labels: Int[np.ndarray, " images"]
    dynamic: bool

    def static(self) -> Pixels:
        """Bits by a threshold at half."""
        return (self.grey >= 128).astype(np.uint8)

    def bits(self, rng: np.random.Generator) -> Pixels:
        """One binarisation: drawn where dynamic, else by threshold."""
        if not self.dynamic:
            return self.static()
        return (rng.random(self.grey.shape, dtype=np.float32) * 255 < self.grey).astype(np.uint8)


def available(name: str) -> bool:
    """Whether a set can be read without a network."""
    return all(find(file, digest) is not None for file, digest in FILES[ARCHIVES[name]].items())


def ensure(name: str) -> list[Path]:
    """The files of a set, downloaded if need be. Errors: DataUnavailable."""
    archive = ARCHIVES[name]
    return [fetch(file, digest, MIRRORS[archive]) for file, digest in FILES[archive].items()]


def read(name: str, split: str) -> Images:
    """One part of a set, downloaded if need be. Errors: ValueError for unknown names, DataUnavailable."""
    if name not in IMAGE_SETS or split not in SPLITS:
        raise ValueError(f"a set is one of {', '.join(IMAGE_SETS)}, a part one of {', '.join(SPLITS)}")
    if name == "digits":
        return _digits(split)
    paths = ensure(name)
    return _omniglot(paths, split) if name == "omniglot" else _mnist(paths, split, dynamic=name == "mnist")


def binarised_test(name: str) -> Pixels:
    """The test set, binarised once and for all."""
    return read(name, "test").bits(np.random.default_rng(TEST_SEED))


def any_test_images(name: str) -> Pixels:
    """Test images that can be had at once: of MNIST the 500 that come with the project where there is no more."""
    return shipped_digits()[0] if name == "mnist" and not available(name) else binarised_test(name)


def shipped_digits() -> tuple[Pixels, Int[np.ndarray, " images"]]:
    """500 of MNIST's test digits with their labels: every 20th of `binarised_test`."""
    with np.load(SHIPPED, allow_pickle=False) as kept:
        return np.unpackbits(kept["bits"], axis=1), kept["labels"].astype(np.int64)


def _mnist(paths: list[Path], split: str, *, dynamic: bool) -> Images:
    images, labels = paths[2:] if split == "test" else paths[:2]
    rows = {"train": slice(MNIST_TRAIN), "validation": slice(MNIST_TRAIN, None), "test": slice(None)}[split]
    return Images(_idx(images).reshape(-1, 784)[rows], _idx(labels).astype(np.int64)[rows], dynamic)


def _idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """An array of bytes in LeCun's IDX format: its number of axes and their lengths precede it."""
    contents = gzip.decompress(path.read_bytes())
    axes = contents[3]
    shape = np.frombuffer(contents, ">i4", count=axes, offset=4)
    return np.frombuffer(contents, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _digits(split: str) -> Images:
    from sklearn.datasets import load_digits

    levels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    first, second = DIGITS_ENDS
    rows = {"train": order[:first], "validation": order[first:second], "test": order[second:]}[split]
    grey = np.round(np.asarray(levels) * (255 / 16)).astype(np.uint8)
    return Images(grey[rows], np.asarray(labels)[rows].astype(np.int64), dynamic=False)


def _omniglot(archives: list[Path], split: str) -> Images:
    kept = cache() / OMNIGLOT_CACHE
    try:
        with np.load(kept, allow_pickle=False) as found:
            grey, labels, drawers = found["grey"], found["labels"], found["drawers"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        grey, labels, drawers = _drawings(archives)
        _keep(kept, grey, labels, drawers)
    first, second = OMNIGLOT_DRAWERS
    chosen = {
        "train": drawers <= first,
        "validation": (drawers > first) & (drawers <= second),
        "test": drawers > second,
    }
    return Images(grey[chosen[split]], labels[chosen[split]], dynamic=False)


def _keep(path: Path, grey: np.ndarray, labels: np.ndarray, drawers: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, grey=grey, labels=labels, drawers=drawers)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, buffer.getvalue())
    except OSError:
        pass  # a cache that cannot be written only costs the seconds again


def _drawings(archives: list[Path]) -> tuple[Pixels, Int[np.ndarray, " images"], Int[np.ndarray, " images"]]:
    """All drawings of both archives, which share some alphabets, with the number of the character and of the drawer."""
    found: dict[str, bytes] = {}
    for archive in archives:
        with zipfile.ZipFile(archive) as zipped:
            names = [name for name in zipped.namelist() if name.endswith(".png")]
            found |= {"/".join(name.split("/")[1:]): zipped.read(name) for name in names}
    characters = sorted({os.path.dirname(name) for name in found})
    number = {character: i for i, character in enumerate(characters)}
    names = sorted(found)
    grey = np.stack([_shrunk(found[name]) for name in names])
    labels = np.array([number[os.path.dirname(name)] for name in names])
    return grey, labels, np.array([int(name.removesuffix(".png").rsplit("_", 1)[1]) for name in names])


def _shrunk(png: bytes) -> UInt8[np.ndarray, " dim"]:
    """A 105 x 105 drawing at 28 x 28, ink bright."""
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=["PNG"]) as drawing:
        ink = drawing.convert("L").point(lambda level: 255 - level)
        return np.asarray(ink.resize((28, 28), Image.Resampling.BOX)).reshape(-1)


__all__ = [
    "IMAGE_SETS",
    "SIDES",
    "SPLITS",
    "DataUnavailable",
    "Images",
    "any_test_images",
    "available",
    "binarised_test",
    "read",
    "shipped_digits",
]
