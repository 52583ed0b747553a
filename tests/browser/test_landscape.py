"""The 2D landscape page in a browser: pictures, live training, zoom, scrubbing, drawing, files, themes, axe, deep links."""

import io
import os
import re
import socket
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from tests import tiny
from tests.browser.conftest import ROOT, _wait_for

# What the view shows, read through its shadow root.
VIEW = "[...document.querySelectorAll('*')].map(e => e.shadowRoot?.querySelector('.view')).find(Boolean)"


@pytest.fixture
def landscape(visit):
    """Open the page and wait for the pictures; nothing moves by itself."""

    def go(path: str = "landscape_2d", **options):
        here = visit(path, **({"reduced_motion": "reduce"} | options))
        here.page.locator("canvas.plane").nth(4).wait_for()
        return here

    return go


def colours(here, index: int) -> int:
    """Number of different colours on a canvas: one or two if nothing is drawn."""
    script = f"""() => {{
      const c = {VIEW}.querySelectorAll('canvas.plane')[{index}]
      return new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size
    }}"""
    return here.page.evaluate(script)


def moment(here) -> str:
    return here.page.evaluate(f"{VIEW}?.querySelector('output').textContent ?? ''")


def wait_for_another_moment(here, before: str) -> str:
    here.page.wait_for_function(
        f"before => {{ const now = {VIEW}?.querySelector('output').textContent; return now && now !== before }}",
        arg=before,
    )
    return moment(here)


def save(here, name: str) -> bytes:
    """Open the downloads if they are closed, and take one."""
    return here.download(name, menu="Download").read_bytes()


def test_the_shipped_model_is_drawn_moved_by_keyboard_saved_and_linked_to(landscape):
    here = landscape("landscape_2d?seed=3", permissions=["clipboard-read", "clipboard-write"])
    here.page.wait_for_function(f"{VIEW}?.querySelectorAll('dd').length > 8")
    here.page.wait_for_timeout(200)
    assert min(colours(here, i) for i in range(4)) > 20
    assert colours(here, 4) > 2
    names = here.page.locator("figcaption b").all_inner_texts()[:5]
    assert names == ["Target", "Energy", "GFlowNet", "Difference", "Samples"]
    label = here.page.locator("canvas.plane").nth(2).get_attribute("aria-label")
    assert re.search(r"checkerboard\. NLL \d+\.\d{3}", label)
    page = here.page
    page.locator("canvas.plane").first.focus()
    page.keyboard.press("+")
    assert page.locator(".view").get_attribute("data-zoom") == "1.60"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("0")
    assert page.locator(".view").get_attribute("data-zoom") == "1.00"
    log = page.get_by_role("button", name="log colours")
    before = page.locator("canvas.plane").nth(2).screenshot()
    log.click()
    assert log.get_attribute("aria-pressed") == "true"
    page.wait_for_timeout(100)
    assert page.locator("canvas.plane").nth(2).screenshot() != before
    saved = here.download("PNG")
    assert saved.read_bytes().startswith(b"\x89PNG")
    page.get_by_role("button", name="Copy link").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert "seed=3" in page.evaluate("navigator.clipboard.readText()")


