"""A real server and a real browser: what only they can show.

One server a test process, on a free port of this machine, with a data folder of its own in which a finished run `tiny`
lies. Without a browser these tests are skipped, saying so; with EBGFN_REQUIRE_BROWSER=1 they fail instead.
"""

import math
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ebgfn.ui.components._shared import colours
from tests import tiny

ROOT = Path(__file__).parents[2]
RUN = "tiny"
# The first visit of a server imports torch, beside another process of tests.
PATIENCE_MS = 30_000
# Rules of axe that concern the page as a whole or markup that Streamlit draws; ours are judged without exception.
OURS = "[data-testid=stBidiComponent], [data-testid=stBidiComponentRegular], [data-testid=stBidiComponentIsolated]"
# Streamlit gives the area for files to drop both focus and role="presentation".
THEIRS = "[data-testid=stFileUploaderDropzone]"
# Of each chart its box, and box and colour of its names from top to bottom. Rows are 13 pixels high, glyphs a little more.
NAMED = """charts => charts.map(chart => {
  const edges = (e) => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom] }
  const names = [...chart.querySelectorAll(".name")].map(group => {
    const rows = [...group.querySelectorAll("text")].filter(row => row.textContent).map(edges)
    const box = [0, 1, 2, 3].map(i => Math[i < 2 ? "min" : "max"](...rows.map(row => row[i])) + [0, 1, 0, -1][i])
    const colour = getComputedStyle(group.querySelector("text")).fill
    return { name: group.querySelector("title").textContent, colour, box }
  })
  return { box: edges(chart), names: names.sort((a, b) => a.box[1] - b.box[1]) }
})"""


@dataclass(frozen=True)
class Server:
    """Where the app answers and where it keeps its data."""

    url: str
    home: Path
    log: Path


