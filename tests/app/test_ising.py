"""The Ising page without a browser: empty state, where the sampler applies, bad addresses, pictures, files, comparisons."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from ebgfn.nets.lattice import LatticeSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.lattice import curves, kaufman, mixing
from ebgfn.problems.lattice.config import LatticeConfig
from ebgfn.problems.lattice.exact import Lattice
from ebgfn.ui.components import line_charts, squares
from ebgfn.ui.ising import lattice_files, lattices, moves, samplers, sigma_curves, sigma_dial
from ebgfn.ui.ising import memory as moves_panel
from ebgfn.ui.shell import background, text
from ebgfn.ui.shell.models import StoredModel
from tests.app import pages

PAGE, SIDE = "pages/ising.py", 4


@pytest.fixture(scope="session")
def sampling():
    """A sampler of 4 x 4 sites: the fields of filled neighbours, and a small random network for the others."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = build(LatticeConfig(side=SIDE), LatticeSizes(hidden=16, depth=2))
        torch.nn.init.normal_(built.policy.net.last.weight, std=0.02)
    built.policy.requires_grad_(False)
    return built


@pytest.fixture
def drawn(monkeypatch):
    """Scenes that the page draws, by key; nothing is measured."""
    scenes = {}
    monkeypatch.setattr(squares, "draw", lambda scene, *, key, **_: scenes.update({key: scene}))
    monkeypatch.setattr(mixing, "compare", lambda *_, **__: iter(()))
    monkeypatch.setattr(curves, "points", lambda *_: iter(()))
    return scenes


@pytest.fixture
def stocked_lattice(machine, sampling) -> Path:
    """Folder of the only sampler of a machine."""
    folder = machine.parent / "checkpoints" / "lattice-4x4"
    sampling.save(folder)
    return folder


@pytest.fixture
def source(stocked_lattice) -> samplers.Sampler:
    found = samplers.sampler(SIDE)
    assert found is not None
    return found


def open_page(**address: str) -> AppTest:
    return pages.open_page(PAGE, **address)


def told(scene: squares.Scene) -> str:
    return "\n".join(scene.words)


def test_without_a_sampler_there_are_exact_lattices_and_a_command(machine, drawn):
    at = open_page()
    assert not at.exception
    live = drawn["lattice_live"]
    assert [panel.title for panel in live.panels] == ["Exact"]
    assert "train lattice --side 10" in told(live)
    assert "train lattice --side 10" in pages.sentences(at)
    assert "lattice_moves" not in drawn


def test_a_sampler_of_the_side_is_shown_beside(stocked_lattice, drawn):
    at = open_page(side="4", sigma="-0.3", seed="5", more="true", moving="true")
    assert not at.exception
    assert at.slider(key="side").value == SIDE
    live, sheet = drawn["lattice_live"], drawn["lattice_sheet"]
    assert [panel.title for panel in live.panels] == ["Exact", "GFlowNet"]
    assert [panel.count for panel in sheet.panels] == [16, 16]
    assert all("staggered" in panel.numbers[2][0] for panel in live.panels)
    assert live.dials[0].value == -30
    assert {b.label for b in at.get("download_button")} >= {"Samples (NPZ)", "Samples (CSV)", "Picture (PNG)"}
    assert drawn["lattice_moves"].moments[0].stop


def test_elsewhere_the_page_says_what_the_sampler_is_for(stocked_lattice, drawn):
    at = open_page(side="7")
    assert not at.exception
    assert "lattice_moves" not in drawn, "folded until it is asked for"
    at = open_page(side="7", moving="true")
    assert len(drawn["lattice_live"].panels) == 1
    assert "trained for 4 × 4 sites and σ from −0.5 to 0.5" in told(drawn["lattice_live"])
    assert "This is the sampler of 4 × 4 sites" in "\n".join(m.value for m in at.markdown)


def test_a_coupling_beyond_the_training_is_shown_exactly_only(stocked_lattice, drawn):
    assert not open_page(side="4", sigma="0.55").exception
    assert len(drawn["lattice_live"].panels) == 1


