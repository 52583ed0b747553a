"""Machines for the tests of the pages: without models, and with one small shipped model."""

import functools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner

from ebgfn.files import write_json
from ebgfn.model import Model
from ebgfn.runs import jobs
from ebgfn.ui.plane import run_pictures
from tests import tiny

# Pixels of a side of a picture, and draws that are counted for one.
COARSE, FEW_DRAWS = 32, 50_000
CARD = {
    "command": "python -m ebgfn train toy2d --dataset 8gaussians",
    "machine": "a test",
    "train_seconds": 1.0,
    "steps": tiny.STEPS,
    "gfn_nll": 20.5,
    "gfn_nll_se": 0.01,
    "ebm_nll": 20.25,
    "ebm_nll_se": 0.02,
    "log_z": 0.125,
    "log_z_se": 0.002,
    "log_z_lower": 0.125,
    "log_z_sampler": 0.125,
    "log_z_annealed": 0.115,
    "refuted": False,
    "highest_log_p": -16.5,
    "spurious_mass": 0.0,
    "ess": 0.75,
    "mh_acceptance": 0.8125,
    "mmd": 1e-5,
    "mmd_se": 1e-6,
    "mmd_data": -2e-6,
    "entropy_floor": 19.979,
}


@pytest.fixture(scope="session")
def small() -> Model:
    """A model of 8gaussians, at full resolution."""
    return tiny.trained()


@pytest.fixture(scope="session")
def coarse() -> Model:
    """A model of 8gaussians at 4 bits an axis: small enough to be exact."""
    return tiny.trained(bits=4)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Home of a machine without shipped models and without runs."""
    # Cached data are known by their folders, and these are new.
    st.cache_resource.clear()
    monkeypatch.setenv("EBGFN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EBGFN_CHECKPOINTS", str(tmp_path / "checkpoints"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture(scope="session")
def shipped_once(tmp_path_factory: pytest.TempPathFactory, small: Model) -> Path:
    """A folder of shipped models that holds one."""
    from ebgfn.ui.plane import preview

    folder = tmp_path_factory.mktemp("shipped") / "toy2d-8gaussians"
    small.save(folder)
    write_json(folder / "card.json", CARD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preview, "DRAWS", FEW_DRAWS)
        preview.save(preview.compute(folder, side=COARSE, trajectories=1), folder)
    return folder.parent


@pytest.fixture
def stocked(machine: Path, shipped_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Home of a machine with one shipped model: 8gaussians."""
    shutil.copytree(shipped_once, machine.parent / "checkpoints")
    return machine


@pytest.fixture(autouse=True)
def _coarse_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run that is at rest: at their full size they take seconds, of a data set that is not shipped as well."""
    monkeypatch.setattr(run_pictures, "SIDE", COARSE)
    monkeypatch.setattr(run_pictures, "DRAWS", FEW_DRAWS)


@pytest.fixture(autouse=True)
def _no_worker_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages prepare a process for the run that they may start."""
    monkeypatch.setattr(jobs, "prepare", lambda: None)


@pytest.fixture(autouse=True, scope="session")
def _one_scan_of_packages() -> Iterator[None]:
    """Each visit starts a runtime, which looks through all installed packages for components: a tenth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        yield
