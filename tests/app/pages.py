"""Opening a page without a browser, on a machine with what a test puts there."""

from collections.abc import Iterable
from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]


def open_page(path: str, **address: str) -> AppTest:
    """The page as it looks after a visit to the root and then to this address."""
    at = AppTest.from_file(ROOT / "app.py", default_timeout=120).run()
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


def bad_addresses(cases: Iterable[tuple[str, str, str]]) -> list[dict[str, tuple[str, str]]]:
    """Cases (name, value, words of the refusal) as addresses that hold a value of every name: few visits for many cases."""
    addresses: list[dict[str, tuple[str, str]]] = []
    for name, value, words in cases:
        free = next((address for address in addresses if name not in address), None)
        if free is None:
            addresses.append(free := {})
        free[name] = value, words
    return addresses


def check_refusals(at: AppTest, asked: dict[str, tuple[str, str]]) -> None:
    """One sentence for each value, with its words, and nothing of what was typed."""
    assert not at.exception
    said = [warning.value for warning in at.warning]
    assert len(said) == len(asked)
    expected = " ".join(words for _, words in asked.values())
    for value, words in asked.values():
        assert any(words in sentence for sentence in said), words
        assert value not in " ".join(said) or value in expected


def values(asked: dict[str, tuple[str, str]]) -> dict[str, str]:
    """The address itself."""
    return {name: value for name, (value, _) in asked.items()}
