"""Knobs on the pages without a browser: whose they are, what they leave in the run, the marks that they make."""

import time

import pytest

from ebgfn import problems
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.runs import jobs, store
from ebgfn.runs.folder import RunError, Status
from ebgfn.train.knobs import UNTURNED, Knobs
from ebgfn.ui.components import line_charts
from ebgfn.ui.plane import training_curves
from ebgfn.ui.shell import knobs
from tests.app import pages

PAGE, RUN = "pages/landscape_2d.py", "mine"


@pytest.fixture
def run(machine, monkeypatch):
    """A run of the plane that waits."""
    monkeypatch.setattr(jobs, "poll", lambda: None)
    now = time.time()
    status = Status("paused", created=now, heartbeat=now, step=3)
    return store.create(machine / "runs" / RUN, Toy2DConfig(bits=4, budget_s=30.0), status)


def slider(at, name: str):
    return at.select_slider(key=f"knob_{name}-{RUN}")


def test_what_is_turned_is_left_for_the_run(run):
    at = pages.open_page(PAGE, run=RUN, bits="4")
    assert not at.exception
    assert {slider(at, name).value for name in knobs.ALL} == {"usual"}
    slider(at, "rate").set_value(0.5).run()
    slider(at, "k").set_value(4).run()
    assert run.knobs == Knobs(rate=0.5, k=4)
    slider(at, "rate").set_value("usual").run()
    assert run.knobs == Knobs(k=4)
    # Another look at the page, from another window.
    assert slider(pages.open_page(PAGE, run=RUN, bits="4"), "k").value == 4


def test_every_position_is_allowed():
    for name, knob in knobs.ALL.items():
        for position in knob.positions:
            Knobs(**({} if position == knobs.USUAL else {name: position}))


def test_a_run_that_is_over_or_anothers_has_no_knobs(run):
    run.update(state="cancelled")
    assert not pages.open_page(PAGE, run=RUN, bits="4").select_slider
    with pytest.raises(RunError, match="already cancelled"):
        jobs.turn(RUN, rate=0.5)
    run.update(state="paused", owner="somebody")
    assert not pages.open_page(PAGE, run=RUN, bits="4").select_slider


def test_energies_that_refine_a_density_have_no_chains_to_turn(machine):
    images = {preset: ImagesConfig("digits", preset) for preset in ("small", "digits")}
    problem = problems.of(images["small"])
    assert problem.knobs(images["small"]) == ("rate",)
    assert set(problem.knobs(images["digits"])) == set(knobs.ALL)


def test_a_damaged_file_of_knobs_is_named(run):
    (run.path / "knobs.json").write_text('{"rate": 9}')
    with pytest.raises(RunError, match=r"knobs.json: rate must be a number in 0..4"):
        _ = run.knobs
    (run.path / "knobs.json").unlink()
    assert run.knobs == UNTURNED


def test_marks_say_when_and_how():
    line = lambda s, **turned: {"elapsed_s": s} | {f"knob_{name}": value for name, value in turned.items()}  # noqa: E731
    lines = [
        line(1.0),
        line(2.0, rate=2.0),
        line(3.0, rate=2.0),
        line(4.0, k=8, share=0.25),
        line(5.0, k=8, share=0.25),
    ]
    assert knobs.marks(lines) == [(2.0, "rate × 2"), (4.0, "rate usual, K 8, negatives 25%")]
    assert knobs.marks([]) == []


def test_marks_stand_on_the_curves(monkeypatch):
    drawn = []
    monkeypatch.setattr(line_charts, "_component", lambda *, key, data: drawn.append(data))
    columns = {"elapsed_s": [1.0, 7.0], "gfn_nll": [5.0, 4.0], "mh_acceptance": [0.5, 0.6]}
    training_curves.draw({"mine": columns}, floor=None, end_s=30.0, key="curves", turned=[(7.0, "T × 2")])
    training_curves.draw({"mine": columns}, floor=None, end_s=30.0, key="curves")
    assert [(chart["marks"], chart["mark_names"]) for chart in drawn[0]["charts"]] == [([7.0], ["T × 2"])] * 3
    assert [chart["marks"] for chart in drawn[1]["charts"]] == [()] * 3
