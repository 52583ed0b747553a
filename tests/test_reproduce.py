"""The tables of results: what they measure, small, and how they read."""

import dataclasses
import importlib
import itertools

import pytest

from ebgfn.algorithms import ALGORITHMS, IMAGE_RECIPES, Images
from ebgfn.evaluation.image_report import of_images
from ebgfn.evaluation.published import IMAGES
from ebgfn.model import Architecture
from ebgfn.options import TABLES
from ebgfn.reproduce import images, toy2d


def columns(text: str) -> list[list[str]]:
    """Cells of a table in Markdown, without the line of dashes; all lines have as many."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert len({len(line) for line in lines}) == 1
    assert set(lines[1]) == {"---"}
    return [lines[0], *lines[2:]]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_the_command_line_is_there(name):
    table = importlib.import_module(f"ebgfn.reproduce.{name}")
    assert table.work(3) == 3 * table.work(1) > 0
    assert table.BUDGET_S >= 1
    assert callable(table.rows)
    assert callable(table.as_text)


def test_images_are_trained_and_stand_beside_their_peers(monkeypatch):
    recipe = dataclasses.replace(
        IMAGE_RECIPES["small"],
        fresh=64,
        path_steps=4,
        energy_batch=32,
        curve_points=64,
        architecture=Architecture(hidden=16, channels=4, kind="conv"),
    )
    monkeypatch.setitem(ALGORITHMS, ("images", "small"), (Images, recipe))
    monkeypatch.setattr(images, "OURS", (("digits", "small"),))
    monkeypatch.setattr(images, "evaluate", lambda model: of_images(model, seed=0, points=20, temperatures=5))
    counted = itertools.count(1)
    rows = images.rows(2.0, seeds=1, on_row=lambda: next(counted))
    assert next(counted) == 2
    assert rows[0]["steps"] > 5
    head, ours, mixture = columns(images.as_text(rows))
    assert head[1] == "sampler"
    assert ours[0] == "digits, small"
    assert ours[1] == f"{rows[0]['gfn_nll']:.1f} ± {2 * rows[0]['gfn_nll_se']:.1f}"
    assert mixture[1] == f"{rows[0]['mixture_nll']:.1f} ± {2 * rows[0]['mixture_nll_se']:.1f}"


def test_published_figures_stand_with_mnist_only():
    rows = [
        {"dataset": name, "preset": "fast", "gfn_nll": 80.0, "train_seconds": 600.0} for name in ("mnist", "omniglot")
    ]
    names = [line[0] for line in columns(images.as_text(rows))]
    assert names[1:] == [
        "mnist, fast",
        *(f"mnist, {other.title}" for other in IMAGES["mnist"]),
        "omniglot, fast",
    ]


def test_a_training_that_diverged_is_told():
    rows = [
        {"dataset": "moons", "preset": "fast", "gfn_excess": 0.02, "gfn_excess_se": 0.001, "steps": 7},
        {"dataset": "moons", "preset": "paper", "error": "training stopped"},
    ]
    _, good, bad = columns(toy2d.as_text(rows))
    assert good == ["moons, fast", "0.020 ± 0.002", "", "", "", "7"]
    assert bad[:2] == ["moons, paper", "training stopped"]
