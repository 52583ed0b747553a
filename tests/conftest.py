"""Shapes and types of the package are checked while tests run; how tests are shared out and which of them are slow.

A test is slow if it opens a page, or if it or its fixtures take more than about a second of one core: `slow` marks these,
and `make check` leaves them out.
"""

from pathlib import Path
from typing import Any

from jaxtyping import install_import_hook

import tests.checker  # noqa: F401  (the hook looks it up by name)

install_import_hook("ebgfn", "tests.checker.checked")

import pytest  # noqa: E402
import torch  # noqa: E402

# Two test processes share two cores, and results must not depend on how work was cut between threads.
torch.set_num_threads(1)

HERE = Path(__file__).parent
PAGES = (HERE / "app", HERE / "browser")


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent in PAGES:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile` a file stays in one process, as its fixtures are dear, and so does the whole browser."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            browser = "tests/browser/"
            return browser if nodeid.startswith(browser) else super()._split_scope(nodeid)

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None
