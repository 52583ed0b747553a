"""Recovery of couplings without a browser: shipped models, forms, runs in every state, uploads, files, words."""

import base64
import io
import json
import math
import shutil
import threading
import time

import numpy as np
import pytest

from ebgfn.files import write_json
from ebgfn.problems import training
from ebgfn.problems.ising import export, uploads
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.ising.export import Recovered
from ebgfn.problems.ising.scores import neg_log_rmse
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.runs import jobs, store
from ebgfn.runs.worker import Worker
from ebgfn.ui.chains import kernel_comparison
from ebgfn.ui.components import couplings_view, line_charts
from ebgfn.ui.components.couplings_view import Recovery, Snapshot, bonds
from ebgfn.ui.ising import FILE, LATTICE, couplings_files, estimate_scores, peer_estimates, reliability
from tests import tiny_couplings
from tests.app.pages import bad_addresses, check_refusals, labels, open_page, sentences, values

PAGE = "pages/ising.py"
CARD = {
    "command": "python -m ebgfn train ising",
    "machine": "a test",
    "train_seconds": 1.0,
    "neg_log_rmse": 9.0,
    "neg_log_rmse_l1_pl": 5.25,
    "neg_log_rmse_oracle": 5.5,
    "neg_log_rmse_zero": 2.5,
}


@pytest.fixture(autouse=True)
def _nothing_is_measured(monkeypatch):
    """Resamples would go on long after the page was left; `test_reliability` is about them."""
    monkeypatch.setattr(reliability, "_measured", lambda folder, settings: iter(()))


@pytest.fixture
def shipped(machine):
    """Home of a machine with two shipped models of couplings."""
    for sigma in (0.2, -0.1):
        folder = machine.parent / "checkpoints" / f"ising-4x4-{sigma:g}"
        tiny_couplings.model(IsingConfig(side=4, sigma=sigma, samples=200, steps=30)).save(folder)
        write_json(folder / "card.json", CARD)
    return machine


@pytest.fixture
def scenes(monkeypatch):
    """What the page gives to the view."""
    shown = []
    monkeypatch.setattr(couplings_view, "draw", lambda scene, *, key: shown.append(scene))  # noqa: PLW0108
    return shown


@pytest.fixture
def charts(monkeypatch):
    """Charts that the page draws last."""
    shown = []
    monkeypatch.setattr(line_charts, "draw", lambda charts, *, key: shown.append(charts))  # noqa: PLW0108
    return shown


@pytest.fixture
def submitted(monkeypatch):
    """Configs that the page submits, in place of training them; nothing starts by itself."""
    taken = []

    def submit(config, *, owner):
        assert owner
        taken.append(config)
        path = store.runs_folder() / f"run{len(taken)}"
        return store.create(path, config, store.Status("queued", 1.0, 1.0, owner=owner, queued_at=1.0)).id

    monkeypatch.setattr(jobs, "submit", submit)
    monkeypatch.setattr(jobs, "poll", lambda: None)
    return taken


@pytest.fixture
def peers(monkeypatch):
    """Scores of the others, at hand at once."""
    fits = {
        "peers": lambda config: {"neg_log_rmse_l1_pl": 6.0, "neg_log_rmse_oracle": 7.0},
        "refit": lambda config: {"neg_log_rmse_pl_refit": 5.5},
        "pooled": lambda config: {"neg_log_rmse_pl_pooled": 5.0},
    }
    monkeypatch.setattr(peer_estimates, "FITS", fits)


def settled(config=tiny_couplings.CONFIG) -> None:
    """Wait until the others are fitted."""
    deadline = time.monotonic() + 60
    while peer_estimates.scores(config)[1]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def text(at) -> str:
    return "\n".join(element.value for kind in (at.markdown, at.caption) for element in kind)


