"""The rooms of the user interface: shell below components below pages, and pages know nothing of each other."""

import pytest

from ebgfn.ui.shell import routes
from tests.test_architecture import FILES, ROOT, imports, module_of

BELOW = {"shell": {"shell"}, "components": {"shell", "components"}}
# These two show the shipped models of the plane, which that folder knows.
SHOWS_MODELS_OF = {"overview": {"plane"}, "chains": {"plane"}}
ROOMS = [path for path in FILES if module_of(path).startswith("ebgfn.ui.")]


def room_of(module: str) -> str:
    return module.split(".")[2]


def allowed(room: str) -> set[str]:
    return BELOW.get(room, {"shell", "components", room} | SHOWS_MODELS_OF.get(room, set()))


@pytest.mark.parametrize("path", ROOMS, ids=module_of)
def test_arrows_between_rooms_run_one_way(path):
    found = {name for name in imports(path.read_text(encoding="utf-8")) if name.startswith("ebgfn.ui.")}
    assert {name for name in found if room_of(name) not in allowed(room_of(module_of(path)))} == set()


def test_every_file_of_pages_is_a_page_with_a_folder():
    pages = routes.pages()
    assert sorted(page.file for page in pages) == sorted(f"pages/{p.name}" for p in ROOT.glob("pages/*.py"))
    assert len({page.place for page in pages}) == len({page.title for page in pages}) == len(pages)


def test_every_component_has_its_three_files():
    for folder in (ROOT / "ebgfn/ui/components").glob("[a-z]*/"):
        assert {"view.js", "view.css", "view.html"} <= {path.name for path in folder.iterdir()}, folder.name