@dataclass
class Visit:
    """An open page with what its console said."""

    page: Any
    errors: list[str] = field(default_factory=list)

    def settled(self) -> None:
        """Wait until the script has run and nothing is stale."""
        self.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=PATIENCE_MS)

    def download(self, name: str, *, menu: str | None = None) -> Path:
        """What the button of that name gives, in a menu that may have to be opened.

        Pressed again where a page that was drawn anew meanwhile lost the click.
        """
        button = self.page.get_by_role("button", name=name)
        for patience_ms in (4_000, 8_000, PATIENCE_MS):
            self.settled()
            with suppress(self.timed_out):
                if menu and not button.is_visible():
                    self.page.get_by_role("button", name=menu).click()
                with self.page.expect_download(timeout=patience_ms) as got:
                    button.click(timeout=patience_ms)
                return got.value.path()
        pytest.fail(f"{name} gave no file")

    @property
    def timed_out(self) -> type[Exception]:
        from playwright.sync_api import TimeoutError

        return TimeoutError

    def axe(self, *, include: str | None = None) -> list[str]:
        """Violations as `rule: selectors`, within `include` or on the whole page without what is THEIRS."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page, context=include or {"exclude": [[THEIRS]]}).response["violations"]
        return [f"{rule['id']}: {[node['target'] for node in rule['nodes']]}" for rule in found]

    def looks(self) -> Iterator[tuple[str, int]]:
        """The same page wide and light, then narrow and dark: colours do not depend on the width, nor sizes on the theme."""
        for width, theme in ((1280, "light"), (390, "dark")):
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.emulate_media(color_scheme=theme)
            self.page.wait_for_function(
                "dark => getComputedStyle(document.querySelector('[data-testid=stApp]'))"
                ".colorScheme === (dark ? 'dark' : 'light')",
                arg=theme == "dark",
            )
            self.settled()
            yield theme, width

    @staticmethod
    def colour(name: str, theme: str) -> str:
        """What a role or a cell is drawn in, as a browser writes it."""
        text = (colours.ROLES | colours.TONES)[name][theme == "dark"]
        return "rgb({}, {}, {})".format(*bytes.fromhex(text[1:]))

    def named_lines(self) -> list[dict[str, str]]:
        """Colour of each name beside the lines of a chart, for all charts; each stands in its chart and on no other."""
        self.page.locator(".chart .name").first.wait_for()
        charts = self.page.locator("svg.chart").evaluate_all(NAMED)
        for chart in charts:
            left, top, right, bottom = chart["box"]
            below = -math.inf
            for name in chart["names"]:
                x, y, x_end, y_end = name["box"]
                assert left <= x, name
                assert x_end <= right + 0.5, name
                assert top - 4 <= y, name
                assert y_end <= bottom, name
                assert y >= below, name
                below = y_end
        return [{name["name"]: name["colour"] for name in chart["names"]} for chart in charts]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    with _playwright() as playwright:
        path = shutil.which("chromium") or "/usr/bin/chromium"
        try:
            launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Exception as error:
            _no_browser(f"{path} does not start: {str(error).splitlines()[0]}")
        yield launched
        launched.close()


def _playwright() -> Any:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _no_browser("playwright is not installed")
    return sync_playwright()


def _no_browser(reason: str) -> None:
    if os.environ.get("EBGFN_REQUIRE_BROWSER") == "1":
        pytest.fail(f"EBGFN_REQUIRE_BROWSER=1, but {reason}")
    pytest.skip(f"no browser: {reason}")


@pytest.fixture(scope="package")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`streamlit run app.py`, as a visitor's machine would run it."""
    home = tmp_path_factory.mktemp("home")
    tiny.finished_run(home, RUN, tiny.trained())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    log = home / "server.log"
    environment = os.environ | {"EBGFN_HOME": str(home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        _wait_for(f"http://127.0.0.1:{port}", process, log)
        yield Server(f"http://127.0.0.1:{port}", home, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{log.read_text()}")


@dataclass
class Window:
    """The one tab of all tests. A visit to the same tab costs half: the app's scripts are compiled already."""

    page: Any
    visit: Visit | None = None

    def clear(self) -> None:
        """As a visitor comes who has not been here before."""
        self.page.context.clear_cookies()
        self.page.context.clear_permissions()
        if self.visit is not None:
            self.page.evaluate("localStorage.clear(), sessionStorage.clear()")
        self.page.mouse.move(0, 0)
        self.visit = None


@pytest.fixture(scope="package")
def window(server: Server, browser: Any) -> Iterator[Window]:
    with browser.new_context(accept_downloads=True) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        window = Window(page)
        page.on("pageerror", lambda error: _note(window, f"uncaught: {error}"))
        page.on("console", lambda message: _note_message(window, server, message))
        yield window


@pytest.fixture
def visit(server: Server, window: Window) -> Iterator[Callable[..., Visit]]:
    """Open a page of the app; at the end of the test its console must have held no error of ours."""
    window.clear()

    def go(
        path: str = "",
        *,
        theme: str = "light",
        width: int = 1280,
        height: int = 900,
        reduced_motion: str = "no-preference",
        permissions: Sequence[str] = (),
    ) -> Visit:
        assert window.visit is None, "there is one tab"
        page = window.page
        page.context.grant_permissions(permissions)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme, reduced_motion=reduced_motion)
        window.visit = here = Visit(page)
        page.goto(f"{server.url}/{path}")
        here.settled()
        return here

    yield go
    assert window.visit is None or window.visit.errors == []


def _note(window: Window, error: str) -> None:
    if window.visit is not None:
        window.visit.errors.append(error)


def _note_message(window: Window, server: Server, message: Any) -> None:
    """Keep errors of our own server and pages; what Streamlit asks elsewhere cannot be reached from a test."""
    url = message.location.get("url", "")
    # Our own scripts have a name there, and no address.
    elsewhere = "://" in url and not url.startswith(server.url)
    # On a deep link Streamlit first asks below the page's path, gets 404, and then asks at the root.
    probing = "404" in message.text and "/_stcore/" in url
    if message.type == "error" and not elsewhere and not probing:
        _note(window, f"{message.text} ({url})")
