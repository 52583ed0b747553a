"""Missing cells and probabilities of rows, against enumeration."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from ebgfn.evaluation.exact import all_states, log_marginal, log_p
from ebgfn.problems import drawn
from ebgfn.problems.table import answers, report
from tests.problems.table.test_training import BUDGET, COLOURS, model, path  # noqa: F401  (fixtures)

pytestmark = pytest.mark.slow


@pytest.fixture
def rows(model):  # noqa: F811
    """Rows that training did not see."""
    config = model.config
    return config.columns.decode(config.split.test.x, np.random.default_rng(1))


@pytest.fixture
def probability(model):  # noqa: F811
    """By the codes of a row: its probability under the sampler, and log p under the energy."""
    states = all_states(model.dim)
    codes = map(tuple, model.config.columns.codes(states.numpy().astype(np.uint8)).tolist())
    log_q, (log_e, _) = log_marginal(model.policy), log_p(model.energy, model.dim)
    return {code: (q, e) for code, q, e in zip(codes, log_q.exp().tolist(), log_e.tolist(), strict=True)}


def given_others(model, x, place) -> tuple[np.ndarray, torch.Tensor]:  # noqa: F811
    """The sampler's probability of each code of one column, given all else of a row: the mean over orders of its bits."""
    bits = list(range(place.start, place.stop))
    answers = all_states(len(bits))
    total, orders = torch.zeros(len(answers)), list(itertools.permutations(bits))
    for order in orders:
        state, known = x.repeat(len(answers), 1), torch.ones(len(answers), model.dim, dtype=torch.bool)
        state[:, bits] = answers
        known[:, bits] = False
        log_p = torch.zeros(len(answers))
        for bit in order:
            p = torch.sigmoid(model.policy(state * known, known).value_logits[:, bit])
            log_p += torch.where(state[:, bit] > 0.5, p, 1 - p).log()
            known[:, bit] = True
        total += log_p.exp()
    return (total / len(orders)).numpy(), answers


def test_given_cells_stay_and_missing_ones_follow_the_sampler(model, rows):  # noqa: F811
    holes = rows[:200].copy()
    holes.loc[:, "colour"] = [None if row % 2 else colour for row, colour in enumerate(holes["colour"])]
    draws = 400
    found = answers.filled(model, holes, draws=draws, seed=0)
    given = holes.notna()
    assert (found.table.where(given) == holes.where(given))[given].sum().sum() == given.sum().sum()
    assert found.table.notna().all(axis=None)
    schema = model.config.columns
    values = schema.columns[0].values
    x = torch.from_numpy(schema.encode(holes).x).float()
    odd = []
    for row in range(1, 200, 2):
        told = found.cells[found.cells["row"] == row + 1]
        assert set(told["column"]) == {"colour"}
        assert told["share"].sum() == pytest.approx(1)
        p, bits = given_others(model, x[row], schema.places["colour"])
        expected = np.zeros(4)
        expected[schema.columns[0].decode(bits.numpy().astype(np.uint8))] = p
        expected = expected[:3] / expected[:3].sum()
        share = told.set_index("value")["share"].reindex(values, fill_value=0.0).to_numpy()
        odd.append(((share - expected) ** 2 / (expected * (1 - expected) / draws + 1e-3)).max())
        assert found.table["colour"][row] == told["value"].iloc[told["share"].argmax()]
    assert np.mean(odd) < 3
    assert max(odd) < 25


def test_numbers_that_are_missing_get_their_median(model, rows):  # noqa: F811
    holes = rows[:5].copy()
    holes["number"] = None
    found = answers.filled(model, holes, draws=31, seed=0)
    for row in range(5):
        told = found.cells[found.cells["row"] == row + 1]
        drawn = sorted(
            float(value)
            for value, share in zip(told["value"], told["share"], strict=True)
            for _ in range(round(31 * share))
        )
        assert float(found.table["number"][row]) == drawn[15]


def test_scores_are_those_of_all_states(model, rows, probability, monkeypatch):  # noqa: F811
    partition = report.partition
    monkeypatch.setattr(answers, "partition", lambda *given: partition(*given, BUDGET))
    some = rows[:60]
    found = answers.scores(model, some, seed=0)
    schema = model.config.columns
    x = torch.from_numpy(schema.encode(some).x).float()
    codes = [tuple(code) for code in schema.codes(schema.encode(some).x).tolist()]
    log_q = np.log([probability[code][0] for code in codes])
    error = np.abs(found["log_p_sampler"] - log_q) / (found["log_p_sampler_se"] + 0.01)
    assert np.median(error) < 1.2
    assert error.max() < 6
    log_e = [probability[code][1] for code in codes]
    assert np.allclose(found["log_p_energy"], log_e, atol=0.05)
    assert (found["log_p_energy_low"] <= found["log_p_energy"]).all()
    assert (found["log_p_energy"] <= found["log_p_energy_high"]).all()
    assert found["rank"].between(0, 1).all()
    assert found["rank"].corr(found["log_p_sampler"], method="spearman") > 0.99
    # The least probable cell.
    for row in range(len(some)):
        told, p = found["surprise_1"][row].rstrip(")").rsplit(" (", 1)
        least = {}
        for column in schema.columns:
            given, bits = given_others(model, x[row], schema.places[column.name])
            least[column.name] = given[(bits == x[row, schema.places[column.name]]).all(1)].item()
        assert float(p) == pytest.approx(least[told], rel=0.3, abs=0.03)
        assert least[told] <= min(least.values()) * 1.3 + 0.03


