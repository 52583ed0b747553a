"""The scripts behind the tables of docs/results.md, each run with the smallest sizes: what they print has its rows."""

import dataclasses
import importlib
import json
import math
import re
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems import PROBLEMS
from ebgfn.problems.checkpoint import build, load
from ebgfn.problems.images import sets
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.images.recipes import RECIPES
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.lattice.config import LatticeConfig
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.problems.plane.densities import DENSITIES
from ebgfn.reproduce.toy2d import HEAD
from tests import tiny_couplings

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def printed(monkeypatch, capsys):
    """Lines that a benchmark prints; what is timed runs once."""

    def run(name: str, *arguments: str) -> list[str]:
        module = importlib.import_module(f"benchmarks.{name}")
        monkeypatch.setattr("sys.argv", [name, *arguments])
        if hasattr(module, "median_seconds"):
            monkeypatch.setattr(module, "median_seconds", lambda work: 0.0 * (work() is None) + 1.5)
        module.main()
        return capsys.readouterr().out.splitlines()

    return run


def test_every_script_has_its_test():
    scripts = {path.stem for path in FOLDER.glob("*.py") if "__main__" in path.read_text()}
    assert scripts == {
        "ablation",
        "latency",
        "images",
        "ising",
        "mnist_asset",
        "moving_picture",
        "ship",
        "speed",
        "spurious",
        "tables",
        "toy2d",
    }


def test_the_median_is_of_the_runs_after_the_first(monkeypatch):
    timing = importlib.import_module("benchmarks.timing")
    # Of each run begin and end: they take 1 to 7 seconds, in disorder.
    clock = iter(t for n in (3, 1, 7, 2, 6, 5, 4) for t in (0.0, float(n)))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    runs = []
    assert timing.median_seconds(lambda: runs.append(1)) == 4.0
    assert len(runs) == 8


