"""From moving K on the Chains page to the new picture, for 64 chains: `python -m benchmarks.chains_latency`.

Starts a server and a browser of its own. Each value of K is asked for with a seed that was not seen before, so nothing
comes from a cache. `compute_ms` is the server's sampling alone; `picture_ms` runs from the dial's input event to the
frame that shows the answer: network, script, sampling, transfer and drawing together. Prints one JSON object.
"""

import argparse
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KS = (1, 4, 8, 16, 24, 32)
# The picture is there when the player has the answer and a frame with it was drawn.
ASK = """(dial, k) => new Promise(done => {
  const player = dial.getRootNode().querySelector('.player'), began = performance.now()
  new MutationObserver((_, watch) => {
    if (player.dataset.k === String(k)) {
      watch.disconnect()
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)))
    }
  }).observe(player, { attributes: true })
  dial.value = k
  dial.dispatchEvent(new Event('input'))
})"""


def compute_ms(model_name: str, k: int, repeats: int) -> float:
    """Median time of the server's part that depends on K, in milliseconds."""
    sys.path.insert(0, str(ROOT))
    from ebgfn.ui.chains import player, simulation
    from ebgfn.ui.shell import server

    server.settle()
    source = simulation.available()[model_name]
    times = []
    for seed in range(1000, 1000 + repeats):
        settings = simulation.Settings("data", simulation.DEFAULT_MOVES, seed)
        began = time.perf_counter()
        played = simulation.chain(source, settings, k=k)
        player.payload(source, played, k=k, index=0)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times[1:])


def picture_ms(page: Any, url: str, model_name: str, repeats: int) -> dict[int, list[float]]:
    """Times for each K over fresh seeds, in milliseconds."""
    times: dict[int, list[float]] = {k: [] for k in KS}
    for seed in range(repeats):
        page.goto(f"{url}/chains?data={model_name}&k=2&seed={seed}&passes=66")
        page.locator(".player[data-k='2']").wait_for()
        page.get_by_role("button", name="Figure data").wait_for(timeout=60_000)
        page.wait_for_timeout(1500)
        for k in KS:
            times[k].append(page.locator(".k-range").evaluate(ASK, k))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="8gaussians")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    flags = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        environment = {"EBGFN_HOME": home} | dict(os.environ)
        command = [sys.executable, "-m", "streamlit", "run", "app.py", *flags]
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait_for(url)
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            times = picture_ms(browser.new_page(reduced_motion="reduce"), url, options.model, options.repeats)
            browser.close()
        finally:
            server.terminate()
            server.wait()
    rows = [
        {
            "k": k,
            "compute_ms": round(compute_ms(options.model, k, options.repeats), 1),
            "picture_ms_median": round(statistics.median(times[k]), 1),
            "picture_ms_max": round(max(times[k]), 1),
        }
        for k in KS
    ]
    print(
        json.dumps({"machine": f"{platform.machine()}, {os.cpu_count()} cores", "chains": 64, "rows": rows}, indent=1)
    )


def wait_for(url: str) -> None:
    """Until the server answers, at most 30 seconds."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    sys.exit("the server did not start")


if __name__ == "__main__":
    main()
