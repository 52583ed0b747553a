"""The 2D landscape page without a browser: empty states, bad addresses, what Train submits, runs in every state."""

import json

import numpy as np
import pytest

from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.runs import jobs, store
from ebgfn.ui.components import density_canvas, landscape_view
from ebgfn.ui.plane import PLANE, explanation, training_form
from ebgfn.ui.shell import text
from tests import tiny
from tests.app.pages import bad_addresses, check_refusals, labels, open_page, sentences, values

PAGE = "pages/landscape_2d.py"


@pytest.fixture
def scenes(monkeypatch):
    """What the page gives to the view."""
    shown = []
    monkeypatch.setattr(landscape_view, "draw", lambda scene, *, key: shown.append(scene))  # noqa: PLW0108
    return shown


@pytest.fixture
def submitted(monkeypatch):
    """Configs that the page submits, in place of training them."""
    taken = []

    def submit(config, *, owner):
        assert owner
        taken.append(config)
        path = store.runs_folder() / f"run{len(taken)}"
        return store.create(path, config, store.Status("queued", 1.0, 1.0, owner=owner, queued_at=1.0)).id

    monkeypatch.setattr(jobs, "submit", submit)
    monkeypatch.setattr(jobs, "poll", lambda: None)
    return taken


def test_without_a_model_it_says_what_to_do(machine):
    at = open_page(PAGE)
    assert not at.exception
    assert "Press **Train**" in sentences(at)


def test_the_shipped_model_is_there_at_first_paint_with_its_numbers(stocked, scenes):
    at = open_page(PAGE, data="8gaussians")
    assert not at.exception
    assert sentences(at) == ""
    assert scenes[-1].source == "shipped/8gaussians"
    assert scenes[-1].frames[-1].values["gfn_nll"] == 20.5
    assert "20.5" not in sentences(at)
    told = "\n".join(m.value for m in at.markdown)
    assert "**19.979**" in told
    assert "**81.2%**" in told or "**81.3%**" in told


@pytest.mark.parametrize(
    "asked",
    bad_addresses(
        [
            ("data", "nowhere", "data set"),
            ("preset", "slow", "fast, paper"),
            ("seconds", "1e9", "5..86400"),
            ("seconds", "4", "5..86400"),
            ("bits", "17", "3..16"),
            ("bits", "²", "3..16"),
            ("seed", "-1", "0..2147483647"),
            ("seed", "9" * 30, "0..2147483647"),
            ("run", "../../etc", "no longer exists"),
            ("run", "none", "no longer exists"),
        ]
    ),
)
def test_bad_address_gets_a_sentence_and_the_default(stocked, scenes, asked):
    at = open_page(PAGE, **values(asked))
    check_refusals(at, asked)
    assert at.number_input(key="bits").value == 16
    assert at.number_input(key="seed").value == 0


def test_a_damaged_drawing_in_the_address_is_told(machine):
    at = open_page(PAGE, data="draw your own", drawing="%%%")
    assert not at.exception
    assert "This link is damaged" in sentences(at)


def test_train_submits_what_the_form_says(stocked, scenes, submitted):
    at = open_page(PAGE, data="8gaussians", preset="paper", seconds="30", seed="7")
    at.button(key="train").click().run()
    assert not at.exception
    assert submitted == [Toy2DConfig("8gaussians", "paper", budget_s=30.0, seed=7)]
    assert at.query_params["run"] == "run1"
    assert "place 1 in the queue" in "\n".join(m.value for m in at.markdown)
    assert {"Cancel", "Reset"} <= labels(at)
    # Nothing is to be seen of it yet: the shipped pictures stay.
    assert scenes[-1].source == "shipped/8gaussians"
    assert "pictures of the shipped model" in "\n".join(c.value for c in at.caption)


def test_train_both_compares_the_second_with_the_first(stocked, scenes, submitted):
    at = open_page(PAGE, data="8gaussians")
    at.button(key="train_both").click().run()
    assert not at.exception
    assert [c.preset for c in submitted] == ["fast", "paper"]
    assert at.query_params["run"] == "run1"
    assert at.session_state["compare"] == "run2"


def test_an_empty_canvas_is_not_trained_on(machine, submitted):
    at = open_page(PAGE, data="draw your own")
    assert not at.exception
    (train,) = [button for button in at.button if button.label == "Train"]
    assert train.disabled


def test_a_drawing_is_trained_on(machine, submitted):
    patches = np.zeros((density_canvas.SIDE, density_canvas.SIDE), dtype=np.uint8)
    patches[3, 5] = 9
    at = open_page(PAGE, data="draw your own", drawing=density_canvas.encode(patches))
    at.button(key="train").click().run()
    assert not at.exception
    (config,) = submitted
    assert config.dataset == "drawn"
    assert np.array_equal(np.array(config.weights), patches)


def test_a_refusal_is_shown(stocked, scenes, monkeypatch):
    def refuse(config, *, owner):
        raise ValueError("you have 2 runs waiting")

    monkeypatch.setattr(jobs, "submit", refuse)
    at = open_page(PAGE)
    at.button(key="train").click().run()
    assert "you have 2 runs waiting" in sentences(at)


