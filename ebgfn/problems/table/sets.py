"""Tables by name: binary ones on which probabilistic circuits are compared, with fixed splits, and small ones.

The former are from github.com/arranger1044/DEBD, which names no licence and asks to cite the papers that introduced each:
nltcs, plants, baudio, jester, bnetflix: Lowd and Davis, ICDM 2010; accidents: Van Haaren and Davis, AAAI 2012; mushrooms,
dna: Larochelle and Murray, AISTATS 2011. They are downloaded and not shipped. The latter come with scikit-learn, from the
UCI Machine Learning Repository (CC BY 4.0), and diabetes from Efron et al., "Least angle regression", 2004.
"""

import hashlib
import lzma
import os
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ebgfn.problems.downloads import DATA_DIR, DataUnavailable, fetch

SPLITS = ("train", "valid", "test")
BINARY = {
    "nltcs": 16, "plants": 69, "baudio": 100, "jester": 100, "bnetflix": 100, "accidents": 111, "mushrooms": 112, "dna": 180,
}  # fmt: skip
SMALL = ("breast-cancer", "iris", "wine", "diabetes")
TABLES = (*SMALL, *BINARY)
MIRRORS = tuple(f"https://raw.githubusercontent.com/arranger1044/DEBD/{at}/datasets/" for at in ("8509086", "master"))
SHA256 = {
    "nltcs.test.data": "f9ffa6b74b27dc03bee3203d157ee31079e80b13be40d0c0093d635c25aed523",
    "nltcs.train.data": "e547a7aedad1dd2f7177030881ab1b92c7e24ae5464c71a0f1f89daecaf52b30",
    "nltcs.valid.data": "93bbbf5c6febdc9bc6e5b5bfab636f4dc0685ab2896d24b23dd267794c3bfcf6",
    "plants.test.data": "95f53c033cd1d86467aec2610dc5bfe014534206c2da4919f73bcab246ab8755",
    "plants.train.data": "1fb1219ff94068d12a563f9e81f8889a1885f41e867884cff608669300c6848f",
    "plants.valid.data": "47834ed318b2d74f48e4b083226ef47fd446d41986012ceae19d230574821b34",
    "baudio.test.data": "1474f3206f1f35e099803a0f40b0cd209bdc8d787825095ef6cb23fd87ed0d05",
    "baudio.train.data": "b1ec73f4aa9d4ce48b465ded865cc3d22b3f68cf6258f9e15fbef8902138add1",
    "baudio.valid.data": "7164d8a4943f74953f0e982002d84693fdf483e17f69e7407dc939c5ce5622fe",
    "jester.test.data": "346044fb561cf18f284f7e9d5896178b03048991b6ebb6f7482885fccbc16082",
    "jester.train.data": "dd93578c3359d5b234bb278bf0901c5215d83b910f7d51d7c91951a0a4c244cd",
    "jester.valid.data": "91df833941e189265345898d3f63211560c2456df599f34beee8e95381ee7524",
    "bnetflix.test.data": "af73990782fd2f146d96059855c4f3bbb6a7a7caefc417ff620a3ed1415a2395",
    "bnetflix.train.data": "73c87cf0635ec734cc0726a5c644b904ff33e81ea51f1049db0e77b787ebad7c",
    "bnetflix.valid.data": "7f0a3e597c6f305f707f9ecd2b2aa523c576cdb17fdc5d902fc832ebea5163de",
    "accidents.test.data": "df3f1b6c035bf3e306a7d7127320e479d2546ce14a5d6d3043e6be0925b8b414",
    "accidents.train.data": "a76648cf00772c275b4277b21d858e235e3c6d3c5ef30beeb4958189b6bed21c",
    "accidents.valid.data": "fd3a80a0f411f157cf3772a057d26980bb166cb89b10cafb818a53f1ec30d46d",
    "mushrooms.test.data": "313c5f04b5d0a18bee2f2ffa264be265d09f5362aad6f714637acd9552f81aa0",
    "mushrooms.train.data": "465c712c066bbbee3ccceded24bbe42b4c379df67b524e28cce9bf3a8b83f27b",
    "mushrooms.valid.data": "5a067e6854df71623415e6adc8e913cbff766637a324788882ba800907aa5385",
    "dna.test.data": "fec3ae7b26804020a9c43c99828441c5e08bb76b23719368a74ad2b09af99100",
    "dna.train.data": "bb8de0ca4b6ad9b610036b7a302962ebecd4b504354b14c02c7d0bee48d207d9",
    "dna.valid.data": "4b0fc89cda5eaf5c75926e281afb6af99de194a546070d5b81b524ba251f4f3f",
}


def binary(name: str, split: str) -> UInt8[np.ndarray, "rows dim"]:
    """Rows of one of the binary tables; downloaded where they are not here. Errors: DataUnavailable."""
    file = f"{name}.{split}.data"
    data = _unpacked(file)
    if data is None:
        data = fetch(f"debd/{file}", SHA256[file], tuple(f"{mirror}{name}/" for mirror in MIRRORS)).read_bytes()
    values = np.frombuffer(data.replace(b",", b"").replace(b"\n", b"").replace(b"\r", b""), np.uint8) - ord("0")
    return values.reshape(-1, BINARY[name])


def small(name: str) -> Any:
    """One of scikit-learn's tables as a pandas.DataFrame of texts, as a file of it would be read."""
    from sklearn import datasets

    from ebgfn.problems.table import files

    load = {
        "breast-cancer": datasets.load_breast_cancer, "iris": datasets.load_iris, "wine": datasets.load_wine,
        "diabetes": lambda **how: datasets.load_diabetes(scaled=False, **how),
    }[name]  # fmt: skip
    found = load(as_frame=True)
    table = found.frame
    if "target_names" in found:
        table = table.assign(target=[str(found.target_names[number]) for number in table["target"]])
    return files.parse(table.to_csv(index=False).encode(), f"{name}.csv", header=True)


def _unpacked(file: str) -> bytes | None:
    """A file that lies packed in the user's folder; None if none does."""
    if not os.environ.get(DATA_DIR):
        return None
    path = Path(os.environ[DATA_DIR]) / "debd" / f"{file}.xz"
    if not path.is_file():
        return None
    data = lzma.decompress(path.read_bytes())
    if hashlib.sha256(data).hexdigest() != SHA256[file]:
        raise DataUnavailable(f"{path} is damaged or another file: the SHA-256 of what it holds is not {SHA256[file]}")
    return data
