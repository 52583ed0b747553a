"""Opening a page without a browser, on a machine with what a test puts there."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]


def open_page(path: str, **address: str) -> AppTest:
    """The page as it looks after a visit to the root and then to this address."""
    at = AppTest.from_file(ROOT / "app.py", default_timeout=30).run()
    at.switch_page(path)
    for name, value in address.items():
        at.query_params[name] = value
    return at.run()


def sentences(at: AppTest) -> str:
    """All that the page warns of, informs of or refuses."""
    return "\n".join(element.value for kind in (at.warning, at.info, at.error) for element in kind)


def labels(at: AppTest) -> set[str]:
    """Labels of the buttons."""
    return {button.label for button in at.button}
