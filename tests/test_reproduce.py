"""The tables of results: what they measure, small, and how they read."""

import dataclasses
import importlib
import sys
from functools import partial
from types import ModuleType

import numpy as np
import pytest
import torch

from ebgfn.arguments import TABLES
from ebgfn.evaluation.log_z import Budget
from ebgfn.nets.unet import UNetSizes
from ebgfn.problems import PROBLEMS
from ebgfn.problems.images.published import IMAGES
from ebgfn.problems.images.recipes import RECIPES
from ebgfn.problems.images.report import report
from ebgfn.problems.lattice import glass
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.reproduce import images, ising, measured, toy2d
from ebgfn.train.fast import Fast

pytestmark = pytest.mark.slow


def columns(text: str) -> list[list[str]]:
    """Cells of a table in Markdown, without the line of dashes; all lines have as many."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert len({len(line) for line in lines}) == 1
    assert set(lines[1]) == {"---"}
    return [lines[0], *lines[2:]]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_the_command_line_is_there(name):
    table = importlib.import_module(f"ebgfn.reproduce.{name}")
    assert len(table.tasks(3)) == 3 * len(table.tasks(1)) > 0
    assert table.BUDGET_S >= 1


def test_every_density_is_measured_with_both_presets(monkeypatch):
    asked = []

    def measure(config, changes):
        asked.append((config.dataset, config.preset, config.budget_s, config.seed, changes))
        return {"gfn_excess": 0.125 + 0.25 * config.seed, "gfn_excess_se": 0.12, "steps": len(asked)}

    monkeypatch.setattr(toy2d, "measure", measure)
    rows = [toy2d.row(task, 3.0) for task in toy2d.tasks(2)]
    expected = [(d, p, 3.0, s, {}) for d in toy2d.DENSITIES for p in ("fast", "paper") for s in (0, 1)]
    assert asked == expected
    _, *lines = columns(toy2d.as_text(rows))
    assert len(lines) == 2 * len(toy2d.DENSITIES)
    # Of two values 1/8 either side of 1/4 the mean has a standard error of 1/8; with that of the points, 0.173.
    assert lines[1] == [f"{expected[2][0]}, paper", "0.250 ± 0.347", *6 * [""], "4"]


def test_rows_come_in_order_also_from_processes_side_by_side_with_one_thread_each(monkeypatch):
    # A page that was tested before has left its script there, which new processes would run.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    assert [task for task, _ in measured.side_by_side(with_threads, [3, 1, 2], jobs=1)] == [3, 1, 2]
    assert list(measured.side_by_side(with_threads, [3, 1, 2], jobs=2)) == [(3, 1), (1, 1), (2, 1)]


def with_threads(task: int) -> tuple[int, int]:
    return task, torch.get_num_threads()


def test_a_table_that_was_stopped_goes_on(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    log, keep = tmp_path / "log", tmp_path / "kept"
    begun = measured.side_by_side(noted, [3, 1, 0], jobs=1, keep=keep, log=str(log))
    assert [next(begun), next(begun)] == [3, 1]
    with pytest.raises(ZeroDivisionError):
        next(begun)
    assert list(measured.side_by_side(noted, [1, 5, 3], jobs=1, keep=keep, log=str(log))) == [1, 5, 3]
    assert sorted(log.read_text()) == list("0135")


def noted(task: int, log: str) -> int:
    """The task, after it was written down that it was asked for."""
    with open(log, "a") as file:
        file.write(str(task))
    return round(task / min(task, 1))


def test_small_discrepancies_are_told_in_millionths():
    (_, line) = columns(
        toy2d.as_text([{"dataset": "moons", "preset": "fast", "mmd": 2.5e-5, "mmd_se": 1e-6, "steps": 3}])
    )
    assert line == ["moons, fast", *5 * [""], "25 ± 2", "", "3"]


def test_what_one_of_the_seeds_lacks_or_could_not_finish_is_not_averaged():
    good = {"dataset": "moons", "preset": "fast", "gfn_excess": 0.5, "ebm_excess": 0.25, "ess": 0.5, "steps": 10}
    refuted = {key: value for key, value in good.items() if key != "ebm_excess"} | {"ess": 1.0}
    assert columns(toy2d.as_text([good, refuted]))[1:][-1] == [
        "moons, fast", "0.500 ± 0.000", "", "", "", "0.750 ± 0.500", "", "", "10"
    ]  # fmt: skip
    assert (
        columns(toy2d.as_text([good, {"dataset": "moons", "preset": "fast", "error": "stopped"}]))[-1][1] == "stopped"
    )


def test_one_density_is_trained_and_evaluated(monkeypatch):
    monkeypatch.setattr(measured, "evaluate", lambda model: {"gfn_excess": float(model.log_z)})
    figures = measured.measure(Toy2DConfig(bits=3, steps=2), {"batch": 8, "energy_batch": 8, "warm_share": 1.0})
    assert (figures["steps"], round(figures["gfn_excess"], 3)) == (2, 4.159)
    assert figures["train_seconds"] >= 0


def test_every_method_of_couplings_has_its_score(monkeypatch):
    """Each method's score is a number of its own here; the table is to show each in its row, the mean over data sets."""
    scores = {name: float(n) for n, name in enumerate(ising.METHODS)}
    asked = []

    def ours(config, recipe):
        asked.append((config.side, config.seed, config.budget_s, config.dim))
        chosen = {"couplings": config.couplings, "estimate": config.estimate, "method": config.method}
        usual = {"couplings": "free", "estimate": "refit", "method": "ebgfn"}
        (name,) = [n for n, (changes, own) in ising.TRAINED.items() if usual | changes == chosen and own is recipe]
        return f"{name} {config.seed}"

    def score(energy, true):
        name, _, seed = energy.partition(" ")
        return scores[name] + float(seed or 0)

    def fit(data, *, estimate, energy=None):
        return f"neg_log_rmse_pl_{estimate}" + ("" if energy is None else "_homogeneous")

    peers = ("neg_log_rmse_l1_pl", "neg_log_rmse_l1_pl_best", "neg_log_rmse_oracle", "neg_log_rmse_zero")
    homogeneous = {
        "neg_log_rmse_l1_pl": scores["neg_log_rmse_pl_homogeneous"],
        "neg_log_rmse_oracle": scores["neg_log_rmse_pl_homogeneous_oracle"],
    }
    monkeypatch.setattr(ising, "energy_of", ours)
    monkeypatch.setattr(ising, "score", score)
    monkeypatch.setattr(
        ising, "peers", lambda x, true, shared=None: {n: scores[n] for n in peers} if shared is None else homogeneous
    )
    monkeypatch.setattr(ising.penalised, "fit", fit)
    monkeypatch.setattr(ising.penalised, "thresholded", lambda data, energy: energy.replace(" ", "_refit ", 1))
    monkeypatch.setattr(ising, "SYSTEMS", (ising.System(3, 0.1), ising.System(4, 0.2, glass=True)))
    rows = [ising.row(task, 5.0) for task in ising.tasks(2)]
    assert set(asked) == {(side, seed, 5.0, side**2) for side in (3, 4) for seed in (0, 1)}
    head, *lines = columns(ising.as_text(rows))
    assert head == ["", "3x3: 0.1", "4x4: 0.2 glass"]
    trained = {*ising.TRAINED, *(f"{name}_refit" for name in ising.TRAINED if "pcd" in name)}

    def cell(name: str) -> str:
        return f"{scores[name] + 0.5:.2f} ± 0.71" if name in trained else f"{scores[name]:.2f} ± 0.00"

    expected = [
        [title, cell(name), "" if "homogeneous" in name else cell(name)] for name, title in ising.METHODS.items()
    ]
    assert lines == expected


