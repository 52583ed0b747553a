"""The Chains page in a browser: the dial, the player, the address, files, themes, a narrow window, keyboard, axe."""

import csv
import io
import json

import numpy as np
import pytest

PAGE = "chains?data=tiny"
# Stops the clock: what a test sees depends on no timer.
CALM = {"reduced_motion": "reduce"}


@pytest.fixture
def player(visit):
    """Open the page with a tiny model and wait for the picture."""

    def go(path: str = PAGE, **options):
        here = visit(path, **(CALM | options))
        here.page.locator(".player[data-k]").wait_for()
        return here

    return go


def shown_k(here) -> str:
    return here.page.locator(".player").get_attribute("data-k")


def turn(here, k: int) -> None:
    """Move the dial as a hand does: an input event, then the release."""
    dial = here.page.locator(".dial input")
    dial.evaluate("(e, k) => { e.value = k; e.dispatchEvent(new Event('input')); }", k)
    here.page.locator(f".player[data-k='{k}']").wait_for()
    dial.evaluate("e => e.dispatchEvent(new Event('change'))")
    here.settled()


def numbers(text: str) -> list[float]:
    """The seven numbers of the formula's spoken form."""
    words = text.replace("−", "-").split()
    return [float(w) for w in words if w.lstrip("-").replace(".", "", 1).isdigit()]


def test_moving_the_dial_brings_a_new_picture_and_the_address_follows(player):
    here = player()
    before = here.page.locator(".plane canvas").screenshot()
    turn(here, 21)
    assert here.page.locator(".dial output").inner_text() == "21"
    here.page.wait_for_url("**k=21*")
    here.page.locator(".last").click()
    assert here.page.locator(".plane canvas").screenshot() != before
    here.page.reload()
    here.page.locator(".player[data-k='21']").wait_for()
    # Many values at once: the last one wins, however many in between were skipped.
    here.page.locator(".dial input").evaluate(
        "e => { for (let k = 9; k <= 30; k++) { e.value = k; e.dispatchEvent(new Event('input')) } }"
    )
    here.page.locator(".player[data-k='30']").wait_for()


def test_steps_show_bits_void_then_filled_then_the_formula_and_keys_do_it_all(player):
    here = player("chains?data=tiny&k=12")
    page, forward = here.page, here.page.locator(".forward")
    assert page.locator(".play").get_attribute("aria-label") == "Play", (
        "less motion is wanted, so nothing plays by itself"
    )
    assert "6 of 6" in page.locator(".moment").inner_text(), "and its end is there at once"
    page.locator(".first").click()
    assert page.locator(".bits b.void").count() == 0
    forward.click()
    assert page.locator(".bits b.void").count() == 12
    assert page.locator(".phases li.now").inner_text() == "fill K"
    forward.click()
    assert page.locator(".bits b.void").count() == 0
    assert page.locator(".bits b.same").count() + page.locator(".bits b.changed").count() == 12
    total, old, new, pb_new, pf_old, pb_old, pf_new = numbers(page.locator(".formula").get_attribute("aria-label"))
    assert total == pytest.approx(old - new + (pb_new + pf_old) - (pb_old + pf_new), abs=0.05)
    assert page.locator(".verdict strong").inner_text() in ("✓ accepted", "✕ rejected")
    assert "log alpha" in page.locator(".spoken").inner_text()
    page.locator(".back").click()
    assert page.locator(".bits b.void").count() == 12
    page.locator(".plane").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".bits b.void").count() == 0
    first = page.locator(".formula").get_attribute("aria-label")
    page.keyboard.press("ArrowUp")
    assert page.locator(".chain").input_value() == "2"
    # The chosen chain's terms come from the server.
    page.wait_for_function(
        "old => [...document.querySelectorAll('*')].map(e => e.shadowRoot?.querySelector('.formula')).find(Boolean)"
        "?.getAttribute('aria-label').match(/\\d/) && true",
        arg=first,
    )
    page.keyboard.press("End")
    assert "6 of 6" in page.locator(".moment").inner_text()
    page.keyboard.press("Home")
    assert "1 of 6" in page.locator(".moment").inner_text()
    page.keyboard.press("Space")
    assert page.locator(".play").get_attribute("aria-label") == "Pause"
    page.keyboard.press("Space")
    page.locator(".dial input").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".player[data-k='13']").wait_for()


def test_it_plays_by_itself(visit):
    moving = visit(PAGE)
    moving.page.locator(".player[data-k]").wait_for()
    moving.page.wait_for_function(
        "[...document.querySelectorAll('*')].some(e => Number(e.shadowRoot?.querySelector('.time')?.value) > 0.05)"
    )


def test_files_of_chains_and_of_the_comparison_that_arrives(player):
    here = player("chains?data=tiny&k=5&moves=4&budget=1")
    button = here.page.get_by_role("button", name="Figure data")
    button.wait_for(timeout=30_000)
    # The comparison has arrived: a page that is drawn anew while a button is pressed may lose the click.
    here.settled()
    saved = here.download("Chains (NPZ)")
    with np.load(saved) as file:
        x, accept = file["x"], file["accepted"]
    assert x.shape == (5, 64, 32)
    assert x.dtype == np.uint8
    assert accept.shape == (4, 64)
    # A rejected move leaves a chain where it was, an accepted one changes at most K bits.
    moved = (x[1:] != x[:-1]).sum(-1)
    assert (moved[accept == 0] == 0).all()
    assert moved.max() <= 5
    saved = here.download("Chains (CSV)")
    rows = list(csv.DictReader(io.StringIO(saved.read_text())))
    assert len(rows) == 5 * 64
    assert rows[70]["bits"] == "".join(map(str, x[1, 6]))
    saved = here.download("Figure data")
    told = json.loads(saved.read_text())
    rows = told["kernels"]
    assert (told["model"], told["passes"]) == ("tiny", 65)
    assert [row.get("k") for row in rows] == [None, None, None, 1, 2, 4, 8, 16, 32]
    assert {row["kernel"].split(",")[0] for row in rows} == {"Gibbs", "Gibbs-with-Gradients", "DMALA", "Back-and-forth"}


def test_bad_address_gets_sentences_and_defaults(player):
    here = player("chains?data=nowhere&k=99&start=heaven&moves=7&seed=-1")
    text = "\n".join(here.page.get_by_role("alert").all_inner_texts())
    for words in ("names no shipped model", "1..32", "data, noise, sampler", "4, 6, 8", "0..2147483647"):
        assert words in text
    assert shown_k(here) == "8"


def test_both_themes_and_a_narrow_window(player):
    here = player("chains?data=tiny&budget=1")
    page = here.page
    page.locator(".back").click()
    for theme, width in here.looks():
        assert here.overflow() <= 0
        box = page.locator(".plane canvas").bounding_box()
        assert box["width"] > 300
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        colour = page.locator(".player .play").evaluate("e => getComputedStyle(e).backgroundColor")
        assert colour == here.colour("own", theme)
        page.get_by_role("button", name="Figure data").wait_for(timeout=30_000)
        here.settled()
        for chart in here.named_lines():
            assert chart["Back-and-forth"] == here.colour("sampler", theme)
            assert chart["Gibbs"] == here.colour("peer1", theme)
            assert len(set(chart.values())) == len(chart) == 4
        assert here.axe() == []
