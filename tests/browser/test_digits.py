"""The Digits page in a browser: samples, growth, painting, filling, chains, files, address, themes, a narrow window, axe."""

import io
import json
import time

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ebgfn import shipped
from ebgfn.problems.images.sets import shipped_digits
from ebgfn.ui.components import pixel_canvas
from ebgfn.ui.components.pixel_canvas import INK, VOID

SMALL = "images-digits"
CALM = {"reduced_motion": "reduce"}
pytestmark = pytest.mark.skipif(not (shipped.folder() / SMALL).is_dir(), reason=f"{SMALL} is not shipped")


@pytest.fixture
def digits(visit):
    """Open the page on the small model, unless the query names another, and wait for the last picture."""

    def go(query: str = "", **options):
        here = visit(f"digits?{query if 'images=' in query else f'images={SMALL}&{query}'}", **(CALM | options))
        here.page.get_by_role("button", name="Chains (GIF)").wait_for(timeout=60_000)
        here.settled()
        return here

    return go


def views(here):
    """Sheet, growth, answers, chain."""
    return here.page.locator(".view")


def in_address(here, dim: int) -> np.ndarray:
    text = here.page.evaluate("new URLSearchParams(location.search).get('picture')")
    return pixel_canvas.decode(text, dim)


def test_a_digit_that_is_clicked_grows(digits):
    here = digits("steps=8")
    sheet, growth = views(here).nth(0), views(here).nth(1)
    assert "64 sampled images of 8 × 8" in sheet.locator(".lattice").get_attribute("aria-label")
    grown = growth.locator(".lattice .up").get_attribute("d")
    outline = sheet.locator(".picked").get_attribute("d")
    box = sheet.locator(".lattice").bounding_box()
    sheet.locator(".lattice").click(position={"x": box["width"] * 0.94, "y": box["height"] * 0.94})
    # The growth of the digit that was clicked stands at its end, for who wants less motion.
    deadline = time.monotonic() + 20
    while growth.locator(".lattice .up").get_attribute("d") == grown:
        assert time.monotonic() < deadline
        here.page.wait_for_timeout(100)
    assert sheet.locator(".picked").get_attribute("d") != outline
    assert "All 64 pixels are filled, in 8 steps" in growth.locator(".words").inner_text()
    growth.locator(".first").click()
    assert "Nothing is filled" in growth.locator(".words").inner_text()


def test_painting_fills_what_is_void_and_stays_in_the_address(digits):
    void = np.full(64, VOID, np.uint8)
    here = digits(f"picture={pixel_canvas.encode(void)}")
    here.page.get_by_text("Every pixel is void").wait_for()
    board = here.page.locator(".board")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    at = lambda x, y: (box["x"] + box["width"] * (x + 0.5) / 8, box["y"] + box["height"] * (y + 0.5) / 8)  # noqa: E731
    here.page.mouse.move(*at(3, 1))
    here.page.mouse.down()
    here.page.mouse.move(*at(3, 6), steps=8)
    here.page.mouse.up()
    here.page.wait_for_function("before => !location.search.includes(before)", arg=pixel_canvas.encode(void))
    here.settled()
    cells = in_address(here, 64).reshape(8, 8)
    assert (cells[1:7, 3] == INK).all()
    assert (cells[:, 6] == VOID).all()
    given = int((cells != VOID).sum())
    label = views(here).nth(2).locator(".lattice").get_attribute("aria-label")
    assert f"keeping the {given} given pixels" in label
    here.page.reload()
    here.page.get_by_role("button", name="Chains (GIF)").wait_for(timeout=60_000)
    assert np.array_equal(in_address(here, 64).reshape(8, 8), cells)
    board = here.page.locator(".board")
    assert board.locator("rect.ink").count() == int((cells == INK).sum())


def test_painting_by_keyboard(digits):
    void = pixel_canvas.encode(np.full(64, VOID, np.uint8))
    here = digits(f"picture={void}")
    here.page.locator(".tools button", has_text="broad").click()
    here.page.locator(".board").focus()
    for key in ("ArrowRight", "ArrowUp", " "):
        here.page.keyboard.press(key)
    here.page.wait_for_function("before => !location.search.includes(before)", arg=void)
    assert here.page.locator(".board rect.ink").count() >= 1
    assert (in_address(here, 64) == INK).sum() >= 1