def test_rows_of_earlier_results_are_of_lattices():
    rows = [{"side": 10, "sigma": 0.1, "seed": 0, "neg_log_rmse_refit": 6.0411}]
    head, first, second, *_ = columns(ising.as_text(rows))
    assert (head[1], first[1], second[1]) == ("10x10: 0.1", "6.04", "")


def test_couplings_are_recovered_from_the_same_samples(monkeypatch):
    """A 3 x 3 lattice, a few steps for each training: all that look for couplings do better than none."""
    few = ("neg_log_rmse_untrained", "neg_log_rmse_pcd_gibbs")
    monkeypatch.setattr(ising, "TRAINED", {name: ising.TRAINED[name] for name in few})
    for name in ("fit", "thresholded"):
        monkeypatch.setattr(ising.penalised, name, partial(getattr(ising.penalised, name), steps=50))
    monkeypatch.setattr(ising, "IsingConfig", partial(ising.IsingConfig, steps=100))
    row = ising.row((ising.System(3, 0.1), 0), 1.0)
    scores = {name: value for name, value in row.items() if name in ising.METHODS}
    assert {*few, "neg_log_rmse_pcd_gibbs_refit", "neg_log_rmse_pl_refit_homogeneous"} <= set(scores)
    assert min(scores, key=scores.__getitem__) == "neg_log_rmse_zero"
    # The same support, the same refit.
    assert scores["neg_log_rmse_pcd_gibbs_refit"] == pytest.approx(scores["neg_log_rmse_pl_refit"], abs=0.3)


def test_a_glass_couples_the_same_neighbours_unequally():
    true = glass.couplings(10, 0.2, np.random.default_rng(0))
    there = Lattice(10, 0.2).couplings() != 0
    assert np.array_equal(true, true.T)
    assert np.array_equal(true != 0, there)
    size = np.abs(true[there])
    assert size.mean() == pytest.approx(0.2, abs=0.02)
    assert 0.1 <= size.min() < 0.12
    assert 0.28 < size.max() <= 0.3
    assert 0.4 < (true[there] > 0).mean() < 0.6


def test_images_are_trained_and_stand_beside_their_peers(monkeypatch):
    recipe = dataclasses.replace(
        RECIPES["small"],
        fresh=64,
        path_steps=4,
        energy_batch=32,
        sizes=UNetSizes(hidden=16, channels=4),
    )
    monkeypatch.setitem(PROBLEMS["images"].trainers, "small", (Fast, recipe))
    monkeypatch.setattr(images, "OURS", (("digits", "small"),))
    budget = Budget(draws=100, others=50, chains=8, moves=5, annealed=20, temperatures=5, steps=49)
    monkeypatch.setattr(measured, "evaluate", lambda model: report(model, seed=0, points=20, budget=budget))
    rows = [images.row(task, 1.0) for task in images.tasks(1)]
    assert rows[0]["steps"] >= 1
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
    assert good == ["moons, fast", "0.020 ± 0.002", *6 * [""], "7"]
    assert bad[:2] == ["moons, paper", "training stopped"]