def over_orders(model, x, bits) -> float:  # noqa: F811
    """log of the mean, over all orders of these bits, of the probability that the sampler gives them one after another."""
    total, orders = 0.0, list(itertools.permutations(bits))
    for order in orders:
        mask, p = torch.zeros(1, model.dim, dtype=torch.bool), 1.0
        for bit in order:
            one = torch.sigmoid(model.policy(x[None], mask).value_logits[0, bit]).item()
            p *= one if x[bit] > 0.5 else 1 - one
            mask[0, bit] = True
        total += p
    return np.log(total / len(orders))


def test_rows_with_gaps_are_scored_by_what_is_known(model, rows):  # noqa: F811
    some = rows[:12].copy()
    some.loc[::2, "number"] = None
    some.loc[1, "colour"] = None
    found = answers.scores(model, some, seed=0)
    encoded = model.config.columns.encode(some)
    for row in (0, 2, 4, 6, 8, 10):
        x, bits = torch.from_numpy(encoded.x[row]).float(), np.flatnonzero(encoded.known[row])
        error = found["log_p_sampler"][row] - over_orders(model, x, bits)
        assert abs(error) < 5 * found["log_p_sampler_se"][row] + 0.02
    assert found["log_p_energy"].isna().tolist() == (~encoded.whole).tolist()
    assert not found.loc[::2, "surprise_1"].str.startswith("number").any()
    assert found.loc[0, "surprise_3"] == ""
    assert found["rank"].between(0, 1).all()


def test_rows_with_other_values_get_no_score(model, rows):  # noqa: F811
    other = rows[:3].copy()
    other.loc[1, "colour"] = "pink"
    with pytest.raises(ValueError, match="row 2 of column 'colour' has a value that it cannot have"):
        answers.scores(model, other, seed=0)


def test_a_sampler_that_draws_no_rows_is_given_up(model, monkeypatch):  # noqa: F811
    monkeypatch.setattr(answers, "fill", lambda policy, x, mask, generator: torch.where(mask, x, 1.0))
    table = pd.DataFrame({"colour": [None], "number": ["1"], "answer": ["no"]}, dtype=object)
    with pytest.raises(ValueError, match="trained too briefly"):
        answers.filled(model, table, draws=2, seed=0)


def test_answers_to_one_row_follow_the_sampler_and_keep_what_is_known(model, rows):  # noqa: F811
    schema, draws = model.config.columns, 3000
    x = schema.encode(rows[:1]).x[0]
    known = np.ones(model.dim, bool)
    known[schema.places["answer"]] = False
    codes = answers.conditionals(model, x, known, draws=draws, seed=0)
    assert codes.shape == (draws, 3)
    given = schema.codes(x[None])[0]
    assert (codes[:, :2] == given[:2]).all()
    p, bits = given_others(model, torch.from_numpy(x).float(), schema.places["answer"])
    expected = p[schema.columns[2].decode(bits.numpy().astype(np.uint8)) == 1].item()
    assert codes[:, 2].mean() == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / draws) + 1e-3)
    assert (answers.conditionals(model, x, np.ones(model.dim, bool), draws=3, seed=0) == given).all()


def test_cells_are_as_probable_as_the_sampler_holds_them(model, rows, generator):  # noqa: F811
    schema = model.config.columns
    given = report.tensors(schema.encode(rows[:20]), model)
    x, found = given.x, answers.cell_probabilities(model, given, generator)
    assert found is not None
    assert list(found) == ["colour", "number", "answer"]
    for row in range(20):
        p, bits = given_others(model, x[row], schema.places["answer"])
        assert found["answer"][row] == pytest.approx(
            p[(bits == x[row, schema.places["answer"]]).all(1)].item(), rel=1e-4
        )


def all_drawn(model, n: int) -> drawn.Drawn:  # noqa: F811
    return drawn.joined(list(drawn.pieces(model, n, torch.Generator().manual_seed(0))))


def test_rows_are_drawn_until_all_stand_for_something(model, monkeypatch):  # noqa: F811
    found = all_drawn(model, 300)
    schema = model.config.columns
    assert found.x.shape == (300, model.dim)
    assert schema.legal(found.x).all()
    pieces = list(drawn.pieces(model, 300, torch.Generator().manual_seed(0), piece=128))
    assert sum(len(part.x) for part in pieces) == 300
    real, refused = drawn.draw, []

    def often_none(policy, n, generator, *, steps):
        told = real(policy, n, generator, steps=steps)
        told.x[1::2, schema.places["colour"]] = 1.0  # the fourth colour, of three
        refused.append(int((~schema.legal(told.x.numpy().astype(np.uint8))).sum()))
        return told

    monkeypatch.setattr(drawn, "draw", often_none)
    again = all_drawn(model, 200)
    assert (len(again.x), again.again) == (200, sum(refused))
    monkeypatch.setattr(type(schema), "legal", lambda self, x: np.zeros(len(x), bool))
    with pytest.raises(ValueError, match="trained too briefly"):
        all_drawn(model, 10)
