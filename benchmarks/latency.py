"""What a visitor waits for, in a real browser: `python -m benchmarks.latency`.

Starts a server and a browser of its own. Every wait runs from what the visitor does to the frame that shows the answer:
network, script, computation, transfer and drawing together. What is asked for was not asked before, so no answer comes from
a cache. Nothing else should run on the machine. Prints a table: medians, the slowest, what is aimed at.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ebgfn.reproduce.markdown import table

ROOT = Path(__file__).parents[1]
PATIENCE_MS = 60_000
AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"
# Until a picture says what it is of, and a frame with it was drawn: asked of the component that holds it.
DIALLED = """(dial, [holder, name, value]) => new Promise(done => {
  const view = dial.getRootNode().querySelector(holder), began = performance.now()
  new MutationObserver((_, watch) => {
    if (view.dataset[name] === String(value)) {
      watch.disconnect()
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)))
    }
  }).observe(view, { attributes: true })
  dial.value = value
  dial.dispatchEvent(new Event('input'))
})"""
FIRST_SCREEN = """() => [...document.querySelectorAll('*')].some(
  e => e.shadowRoot?.querySelector('.loop .node canvas')?.width > 50)"""
# The moment of the landscape that is shown; of the shipped model it ends in its ten minutes.
MOMENT = """() => [...document.querySelectorAll('*')].map(
  e => e.shadowRoot?.querySelector('.view .moment')?.textContent).find(text => text) ?? ''"""
SHEET = """() => [...document.querySelectorAll('*')].flatMap(
  e => [...(e.shadowRoot?.querySelectorAll('.view .lattice .up') ?? [])])[0]?.getAttribute('d') ?? ''"""


class Wait(NamedTuple):
    """What is waited for, its limit in milliseconds, and what was measured."""

    title: str
    limit_ms: float
    times_ms: list[float]

    def line(self) -> list[str]:
        """One row of the table."""
        middle, worst = statistics.median(self.times_ms), max(self.times_ms)
        return [self.title, f"{middle:.0f}", f"{worst:.0f}", f"{self.limit_ms:.0f}", str(len(self.times_ms))]


HEAD = ("from what a visitor does to the picture, ms", "median", "slowest", "limit", "times")


def overview(browser: Any, url: str, repeats: int) -> Iterator[Wait]:
    """The first screen, to a visitor whose browser has seen nothing."""
    times = []
    for _ in range(repeats + 1):
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        page, began = context.new_page(), time.perf_counter()
        page.goto(url, wait_until="commit")
        page.wait_for_function(FIRST_SCREEN, timeout=PATIENCE_MS)
        times.append(1000 * (time.perf_counter() - began))
        context.close()
    yield Wait("Overview: first visit of a server", 4000, times[:1])
    yield Wait("Overview: first picture", 1500, times[1:])


def train(page: Any, url: str, repeats: int) -> Iterator[Wait]:
    """The first picture of a training of one's own, and those of its first seconds."""
    waits, between = [], []
    for name in ("moons", "2spirals", "circles", "pinwheel", "swissroll")[:repeats]:
        page.goto(f"{url}/landscape_2d?data={name}&seconds=20")
        page.wait_for_selector(AT_REST)
        page.wait_for_timeout(6000)  # a process gets ready for the run
        began, seen = time.perf_counter(), []
        page.get_by_role("button", name="Train", exact=True).click()
        while time.perf_counter() - began < 10:
            text = page.evaluate(MOMENT)
            if text and not text.endswith("600 s") and (not seen or seen[-1][1] != text):
                seen.append((time.perf_counter() - began, text))
            page.wait_for_timeout(15)
        waits.append(1000 * seen[0][0])
        between.append(1000 * (seen[-1][0] - seen[0][0]) / max(1, len(seen) - 1))
        page.get_by_role("button", name="Reset", exact=True).click()
        page.wait_for_timeout(2000)
    yield Wait("2D landscape: Train", 1000, waits)
    yield Wait("2D landscape: from picture to picture", 500, between)


def dial_k(page: Any, url: str, repeats: int) -> Iterator[Wait]:
    """64 chains at another K."""
    times = []
    for seed in range(repeats):
        page.goto(f"{url}/chains?data=8gaussians&k=2&seed={seed}")
        page.locator(".player[data-k='2']").wait_for()
        page.get_by_role("button", name="Figure data").wait_for(timeout=PATIENCE_MS)
        page.wait_for_timeout(1500)
        for k in (1, 4, 8, 16, 24, 32):
            times.append(page.locator(".dial input").evaluate(DIALLED, [".player", "k", k]))
    yield Wait("Chains: K", 150, times)


def dial_sigma(page: Any, url: str, repeats: int) -> Iterator[Wait]:
    """A lattice of each kind at another sigma."""
    times = []
    for seed in range(repeats):
        page.goto(f"{url}/ising?seed={seed}")
        page.wait_for_selector(AT_REST)
        page.wait_for_timeout(2500)
        for hundredths in (5, 15, 25, 35, -10, -25):
            times.append(page.locator(".dial input").first.evaluate(DIALLED, [".view", "value", hundredths]))
    yield Wait("Ising: sigma", 200, times)


def sheets(page: Any, url: str, repeats: int) -> Iterator[Wait]:
    """64 digits of MNIST from another seed."""
    for steps, limit in ((16, 300), (49, 700)):
        times = []
        page.goto(f"{url}/digits?steps={steps}&seed=1000")
        page.get_by_role("button", name="Chains (GIF)").wait_for(timeout=PATIENCE_MS)
        page.wait_for_selector(AT_REST)
        seed = page.get_by_role("spinbutton", name="Seed", exact=True)
        for number in range(repeats):
            page.wait_for_timeout(2500)
            before = page.evaluate(SHEET)
            seed.fill(str(2000 + 10 * steps + number))
            began = time.perf_counter()
            seed.press("Enter")
            page.wait_for_function(f"before => {{ const d = ({SHEET})(); return d && d !== before }}", arg=before)
            times.append(1000 * (time.perf_counter() - began))
        yield Wait(f"Digits: another seed, {steps} steps", limit, times)


PARTS: dict[str, Callable[..., Iterator[Wait]]] = {
    "train": train,
    "k": dial_k,
    "sigma": dial_sigma,
    "digits": sheets,
}


@contextmanager
def server() -> Iterator[str]:
    """The app on a free port, with an empty home."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", *flags]
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"EBGFN_HOME": home}, stdout=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url)
            yield url
        finally:
            process.terminate()
            process.wait()


def wait_for(url: str) -> None:
    """Until the server answers, at most 30 seconds."""
    for _ in range(300):
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
            return
        time.sleep(0.1)
    sys.exit("the server did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("overview", *PARTS), default=["overview", *PARTS])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    lines = []
    with sync_playwright() as playwright, server() as url:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for part in options.parts:
            if part == "overview":
                waits = overview(browser, url, options.repeats)
            else:
                page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
                waits = PARTS[part](page, url, options.repeats)
            for wait in waits:
                print(*wait.line(), sep=" | ", file=sys.stderr, flush=True)
                lines.append(wait.line())
        browser.close()
    print(table(HEAD, lines))


if __name__ == "__main__":
    main()
