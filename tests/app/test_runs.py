"""The Runs page without a browser: the queue, what has ended, damaged runs, who sees what."""

import pytest

from ebgfn.nets.unet import UNetSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.runs import jobs, store
from tests import tiny
from tests.app.pages import labels, open_page, sentences

PAGE = "pages/runs.py"


@pytest.fixture
def home(machine, monkeypatch):
    """A machine on which nothing starts by itself."""
    monkeypatch.setattr(jobs, "poll", lambda: None)
    return machine


def queued(home, name, model, at):
    run = tiny.finished_run(home, name, model)
    run.update(state="queued", queued_at=at, created=at, progress=0.0, step=0)
    return run


def opened(at) -> list[str]:
    """What the links to runs tell their pages."""
    return [link.query_string for link in at.get("page_link") if link.query_string]


def everything(at) -> str:
    return "\n".join(element.value for kind in (at.markdown, at.caption) for element in kind)


def test_without_runs_it_says_what_to_do(home):
    at = open_page(PAGE)
    assert not at.exception
    assert "no runs yet" in sentences(at)


def test_the_queue_shows_places(home, small):
    queued(home, "later", small, 20.0)
    queued(home, "sooner", small, 10.0)
    at = open_page(PAGE)
    assert not at.exception
    texts = [bar.text for bar in at.get("progress")]
    assert texts == ["place 2 in the queue", "place 1 in the queue"]
    at.button(key="Cancel-later").click().run()
    assert store.find("later").status.state == "cancelled"


def test_time_left_of_a_paused_run(home, small):
    tiny.finished_run(home, "mine", small).update(state="paused", progress=0.25, elapsed_s=10.0, step=70)
    at = open_page(PAGE)
    (bar,) = at.get("progress")
    assert "**30 s left**" in bar.text
    assert "step 70" in bar.text
    assert {"Play", "Cancel"} <= labels(at)


def test_an_ended_run_is_described_and_a_failed_one_says_why(home, small):
    tiny.finished_run(home, "good", small)
    tiny.finished_run(home, "bad", small).update(state="failed", error="diverged at step *7*")
    at = open_page(PAGE)
    assert not at.exception
    text = everything(at)
    assert f"8gaussians · fast · {tiny.STEPS} steps · seed 0 · 16 bits an axis" in text
    assert r"diverged at step \*7\*" in text
    assert opened(at) == [
        "run=bad&data=8gaussians",
        "run=good&data=8gaussians",
    ]


def test_runs_of_images_open_where_images_are_shown(home):
    model = build(ImagesConfig(dataset="digits"), UNetSizes(hidden=4, channels=2))
    tiny.finished_run(home, "seen", model)
    tiny.finished_run(home, "going", model).update(state="paused", progress=0.5)
    at = open_page(PAGE)
    assert not at.exception
    assert "images of digits · fast" in everything(at)
    assert opened(at) == ["run=going", "run=seen"]


def test_more_of_an_ended_run_opens_and_deletes(home, small):
    run = tiny.finished_run(home, "good", small)
    run.append_metrics({"step": 1, "elapsed_s": 0.5, "progress": 1.0, "gfn_nll": 21.0})
    at = open_page(PAGE)
    assert "Delete" not in labels(at)
    at.session_state["more-good"] = True
    at.run()
    assert not at.exception
    assert at.dataframe[0].value["GFlowNet NLL"].tolist() == [21.0]
    at.checkbox(key="sure-good").check().run()
    at.session_state["more-good"] = True
    at.button(key="delete-good").click().run()
    assert not run.path.exists()


def test_damaged_runs_are_reported_and_harm_no_other(home, small):
    tiny.finished_run(home, "good", small)
    broken = tiny.finished_run(home, "broken", small)
    (broken.path / "status.json").write_text("{")
    at = open_page(PAGE)
    assert not at.exception
    assert "status.json" in everything(at)
    assert "8gaussians · fast" in everything(at)


def test_many_ended_runs_come_in_pages(home, small):
    for i in range(14):
        tiny.finished_run(home, f"run{i}", small).update(created=float(i))
    at = open_page(PAGE)
    assert not at.exception
    assert len(opened(at)) == 12


def test_ones_own_runs_come_first_and_others_are_not_stopped_by_a_slip(home, small):
    queued(home, "mine", small, 10.0)
    queued(home, "theirs", small, 20.0).update(owner="somebody")
    tiny.finished_run(home, "over", small).update(owner="somebody")
    at = open_page(PAGE)
    assert not at.exception
    shown = [element.value for element in at.markdown if "8gaussians" in element.value]
    assert [text.startswith("**") for text in shown] == [True, False, False]
    assert labels(at) == {"Cancel"}
    at.checkbox(key="steer-theirs").check().run()
    at.button(key="Cancel-theirs").click().run()
    assert store.find("theirs").status.state == "cancelled"
    at.session_state["more-over"] = True
    at.run()
    assert "Delete" not in labels(at)
    at.checkbox(key="steer-over").check()
    at.session_state["more-over"] = True
    at.run()
    assert "Delete" in labels(at)


def test_on_a_public_address_others_runs_are_not_shown(home, small, monkeypatch):
    tiny.finished_run(home, "theirs", small).update(owner="somebody")
    monkeypatch.setenv("EBGFN_HOSTED", "1")
    assert "no runs yet" in sentences(open_page(PAGE))