@pytest.mark.parametrize(
    ("sigma", "side", "covered"), [(-0.1, 9, False), (-0.1, 10, True), (0.5, 9, True), (0.51, 10, False)]
)
def test_what_a_sampler_covers(sigma, side, covered):
    assert samplers.Sampler(side, StoredModel("", Path(), 0)).covers(sigma) == covered


@pytest.mark.parametrize(
    "asked",
    pages.bad_addresses(
        [
            ("side", "2", "3..16"),
            ("side", "1e9", "3..16"),
            ("seed", "-1", "0..2147483647"),
            ("sigma", "0.7", "-0.6..0.6"),
            ("sigma", "nan", "-0.6..0.6"),
            ("sigma", "<b>", "-0.6..0.6"),
            ("sigma", "9" * 5000, "-0.6..0.6"),
            ("near", "0.4", "0.15..0.3"),
            ("void", "17", "1..16"),
            ("cost", "none", "sites drawn anew, seconds"),
        ]
    ),
)
def test_an_address_out_of_limits_gets_a_sentence_and_the_default(stocked_lattice, drawn, asked):
    at = open_page(**({"side": "4"} | pages.values(asked)))
    pages.check_refusals(at, asked)
    assert drawn["lattice_live"].dials[0].value == 22


@pytest.mark.parametrize(("key", "text", "default"), [("side", "3.5", 10), ("seed", "1e9", 0), ("seed", "inf", 0)])
def test_what_is_said_of_the_address_and_what_is_used_agree(stocked_lattice, drawn, key, text, default):
    """Streamlit's own widgets take these for 3, for 1000000000, and not at all."""
    at = open_page(**{key: text})
    assert not at.exception
    assert "using the default" in pages.sentences(at)
    (widget,) = [one for one in (*at.slider, *at.number_input) if one.key == key]
    assert widget.value == default


def test_what_was_said_of_the_address_stays_while_the_page_runs_by_itself(stocked_lattice, drawn, monkeypatch):
    """A comparison that ends between two looks at it runs the page once more, when the address is right again."""
    look, looks = background._look, []

    def ended_meanwhile(state, draw, was_done):
        state.future.result(timeout=120)
        looks.append(was_done)
        look(state, draw, bool(looks[1:]) and was_done)

    monkeypatch.setattr(background, "_look", ended_meanwhile)
    at = open_page(side="4", near="0.4", void="17")
    assert not at.exception
    assert len(looks) > 1
    assert len(at.warning) == 2
    at.session_state["lattice_moves_void_chosen"] = "3"
    at.run()
    assert len(at.warning) == 1
    at.query_params.clear()  # as a browser does
    at.switch_page("pages/chains.py").run()
    at.query_params.clear()
    at.switch_page(PAGE).run()
    assert len(at.warning) == 0


def test_a_damaged_sampler_is_one_sentence(stocked_lattice, drawn):
    (stocked_lattice / "model.safetensors").write_bytes(b"nonsense")
    at = open_page(side="4")
    assert not at.exception
    assert "not a readable checkpoint" in at.error[0].value
    assert len(drawn["lattice_live"].panels) == 1


def test_a_sampler_of_another_side_than_its_folder_says_is_refused(machine, sampling, drawn):
    sampling.save(machine.parent / "checkpoints" / "lattice-5x5")
    at = open_page(side="5")
    assert not at.exception
    assert "no sampler of 5 x 5" in at.error[0].value


def test_a_smaller_sampler_has_a_smaller_k(stocked_lattice, drawn):
    small = build(LatticeConfig(side=3), LatticeSizes(hidden=8, depth=1))
    small.save(stocked_lattice.parent / "lattice-3x3")
    at = open_page(side="4", void="16")
    at = at.slider(key="side").set_value(3).run()
    assert not at.exception
    assert drawn["lattice_moves"].dials[1].value <= 9
    assert len(drawn["lattice_moves"].panels[0].cells[0]) == 9


@pytest.mark.parametrize("number", [None, "22", True, 61, -61, float("nan"), [1]])
def test_what_the_dial_cannot_have_sent_is_ignored(number):
    assert sigma_dial.DIAL.text(number) is None