def test_speed_in_the_plane(printed, monkeypatch):
    speed = importlib.import_module("benchmarks.speed")
    small = {name: lambda dim, policy=policy: policy(dim // 4) for name, policy in speed.POLICIES.items()}
    monkeypatch.setattr(speed, "POLICIES", small)
    lines = printed("speed", "--threads", "1")
    assert [line.split(":")[0] for line in lines] == [kind for kind in speed.POLICIES for _ in range(3)]
    assert all(line.endswith(" 1.500 s") for line in lines)


def test_speed_on_lattices(printed, monkeypatch):
    ising = importlib.import_module("benchmarks.ising")
    monkeypatch.setattr(ising, "IsingConfig", partial(IsingConfig, side=3, samples=60))
    monkeypatch.setattr(ising, "LatticeConfig", partial(LatticeConfig, side=3))
    few = mock.Mock(sample=lambda n, rng: Lattice(3, 0.2).sample(2, rng))
    monkeypatch.setattr(ising, "Lattice", lambda side, sigma: few)
    for kind in ("ising", "lattice"):
        algorithm, usual = PROBLEMS[kind].trainers["fast"]
        recipe = dataclasses.replace(usual, sizes=dataclasses.replace(usual.sizes, hidden=8, depth=1))
        monkeypatch.setitem(PROBLEMS[kind].trainers, "fast", (algorithm, recipe))
    lines = printed("ising", "--threads", "1")
    assert [line[:25].strip() for line in lines] == [
        "256 lattices, site by sit",
        "256 lattices, half of the",
        "1 lattice, half of the si",
        "2000 exact samples by clu",
        "training step, batch 256",
    ]
    assert all(line.endswith(" 1.500 s") for line in lines)


def test_speed_on_images(printed, monkeypatch):
    module = importlib.import_module("benchmarks.images")
    sizes = MLPSizes(hidden=8, depth=1)
    recipe = dataclasses.replace(RECIPES["mlp"], fresh=32, path_steps=2, reuse=64, sizes=sizes)
    with torch.random.fork_rng():
        model = build(ImagesConfig(dataset="digits", preset="mlp"), sizes)
    monkeypatch.setattr(module, "load", lambda folder: model)
    monkeypatch.setattr(module, "BATCH", 8)
    monkeypatch.setattr(module, "RECIPES", {"fast": recipe})
    monkeypatch.setattr(module, "ImagesConfig", lambda dataset: ImagesConfig(dataset="digits"))
    monkeypatch.setattr(module, "shipped_digits", lambda: (sets.binarised_test("digits"), None))
    lines = printed("images", "--threads", "1")
    assert len(lines) == 8
    assert sum(line.startswith("images-mnist-small: ") for line in lines) == 3
    assert sum("training step" in line for line in lines) == 2
    assert all(line.endswith(" 1.500 s") for line in lines)


def test_the_clocks_of_a_spurious_mode(printed, monkeypatch, tmp_path):
    """Every method runs on both clocks; nobody is done in no time."""
    out = tmp_path / "out.json"
    head, *lines = printed("spurious", "--data", "8gaussians", "--limit-s", "0.02", "--threads", "1", "--out", str(out))
    assert head.split() == ["found,", "s", "lost,", "s"]
    assert len(lines) == 5
    assert sum(line.count("never") for line in lines) == 9, (
        "noise-contrastive estimation has no sampler that could find it"
    )
    kept = json.loads(out.read_text())
    assert all(0.05 < row["share_at_first"] <= 1 for row in kept["rows"])
    assert all(row["lost_s"] is None for row in kept["rows"])


def test_the_table_of_the_plane(printed, monkeypatch, tmp_path):
    toy2d = importlib.import_module("benchmarks.toy2d")
    figures = dict.fromkeys(toy2d.COLUMNS, 0.0625) | {"steps": 7}
    asked = []

    def measure(config, changes):
        dataclasses.replace(PROBLEMS["toy2d"].trainers[config.preset][1], **changes)  # fields that a recipe has
        asked.append((config.dataset, config.preset, config.budget_s, config.seed))
        return {"error": "training stopped"} if config.preset == "paper" else figures

    monkeypatch.setattr(toy2d, "measure", measure)
    out = tmp_path / "out.json"
    arguments = [
        "--budget-s",
        "3",
        "--seeds",
        "5",
        "6",
        "--threads",
        "1",
        "--out",
        str(out),
        "--sets",
        "moons",
        "circles",
    ]
    head, *lines = printed("toy2d", *arguments)
    assert head.split()[-7:] == list(toy2d.COLUMNS)
    names = ["fast", "paper"]
    assert [line[:32].strip() for line in lines] == [
        f"{data}, {name}" for data in ("moons", "circles") for name in names
    ]
    good = [line for line in lines if "paper" not in line]
    assert all(line[32:].split() == [*5 * ["0.0625"], "7", "0.0625"] for line in good)
    assert all(line.endswith("training stopped") for line in lines if line not in good)
    assert [seen[0] for seen in asked] == [data for data in ("moons", "circles") for _ in names for _ in (5, 6)]
    assert {seen[2:] for seen in asked} == {(3.0, 5), (3.0, 6)}
    stored = json.loads(out.read_text())
    assert list(stored["rows"]) == [line[:32].strip() for line in lines]
    assert stored["threads"] == 1
    assert "--budget-s 3" in stored["command"]


def test_each_part_is_taken_away_in_turn(printed, monkeypatch, tmp_path):
    """Every training is asked for, and stands in its row."""
    ablation = importlib.import_module("benchmarks.ablation")
    asked = []

    def measure(config, changes):
        dataclasses.replace(PROBLEMS[config.kind].trainers[config.preset][1], **changes)  # fields that a recipe has
        asked.append((config.dataset, tuple(changes), config.budget_s, config.seed))
        if "noise" in changes:
            return {"error": "training stopped"}
        return {"gfn_excess": 0.5, "gfn_nll": 15.0 + config.seed, "ess": 0.25, "steps": 7, "train_seconds": 2.0}

    monkeypatch.setattr(ablation, "measure", measure)
    out = tmp_path / "out.json"
    lines = printed("ablation", "--data", "moons", "digits", "--budget-s", "2", "--jobs", "1", "--out", str(out))
    assert len(set(asked)) == len(asked) == 2 * (len(ablation.PLANE) + len(ablation.DIGITS_8X8))
    assert {seen[2:] for seen in asked} == {(2.0, 0), (2.0, 1)}
    assert "| fast | 0.500 ± 0.000 |  |  | 0.25 ± 0.00 | 7 |" in lines
    assert "| fast | 15.50 ± 1.00 |  |  | 0.25 ± 0.00 |  | 7 |" in lines
    assert sum("without noise | training stopped |" in line for line in lines) == 2
    stored = json.loads(out.read_text())
    assert list(stored["rows"]) == ["moons", "digits"]
    assert stored["command"].startswith("python -m benchmarks.ablation --data moons")


def test_the_stored_tables(printed):
    text = "\n".join(printed("tables"))
    plane = text.split("**Shipped models of images**")[0]
    for name in DENSITIES:
        (line,) = [line for line in plane.splitlines() if line.startswith(f"| toy2d-{name} |")]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == len(HEAD)
        assert all(math.isfinite(float(number)) for cell in cells[1:] for number in re.split(" ± ", cell) if number)
        assert 0 < float(cells[HEAD.index("acceptance, K = 8")]) <= 1
    assert re.search(r"^\| mnist, fast \| \d+\.\d", text, re.M)
    assert re.search(r"^\| omniglot, \w+ \| \d+\.\d", text, re.M)


def test_a_finished_run_is_shipped_with_a_card(printed, monkeypatch, tmp_path):
    ship = importlib.import_module("benchmarks.ship")
    monkeypatch.setattr(ship, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(ship.problems, "evaluate", lambda model: {"neg_log_rmse": 4.5, "ess": 0.75})
    run = tiny_couplings.run(tmp_path, "mine", elapsed_s=12.34)
    (line,) = printed("ship", str(run.path), "--threads", "2")
    assert line == "ising-4x4-0.2 neg_log_rmse 4.5000 ess 0.7500"
    folder = tmp_path / "checkpoints" / "ising-4x4-0.2"
    card = json.loads((folder / "card.json").read_text())
    assert (card["train_seconds"], card["steps"], card["threads"], card["ess"]) == (12.3, 30, 2, 0.75)
    assert card["command"].startswith("python -m ebgfn train ising --side 4 --sigma 0.2")
    shown, given = (m.tensors() for m in (load(folder), load(run.checkpoint)))
    assert all(torch.equal(shown[name], given[name]) for name in given)


def test_digits_for_the_app_are_every_so_manieth(printed, monkeypatch, tmp_path):
    asset = importlib.import_module("benchmarks.mnist_asset")
    bits = np.random.default_rng(0).integers(0, 2, (5 * asset.SHIPPED_EVERY, 784)).astype(np.uint8)
    labels = dataclasses.make_dataclass("Labelled", ["labels"])(np.arange(len(bits)) % 10)
    monkeypatch.setattr(asset, "binarised_test", lambda name: bits)
    monkeypatch.setattr(asset, "read", lambda name, part: labels)
    monkeypatch.setattr(asset, "SHIPPED", tmp_path / "digits.npz")
    (line,) = printed("mnist_asset")
    assert "5 digits" in line
    stored = np.load(tmp_path / "digits.npz")
    assert (np.unpackbits(stored["bits"], axis=1) == bits[:: asset.SHIPPED_EVERY]).all()
    assert (stored["labels"] == labels.labels[:: asset.SHIPPED_EVERY]).all()


def test_the_latency_can_be_asked_for(printed, capsys):
    """It needs a server and a browser of its own: only that it starts."""
    with pytest.raises(SystemExit) as stopped:
        printed("latency", "--help")
    assert stopped.value.code == 0
    assert "--repeats" in capsys.readouterr().out
