"""Choices and runs from page to page: what was chosen is there again, and the browser's Back undoes the last choice."""

import pytest

from tests import tiny

# Of few bits, so that its pictures are there at once.
RUN = "resting"


@pytest.fixture
def landscape(visit):
    """Open the 2D landscape; nothing moves by itself."""
    return lambda query="": visit(f"landscape_2d?{query}", reduced_motion="reduce")


def go(here, page: str) -> None:
    """By the navigation on top."""
    here.page.get_by_role("link", name=page).first.click()
    here.page.get_by_role("heading", level=1, name=page).wait_for()
    here.settled()


def test_a_run_at_rest_is_there_after_another_page_until_it_is_reset(landscape, server):
    tiny.finished_run(server.home, RUN, tiny.trained(bits=4))
    here = landscape(f"run={RUN}")
    reset = here.page.get_by_role("button", name="Reset", exact=True)
    reset.wait_for()
    go(here, "Runs")
    assert RUN not in here.page.url
    go(here, "2D landscape")
    reset.wait_for()
    assert f"run={RUN}" in here.page.url
    go(here, "Runs")
    here.page.go_back()
    reset.wait_for()
    assert f"run={RUN}" in here.page.url
    reset.click()
    reset.wait_for(state="detached")
    assert RUN not in here.page.url


def test_back_undoes_the_last_choice(landscape):
    here = landscape()
    page = here.page
    chosen = {name: page.get_by_role("radio", name=name) for name in ("checkerboard", "moons", "circles")}
    for name in ("moons", "circles"):
        chosen[name].click()
        page.wait_for_url(f"**data={name}")
        here.settled()
    for name, step in (("moons", page.go_back), ("checkerboard", page.go_back), ("moons", page.go_forward)):
        step()
        page.wait_for_function(
            "name => [...document.querySelectorAll('[role=radio]')].some("
            "one => one.ariaChecked === 'true' && one.innerText === name)",
            arg=name,
        )
        here.settled()
    assert page.url.endswith("landscape_2d?data=moons")


def test_choices_are_the_same_on_all_pages_and_leak_into_none(landscape):
    here = landscape()
    page = here.page
    page.get_by_role("radio", name="moons").click()
    page.wait_for_url("**data=moons")
    go(here, "Chains")
    assert page.url.endswith("chains?data=moons")
    page.get_by_label("Seed").fill("7")
    page.keyboard.press("Enter")
    page.wait_for_url("**seed=7*")
    here.settled()
    page.locator("input[type=range]").first.press("ArrowRight")
    page.wait_for_url("**k=9*")
    here.settled()
    go(here, "Runs")
    assert page.url.endswith("runs")
    go(here, "Chains")
    assert sorted(page.url.partition("?")[2].split("&")) == ["data=moons", "k=9", "seed=7"]
    # What one page alone offers is no mistake on another.
    go(here, "2D landscape")
    page.get_by_role("radio", name="draw your own").click()
    page.wait_for_url("**data=draw*")
    here.settled()
    go(here, "Chains")
    assert page.get_by_test_id("stAlert").count() == 0
    assert "data=moons" in page.url