def test_neighbouring_sigmas_give_similar_lattices(source):
    """Common random numbers: a hundredth more changes few sites, another seed about half."""

    def differing(a, b) -> float:
        return float(np.mean([(x != y).mean() for x, y in zip(a, b, strict=True)]))

    for draw in (
        lambda sigma, seed: samplers.exact(8, sigma, 1, seed),
        lambda sigma, seed: samplers.sampled(source, sigma, 1, seed),
    ):
        base = [draw(0.1, seed)[0] for seed in range(20)]
        assert differing(base, [draw(0.11, seed)[0] for seed in range(20)]) < 0.12
        assert differing(base, [draw(0.1, seed + 50)[0] for seed in range(20)]) > 0.35


def test_numbers_beside_the_pictures_are_those_of_the_lattice(source):
    seen = lattices.pair(source, SIDE, -0.2, n=1, seed=1)
    panel = lattices.singles(seen)[1]
    spins = (2.0 * panel.cells[0] - 1.0).reshape(SIDE, SIDE)
    energy = 0.4 * (spins * (np.roll(spins, 1, 0) + np.roll(spins, 1, 1))).sum() / SIDE**2
    chequerboard = 1 - 2 * (np.indices((SIDE, SIDE)).sum(0) % 2)
    assert float(panel.numbers[0][1].replace("−", "-")) == pytest.approx(energy, abs=6e-4)
    assert float(panel.numbers[2][1]) == pytest.approx(abs((spins * chequerboard).mean()), abs=6e-3)
    assert f"{kaufman.mean_energy(SIDE, -0.2) / SIDE**2:.3f}".lstrip("-") in panel.numbers[1][1]
    assert panel.numbers[0][1] in panel.alt


def test_no_minus_before_zero():
    assert text.rounded(-0.0001, 2) == "0.00"
    assert text.rounded(-1.5, 1) == "−1.5"


def test_payload_is_small_json(source):
    seen = lattices.pair(source, SIDE, 0.2, n=1, seed=1)
    scene = squares.Scene(lattices.singles(seen), ("words",), (sigma_dial._dial(0.2, SIDE),))
    text = json.dumps(squares.payload(scene), allow_nan=False)
    assert len(text) < 3000


def test_files(source):
    many = lattices.pair(source, SIDE, 0.2, n=30, seed=1)
    with np.load(io.BytesIO(lattice_files.npz(many, 1))) as file:
        assert np.array_equal(file["x"], np.concatenate([many.exact, many.ours]))
        assert file["source"].tolist() == ["exact"] * 30 + ["gflownet"] * 30
        assert json.loads(str(file["about"])) == {"sigma": 0.2, "side": SIDE, "seed": 1}
    lines = lattice_files.csv(many).splitlines()
    assert len(lines) == 61
    kind, sigma, energy, mean, bits = lines[-1].split(",")
    assert (kind, sigma, bits) == ("gflownet", "0.2", "".join(map(str, many.ours[-1])))
    assert float(energy) == pytest.approx(float(many.lattice.energy(many.ours[-1:])[0]), rel=1e-5)
    assert float(mean) == pytest.approx(2 * many.ours[-1].mean() - 1, abs=1e-6)
    picture = Image.open(io.BytesIO(lattice_files.png(many, square=4)))
    assert picture.size == (2 * 16 + 4, 16)
    up = np.array(picture)[2::4, 2:16:4, 0] < 100
    assert (up == many.exact[0].reshape(SIDE, SIDE)).all()


def test_player_shows_void_sites_then_filled_ones_then_where_the_chain_stands(source):
    played = moves.moves(source, 0.22, 6)
    scene = moves.scene(played, Lattice(SIDE, 0.22), 6)
    cells, stops = scene.panels[0].cells, [i for i, moment in enumerate(scene.moments) if moment.stop]
    assert len(cells) == len(scene.moments)
    assert len(stops) == 3 * moves.MOVES + 1
    before, void, filled, after = cells[stops[:4]]
    assert (void == squares.VOID).sum() == 6
    assert (filled >= squares.SAME).sum() == 6
    assert ((filled & 1) == played.proposal[0]).all()
    assert ((filled >= squares.CHANGED) == (played.proposal[0] != played.x[0])).all()
    assert (before == played.x[0]).all()
    assert (after == played.x[1]).all()
    verdict = scene.moments[stops[2]].words[-1]
    assert ("accepted." in verdict) == bool(played.accepted[0])