def test_a_picture_from_outside_is_shown_before_it_is_used(digits):
    here = digits()
    picture = Image.new("L", (300, 200), 255)
    ImageDraw.Draw(picture).line([(80, 40), (220, 40), (120, 170)], fill=0, width=14)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")

    def choose(name: str, kind: str, contents: bytes) -> None:
        # The field is a new one after each file.
        here.settled()
        field = here.page.locator("input[type=file]").first
        field.set_input_files({"name": name, "mimeType": kind, "buffer": contents})

    def names_have_colours(theme: str) -> None:
        for name, role in (("real images", "data"), ("samples", "sampler"), ("this picture", "own")):
            here.page.wait_for_function(
                "([name, colour]) => [...document.querySelectorAll('.js-plotly-plot text')]"
                ".some(e => e.textContent === name && getComputedStyle(e).fill === colour)",
                arg=[name, here.colour(role, theme)],
            )

    choose("no.txt", "text/plain", b"no picture")
    here.page.get_by_text("text/plain files are not allowed").wait_for()
    choose("seven.png", "image/png", buffer.getvalue())
    here.page.get_by_text("300 × 200 pixels became 8 × 8").wait_for()
    here.page.get_by_role("button", name="Use it").click()
    here.page.get_by_text("No pixel is void").wait_for()
    cells = in_address(here, 64)
    assert 5 <= (cells == INK).sum() <= 40
    names_have_colours("light")
    here.page.set_viewport_size({"width": 390, "height": 900})
    here.page.emulate_media(color_scheme="dark")
    choose("no.png", "image/png", b"no picture")
    here.page.get_by_text("no.png cannot be used").wait_for()
    assert here.page.get_by_text("are not allowed").count() == 0
    names_have_colours("dark")
    assert here.overflow() <= 0


def test_files_hold_what_is_shown_and_a_chain_goes_by_keyboard(digits):
    here = digits("steps=4&pixels=10")
    saved = here.download("Samples (NPZ)")
    with np.load(saved) as file:
        assert file["x"].shape == (64, 64)
        assert json.loads(str(file["about"]))["steps"] == 4
    saved = here.download("Sheet (PNG)")
    with Image.open(saved) as sheet:
        assert sheet.width == 4 * (8 * 9 - 1)
    saved = here.download("Chains (GIF)")
    with Image.open(saved) as film:
        assert film.n_frames > 1
    saved = here.download("Chains (NPZ)")
    with np.load(saved) as file:
        changed = (file["proposal"] != file["x"][:-1]).sum(2)
    assert 0 < changed.max() <= 10
    view = views(here).nth(3)
    view.locator(".lattice").first.focus()
    here.page.keyboard.press("Home")
    here.page.keyboard.press("ArrowRight")
    assert "10 of 64 pixels" in view.locator(".words").inner_text()
    here.page.keyboard.press("End")
    assert "after 8 moves" in view.locator(".words").inner_text()


def test_mnist_is_there_at_once(digits):
    if not (shipped.folder() / "images-mnist-small").is_dir():
        pytest.skip("MNIST is not shipped")
    bits = shipped_digits()[0]
    here = digits("images=images-mnist-small&steps=1")
    assert "64 sampled images of 28 × 28" in views(here).nth(0).locator(".lattice").get_attribute("aria-label")
    assert bits.shape == (500, 784)


def test_both_themes_and_a_narrow_window(digits):
    here = digits()
    for theme, _width in here.looks():
        assert here.overflow() <= 0
        box = views(here).nth(0).locator(".lattice").bounding_box()
        assert box["width"] > 300
        ink = here.page.locator(".board rect.ink").first.evaluate("e => getComputedStyle(e).fill")
        assert ink == here.colour("one", theme)
        assert here.axe() == []


def test_digits_are_trained_on_the_page(digits):
    here = digits("train_seconds=5&steps=1")
    here.page.get_by_role("button", name="Train", exact=True).click()
    drawn = here.page.locator(".view").filter(has_text="What the sampler draws")
    drawn.wait_for()
    first = drawn.locator(".lattice .up").first.get_attribute("d")
    here.page.get_by_text("model that you trained").wait_for(timeout=120_000)
    here.page.get_by_role("button", name="Chains (GIF)").wait_for(timeout=60_000)
    here.settled()
    assert "nats" in drawn.locator(".words").first.inner_text()
    drawn.locator(".last").click()
    assert drawn.locator(".lattice .up").first.get_attribute("d") != first
    with np.load(here.download("Last samples (NPZ)", menu="Download this training"), allow_pickle=False) as found:
        assert found["x"].shape == (64, 64)
    here.page.get_by_role("button", name="Reset").click()
    here.page.get_by_role("combobox", name="Model").wait_for()
