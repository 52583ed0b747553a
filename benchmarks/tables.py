"""Print the tables of docs/results.md from the stored cards and results: `python -m benchmarks.tables`."""

import argparse
import json
from pathlib import Path

from ebgfn.reproduce import images, toy2d
from ebgfn.reproduce.markdown import table

HERE = Path(__file__).parent


def titled(title: str, text: str) -> str:
    """A table below a line that says what it is."""
    return f"**{title}**\n\n{text}\n"


def preset(name: str) -> str:
    """That a shipped model was trained by."""
    return json.loads((HERE / "../checkpoints" / name / "config.json").read_text())["config"]["preset"]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    cards = {path.parent.name: json.loads(path.read_text()) for path in sorted(HERE.glob("../checkpoints/*/card.json"))}
    plane = [toy2d.line(name, card) for name, card in cards.items() if "gfn_excess" in card]
    print(titled("Shipped models of the plane", table(toy2d.HEAD, plane)))
    shown = [card | {"preset": preset(name)} for name, card in cards.items() if card.get("kind") == "images"]
    print(titled("Shipped models of images", images.as_text(shown)))
    for path in sorted((HERE / "results").glob("toy2d-*.json")):
        stored = json.loads(path.read_text())
        how = f"{stored['command']} ({stored['machine']}, {stored['threads']} thread(s), {stored['date']})"
        print(titled(how, table(toy2d.HEAD, (toy2d.line(*row) for row in stored["rows"].items()))))


if __name__ == "__main__":
    main()