def table(at) -> list[list[str]]:
    """Rows of the table of scores, best first, without their marks."""
    (lines,) = [m.value.splitlines() for m in at.markdown if m.value.startswith("| estimate")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_without_models_it_says_what_to_do(machine):
    at = open_page(PAGE)
    assert not at.exception
    assert "No model of recovered couplings" in sentences(at)


def test_a_shipped_model_is_shown_at_once(shipped, scenes):
    at = open_page(PAGE, recovered="0.2 on 4x4")
    assert not at.exception
    (scene,) = scenes
    assert np.array_equal(scene.truth, Lattice(4, 0.2).couplings())
    assert np.array_equal(scene.snapshots[-1].couplings, tiny_couplings.recovered())
    assert scene.data.shape == scene.snapshots[-1].samples.shape == (16, 16)
    assert "python -m ebgfn train ising" in "\n".join(c.value for c in at.code)


def test_the_best_estimate_is_marked_even_where_it_is_not_ours(shipped, scenes):
    at = open_page(PAGE, recovered="0.2 on 4x4")
    ours = neg_log_rmse(tiny_couplings.recovered().astype(float), Lattice(4, 0.2).couplings())
    rows = table(at)
    assert rows[0] == ["**pseudo-likelihood, support known**", "**5.500**", f"**{math.exp(-5.5):.5f}**"]
    assert [row[0] for row in rows[1:]] == ["L1 pseudo-likelihood", "EB-GFN, refit", "no couplings, J = 0"]
    # Ours is computed from the couplings shown, not taken from the card.
    assert rows[2][1] == f"{ours:.3f}"
    assert "**Pooled** estimates" not in text(at)


def test_another_coupling_is_chosen_by_the_address(shipped, scenes):
    at = open_page(PAGE, recovered="-0.1 on 4x4")
    assert not at.exception
    assert scenes[-1].source == "shipped/ising-4x4--0.1"
    assert scenes[-1].truth.min() == -0.1


def test_a_coupling_that_is_not_shipped_gets_a_sentence(shipped, scenes):
    at = open_page(PAGE, recovered="7")
    assert "must be one of 0.2 on 4x4, -0.1 on 4x4" in sentences(at)
    assert scenes[-1].source == "shipped/ising-4x4-0.2"


def test_a_damaged_shipped_model_harms_no_other(shipped, scenes):
    (shipped.parent / "checkpoints" / "ising-4x4--0.1" / "config.json").write_text("{")
    at = open_page(PAGE)
    assert not at.exception
    assert scenes[-1].source == "shipped/ising-4x4-0.2"


RECOVERIES = [
    ("recover_side", "17", "3..16"),
    ("recover_sigma", "0.7", "-0.6..0.6"),
    ("recover_sigma", "nan", "-0.6..0.6"),
    ("recover_samples", "1e9", "50..20000"),
    ("recover_seconds", "1", "5..86400"),
    ("recover_seed", "-1", "0..2147483647"),
    ("recover_estimate", "best", "refit, pooled, sparse"),
]


@pytest.mark.parametrize(
    "asked",
    [
        {"samples_of": ("elsewhere", "Shipped models, A lattice, live")},
        {"run": ("../../etc", "no longer exists")},
        *bad_addresses(RECOVERIES),
    ],
)
def test_bad_address_gets_a_sentence_and_the_default(shipped, scenes, submitted, asked):
    at = open_page(PAGE, **({"samples_of": LATTICE} | values(asked)))
    check_refusals(at, asked)
    if any(name.startswith("recover_") for name in asked):
        at.button(key="recover").click().run()
        assert submitted == [IsingConfig(budget_s=60.0)]


def test_recover_submits_what_the_form_says(shipped, scenes, submitted):
    address = {"side": "6", "sigma": "0.35", "samples": "500", "seconds": "20", "seed": "7", "estimate": "sparse"}
    given = {f"recover_{name}": value for name, value in address.items()} | {"recover_couplings": "homogeneous"}
    at = open_page(PAGE, samples_of=LATTICE, **given)
    assert "Press **Recover**" in sentences(at)
    at.button(key="recover").click().run()
    assert not at.exception
    assert submitted == [IsingConfig(6, 0.35, 500, "homogeneous", "sparse", budget_s=20.0, seed=7)]
    assert at.query_params["run"] == "run1"
    assert "place 1 in the queue" in text(at)
    assert {"Cancel", "Reset"} <= labels(at)


def test_a_refusal_is_shown(shipped, scenes, monkeypatch):
    def refuse(config, *, owner):
        raise ValueError("you have 2 runs waiting")

    monkeypatch.setattr(jobs, "submit", refuse)
    at = open_page(PAGE, samples_of=LATTICE)
    at.button(key="recover").click().run()
    assert "you have 2 runs waiting" in sentences(at)


def test_an_energy_without_a_sampler_is_shown_with_samples_of_chains(shipped, scenes, charts, peers):
    config = IsingConfig(side=4, samples=200, method="pcd-gwg", steps=6)
    run = store.create(shipped / "runs" / "mine", config, jobs.foreground_status())
    Worker(run, training).work()
    at = open_page(PAGE, run="mine")
    assert not at.exception
    assert "pcd-gwg" in text(at)
    assert scenes[-1].sampled_by == "Gibbs chain"
    shutil.rmtree(run.path / "frames")
    at = open_page(PAGE, run="mine")
    assert not at.exception
    assert scenes[-1].snapshots[0].samples.shape == (16, 16)


@pytest.mark.parametrize(
    ("method", "how"),
    [
        ("PCD, Gibbs-with-Gradients", {"method": "pcd-gwg"}),
        ("pseudo-likelihood, trained", {"method": "pseudo-likelihood"}),
        ("EB-GFN as published", {"preset": "paper"}),
        ("EB-GFN", {}),
    ],
)
def test_couplings_are_trained_by_any_method(shipped, scenes, submitted, method, how):
    at = open_page(PAGE, samples_of=LATTICE, recover_method=method)
    assert not at.exception
    at.button(key="recover").click().run()
    assert submitted == [IsingConfig(budget_s=60.0, **how)]
    asks = {control.label for control in at.segmented_control}
    assert ("Estimate" in asks) == (method in ("EB-GFN", "pseudo-likelihood, trained"))


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ("running", {"Pause", "Cancel", "Reset"}),
        ("paused", {"Play", "Step", "Cancel", "Reset"}),
        ("failed", {"Resume", "Reset"}),
        ("cancelled", {"Resume", "Reset"}),
        ("done", {"Reset"}),
    ],
)
def test_a_run_is_shown_in_every_state(shipped, scenes, charts, submitted, peers, state, buttons):
    tiny_couplings.run(shipped, "mine", state=state, error="it broke" if state == "failed" else None)
    settled()
    at = open_page(PAGE, run="mine")
    assert not at.exception
    assert labels(at) - {"Recover"} == buttons
    assert ("it broke" in sentences(at)) == (state == "failed")
    assert [one.step for one in scenes[-1].snapshots] == [10, 20, 30]
    score = charts[-1][0]
    assert score.lines[0].y == [1.0, 2.0, 3.0]
    levels = {line.name: line.y for line in score.lines if line.dash == "dot"}
    assert levels["L1 pseudo-likelihood"] == [6.0, 6.0]
    assert levels["pseudo-likelihood, support known"] == [7.0, 7.0]
    assert [row[0] for row in table(at)][:2] == ["**pseudo-likelihood, support known**", "L1 pseudo-likelihood"]


