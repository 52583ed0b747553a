"""The Overview page in a browser: the moving picture, its controls, both themes, a narrow window, axe."""

import re

import pytest

CALM = {"reduced_motion": "reduce"}
# In a component, the text of a card's line is another one.
_OTHER = """[...document.querySelectorAll('*')].some(e => {{
  const line = e.shadowRoot?.querySelectorAll('.card .now')[{at}]
  return line && line.textContent !== '{text}'
}})"""


@pytest.fixture
def overview(visit):
    """Open the page and wait for the picture; nothing moves by itself."""

    def go(path: str = "", **options):
        here = visit(path, **(CALM | options))
        here.page.locator(".story .bits i").first.wait_for()
        return here

    return go


def count(here) -> str:
    return here.page.locator(".story .moment").inner_text()


def test_bits_fill_one_by_one_and_can_be_voided_again(overview):
    here = overview()
    page = here.page
    filled, story = page.locator(".bits i.filled"), page.locator(".story")
    assert count(here) == "32 of 32 bits", "who wants less motion is shown the end"
    story.locator(".first").click()
    assert count(here) == "0 of 32 bits"
    assert filled.count() == 0
    story.locator(".forward").click()
    story.locator(".forward").click()
    assert filled.count() == 2
    assert page.locator(".bits i.newest").count() == 1
    story.locator(".back").click()
    assert filled.count() == 1
    everything = page.locator(".story canvas").screenshot()
    page.locator(".story canvas").focus()
    page.keyboard.press("End")
    assert count(here) == "32 of 32 bits"
    assert filled.count() == 32
    page.wait_for_timeout(100)
    assert page.locator(".story canvas").screenshot() != everything


def test_it_plays_by_itself_and_can_be_stopped(overview):
    here = overview(reduced_motion="no-preference")
    page = here.page
    page.wait_for_function(
        "[...document.querySelectorAll('*')].some(e => e.shadowRoot?.querySelector('.bits i.filled'))", timeout=10_000
    )
    play = page.locator(".story .play")
    play.click()
    before = count(here)
    page.wait_for_timeout(500)
    assert count(here) == before
    # After the end another trajectory begins: soon, at this speed, and else after three seconds.
    page.locator(".story .speed").select_option("8")
    page.locator(".story .time").fill("31")
    play.click()
    page.locator(".story .moment", has_text=re.compile(r"^\d of")).wait_for(timeout=2_500)


def test_another_set_comes_into_the_address_and_a_card_carries_it(overview):
    page = overview().page
    page.get_by_label("Data set").select_option("moons")
    page.wait_for_url("**data=moons*")
    page.get_by_role("link", name="Train it yourself").click()
    page.wait_for_url("**/landscape_2d?data=moons")
    page.get_by_role("heading", level=1, name="2D landscape").wait_for()
    assert page.get_by_role("radio", name="moons").is_checked()


def test_the_first_screen_fits_moves_and_can_be_stopped(overview):
    here = overview(reduced_motion="no-preference", height=720)
    page = here.page
    page.locator(".story .speed").select_option("8")
    numbers = page.locator(".numbers").bounding_box()
    terms, player = page.locator(".terms").bounding_box(), page.locator(".clock").bounding_box()
    assert max(box["y"] + box["height"] for box in (numbers, terms, player)) <= 720
    page.locator(".terms li.lit").wait_for()
    growing = page.locator(".card .now").nth(1)
    page.wait_for_function(_OTHER.format(at=1, text=growing.inner_text()))
    assert page.locator(".arrow.lit").count() == 1
    page.locator(".clock").get_by_role("button", name="Pause").click()
    before = growing.inner_text()
    page.wait_for_timeout(400)
    assert growing.inner_text() == before
    page.locator(".clock .last").click()
    assert page.locator(".clock .moment").inner_text() == "after 600 s"
    page.wait_for_timeout(100)
    assert growing.inner_text() == "49 of 49 steps"
    # What is further down has waited to be seen.
    assert count(here) == "0 of 32 bits"
    page.locator(".story").scroll_into_view_if_needed()
    page.locator(".story .bits i.filled").first.wait_for()


def test_nothing_is_asked_of_other_servers(server, browser):
    asked = []
    context = browser.new_context()
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    page.locator(".story .bits i").first.wait_for()
    context.close()
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []


def test_both_themes_and_a_narrow_window(overview):
    here = overview()
    for _theme, width in here.looks():
        assert here.overflow() <= 0
        cards = [card.bounding_box() for card in here.page.locator(".card").all()]
        assert len(cards) == 3
        assert all(card["x"] + card["width"] <= width for card in cards)
        box = here.page.locator(".story canvas").bounding_box()
        assert box["width"] > 250
        assert box["x"] + box["width"] <= width
        assert here.axe() == []