def test_curves_are_measured_where_none_are_stored(source, monkeypatch):
    monkeypatch.setattr(sigma_curves, "FEW", 4)
    state = sigma_curves.measurement(source)
    state.future.result(timeout=120)
    seen = sigma_curves.gathered(source, state)
    assert seen is not None
    assert len(seen["sigma"]) == 21
    chart = sigma_curves.log_z(source, seen)
    assert "importance sampling with 4 lattices" in chart.words
    learned = np.asarray(chart.lines[0].y) / 1000
    assert sigma_curves.plain(np.abs(learned).max()) in chart.words
    for field in sigma_curves.TITLES:
        assert "The largest difference is" in sigma_curves.compared(seen, field).words
    assert "Kaufman" in sigma_curves.energy(seen).words


@pytest.mark.parametrize(("value", "text"), [(6.94e-5, "0.000069"), (0.011, "0.011"), (1.26, "1.3"), (0.0, "0")])
def test_small_numbers_are_written_out(value, text):
    assert sigma_curves.plain(value) == text


def test_stored_curves_are_shown_at_once(source, stocked_lattice, sampling, generator, drawn, monkeypatch):
    seen = curves.gathered(SIDE, 3, [curves._point(sampling, s, 3, generator) for s in curves.sigmas(SIDE)])
    curves.save(seen, stocked_lattice)
    charts = {}
    monkeypatch.setattr(line_charts, "draw", lambda shown, *, key, tall: charts.update({key: shown}))
    at = open_page(side="4", curves="true", moving="true")
    assert not at.exception
    assert [len(shown) for shown in charts.values()] == [4, 2]
    assert all("3 lattices" in chart.words for chart in charts["sigma_curves"])
    assert not any("a few seconds in all" in bar.text for bar in at.get("progress"))
    assert "Curves (NPZ)" in {b.label for b in at.get("download_button")}


def test_moves_are_compared_and_the_result_is_told(source, stocked_lattice, sampling, monkeypatch):
    monkeypatch.setattr(curves, "points", lambda *_: iter(()))
    state = moves_panel.measurement(source, 0.22, 4)
    state.future.result(timeout=120)
    gibbs, _, ours = state.rows
    words = moves_panel.verdict(state.rows, SIDE**2)
    assert f"{ours.acceptance:.0%} of the moves" in words
    assert f"{ours.seconds / gibbs.seconds:,.0f} sweeps" in words
    assert math.isclose(float(moves_panel.after(gibbs, 16, "energy")), round(gibbs.energy[1], 2))
    at = open_page(side="4", void="4", cost="seconds")
    assert not at.exception
    assert any("At K = 4" in m.value for m in at.markdown)
    assert len(at.dataframe) >= 1


def test_a_comparison_that_nobody_waits_for_is_dropped(source, monkeypatch):
    import threading

    hold = threading.Event()
    monkeypatch.setattr(moves_panel.st, "session_state", {})
    monkeypatch.setattr(mixing, "compare", lambda *_, **__: (hold.wait(10) for _ in range(1)))
    busy = moves_panel.current(source, 0.2, 1)
    skipped = moves_panel.current(source, 0.2, 2)
    wanted = moves_panel.current(source, 0.2, 3)
    hold.set()
    wanted.future.result(timeout=120)
    assert busy.future.done()
    assert skipped.future.cancelled()
    assert moves_panel.current(source, 0.2, 2) is not skipped


def test_from_a_side_without_a_sampler_there_is_a_way_to_one(stocked_lattice, drawn):
    at = pages.open_page(PAGE, side="7")
    assert not at.exception
    assert len(drawn["lattice_live"].panels) == 1
    at.button(key="to_known").click().run()
    assert at.slider(key="side").value == SIDE
    assert len(drawn["lattice_live"].panels) == 2
    assert "to_known" not in {button.key for button in at.button}
