"""A problem that the package has never heard of goes through everything: one class and one line in the registry."""

import json

import numpy as np
import pytest
import torch

import ebgfn
from ebgfn import cli, problems
from ebgfn.evaluation.exact import all_states
from ebgfn.problems import training
from ebgfn.runs import jobs, store
from ebgfn.runs.folder import RunFolder
from ebgfn.runs.worker import Worker
from tests.app.pages import open_page
from tests.contracts.hmm import DIM, Hmm, HmmConfig
from tests.train.resumed import assert_alike

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _known(monkeypatch, tmp_path):
    monkeypatch.setitem(problems.PROBLEMS, "hmm", Hmm())
    monkeypatch.setenv("EBGFN_HOME", str(tmp_path))


@pytest.fixture
def told(capsys):
    """A command's answer."""

    def told(*arguments: object) -> dict:
        assert cli.main([*map(str, arguments), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return told


def test_its_data_are_what_they_say():
    config = HmmConfig()
    assert config.log_prob(all_states(DIM)).exp().sum().item() == pytest.approx(1.0)
    x, _ = config.sequences(20_000, np.random.default_rng(0))
    mean = (config.log_prob(all_states(DIM)).exp()[:, None] * all_states(DIM)).sum(0).numpy()
    assert np.abs(x.mean(0) - mean).max() < 4.5 * 0.5 / np.sqrt(20_000)


def test_trained_evaluated_sampled_moved_and_listed(told, tmp_path):
    run = told("train", "hmm", "--stay", 0.95, "--steps", 400)
    assert run["state"] == "done"
    untrained = told("train", "hmm", "--stay", 0.95, "--steps", 1)
    figures, before = (told("evaluate", made["id"]) for made in (run, untrained))
    # The entropy is 6.6 nats; uniform guessing lies 1.7 above it.
    assert before["energy_kl"] > 1.5
    assert max(figures["energy_kl"], figures["sampler_kl"]) < 0.3
    # All states are looked at, so log Z is exact; an energy that its sampler knows has a figure.
    assert not figures["refuted"]
    assert figures["ebm_nll"] == pytest.approx(6.6 + figures["energy_kl"], abs=0.4)
    told("sample", run["id"], "-n", 30, "--out", tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as arrays:
        assert arrays["x"].shape == (30, DIM)
        assert np.array_equal(arrays["ones"], arrays["x"].sum(1))
    moved = told("chain", run["id"], "--k", 3, "--steps", 4, "--chains", 8, "--out", tmp_path / "c.npz")
    assert 0.3 < moved["acceptance"] <= 1
    model = ebgfn.load(run["id"])
    assert model.log_prob(model.sample(5)).value.shape == (5,)
    listed = told("runs")["runs"]
    assert {row["id"] for row in listed} == {run["id"], untrained["id"]}
    page = open_page("pages/runs.py")
    assert not page.exception
    assert any("hmm-fast · 400 steps" in text.value for text in page.markdown)


def test_it_is_resumed_to_the_last_digit():
    for preset in ("fast", "paper"):
        assert_alike(HmmConfig(preset=preset, steps=8), None, at=(5,))


def test_a_run_that_was_stopped_goes_on(told):
    config = HmmConfig(steps=30)
    run = store.create(jobs.new_path(config), config, jobs.foreground_status())
    events = []
    status = Worker(run, training, on_event=events.append, interrupted=lambda: "stopped" if events else None).work()
    assert (status.state, status.error) == ("cancelled", "stopped")
    assert 0 < status.step < 30
    assert told("resume", run.id)["step"] == 30
    assert RunFolder(run.path).read_status().state == "done"


def test_what_is_not_allowed_is_one_sentence(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "hmm", "--stay", "2"])
    assert "stay must be a number in 0.5..1, got 2" in capsys.readouterr().err


def test_devices_are_explicit():
    state = training.start(HmmConfig(steps=3))
    _ = state.source
    with torch.device("meta"):
        state.take_step(0.5)
