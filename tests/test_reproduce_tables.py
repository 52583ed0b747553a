"""The tables of tables: ours and the peers are asked the same, and the table says where ours is not the best."""

import dataclasses
import json
from functools import partialmethod

import numpy as np
import pytest
import torch

from ebgfn import cli
from ebgfn.baselines import chow_liu, mixtures, rbm, rbm_training
from ebgfn.evaluation import two_sample
from ebgfn.evaluation.exact import all_states, log_marginal
from ebgfn.evaluation.log_z import Budget
from ebgfn.nets.mlp import MLPPolicy, MLPSizes
from ebgfn.problems import PROBLEMS
from ebgfn.problems.table import sets
from ebgfn.problems.table.config import TableConfig
from ebgfn.problems.table.recipes import FAST
from ebgfn.problems.table.report import report
from ebgfn.reproduce import table_measures, tables
from ebgfn.reproduce.table_measures import Exam
from ebgfn.reproduce.tables import LIMIT, MEASURES, METHODS, Sampler
from ebgfn.train.fast import Fast
from ebgfn.train.loop import TrainingDiverged
from tests.test_reproduce import columns

pytestmark = pytest.mark.slow


@pytest.fixture
def quick(monkeypatch):
    """Everything small: networks, mixtures, chains, rows."""
    recipe = dataclasses.replace(
        FAST, batch=32, energy_batch=32, fresh=64, kept=128, sizes=MLPSizes(hidden=16, depth=1)
    )
    monkeypatch.setitem(PROBLEMS["table"].trainers, "fast", (Fast, recipe))
    budget = Budget(draws=50, others=50, chains=8, moves=5, annealed=20, temperatures=5, steps=4)
    monkeypatch.setattr(tables, "evaluate", lambda model: report(model, seed=0, points=20, budget=budget))
    monkeypatch.setattr(rbm.RBM, "with_log_z", partialmethod(rbm.RBM.with_log_z, chains=20, temperatures=20))
    monkeypatch.setattr(rbm_training, "_looked", lambda one, valid: (0.0, one.averaged))
    for module, name, value in (
        (mixtures, "COMPONENTS", (1, 3)),
        (rbm, "SAMPLE_TEMPERATURES", 20),
        (two_sample, "FOLDS", 2),
        (table_measures, "TARGETS", 1),
        (table_measures, "DRAWN", 60),
        (table_measures, "ROWS", 30),
    ):
        monkeypatch.setattr(module, name, value)


def test_all_methods_answer_all_questions_of_a_set_of_mixed_columns(quick):
    row = tables.row(("iris", 0), 1.0)
    assert (row["dataset"], row["seed"]) == ("iris", 0)
    assert row["steps"] >= 1
    densities = {"sampler", "independent", "tree", "products", "trees", "rbm"}
    answered = {
        "nll": densities | ({"energy"} - ({"energy"} if row["refuted"] else set())),
        "fill_nats": densities | {"nearest", "regressions"},
        "fill_accuracy": densities | {"nearest", "regressions"},
        "odd_auc": densities | {"energy", "forest", "factor"},
        "drawn_auc": densities | {"training"},
        "drawn_accuracy": densities | {"training"},
    }
    for measure, methods in answered.items():
        assert {method for method in METHODS | LIMIT if f"{method}_{measure}" in row} == methods
        for method in methods:
            assert np.isfinite([row[f"{method}_{measure}"], row[f"{method}_{measure}_se"]]).all()
    for key in row:
        if key.endswith(("accuracy", "auc")):
            assert 0 <= row[key] <= 1
    assert row["trees_nll"] < row["independent_nll"]
    assert row["trees_fill_nats"] < row["independent_fill_nats"]


def test_a_training_that_diverged_leaves_the_peers(quick, monkeypatch):
    def diverges(state, event_interval_s):
        raise TrainingDiverged("the loss became nan")
        yield

    monkeypatch.setattr(tables, "train", diverges)
    train = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).repeat(1, 4)
    monkeypatch.setattr(tables, "peers", lambda config: {"tree": chow_liu.fit(train.repeat(1, 20)[:, : config.dim])})
    row = tables.row(("iris", 1), 1.0)
    assert row["diverged"] == "the loss became nan"
    assert "tree_nll" in row
    assert "sampler_nll" not in row
    first = columns(tables.as_text([row]).split("\n\n")[1])
    assert first[1][:2] == ["EB-GFN, sampler", "diverged"]


