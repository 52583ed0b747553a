"""Shapes and types of the package are checked while tests run."""

from jaxtyping import install_import_hook

import tests.checker  # noqa: F401  (the hook looks it up by name)

install_import_hook("ebgfn", "tests.checker.checked")

import pytest  # noqa: E402
import torch  # noqa: E402

# Two test processes share two cores, and results must not depend on how work was cut between threads.
torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
