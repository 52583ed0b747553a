"""Your table in a browser: a file is dropped, understood, trained on, and deleted with all that was made of it."""

import re
import time

import numpy as np

PEOPLE = 120
NARROW, ROW_PX = 390, 35
PEERS_S = 20


def people() -> bytes:
    rng = np.random.default_rng(0)
    smokes = rng.random(PEOPLE) < 0.5
    rows = [
        f"{'yes' if one else 'no'},{rng.integers(20, 40) + 20 * one},<b>{i}</b>,=1+1" for i, one in enumerate(smokes)
    ]
    return "\n".join(["smoker,age,id,note", *rows, "no,30,<b>x</b>,none"]).encode()


def cells(here) -> list[str]:
    """What the first table that is not folded away says to those who cannot see it."""
    grid = here.page.locator("[data-testid=stDataFrame]:visible").first
    grid.locator("[role=gridcell]").first.wait_for(state="attached")
    return grid.locator("[role=gridcell]").all_text_contents()


def choose_kind(here, row: int, kind: str) -> None:
    """In the table of what was understood, as a hand does."""
    here.settled()
    box = here.page.locator("[data-testid=stDataFrame]:visible").first.bounding_box()
    here.page.mouse.click(box["x"] + 150, box["y"] + ROW_PX * (row + 1.5))
    here.page.keyboard.press("Enter")
    here.page.locator("[id*=-option-]", has_text=kind).click()
    here.settled()


def test_a_dropped_table_is_understood_trained_on_and_deleted(visit, server):
    here = visit("table?train_seconds=5", width=NARROW)
    page = here.page
    page.get_by_text("An example: breast cancer").wait_for()
    assert any(cell.lstrip("-").replace(".", "").isdigit() for cell in cells(here))
    page.locator("input[type=file]").set_input_files({"name": "people.csv", "mimeType": "text/csv", "buffer": people()})
    page.get_by_text(f"{PEOPLE + 1} rows, 4 columns.").wait_for()
    page.locator("[role=gridcell]", has_text="left out").first.wait_for(state="attached")
    here.settled()  # the example's rows are gone
    understood = cells(here)
    assert {"smoker", "age", "category", "number", "2 values, 1 bit", "left out"} <= set(understood)
    assert here.overflow() == 0
    choose_kind(here, 1, "category")
    page.locator("[role=gridcell]", has_text=re.compile(r"^\d\d values, \d bits$")).first.wait_for(state="attached")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("Drawn at this moment").wait_for()
    assert {"yes", "no"} & set(cells(here))
    page.get_by_text("What it has learned").wait_for()
    here.settled()
    expected = {"independent columns", "Chow-Liu tree", "acceptance"}
    until = time.monotonic() + PEERS_S  # fitted beside the training, at a lower priority
    while not expected <= (names := {name for chart in here.named_lines() for name in chart}):
        assert time.monotonic() < until, names
        page.wait_for_timeout(200)
    assert list((server.home / "uploads").iterdir())
    assert here.overflow() == 0
    page.get_by_role("button", name="Delete my table now").click()
    page.get_by_text("An example: breast cancer").wait_for()
    here.settled()
    assert not list((server.home / "uploads").iterdir())
    assert "run=" not in page.url
    assert page.get_by_text("rows, 4 columns").count() == 0


def test_the_page_can_be_used_by_all(visit):
    here = visit("table?do=Fill+in")
    here.page.get_by_text("Whole rows that the sampler answered most often").wait_for()
    for _ in here.looks():
        assert here.axe() == []
        assert here.overflow() == 0