def test_rows_are_hidden_swapped_and_drawn_by_the_columns():
    exam = Exam(TableConfig(dataset="iris", seed=0))
    x, mask = exam.hidden
    assert x.shape == mask.shape == (30, exam.config.dim)
    for place in exam.config.columns.places.values():
        assert (mask[:, place].all(1) | ~mask[:, place].any(1)).all()
    assert len(exam.usual) == len(exam.odd) == 15
    drawn = table_measures.drawn(exam, chow_liu.fit(exam.train))
    assert len(drawn) == table_measures.DRAWN
    assert exam.config.columns.legal(drawn).all()


def test_the_sampler_as_a_density(generator):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        policy = MLPPolicy(6, hidden=16, depth=2)
    sampler, states = Sampler(policy, 0), all_states(6)
    exact = log_marginal(policy).float()
    assert (sampler.log_prob(states) - exact).abs().max() < 0.2
    mask = torch.rand(64, 6, generator=generator) < 0.5
    told = sampler.conditional(states, mask, generator)
    assert torch.equal(told[mask], states[mask])
    # What is hidden has no say.
    assert torch.equal(told, sampler.conditional(torch.where(mask, states, 1 - states), mask, generator))
    all_but_one = torch.ones_like(mask).scatter(1, torch.full((64, 1), 2), False)
    one = policy(states * all_but_one, all_but_one).value_logits[:, 2].sigmoid()
    assert torch.allclose(sampler.conditional(states, all_but_one, generator)[:, 2], one)
    assert set(sampler.sample(50, generator).unique().tolist()) == {0.0, 1.0}


def made(dataset, **changed):
    """A row in which every method has a figure, ours the best."""
    row = {"dataset": dataset, "seed": 0, "steps": 5, "train_seconds": 1.0}
    for measure in MEASURES:
        for place, method in enumerate(METHODS | LIMIT):
            badness = 0.1 + 0.01 * place
            good = {"nll": 10 * badness, "fill_nats": badness, "drawn_auc": 0.5 + badness}.get(measure, 1 - badness)
            row |= {f"{method}_{measure}": good, f"{method}_{measure}_se": 0.002}
    return row | changed


def test_the_best_is_marked_and_where_ours_is_not_is_said():
    rows = [
        made("nltcs", trees_nll=0.5, trees_drawn_auc=0.45),
        made("plants", refuted=True, products_drawn_auc=0.3, training_drawn_accuracy=1.0),
    ]
    del rows[1]["energy_nll"]
    told = tables.as_text(rows).split("\n\n")
    titles, shown = told[::2], [columns(text) for text in told[1::2]]
    assert len(titles) == len(MEASURES)
    assert titles[0] == ("Likelihood: nats of a test row, less is better. Ours is the best on 1 of 2, not on nltcs.")
    assert titles[1].endswith("Ours is the best on 2 of 2.")
    assert titles[4].endswith("Ours is the best on 1 of 2, not on nltcs.")
    cells = {line[0]: line[1:] for line in shown[0][1:]}
    assert shown[0][0] == ["", "nltcs", "plants"]
    assert cells["mixture of Chow-Liu trees"][0] == "**0.500 ± 0.004**"
    assert cells["EB-GFN, sampler"] == ["1.000 ± 0.004", "**1.000 ± 0.004**"]
    assert cells["EB-GFN, energy"] == ["1.100 ± 0.004", "refuted"]
    # Rows of the data are no method.
    learned = {line[0]: line[1:] for line in shown[5][1:]}
    assert learned["training rows"][1] == "1.000 ± 0.004"
    assert learned["EB-GFN, sampler"][1] == "**0.900 ± 0.004**"


def test_seeds_are_averaged():
    rows = [made("dna"), made("dna", seed=1, sampler_nll=2.0)]
    (line, *_) = columns(tables.as_text(rows).split("\n\n")[1])[1:]
    assert line[:1] == ["EB-GFN, sampler"]
    assert line[1].startswith("1.500 ± 1.0")


def test_sets_are_chosen_by_name():
    assert tables.tasks(2, ("iris", "dna")) == [("iris", 0), ("iris", 1), ("dna", 0), ("dna", 1)]
    assert [name for name, _ in tables.tasks(1)] == list(sets.BINARY)


def test_the_command_measures_the_sets_that_are_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(
        tables, "row", lambda task, budget_s: {"dataset": task[0], "seed": task[1], "seconds": budget_s}
    )
    assert cli.main(["reproduce", "tables", "--sets", "iris", "dna", "--budget-s", "3", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert rows == [{"dataset": name, "seed": 0, "seconds": 3.0} for name in ("iris", "dna")]