def test_others_come_when_they_are_fitted(shipped, scenes, charts, submitted, monkeypatch):
    ready = threading.Event()
    monkeypatch.setattr(
        peer_estimates, "FITS", {name: lambda config: ready.wait(60) and {} for name in ("peers", "refit")}
    )
    tiny_couplings.run(shipped, "mine")
    at = open_page(PAGE, run="mine")
    assert not at.exception
    assert "being fitted" in text(at)
    assert len(table(at)) == 2
    ready.set()
    settled()
    at.run()
    assert "being fitted" not in text(at)


def test_real_peers_are_those_of_the_same_samples(machine):
    config = IsingConfig(side=3, sigma=0.2, samples=60, couplings="homogeneous")
    settled(config)
    known, waiting = peer_estimates.scores(config)
    assert not waiting
    zero = np.zeros((9, 9))
    assert known["neg_log_rmse_zero"] == pytest.approx(neg_log_rmse(zero, config.lattice.couplings()))
    assert known["neg_log_rmse_oracle"] > known["neg_log_rmse_zero"]
    assert known["neg_log_rmse_pl_refit"] > known["neg_log_rmse_zero"]
    assert "neg_log_rmse_pl_pooled" not in known


def test_so_much_data_is_not_fitted_while_one_waits(machine):
    known, waiting = peer_estimates.scores(IsingConfig(side=16, samples=20_000))
    assert not waiting
    assert list(known) == ["neg_log_rmse_zero"]


