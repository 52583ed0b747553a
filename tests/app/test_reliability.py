"""How far recovered couplings may be trusted, as the page tells it: verdicts, tables, and files that wait for them."""

import numpy as np
import pytest

from ebgfn.evaluation.coupling_errors import CouplingErrors
from ebgfn.evaluation.misfit import Family, Misfit
from ebgfn.problems import of
from ebgfn.problems.ising import export
from ebgfn.problems.ising import reliability as library
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.reliability import Reliability, Stability
from ebgfn.runs import store
from ebgfn.ui.components import couplings_view
from ebgfn.ui.components.couplings_view import Recovery, Snapshot
from ebgfn.ui.ising import reliability
from tests import tiny_couplings
from tests.app.pages import open_page, sentences

PAGE, DIM = "pages/ising.py", 16
NAMES = ("<b>x</b>", *(f"gene {i}" for i in range(2, DIM + 1)))


def family(name: str, p: float, worst: tuple[int, ...]) -> Family:
    return Family(name, p, 1.0, worst, -6.25, -0.5)


def misfit(*p: float) -> Misfit:
    names = ("columns", "pairs", "triples")
    found = zip(names, p, strict=True)
    return Misfit(tuple(family(name, value, (0, 2, 4)[: k + 1]) for k, (name, value) in enumerate(found)), 123)


def scene(names=NAMES) -> Recovery:
    snapshot = Snapshot(0, 0.0, tiny_couplings.recovered(), np.zeros((1, DIM), np.uint8), np.linspace(-1, 1, DIM))
    return Recovery("name", "source", 0, None, np.zeros((1, DIM), np.uint8), (snapshot,), names=names)


def measured(fit: Misfit):
    """All that is measured, at once."""
    found = tiny_couplings.recovered() != 0
    yield CouplingErrors(np.where(found, 0.0125, np.nan), np.full(DIM, 0.25))
    yield fit
    for n in range(1, 5):
        yield Stability(found * (n / 4), n)


@pytest.fixture
def their_run(machine, monkeypatch):
    """A run on a visitor's file with names, shown without its pictures; its fit is that of `their_run.fit`."""
    monkeypatch.setattr(couplings_view, "draw", lambda scene, *, key: None)
    x = np.random.default_rng(1).integers(0, 2, (80, DIM)).astype(np.uint8)
    config = IsingConfig(path=str(store.keep_upload(x, NAMES)), steps=30)
    tiny_couplings.run(machine, "theirs", config)

    def opened(fit: Misfit):
        monkeypatch.setattr(reliability, "_measured", lambda folder, settings: measured(fit))
        reliability._measurement.clear()
        state = reliability.measurement(store.find("theirs").checkpoint, config)
        state.future.result(timeout=60)
        return open_page(PAGE, run="theirs", samples_of="Your own samples")

    return opened


def test_a_model_that_fits_says_so_beside_its_tables(their_run):
    at = their_run(misfit(0.5, 0.5, 0.5))
    assert not at.exception
    assert "The model fits" in at.success[0].value
    table = at.dataframe[0].value
    assert set(table["±"]) == {0.0125}
    assert set(table["stability"]) == {1.0}
    assert {"gene 2", "<b>x</b>"} <= {*table["column i"], *table["column j"]}
    assert "95 of 100" in "\n".join(m.value for m in at.markdown)


def test_a_model_that_does_not_fit_is_told_where(their_run):
    at = their_run(misfit(0.5, 0.5, 0.004))
    assert "**The model does not fit**" in at.warning[0].value
    assert "\\<b\\>x\\</b\\>, gene 3, gene 5" in at.warning[0].value
    assert not at.success
    assert "−6.2 standard errors" in sentences(at)


def test_a_verdict_names_all_that_is_missed():
    words = reliability.verdict(misfit(0.5, 0.002, 0.004), scene(names=None))
    assert reliability.MISSED["pairs"] in words
    assert reliability.MISSED["triples"] in words
    assert reliability.MISSED["columns"] not in words
    assert "in 1, 3, where 123 held-out rows" in words
    assert "p ≤ 0.012" in words


