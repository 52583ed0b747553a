"""The Overview page in a browser: the moving picture, its controls, both themes, a narrow window, axe."""

import pytest

CALM = {"reduced_motion": "reduce"}


@pytest.fixture
def overview(visit):
    """Open the page and wait for the picture; nothing moves by itself."""

    def go(path: str = "", **options):
        here = visit(path, **(CALM | options))
        here.page.locator(".story .bits i").first.wait_for()
        return here

    return go


def count(here) -> str:
    return here.page.locator(".story .count").inner_text()


def test_bits_fill_one_by_one_and_can_be_voided_again(overview):
    here = overview()
    page = here.page
    filled = page.locator(".bits i.filled")
    assert count(here) == "0 of 32 bits"
    assert filled.count() == 0
    page.locator("[data-tool=next]").click()
    page.locator("[data-tool=next]").click()
    assert filled.count() == 2
    assert page.locator(".bits i.newest").count() == 1
    page.locator("[data-tool=back]").click()
    assert filled.count() == 1
    everything = page.locator(".story canvas").screenshot()
    slider = page.locator(".story input")
    slider.focus()
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
    page.get_by_role("button", name="Pause").click()
    before = count(here)
    page.wait_for_timeout(500)
    assert count(here) == before


def test_another_set_comes_into_the_address_and_the_pages_are_reached(overview):
    here = overview()
    page = here.page
    page.get_by_role("radio", name="moons").click()
    page.wait_for_url("**shown=moons*")
    here.settled()
    page.get_by_test_id("stMainBlockContainer").get_by_role("link", name="Chains").click()
    page.wait_for_url("**/chains**")
    here.settled()
    assert page.get_by_role("heading", level=1).inner_text() == "Chains"


def test_both_themes_and_a_narrow_window(overview):
    here = overview()
    for _theme, width in here.looks():
        assert here.overflow() <= 0
        box = here.page.locator(".story canvas").bounding_box()
        assert box["width"] > 250
        assert box["x"] + box["width"] <= width
        assert here.axe() == []