def test_a_run_without_frames_is_shown_from_its_checkpoint(shipped, scenes, charts, submitted, peers):
    run = tiny_couplings.run(shipped, "bare")
    for step in tiny_couplings.STEPS:
        run._frame(step).unlink()
    at = open_page(PAGE, run="bare")
    assert not at.exception
    assert np.array_equal(scenes[-1].snapshots[-1].couplings, tiny_couplings.recovered())


def test_reset_leaves_the_run(shipped, scenes, charts, submitted, peers):
    tiny_couplings.run(shipped, "mine")
    at = open_page(PAGE, run="mine")
    at.button(key="reset").click().run()
    assert "run" not in at.query_params
    assert "Press **Recover**" in sentences(at)


def test_damaged_runs_and_runs_of_other_pages_are_told(shipped, scenes, submitted, small):
    from tests import tiny

    tiny.finished_run(shipped, "plane", small)
    run = tiny_couplings.run(shipped, "mine")
    (run.path / "config.json").write_text(json.dumps({"kind": "ising"}))
    assert "damaged" in sentences(open_page(PAGE, run="mine"))
    assert "another page" in sentences(open_page(PAGE, run="plane"))
    tiny_couplings.run(shipped, "lattice")
    at = open_page("pages/landscape_2d.py", run="lattice")
    assert not at.exception
    assert "another page" in sentences(at)


def test_other_pages_pass_over_these_runs(stocked, small, submitted, monkeypatch):
    from tests import tiny

    monkeypatch.setattr(kernel_comparison, "compare", lambda *args, **settings: iter(()))
    tiny.finished_run(stocked, "plane", small)
    tiny_couplings.run(stocked, "mine")
    for page, address in (("pages/chains.py", {}), ("pages/landscape_2d.py", {"run": "plane"})):
        at = open_page(page, **address)
        assert not at.exception
        assert all("mine" not in box.options for box in at.selectbox)


def test_the_runs_page_describes_and_opens_them(shipped, submitted):
    path = store.keep_upload(samples())
    tiny_couplings.run(shipped, "theirs", IsingConfig(path=str(path), side=4, steps=30))
    tiny_couplings.run(shipped, "mine", IsingConfig(side=4, sigma=-0.2, samples=200, couplings="homogeneous"))
    at = open_page("pages/runs.py")
    assert not at.exception
    assert "couplings of a 4 × 4 lattice, σ = −0.2 · 120 s · seed 0 · 200 samples · homogeneous" in text(at)
    assert f"couplings of uploaded samples {path.stem[:8]} · 30 steps · seed 0 · 4 × 4 lattice · refit" in text(at)
    links = {link.query_string for link in at.get("page_link") if link.query_string}
    assert links == {"run=mine&samples_of=A+lattice%2C+live", "run=theirs&samples_of=Your+own+samples"}
    at.session_state["more-mine"] = True
    at.run()
    assert at.dataframe[0].value["coupled pairs"].tolist() == [32, 32, 32]


def samples(rows: int = 80, dim: int = 16) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2, (rows, dim)).astype(np.uint8)


def csv(x) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in x.tolist()).encode()


def upload(at, contents: bytes, name: str = "../../mine.csv"):
    (field,) = at.file_uploader
    return field.set_value((name, contents, "text/csv")).run()


def test_a_file_is_understood_and_trained_on(shipped, scenes, submitted):
    at = open_page(PAGE, samples_of=FILE)
    assert "Choose a file" in sentences(at)
    x = samples()
    at = upload(at, csv(x))
    assert not at.exception
    assert "**80 samples of 16 variables**" in text(at)
    assert f"in column {x.mean(0).argmin() + 1}" in text(at)
    at.checkbox(key="recover_is_lattice").check().run()
    at.number_input(key="recover_seconds").set_value(15).run()
    at.button(key="recover").click().run()
    assert not at.exception
    (config,) = submitted
    assert (config.side, config.budget_s) == (4, 15.0)
    # The name that the visitor gave leads nowhere: the file is called after its contents.
    (kept,) = (shipped / "uploads").iterdir()
    assert config.path == str(kept)
    assert np.array_equal(uploads.read(kept).x, x)


