"""The wheel brings all that the app and the library need, and works where there is no checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import ebgfn
from ebgfn import bundle

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
HOME = "ebgfn/_bundle"


def call(*arguments: object, cwd: Path, **environment: str) -> str:
    """What `python ARGUMENTS` prints."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for backend in ("hatchling", "hatch_requirements_txt"):
        pytest.importorskip(backend)
    folder = tmp_path_factory.mktemp("wheel")
    call("-m", "pip", "wheel", ROOT, "--no-deps", "--no-build-isolation", "--quiet", "-w", folder, cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


def tracked(*folders: str) -> set[str]:
    """Files of a checkout's folders, as the wheel should hold them."""
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}


def test_contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        about = archive.read(f"ebgfn-{ebgfn.__version__}.dist-info/METADATA").decode()
    beside = tracked("pages", "assets", "checkpoints") | {"app.py", ".streamlit/config.toml"}
    assert len(list(ROOT.glob("checkpoints/*/model.safetensors"))) > 10
    info = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    assert names - info == {f"{HOME}/{name}" for name in beside} | tracked("ebgfn")
    needed = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    assert len(needed) == about.count("Requires-Dist: ")
    assert all(f"Requires-Dist: {line.split('>')[0]}" in about for line in needed)


def test_it_runs_without_a_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    here = tmp_path / "elsewhere"
    here.mkdir()
    site = {"PYTHONPATH": str(tmp_path / "site"), "EBGFN_HOME": str(tmp_path / "home")}
    call("-m", "ebgfn", "sample", "toy2d-moons", "-n", 10, "--seed", 3, "--out", "s.npz", cwd=here, **site)
    with np.load(here / "s.npz") as drawn:
        np.testing.assert_array_equal(drawn["x"], ebgfn.load("toy2d-moons").sample(10, seed=3))
    code = (
        "from ebgfn import bundle; from ebgfn.problems.images import sets; print(bundle.root()); sets.shipped_digits()"
    )
    assert call("-c", code, cwd=here, **site).strip() == str(tmp_path / "site" / HOME)


def test_in_a_checkout_all_lies_beside_the_package():
    assert bundle.root() == ROOT
    for name in ("app.py", ".streamlit/config.toml", "pages/overview.py", "assets/style.css", "checkpoints"):
        assert (bundle.root() / name).exists()
