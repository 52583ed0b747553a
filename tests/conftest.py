"""Shapes and types of the package are checked while tests run; how tests are shared out and which of them are slow.

A test is slow if it opens a page, or if it, all its cases together, takes more than about half a second of one core: `slow`
marks these, and `make check` leaves them out. In slow tests shapes are not checked: that would take up to half of their
time, and the others call the same functions.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxtyping import install_import_hook

from tests import checker

install_import_hook("ebgfn", "tests.checker.checked")

import pytest  # noqa: E402
import torch  # noqa: E402

from ebgfn.nets.products import use_onednn  # noqa: E402
from ebgfn.train import noise  # noqa: E402

# Two test processes share two cores, and results must not depend on how work was cut between threads.
torch.set_num_threads(1)
use_onednn()

WHOLE_BEGINNING = noise.STEPS
HERE = Path(__file__).parent
BROWSER = HERE / "browser"
PAGES = (HERE / "app", BROWSER)


@pytest.fixture(autouse=True)
def _energies_begin_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits an energy to the noise takes seconds at its full length."""
    monkeypatch.setattr(noise, "STEPS", 20)


@pytest.fixture
def whole_beginning(monkeypatch: pytest.MonkeyPatch, _energies_begin_soon: None) -> None:
    """For tests of that length."""
    monkeypatch.setattr(noise, "STEPS", WHOLE_BEGINNING)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent in PAGES:
            item.add_marker(pytest.mark.slow)
    # What takes long begins first, else it would be waited for at the end.
    items.sort(key=lambda item: (item.path.parent != BROWSER, item.get_closest_marker("slow") is None))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    checker.switch(on=item.get_closest_marker("slow") is None)
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile` a file stays in one process, as its fixtures are dear, and so does the whole browser."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            browser = "tests/browser/"
            return browser if nodeid.startswith(browser) else super()._split_scope(nodeid)

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None
