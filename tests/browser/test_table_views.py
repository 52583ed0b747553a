"""Views of a table in a browser, without a server: what is sent, what is shown, keys, names that are no markup."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ebgfn.ui.components import _shared, column_circle, row_cells, split_matrix
from ebgfn.ui.components.column_circle import Link
from ebgfn.ui.components.row_cells import Answer, Cell
from ebgfn.ui.components.split_matrix import Split

NAME = "<img src=x onerror=alert(1)>"
THEME = """:root { color-scheme: light; --st-font: sans-serif; --st-text-color: #111a22; --st-background-color: #ffffff;
  --st-secondary-background-color: #f3f6f8; --st-border-color: #d9e1e6; --st-button-radius: 8px;
  --st-link-color: #5b2a86 }"""
MOUNT = """async (script) => {
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }))
  const mount = (await import(url)).default, parentElement = document.querySelector("main")
  window.sent = []
  window.show = (data) => { mount({ parentElement, data, setStateValue: (name, value) => sent.push([name, [...value]]) }) }
}"""


@dataclass
class Shown:
    """A view on a page of its own."""

    page: Any

    def show(self, data: dict) -> None:
        self.page.evaluate("(data) => show(data)", json.loads(json.dumps(data)))

    def text(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_inner_texts()

    @property
    def sent(self) -> list:
        return self.page.evaluate("sent")


@pytest.fixture
def view(browser, monkeypatch) -> Iterator[Callable[[Any], Shown]]:
    """Put a component on an empty page, as Streamlit does; at the end nothing must have gone wrong there."""
    monkeypatch.setattr(_shared, "component", lambda name, **parts: parts)
    errors = []
    with browser.new_context(viewport={"width": 700, "height": 900}) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append("a name was run"))

        def put(component: Any) -> Shown:
            parts = _shared.build(component.__file__)
            style = f"<style>{THEME}\n{parts['css'].replace(':host, ', '')}</style>"
            page.set_content(f"<!doctype html><html lang=en><title>t</title>{style}<main>{parts['html']}</main>")
            page.evaluate(MOUNT, parts["js"])
            return Shown(page)

        yield put
    assert errors == []


def violations(shown: Shown) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(shown.page, context="main").response["violations"]
    return [f"{rule['id']}: {[node['target'] for node in rule['nodes']]}" for rule in found]


ANSWER = Answer(("yes", NAME, "no"), (0.7, 0.2, 0.1), ordered=False, said="yes, 70%", stood=2)
NUMBER = Answer(("1", "5", "9"), (0.1, 0.3, 0.6), ordered=True, said="median 9", stood=0)


def test_a_cell_is_made_void_and_its_distribution_is_shown(view):
    shown = view(row_cells)
    row = [Cell(NAME, "no", "no"), Cell("size", "1", "1")]
    shown.show(row_cells.payload(row, 0))
    first = shown.page.locator(".cell").first
    assert first.get_attribute("aria-label") == f"{NAME}: no"
    first.click()
    assert shown.sent == [["changed", [None, "1"]]]
    assert first.get_attribute("aria-pressed") == "true"
    shown.show(row_cells.payload([Cell(NAME, None, "no", ANSWER), row[1]], 0))
    assert shown.text(".answers figcaption b") == [NAME]
    assert shown.text(".value output") == ["70%", "20%", "10%"]
    assert shown.text(".value.is span") == ["no"]
    assert violations(shown) == []
    shown.page.get_by_label(f"{NAME}: 20%").click()
    assert shown.sent[-1] == ["changed", [NAME, "1"]]
    shown.show(row_cells.payload([Cell(NAME, NAME, "no"), row[1]], 0))
    assert shown.text(".answers figure") == []
    assert shown.page.evaluate("document.activeElement.className") == "cell"


def test_a_number_is_typed_or_taken_from_its_histogram_and_what_is_refused_goes(view):
    shown = view(row_cells)
    row = [Cell("size", None, "1", NUMBER), Cell("paid", "no", "no")]
    shown.show(row_cells.payload(row, 0))
    shown.page.get_by_label("Value of size").fill("many")
    shown.page.keyboard.press("Enter")
    assert shown.sent == [["changed", ["many", "no"]]]
    assert shown.text(".cell b")[0] == "many"
    shown.show(row_cells.payload(row, 1))
    assert shown.text(".cell b")[0] == "? median 9"
    shown.page.locator(".histogram .hit").nth(1).click()
    assert shown.sent[-1] == ["changed", ["5", "no"]]
    shown.show(row_cells.payload(row, 2))
    heights = [float(bar.get_attribute("height") or 0) for bar in shown.page.locator(".histogram .bar").all()]
    assert np.array(heights) / heights[-1] == pytest.approx([1 / 6, 1 / 2, 1])
    # Pressed again it is what stood there.
    shown.page.locator(".cell").first.press("Enter")
    assert shown.sent[-1] == ["changed", ["1", "no"]]


def test_a_column_that_is_walked_to_tells_its_partners(view):
    shown = view(column_circle)
    names = ["a", NAME, "c", "d"]
    links = [Link(0, 1, 0.8, 0.9), Link(1, 2, 0.4, 0.2), Link(0, 2, 0.1, 0.1, drawn=False)]
    shown.show(column_circle.payload(names, links))
    assert shown.text(".title") == ["a: strongest partners"]
    assert shown.text(".partner-row span") == [NAME, "c"]
    assert shown.page.locator(".link").count() == 2
    assert violations(shown) == []
    shown.page.locator(".circle").press("ArrowRight")
    assert shown.text(".title") == [f"{NAME}: strongest partners"]
    assert shown.text(".partner-row output") == ["0.800", "0.900", "0.400", "0.200"]
    shown.page.locator(".circle").press("ArrowLeft")
    assert shown.page.locator(".link.of").count() == 2  # one of them is drawn for this column alone
    shown.page.locator(".circle").press("ArrowLeft")
    assert shown.text(".title") == ["d: nothing beyond chance"]
    widths = [float(path.get_attribute("stroke-width") or 0) for path in shown.page.locator(".link").all()]
    assert widths[1] == pytest.approx(2 * widths[0])
    shown.page.set_viewport_size({"width": 390, "height": 800})
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_both_halves_of_a_pair_are_read(view):
    shown = view(split_matrix)
    above, below = np.zeros((3, 3)), np.zeros((3, 3))
    above[0, 2], below[2, 0] = 0.5, 0.25
    shown.show(split_matrix.payload(Split(["a", "b", NAME], above, below, "Dependence.")))
    for key in ("ArrowRight", "ArrowRight"):
        shown.page.locator("main .view > canvas").press(key)
    assert shown.text(".reading") == [f"a and {NAME}: real rows 0.500, drawn rows 0.250"]
    assert violations(shown) == []
    shades = shown.page.evaluate("""() => {
      const canvas = document.querySelector(".view > canvas"), side = canvas.width, ctx = canvas.getContext("2d")
      const at = (i, j) => ctx.getImageData(((j + 0.5) * side) / 3, ((i + 0.3) * side) / 3, 1, 1).data[0]
      return [at(0, 2), at(2, 0), at(0, 1)]
    }""")
    assert shades == sorted(shades)
    assert len(set(shades)) == 3