def test_training_live_frames_arrive_zoom_stays_then_cancel_and_files(visit):
    here = visit("landscape_2d?data=moons&seconds=120&bits=4")
    page = here.page
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text(re.compile(r"trained .* s of 120 s")).wait_for(timeout=30_000)
    first = wait_for_another_moment(here, "")
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    page.evaluate(f"window.kept = {VIEW}.querySelector('canvas.plane')")
    second = wait_for_another_moment(here, first)
    wait_for_another_moment(here, second)
    assert page.locator(".view").get_attribute("data-zoom") == "2.56"
    assert page.evaluate(f"window.kept === {VIEW}.querySelector('canvas.plane')"), "the view was made anew"
    assert page.get_by_text("left").first.is_visible()
    # A knob that acts while it trains, and its mark on the curves.
    knob = page.get_by_role("slider", name="Temperature")
    knob.focus()
    page.keyboard.press("ArrowRight")
    page.locator(".called").filter(has_text="T × 2").first.wait_for()
    # Scrub back while training goes on: the moment chosen stays.
    page.locator(".time").focus()
    page.keyboard.press("Home")
    page.wait_for_function(f"{VIEW}.querySelector('.time').value === '0'")
    # Until it is painted.
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    first, last = moment(here), page.locator(".time").get_attribute("max")
    page.wait_for_function(f"last => Number({VIEW}.querySelector('.time').max) > Number(last)", arg=last)
    assert moment(here) == first
    run_bar = page.get_by_test_id("stButton")
    run_bar.get_by_role("button", name="Pause").click()
    run_bar.get_by_role("button", name="Play").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Resume").wait_for()
    knob.wait_for(state="detached")
    # At rest everything is exact at 4 bits an axis.
    page.locator("dt", has_text="distance to energy").wait_for(timeout=45_000)
    here.settled()
    # A last tick of the page's clock may still be on its way; it replaces the buttons.
    page.wait_for_timeout(1500)
    with np.load(io.BytesIO(save(here, "Samples (NPZ)"))) as file:
        assert file["x"].shape == (1000, 8)
        assert file["xy"].shape == (1000, 2)
    with np.load(io.BytesIO(save(here, "Figure data (NPZ)"))) as file:
        assert file["sampler"].shape == (16, 16)
        cell = (2 * float(file["half_width"]) / 16) ** 2
        assert file["sampler"].sum() * cell == pytest.approx(1, abs=0.05)
    lines = save(here, "Samples (CSV)").decode().splitlines()
    assert len(lines) == 1001
    names = zipfile.ZipFile(io.BytesIO(save(here, "Model (ZIP)"))).namelist()
    assert {name.split("/")[1] for name in names} == {"config.json", "model.safetensors"}
    page.reload()
    page.get_by_role("button", name="Resume").wait_for()
    page.get_by_role("button", name="Reset", exact=True).click()
    page.wait_for_url(lambda url: "run=" not in url)


def test_training_of_the_shipped_model_plays_by_itself_and_can_be_scrubbed(landscape):
    here = landscape(reduced_motion="no-preference")
    page = here.page
    page.wait_for_function(f"Number({VIEW}?.querySelector('.time').max) > 5")
    wait_for_another_moment(here, moment(here))
    play = page.locator(".play")
    play.click()
    stopped = moment(here)
    page.wait_for_timeout(600)
    assert moment(here) == stopped
    page.locator(".time").focus()
    page.keyboard.press("End")
    page.keyboard.press("Home")
    first = moment(here)
    # Quickly on to the end, where it stops.
    page.locator(".speed").select_option("8")
    play.click()
    wait_for_another_moment(here, first)
    page.wait_for_function(f"{VIEW}.querySelector('.play').ariaLabel === 'Play'")
    assert page.locator(".time").input_value() == page.locator(".time").get_attribute("max")


def test_who_wants_less_motion_sees_the_end_and_steps_from_there(landscape):
    page = landscape().page
    page.wait_for_function(f"Number({VIEW}?.querySelector('.time').max) > 5")
    page.wait_for_timeout(600)
    time, last = page.locator(".time"), int(page.locator(".time").get_attribute("max"))
    assert time.input_value() == str(last)
    # On the bar the keys are the player's; on a picture they move what is shown, in a field what is chosen.
    page.locator(".play").focus()
    page.keyboard.press("ArrowLeft")
    assert time.input_value() == str(last - 1)
    assert page.locator(".spoken").inner_text() == page.locator(".moment").inner_text()
    for held in ("canvas.plane", ".speed"):
        page.locator(held).first.focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Home")
    assert time.input_value() == str(last - 1)


def test_a_chart_is_read_off_where_the_pointer_is(landscape):
    page = landscape().page
    chart = page.locator("svg.chart").first
    said = chart.locator(".name text").all_text_contents
    last = said()
    assert any(re.fullmatch(r"floor \d+\.\d{3}", row) for row in last)
    chart.hover(position={"x": 90, "y": 60})
    assert chart.locator(".hair").count() == 1
    there = said()
    assert there != last
    assert [row.split()[0] for row in there] == [row.split()[0] for row in last]
    page.mouse.move(0, 0)
    assert said() == last


