"""What a stranger reads first holds: README's links, snippets and commands, and the pages of the library."""

import re
import shlex
from pathlib import Path

import pytest

from docs.api import build
from ebgfn.arguments import parser

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("assets/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SNIPPETS = [code for language, code in BLOCK.findall((ROOT / "README.md").read_text()) if language == "python"]
# What costs a minute in a snippet, and what is enough here.
LESS = (("images-mnist", "images-digits"), ("784", "64"), ("392", "32"), ("budget_s=30", "steps=2"))


def commands(text: str) -> list[list[str]]:
    """Arguments of each `ebgfn` command in the blocks of a page, without its comment."""
    lines = [line for language, block in BLOCK.findall(text) if not language for line in block.splitlines()]
    found = [re.match(r"(?:python -m )?ebgfn (.*)", line) for line in lines]
    return [shlex.split(match[1], comments=True) for match in found if match]


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = [link.split("#")[0] for link in LINK.findall(page.read_text()) if not link.startswith(("http", "#"))]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_those_of_the_parser(page):
    for arguments in commands(page.read_text()):
        parser().parse_args(arguments)


def test_commands_are_found():
    """Else the test above tests nothing."""
    found = {arguments[0] for page in PAGES for arguments in commands(page.read_text())}
    assert {"train", "evaluate", "sample", "chain", "reproduce", "runs", "cancel", "resume"} <= found


@pytest.mark.parametrize("code", SNIPPETS, ids=lambda code: code.splitlines()[-1][:40])
def test_snippets_run(code):
    for much, less in LESS:
        code = code.replace(much, less)
    exec(compile(code, "README.md", "exec"), {})


def test_make_targets_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:^|`)make (\w+)", page.read_text(), re.MULTILINE)}
    assert named
    assert named <= targets


def test_pages_of_the_library_build_without_a_warning(tmp_path):
    build(tmp_path, show_source=False)
    assert {"core.html", "mcmc.html", "problems.html", "model.html"} <= {
        path.name for path in (tmp_path / "ebgfn").iterdir()
    }
    assert not (tmp_path / "ebgfn" / "ui.html").exists()
