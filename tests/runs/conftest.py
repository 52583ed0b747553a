"""Every test has a run folder of its own."""

import time
from pathlib import Path

import pytest

from ebgfn.runs import store
from ebgfn.runs.folder import RunFolder, Status
from tests.runs.fake import CONFIG


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EBGFN_HOME", str(tmp_path / "home"))
    for name in ("EBGFN_HOSTED", "EBGFN_MAX_JOBS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> RunFolder:
    """A run that a worker may take up."""
    return store.create(home / "runs" / "one", CONFIG, Status("running", created=time.time(), heartbeat=time.time()))
