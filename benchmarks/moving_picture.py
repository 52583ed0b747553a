"""Record README's moving picture from the running app: `streamlit run app.py`, then `python -m benchmarks.moving_picture`.

Two scenes of the page Digits, moment by moment: an image being filled, and back-and-forth moves.
"""

import argparse
import io
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont

OUT = Path(__file__).parents[1] / "assets" / "moving.gif"
SIZE, LEFT, TOP = (860, 550), 10, 46
INK, WHITE = (17, 26, 34), (255, 255, 255)
COLOURS = 96
SET_TIME = "(slider, at) => { slider.value = at; slider.dispatchEvent(new Event('input', { bubbles: true })) }"


class Scene(NamedTuple):
    """`shown` and `played` number the page's views; `width` of the window (narrow: one column) and `zoom` of its pixels."""

    title: str
    width: int
    zoom: float
    shown: tuple[int, ...]
    played: int
    moments: tuple[int, ...]
    pace_ms: int


# Of the first move all moments, of the others when pixels are void and when they are filled again.
MOVES = (*range(6), *(6 * move + moment for move in range(1, 8) for moment in (1, 5)), 48)
SCENES = (
    Scene(
        "A GFlowNet fills an empty image, a few pixels at a time, in any order", 960, 1.0, (0, 1), 1, (*range(17),), 170
    ),
    Scene("Back and forth: erase 128 pixels, fill them again, accept or stay", 640, 1.03, (3,), 3, MOVES, 500),
)
STAY_MS = 1800


def frames(browser: Any, url: str, scene: Scene) -> list[tuple[Image.Image, int]]:
    """Pictures of one scene, each with the milliseconds that it stays."""
    page = browser.new_page(
        viewport={"width": scene.width, "height": 5200},
        device_scale_factor=scene.zoom,
        color_scheme="light",
        reduced_motion="reduce",
    )
    page.goto(f"{url}/digits?pixels=128")
    page.get_by_role("button", name="Chains (GIF)").wait_for(timeout=180_000)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=180_000)
    boxes, view = (
        [page.locator(".view").nth(i).bounding_box() for i in scene.shown],
        page.locator(".view").nth(scene.played),
    )
    x, y = (min(box[side] for box in boxes) for side in "xy")
    clip = {"x": x, "y": y, "width": (SIZE[0] - LEFT) / scene.zoom, "height": (SIZE[1] - TOP) / scene.zoom}
    if len(scene.shown) == 1:  # below what the move did there is no room for buttons
        view.locator(".transport").evaluate("buttons => { buttons.style.display = 'none' }")
    taken = []
    for at in scene.moments:
        view.locator(".time").evaluate(SET_TIME, at)
        page.wait_for_timeout(60)
        picture = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")
        stays = at in (scene.moments[0], scene.moments[-1])
        taken.append((titled(picture, scene.title), STAY_MS if stays else scene.pace_ms))
    page.close()
    return taken


def titled(picture: Image.Image, title: str) -> Image.Image:
    """On white, below a line of text."""
    whole = Image.new("RGB", SIZE, WHITE)
    whole.paste(picture, (LEFT, TOP))
    ImageDraw.Draw(whole).text((LEFT, 10), title, INK, font=ImageFont.load_default(22))
    return whole


def palette(pictures: list[Image.Image]) -> Image.Image:
    """One for all, so that what stands still costs nothing: the colours of a strip of every third picture."""
    some = pictures[::3]
    strip = Image.new("RGB", (SIZE[0], SIZE[1] * len(some)))
    for i, picture in enumerate(some):
        strip.paste(picture, (0, i * SIZE[1]))
    found = strip.quantize(COLOURS - 1, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    # White is most of it, and must be white exactly.
    found.putpalette([*WHITE, *(found.getpalette() or [])])
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--url", default="http://localhost:8501", help="where the app answers")
    arguments.add_argument("--browser", default="/usr/bin/chromium", help="Chromium's program")
    args = arguments.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.browser, args=["--no-sandbox"])
        taken = [frame for scene in SCENES for frame in frames(browser, args.url, scene)]
    colours = palette([picture for picture, _ in taken])
    first, *rest = (picture.quantize(palette=colours, dither=Image.Dither.NONE) for picture, _ in taken)
    times = [ms for _, ms in taken]
    first.save(OUT, save_all=True, append_images=rest, duration=times, loop=0, optimize=True)
    print(f"{OUT}: {len(times)} pictures, {sum(times) / 1000:.0f} s, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