def test_a_file_that_is_no_lattice_is_not_asked(shipped, submitted):
    at = upload(open_page(PAGE, samples_of=FILE), csv(samples(dim=5)))
    assert not at.exception
    assert not at.checkbox
    assert [control.label for control in at.get("button_group")].count("Couplings") == 0


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (csv(samples()).replace(b"1", b"2", 1), "is not binary"),
        (csv(samples(rows=20)), "50 to 100000 samples"),
        (b"<script>,**x**\n" * 60, "is not a number"),
        (b"", "got 0"),
    ],
)
def test_a_file_that_is_not_taken_is_told_why(shipped, submitted, contents, words):
    at = upload(open_page(PAGE, samples_of=FILE), contents)
    assert not at.exception
    assert words in sentences(at)
    assert "script" not in sentences(at)
    assert "Recover" not in labels(at)


def test_couplings_of_a_file_come_with_the_strongest_of_them(shipped, scenes, charts, submitted):
    path = store.keep_upload(samples())
    tiny_couplings.run(shipped, "theirs", IsingConfig(path=str(path), steps=30))
    at = open_page(PAGE, run="theirs")
    assert not at.exception
    scene = scenes[-1]
    assert scene.truth is None
    assert scene.data.shape == (16, 16)
    found = at.dataframe[0].value
    assert len(found) == 20
    assert np.all(np.diff(found["coupling"].abs()) <= 0)
    assert "Score" not in [chart.title for chart in charts[-1]]


def test_what_was_learned_stays_when_the_file_is_gone(shipped, scenes, charts, submitted):
    path = store.keep_upload(samples())
    tiny_couplings.run(shipped, "theirs", IsingConfig(path=str(path), side=4, steps=30))
    path.unlink()
    at = open_page(PAGE, run="theirs")
    assert not at.exception
    assert np.array_equal(scenes[-1].snapshots[-1].couplings, tiny_couplings.recovered())
    assert scenes[-1].data.size == 0
    assert couplings_view.payload(scenes[-1])["data"] == ""


def scene(truth=True, side=4) -> Recovery:
    couplings = tiny_couplings.recovered()
    fields = np.linspace(-0.5, 1, 16)
    moments = tuple(Snapshot(s, s / 10, couplings * (s / 30), samples(16), fields * (s / 30)) for s in (15, 30))
    return Recovery("name", "source", side, Lattice(4, 0.2).couplings() if truth else None, samples(16), moments)


def test_couplings_travel_in_16_bits():
    couplings = tiny_couplings.recovered()
    packed = couplings_view.pack(couplings)
    parts = np.frombuffer(base64.b64decode(packed["parts"]), "<i2")
    above = couplings[np.triu_indices(16, 1)]
    assert np.abs(parts * packed["largest"] / 32767 - above).max() <= packed["largest"] / 32767
    assert np.array_equal(parts == 0, above == 0)
    assert couplings_view.pack(np.zeros((3, 3)))["largest"] == 1.0


def test_panels_and_scale_follow_what_is_known():
    known, unknown = couplings_view.payload(scene()), couplings_view.payload(scene(truth=False, side=0))
    kinds = [panel["kind"] for panel in known["panels"]]
    assert kinds == ["truth", "recovered", "difference", "bonds", "data", "samples"]
    assert [panel["kind"] for panel in unknown["panels"]] == ["recovered", "bonds", "data", "samples"]
    assert unknown["truth"] is None
    assert known["top"] == pytest.approx(0.25)
    assert unknown["top"] == pytest.approx(np.abs(tiny_couplings.recovered()).max())
    flat = Recovery("n", "s", 4, np.zeros((16, 16)), samples(16), scene().snapshots)
    assert couplings_view.payload(flat)["top"] == couplings_view.LEAST_TOP


