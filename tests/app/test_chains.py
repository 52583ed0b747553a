"""The Chains page without a browser: empty state, bad addresses, settings, damaged models."""

import json

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ebgfn.mcmc import BackAndForth, run_chain
from ebgfn.problems.plane import mixing
from ebgfn.ui.chains import kernel_comparison, player, simulation
from ebgfn.ui.shell import models
from tests import tiny
from tests.app import pages

PAGE = "pages/chains.py"


@pytest.fixture(scope="module")
def model():
    return tiny.trained()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine without shipped models and without runs."""
    st.cache_resource.clear()
    monkeypatch.setenv("EBGFN_HOME", str(tmp_path))
    monkeypatch.setenv("EBGFN_CHECKPOINTS", str(tmp_path / "none"))
    # Pages of other tests would queue up before the one that looks at a measurement.
    monkeypatch.setattr(kernel_comparison, "compare", lambda *args, **settings: iter(()))
    return tmp_path


def open_page(**address: str) -> AppTest:
    return pages.open_page(PAGE, **address)


def warnings(at: AppTest) -> str:
    return "\n".join(w.value for w in at.warning)


def test_without_a_model_it_says_what_to_do(home):
    at = open_page()
    assert not at.exception
    assert "Train one" in at.info[0].value


def test_a_finished_run_can_be_chosen(home, model):
    tiny.finished_run(home, "mine", model)
    at = open_page(data="mine", k="3")
    assert not at.exception
    assert at.selectbox(key="data").value == "mine"
    assert warnings(at) == ""
    assert {b.label for b in at.get("download_button")} >= {"Chains (NPZ)", "Chains (CSV)"}


def test_a_run_in_training_is_not_offered(home, model):
    tiny.finished_run(home, "mine", model).update(state="running")
    assert "Train one" in open_page().info[0].value


@pytest.mark.parametrize(
    "asked",
    pages.bad_addresses(
        [
            ("k", "0", "1..32"),
            ("k", "33", "1..32"),
            ("k", "-1", "1..32"),
            ("k", "eight", "1..32"),
            ("k", "8.5", "1..32"),
            ("k", "9" * 5000, "1..32"),
            ("k", "<b>8</b>", "1..32"),
            ("moves", "1000000", "4, 6, 8"),
            ("start", "heaven", "data, noise, sampler"),
            ("seed", "-1", "0..2147483647"),
            ("seed", "2147483648", "0..2147483647"),
            ("data", "../../etc", "no shipped model"),
            ("budget", "10000000", "1, 2, 4, 8"),
        ]
    ),
)
def test_an_address_out_of_limits_gets_a_sentence_and_the_default(home, model, asked):
    tiny.finished_run(home, "mine", model)
    at = open_page(**pages.values(asked))
    pages.check_refusals(at, asked)
    assert at.selectbox(key="moves").value == simulation.DEFAULT_MOVES


def test_what_was_said_of_the_address_ends_when_the_widget_is_used(home, model):
    tiny.finished_run(home, "mine", model)
    at = open_page(moves="5")
    assert "The number of moves in the address must be" in warnings(at.run())
    at.selectbox(key="moves").select(12).run()
    assert warnings(at) == ""


def test_a_budget_is_of_moves_of_the_model_that_is_shown(home, model):
    tiny.finished_run(home, "mine", model)
    tiny.finished_run(home, "small", tiny.trained(bits=3))
    at = open_page(data="mine", budget="4")
    assert "of 65 network passes" in at.radio(key="budget").label
    assert any("65 at K = 32: this sampler fills bit by bit." in text.value for text in at.markdown)
    at.selectbox(key="data").select("small").run()
    assert not at.exception
    assert "of 13 network passes" in at.radio(key="budget").label
    assert at.radio(key="budget").value == 4
    assert warnings(at) == ""


def test_smaller_models_have_a_smaller_k(home):
    tiny.finished_run(home, "small", tiny.trained(bits=3))
    at = open_page(k="20")
    assert "1..6" in warnings(at)
    assert not at.exception


def test_a_damaged_model_is_one_sentence(home, model):
    run = tiny.finished_run(home, "mine", model)
    (run.checkpoint / "model.safetensors").write_bytes(b"nonsense")
    at = open_page()
    assert not at.exception
    assert "not a readable checkpoint" in at.error[0].value


def test_payload_is_small_json_that_agrees_with_the_chain(home, model):
    run = tiny.finished_run(home, "mine", model)
    source = models.stored(run.checkpoint, "mine")
    played = simulation.chain(source, simulation.Settings("noise", 6, 3), k=32)
    data = player.payload(source, played, k=32, index=7)
    assert len(json.dumps(data, allow_nan=False)) < 150_000
    terms = np.array(data["terms"]["rows"])
    ratio = terms[:, 0] - terms[:, 1] + terms[:, 2] + terms[:, 3] - terms[:, 4] - terms[:, 5]
    np.testing.assert_allclose(ratio, played.log_alpha[:, 7], atol=2e-3)


def test_pack_puts_entry_i_into_bit_i():
    x = np.zeros((3, 32), dtype=np.uint8)
    x[0, 0] = x[1, 31] = x[2, 5] = x[2, 6] = 1
    assert player.pack(x).tolist() == [1, 2**31, 96]


@pytest.mark.parametrize("start", simulation.STARTS)
def test_starting_points_depend_on_the_seed_alone(model, start):
    same = [simulation.starting_points(model, start=start, seed=s) for s in (1, 1, 2)]
    assert same[0].equal(same[1])
    assert not same[0].equal(same[2])
    assert same[0].shape == (simulation.CHAINS, model.dim)


def test_csv_has_a_line_for_each_state(model, generator):
    x = simulation.starting_points(model, start="data", seed=0)
    played = run_chain(BackAndForth(model.energy, model.policy, 4), x, steps=2, generator=generator)
    lines = player.csv(model, played).splitlines()
    assert lines[0] == "step,chain,x,y,accepted,log_alpha,bits"
    assert len(lines) == 1 + 3 * simulation.CHAINS
    assert lines[1].split(",")[4:6] == ["", ""]
    assert float(lines[-1].split(",")[5]) == pytest.approx(played.log_alpha[1, -1].item(), rel=1e-5)


def test_comparison_is_measured_beside_the_page(home, model, monkeypatch):
    monkeypatch.setattr(kernel_comparison, "compare", mixing.compare)
    tiny.finished_run(home, "mine", model)
    open_page(budget="1")
    source = simulation.available()["mine"]
    state = kernel_comparison.measurement(source, 65)
    state.future.result(timeout=120)
    at = open_page(budget="1")
    assert not at.exception
    assert len(state.rows) == 9
    assert "Figure data (JSON)" in {b.label for b in at.get("download_button")}
