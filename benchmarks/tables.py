"""Print the README's tables from the stored cards and results: `python benchmarks/tables.py`."""

import argparse
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def number(figures: dict[str, Any], key: str, digits: int = 3) -> str:
    """A figure with twice its standard error, where it has one."""
    value, se = figures.get(key), figures.get(f"{key}_se")
    if value is None:
        return figures.get("error", "")
    return f"{value:.{digits}f}" + (f" ± {2 * se:.{digits}f}" if se is not None else "")


def table(title: str, rows: dict[str, dict[str, Any]]) -> str:
    """Markdown: distances from the floor in nats, and how well the sampler knows the energy."""
    lines = [
        f"**{title}**",
        "",
        "| | sampler | energy | acceptance, K = 8 | effective samples | steps |",
        "|---|---|---|---|---|---|",
    ]
    for name, figures in rows.items():
        cells = (
            number(figures, "gfn_excess"),
            number(figures, "ebm_excess"),
            number(figures, "mh_acceptance"),
            number(figures, "ess"),
        )
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {figures.get('steps', '')} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    cards = {path.parent.name: json.loads(path.read_text()) for path in sorted(HERE.glob("../checkpoints/*/card.json"))}
    print(table("Shipped models", {name: card for name, card in cards.items() if "gfn_excess" in card}))
    for path in sorted((HERE / "results").glob("toy2d-*.json")):
        stored = json.loads(path.read_text())
        how = f"{stored['command']} ({stored['machine']}, {stored['threads']} thread(s), {stored['date']})"
        print(table(how, stored["rows"]))


if __name__ == "__main__":
    main()