def test_numbers_below_the_pictures():
    shown = couplings_view.numbers(scene().snapshots[-1], scene())
    assert shown["truth"] == [("coupled pairs", "32"), ("mean coupling", "+0.2000")]
    assert shown["recovered"][0] == ("coupled pairs", "32")
    assert shown["recovered"][2] == ("fields", "−0.50 to +1.00")
    assert shown["bonds"] == [("neighbours coupled", "31 of 32"), ("long bonds", "1, up to 0.0700")]
    assert ("largest error", "0.2000") in shown["difference"]
    exact = Snapshot(0, 0.0, Lattice(4, 0.2).couplings(), samples(16), np.zeros(16))
    assert ("−log RMSE", "exact") in couplings_view.numbers(exact, scene())["difference"]


@pytest.mark.parametrize("side", [3, 4, 5])
def test_bonds_are_counted_on_the_torus(side):
    true = Lattice(side, -0.3).couplings()
    assert bonds.count(true, side) == bonds.Bonds(2 * side * side, 0, 0, 0.0)
    i, j = np.nonzero(np.triu(true))
    assert np.array_equal(bonds.steps_apart(i, j, side), np.ones(len(i)))
    assert bonds.count(np.zeros_like(true), side).missing == 2 * side * side
    everywhere = np.full_like(true, 0.5) - 0.5 * np.eye(side * side)
    pairs = side * side * (side * side - 1) // 2
    assert bonds.count(everywhere, side) == bonds.Bonds(2 * side * side, 0, pairs - 2 * side * side, 0.5)


def test_the_strongest_couplings_first():
    couplings, fields = tiny_couplings.recovered(), np.zeros(16)
    found = bonds.strongest(Recovered(couplings, fields), side=4, most=100)
    assert len(found["coupling"]) == 32
    assert found["coupling"][-1] == pytest.approx(-0.07)
    assert (found["column i"][-1], found["column j"][-1], found["steps apart"][-1]) == ("1", "11", 4)
    assert bonds.strongest(Recovered(np.zeros((3, 3)), np.zeros(3)), side=0)["coupling"] == []
    names = tuple("abcdefghijklmnop")
    known = Recovered(couplings, fields, names, coupling_errors=couplings / 10, stability=couplings / 2)
    found = bonds.strongest(known, side=0, most=100)
    assert (found["column i"][-1], found["column j"][-1]) == ("a", "k")
    assert found["±"][-1] == pytest.approx(-0.007)
    assert found["stability"][-1] == pytest.approx(-0.035)


def test_files_hold_what_is_shown(shipped):
    here, folder = scene(), shipped.parent / "checkpoints" / "ising-4x4-0.2"
    found = reliability.recovered(here, None)
    with np.load(io.BytesIO(couplings_files.couplings_npz(found))) as file:
        assert np.array_equal(file["J"], tiny_couplings.recovered())
        assert file["h"][-1] == 1
        assert np.array_equal(file["J_true"], Lattice(4, 0.2).couplings())
    lines = export.couplings_csv(found).splitlines()
    assert lines[0] == "name_i,name_j,i,j,J,J_true"
    assert len(lines) == 1 + 33  # 31 found, 1 missed, 1 long
    assert lines[1] == "1,2,1,2,0,0.2"
    with np.load(io.BytesIO(couplings_files.figure_npz(here, {"ess": [0.5]}))) as file:
        assert file["recovered"].shape == (2, 16, 16)
        assert np.allclose(file["fields"][0], file["fields"][1] / 2)
        assert file["curve_ess"].tolist() == [0.5]
    drawn = couplings_files.samples_csv(folder, 50, seed=0).encode()
    with np.load(io.BytesIO(couplings_files.samples_npz(folder, 50, seed=0))) as file:
        back = uploads.parse(drawn, "samples.csv")
        assert np.array_equal(back.x, file["x"])
    assert drawn.splitlines()[0].startswith(b"x1,x2,")


def test_a_score_in_words():
    assert estimate_scores.in_words(-0.5) == "−0.500"
    assert estimate_scores.in_words(math.inf) == "exact"