def test_a_drawing_goes_into_the_address_and_comes_back(visit):
    here = visit("landscape_2d?data=draw+your+own", height=720)
    page = here.page
    canvas = page.locator(".drawing canvas")
    canvas.wait_for()
    train = page.get_by_role("button", name="Train", exact=True)
    assert train.is_disabled(), "nothing is drawn yet"
    box = canvas.bounding_box()
    below = max(one["y"] + one["height"] for one in (box, train.bounding_box()))
    assert below <= 720, "canvas and button are in one view"
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url("**drawing=*")
    here.settled()
    drawn = canvas.evaluate("c => c.toDataURL()")
    page.reload()
    canvas.wait_for()
    here.settled()
    page.wait_for_timeout(300)
    assert canvas.evaluate("c => c.toDataURL()") == drawn
    # By keyboard: a dab in the middle changes the drawing again.
    url = page.url
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.wait_for_function("url => location.href !== url", arg=url)
    here.settled()
    assert train.is_enabled()
    page.get_by_role("button", name="clear").click()
    page.wait_for_url(lambda url: "drawing=" not in url)
    here.settled()
    assert train.is_disabled()


def test_exact_mode_of_a_finished_run(landscape, server):
    tiny.finished_run(server.home, "exact", tiny.trained(bits=6))
    here = landscape("landscape_2d?run=exact", theme="dark")
    here.page.locator("dt", has_text="distance to target").first.wait_for()
    assert here.page.locator("dt", has_text="distance to target").count() == 2
    assert here.axe() == []


def test_bad_address_gets_sentences_and_defaults(landscape):
    here = landscape("landscape_2d?data=heaven&bits=99&seconds=x&run=nowhere")
    text = "\n".join(here.page.get_by_role("alert").all_inner_texts())
    for words in ("data set", "3..16", "5..86400", "no longer exists"):
        assert words in text
    assert here.page.get_by_role("spinbutton", name="Bits per axis").input_value() == "16"


def test_both_themes_and_a_narrow_window(landscape):
    here = landscape()
    here.page.locator("svg[role=img]").nth(2).wait_for()
    for theme, width in here.looks():
        assert here.overflow() <= 0
        for i in range(5):
            box = here.page.locator("canvas.plane").nth(i).bounding_box()
            assert box["width"] > 130
            assert box["x"] + box["width"] <= width
        likelihood, match, _ = here.named_lines()
        text = here.page.locator("svg.chart").first.evaluate("e => getComputedStyle(e).color")
        roles = {"GFlowNet": here.colour("sampler", theme), "energy": here.colour("energy", theme)}
        assert likelihood == roles | {"floor": text}
        assert set(match.values()) == {here.colour("sampler", theme)}
        assert here.axe() == []
    # Where names would leave no room for lines, a legend holds them.
    here.page.set_viewport_size({"width": 340, "height": 900})
    here.page.locator(".charts .legend", has_text="floor").wait_for()
    assert here.page.locator(".chart .name").count() == 0
    assert here.overflow() <= 0


def test_a_cold_deep_link_comes_inside_the_frame(browser, tmp_path):
    """Nobody has opened the root of this server yet: Streamlit then runs the page's file by itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "server.log"
    options = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    environment = os.environ | {"EBGFN_HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "EBGFN_PREPARE": "0"}
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        _wait_for(f"http://127.0.0.1:{port}", process, log)
        page, asked = browser.new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"http://127.0.0.1:{port}/landscape_2d?data=pinwheel")
        page.locator("canvas.plane").first.wait_for(timeout=20_000)
        assert page.get_by_role("link", name="Chains").is_visible()
        assert page.get_by_role("radio", name="pinwheel").is_checked()
        assert "EB-GFN Lab" in page.title()
        elsewhere = [url for url in asked if not url.startswith((f"http://127.0.0.1:{port}", "data:", "blob:"))]
        assert elsewhere == []
        page.close()
    finally:
        process.terminate()
        process.wait(10)
    assert "Traceback" not in log.read_text()