def put(home, name, model, **status) -> store.RunFolder:
    """A run with a checkpoint, two frames and their metrics, in some state."""
    run = tiny.finished_run(home, name, model)
    for step in (10, 20):
        frame = {"log_p": np.full((64, 64), -20.0, np.float32), "log_q": np.full((64, 64), -21.0, np.float32)}
        run.write_frame(step, frame | {"samples": np.zeros((512, 2), np.float32)})
        line = {"gfn_nll": 21.0, "ebm_nll": 20.5, "log_z": 0.1, "ess": 0.5, "mh_acceptance": 0.6}
        run.append_metrics({"step": step, "elapsed_s": step / 10, "progress": step / 20, **line})
    run.update(**status)
    return run


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ("paused", {"Play", "Step", "Cancel", "Reset"}),
        ("failed", {"Resume", "Reset"}),
        ("cancelled", {"Resume", "Reset"}),
        ("done", {"Reset"}),
    ],
)
def test_a_run_offers_what_makes_sense_in_its_state(stocked, small, scenes, submitted, state, buttons):
    put(stocked, "mine", small, state=state, error="it broke at step 20" if state == "failed" else None)
    at = open_page(PAGE, run="mine")
    assert not at.exception
    steering = labels(at) - {"Train", "Train fast and paper"}
    assert steering == buttons
    assert ("it broke" in sentences(at)) == (state == "failed")
    assert [frame.step for frame in scenes[-1].frames] == [10, 20]


def test_a_run_that_was_cancelled_in_the_queue_says_so_once(stocked, small, scenes, submitted):
    run = store.create(stocked / "runs" / "mine", small.config, store.Status("cancelled", 1.0, 1.0, queued_at=None))
    at = open_page(PAGE, run=run.id)
    assert not at.exception
    assert sentences(at) == "It was stopped before training began, so there is nothing to show."
    assert "not started" in [text.value for text in at.markdown]


def test_the_data_set_follows_the_run_in_the_address(stocked, small, scenes, submitted):
    put(stocked, "mine", small)
    assert open_page(PAGE, run="mine").session_state["data"] == "8gaussians"


def test_few_bits_are_exact(stocked, coarse, scenes, submitted):
    put(stocked, "mine", coarse)
    at = open_page(PAGE, run="mine")
    assert not at.exception
    values = scenes[-1].frames[-1].values
    assert 0 < values["tv_sampler"] < 1
    assert scenes[-1].target.shape == (16, 16)


def test_a_run_without_pictures_is_evaluated_from_its_checkpoint(stocked, small, scenes, submitted):
    tiny.finished_run(stocked, "bare", small)
    at = open_page(PAGE, run="bare")
    assert not at.exception
    assert len(scenes[-1].frames) == 1


def test_reset_goes_back_to_the_shipped_model(stocked, small, scenes, submitted):
    put(stocked, "mine", small)
    at = open_page(PAGE, run="mine", data="8gaussians")
    at.button(key="reset").click().run()
    assert "run" not in at.query_params
    assert scenes[-1].source == "shipped/8gaussians"


def test_a_damaged_run_is_reported_and_the_shipped_model_shown(stocked, small, scenes, submitted):
    run = put(stocked, "mine", small)
    (run.path / "config.json").write_text(json.dumps({"kind": "toy2d"}))
    at = open_page(PAGE, run="mine", data="8gaussians")
    assert not at.exception
    assert "damaged" in sentences(at)
    assert scenes[-1].source == "shipped/8gaussians"


def test_two_runs_are_compared(stocked, small, scenes, submitted):
    put(stocked, "one", small)
    put(stocked, "two", small)
    at = open_page(PAGE, run="one", compare="two")
    assert not at.exception
    assert [scene.source for scene in scenes[-2:]] == ["one", "two"]


def test_on_a_public_address_only_its_owner_steers_a_run(stocked, small, scenes, submitted, monkeypatch):
    put(stocked, "mine", small, state="paused", owner="somebody else")
    monkeypatch.setenv("EBGFN_HOSTED", "1")
    at = open_page(PAGE, run="mine")
    assert not at.exception
    assert labels(at) == {"Train", "Train fast and paper"}


def test_time_left_in_words():
    assert [text.clock(s) for s in (0.4, 89, 150, 8000)] == ["0 s", "89 s", "2 min 30 s", "2.2 h"]


def test_however_many_presets_there_are_two_are_compared(stocked, scenes, submitted, monkeypatch):
    monkeypatch.setattr(training_form, "PRESETS", ("fast", "paper", "third"))
    at = open_page(PAGE)
    at.button(key="train_both").click().run()
    assert not at.exception
    assert len(submitted) == 2


def test_the_page_says_why_one_model_is_behind_and_what_more_time_gives():
    config = Toy2DConfig()
    line = {"progress": 0.5, "gfn_nll": 20.5, "gfn_nll_se": 0.01, "ebm_nll": 20.2, "ebm_nll_se": 0.02}
    assert "on its own" in explanation._phase(config, 0.1)
    assert "teach the sampler" in explanation._phase(config, 0.3)
    assert "0.30 nats" in explanation._behind(line, 20.0)[0]
    assert "sampler is" in explanation._behind(line, 20.0)[0]
    assert "energy is" in explanation._behind(line | {"ebm_nll": 21.0}, 20.0)[0]
    assert "equally good" in explanation._behind(line | {"ebm_nll": 20.46}, 20.0)[0]
    assert explanation._behind({"progress": 0.5}, 20.0) == []
    card = {"gfn_excess": 0.0171, "ebm_excess": -0.004, "train_seconds": 600.0}
    assert explanation._more(card) == [
        "After 10 min 00 s the shipped model was 0.017 (sampler) and −0.004 (energy) nats above the entropy floor."
    ]
    recipe = PLANE.trainers["fast"][1]
    assert recipe.teach_share == explanation.TEACH_SHARE