def test_fields_are_shown_where_there_are_any():
    found = export.Recovered(scene().snapshots[0].couplings, np.linspace(-1, 1, DIM), NAMES, field_errors=np.ones(DIM))
    table = reliability.fields(scene(), found)
    assert table["column"] == list(NAMES)
    assert (table["field"][0], table["±"][0]) == (-1.0, 1.0)


def test_files_wait_for_what_is_measured():
    state = reliability.Measurement(measured(misfit(0.5, 0.5, 0.5)))
    found = reliability.recovered(scene(), state, wait=True)
    head, first, *_ = export.couplings_csv(found).splitlines()
    assert head == "name_i,name_j,i,j,J,se,stability"
    assert first.endswith(",0.0125,1")
    assert export.fields_csv(found).splitlines()[1] == "<b>x</b>,1,-1,0.25"


def test_files_do_without_what_cannot_be_measured():
    def broken():
        raise RuntimeError("no memory")
        yield

    assert reliability.recovered(scene(), reliability.Measurement(broken()), wait=True).coupling_errors is None


def test_what_is_measured_is_measured_on_the_runs_own_rows(machine, monkeypatch):
    monkeypatch.setattr(library, "RESAMPLES", 2)
    run = tiny_couplings.run(machine, "mine")
    state = reliability.measurement(run.checkpoint, run.config)
    assert state is not None
    state.future.result(timeout=60)
    seen = reliability.known(state)
    model = tiny_couplings.model()
    assert np.array_equal(np.isfinite(seen.errors.couplings), model.energy.couplings().numpy() != 0)
    assert seen.misfit.rows == 40
    assert seen.stability.resamples == 2
    assert set(np.unique(seen.stability.share)) <= {0.0, 0.5, 1.0}


def test_other_estimates_and_lost_files_have_none(machine, monkeypatch):
    config = IsingConfig(side=4, samples=200, method="pcd-gibbs", steps=6)
    run = tiny_couplings.run(machine, "chains", config)
    assert reliability.measurement(run.checkpoint, config) is None
    assert reliability.measurement(None, tiny_couplings.CONFIG) is None
    path = store.keep_upload(np.random.default_rng(0).integers(0, 2, (60, DIM)).astype(np.uint8))
    lost = IsingConfig(path=str(path), steps=30)
    run = tiny_couplings.run(machine, "lost", lost)
    path.unlink()
    assert list(reliability._measured(run.checkpoint, lost)) == []
    # Where it would take long, standard errors alone.
    monkeypatch.setattr(reliability, "MOST_WORK", 1)
    run = tiny_couplings.run(machine, "large")
    (only,) = reliability._measured(run.checkpoint, run.config)
    assert isinstance(only, CouplingErrors)


def test_of_a_shipped_model_what_is_stored_is_shown_or_its_errors_alone(machine):
    folder = machine.parent / "checkpoints" / "ising-4x4-0.2"
    tiny_couplings.model().save(folder)
    (only,) = reliability._measured(folder, tiny_couplings.CONFIG)
    assert isinstance(only, CouplingErrors)
    kept = Reliability.of(measured(misfit(0.5, 0.5, 0.004)))
    library.save(kept, folder)
    errors, fit, stability = reliability._measured(folder, tiny_couplings.CONFIG)
    np.testing.assert_array_equal(errors.couplings, kept.errors.couplings)
    assert fit == kept.misfit
    assert (stability.resamples, stability.share.max()) == (4, 1.0)
    # Of other weights, or damaged, it says nothing.
    tiny_couplings.model(couplings=np.zeros((DIM, DIM))).save(folder)
    assert library.stored(folder) is None
    (folder / library.FILE).write_bytes(b"PK")
    assert library.stored(folder) is None


def test_shipping_keeps_what_was_measured(machine, monkeypatch):
    monkeypatch.setattr(library, "RESAMPLES", 1)
    folder = machine.parent / "checkpoints" / "ising-4x4-0.2"
    model = tiny_couplings.model()
    model.save(folder)
    of(model.config).keep_beside(model, folder)
    seen = library.stored(folder)
    assert seen.misfit.rows == 40
    assert seen.stability.resamples == 1
    assert np.isfinite(seen.errors.couplings).sum() == 64
