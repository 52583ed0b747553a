"""Training on the Digits page without a browser: the form, a run that goes on, what it has come to, bad addresses."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.images import sets
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.images.look import VOID, ImagesLook
from ebgfn.runs import jobs, store
from ebgfn.runs.folder import Status
from ebgfn.ui.components import line_charts, squares
from ebgfn.ui.components.squares import FILLED
from ebgfn.ui.digits import run_pictures, training_form
from ebgfn.ui.shell import routes
from tests.app import pages
from tests.app.pages import labels

PAGE, RUN = "pages/digits.py", "mine"
CONFIG = ImagesConfig("digits", "digits", budget_s=60.0)


@pytest.fixture
def home(machine, monkeypatch):
    """A machine without models, on which nothing starts by itself."""
    monkeypatch.setattr(jobs, "poll", lambda: None)
    return machine


@pytest.fixture
def submitted(monkeypatch):
    """Settings of what the page wants trained."""
    configs = []
    monkeypatch.setattr(jobs, "submit", lambda config, *, owner: configs.append(config) or "new")
    return configs


@pytest.fixture
def drawn(monkeypatch):
    """Scenes and charts that the page draws, by key."""
    found = {}
    monkeypatch.setattr(squares, "draw", lambda scene, *, key, **_: found.update({key: scene}))
    monkeypatch.setattr(line_charts, "draw", lambda charts, *, key, **_: found.update({key: charts}))
    return found


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(CONFIG, MLPSizes(hidden=8, depth=2))


@pytest.fixture(scope="module")
def seen(model):
    return ImagesLook(CONFIG).look(model)


@pytest.fixture
def run(home, model, seen):
    """A run that trains, of which two moments were seen."""
    now = time.time()
    made = store.create(
        home / "runs" / RUN, CONFIG, Status("running", created=now, heartbeat=now, step=40, progress=0.5)
    )
    metrics, frame = seen
    for step, progress in ((10, 0.1), (40, 0.5)):
        made.write_frame(step, frame)
        made.append_metrics({"step": step, "elapsed_s": 60.0 * progress, "progress": progress} | metrics)
    return made


def test_the_form_starts_what_it_says(home, drawn, submitted):
    at = pages.open_page(PAGE)
    assert not at.exception
    at.number_input(key="train_seconds").set_value(35).run()
    at.button(key="train").click().run()
    assert submitted == [ImagesConfig("digits", "digits", budget_s=35.0)]
    assert "new" in at.query_params["run"]


def test_only_sets_that_lie_here_are_offered(monkeypatch):
    monkeypatch.setattr(sets, "available", lambda name: name == "digits")
    assert list(training_form.offered()) == ["8 × 8 digits"]


def test_training_starts_from_a_shipped_model_where_there_is_one(home):
    digits = training_form.TRAINED["8 × 8 digits"]
    assert training_form.starts(digits) == ("zero",)
    folder = home.parent / "checkpoints" / "images-digits"
    build(CONFIG, MLPSizes(hidden=8, depth=2)).save(folder)
    assert training_form.starts(digits) == ("zero", "shipped")


def test_a_run_that_goes_on_is_shown_as_it_is(run, drawn, seen):
    at = pages.open_page(PAGE, run=RUN)
    assert not at.exception
    assert {"Pause", "Cancel", "Reset"} <= labels(at)
    assert set(drawn) == {"training", "curves"}  # until it ends no model is sampled beside it
    samples, answers = drawn["training"].panels
    assert np.array_equal(samples.cells, seen[1]["samples"])
    assert answers.count == 9
    given = seen[1]["given"]
    assert np.array_equal(answers.cells[0], given)
    assert (answers.cells[1:, given == VOID] >= FILLED).all()
    assert np.array_equal(answers.cells[1:, given != VOID], np.tile(given[given != VOID], (8, 1)))
    assert "step 40" in drawn["training"].words[0]
    assert "tell data" in drawn["training"].words[1]
    assert drawn["curves"][0].axis.high == 60.0
    assert drawn["curves"][0].lines[0].y[-1] == pytest.approx(seen[0]["gfn_bound"])


def test_a_process_gets_ready_only_where_nothing_trains(run, drawn, monkeypatch):
    ready = []
    monkeypatch.setattr(jobs, "prepare", lambda: ready.append(True))
    pages.open_page(PAGE, run=RUN)
    assert ready == []
    run.update(state="cancelled")
    pages.open_page(PAGE, run=RUN)
    assert ready == [True]


def test_the_words_say_what_is_trained_now():
    assert "learns alone" in run_pictures._why(CONFIG, 0.1)[0]
    assert "after 30%" in run_pictures._why(CONFIG, 0.1)[0]
    assert "tell data" in run_pictures._why(CONFIG, 0.31)[0]
    small = ImagesConfig("mnist", "small")
    assert "knows next to nothing" in run_pictures._why(small, 0.1)[0]
    assert "as it was shipped" in run_pictures._why(replace(small, start="shipped"), 0.1)[0]
    # Where the energy refines a density the sampler learns no more once its turn has come.
    assert "has to follow" in run_pictures._why(CONFIG, 0.9)[0]
    assert "The sampler is kept." in run_pictures._why(small, 0.9)[0]
    assert "hours" in run_pictures._why(ImagesConfig("digits", "paper"), 0.1)[0]


def test_a_run_that_ended_is_played_and_is_the_model_of_the_page(run, model, drawn):
    model.save(run.checkpoint)
    run.update(state="done", progress=1.0)
    at = pages.open_page(PAGE, run=RUN)
    assert not at.exception
    assert len(drawn["training"].moments) == 2
    assert len(drawn["training"].panels[0].cells) == 2 * 64
    assert {"image_sheet", "image_growth", "image_answers", "image_chain"} <= set(drawn)
    assert "model that you trained" in " ".join(m.value for m in at.markdown)
    names = {b.label for b in at.get("download_button")}
    assert {"Last samples (PNG)", "Last samples (NPZ)", "Curves (NPZ)", "Model (ZIP)"} <= names
    at.button(key="reset").click().run()
    assert "run" not in at.query_params


def test_a_run_without_pictures_says_so(run, drawn):
    run.truncate(-1)
    run.update(state="cancelled", step=0)
    at = pages.open_page(PAGE, run=RUN)
    assert not at.exception
    assert "stopped before training began" in pages.sentences(at)


def test_pictures_of_a_version_before_have_no_answers(run, seen):
    run.truncate(-1)
    run.write_frame(7, {"samples": seen[1]["samples"]})
    run.append_metrics({"step": 7, "elapsed_s": 1.0, "progress": 0.02, "mh_acceptance": 0.5})
    scene = run_pictures.scene(run, run.metrics, newest_only=True)
    assert scene is not None
    assert len(scene.panels) == 1


def test_runs_of_images_open_here_while_they_train(run):
    page, query = routes.opening(run)
    assert (page.title, query) == ("Digits", {"run": RUN})


@pytest.mark.parametrize(
    "asked",
    pages.bad_addresses(
        [
            ("train_on", "cats", "one of 8 × 8 digits"),
            ("train_seconds", "1.5", "a whole number in 5..86400"),
            ("train_seed", "-1", "a whole number in 0..2147483647"),
        ]
    ),
)
def test_bad_addresses(home, drawn, asked):
    pages.check_refusals(pages.open_page(PAGE, **pages.values(asked)), asked)
