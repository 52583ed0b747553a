"""The Digits page without a browser: empty state, samples, filling, chains, bad addresses, files."""

import io
import itertools
import math
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from ebgfn.files import write_json
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.ui.components import pixel_canvas, squares
from ebgfn.ui.components._shared import painted
from ebgfn.ui.components.pixel_canvas import INK, PAPER, VOID
from ebgfn.ui.components.squares import FILLED, SHADED
from ebgfn.ui.digits import completion, energy_rank, image_chains, image_files, image_sheet, images, results
from ebgfn.ui.shell import models
from ebgfn.ui.shell.models import StoredModel
from tests.app import pages

PAGE, NAME, DIM = "pages/digits.py", "images-digits", 64


@pytest.fixture(scope="session")
def random_model():
    """A sampler and an energy of the 8 x 8 digits with random weights, which disagree."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = build(ImagesConfig(dataset="digits"), MLPSizes(hidden=8, depth=2))
        for part in (built.policy, built.energy):
            torch.nn.init.normal_(part.net.last.weight, std=0.05)
    built.policy.step_nats.copy_(torch.linspace(0.6, 0.1, DIM))
    for part in (built.policy, built.energy):
        part.requires_grad_(False)
    return built


@pytest.fixture
def drawn(monkeypatch):
    """Scenes that the page draws, by key."""
    scenes = {}
    monkeypatch.setattr(squares, "draw", lambda scene, *, key, **_: scenes.update({key: scene}))
    return scenes


@pytest.fixture
def stocked_images(machine, random_model) -> Path:
    """Folder of the only model of a machine."""
    folder = machine.parent / "checkpoints" / NAME
    random_model.save(folder)
    write_json(folder / "card.json", {"gfn_nll": 30.0})
    return folder


@pytest.fixture
def source(stocked_images) -> StoredModel:
    return images.available()[NAME]


def in_address(at: AppTest) -> np.ndarray:
    """The picture that the address holds."""
    text = at.query_params["picture"]
    return pixel_canvas.decode(text if isinstance(text, str) else text[0], DIM)


def open_page(**address: str) -> AppTest:
    return pages.open_page(PAGE, **address)


def test_without_a_model_there_is_training(machine, drawn):
    at = open_page()
    assert not at.exception
    assert "**Train** makes one" in pages.sentences(at)
    assert not drawn


def test_the_page_samples_fills_and_moves(stocked_images, drawn):
    at = open_page(steps="8", seed="3")
    assert not at.exception
    assert not pages.sentences(at)
    sheet, growth, answers, chain = (drawn[f"image_{n}"] for n in ("sheet", "growth", "answers", "chain"))
    assert sheet.panels[0].cells.shape == (64, DIM)
    assert len(growth.moments) == 9
    assert answers.panels[0].count == 8
    assert len(chain.panels) == 2
    assert len(chain.panels[1].cells) == 16 * len(chain.moments) == 16 * len(chain.panels[0].cells)
    names = {"Sheet (PNG)", "Samples (NPZ)", "Answers (PNG)", "Answers (NPZ)", "Chains (GIF)", "Chains (NPZ)"}
    assert {b.label for b in at.get("download_button")} == names


def test_the_sheet_goes_from_low_to_high(source):
    sheet = images.sampled(source, 64, 8, 1.0, 0)
    scene = image_sheet.sheet_scene(source, sheet, steps=8, by="energy", picked=0)
    assert np.array_equal(scene.panels[0].cells[0], sheet.x[sheet.energy.argmin()])
    assert np.array_equal(scene.panels[0].cells[-1], sheet.x[sheet.energy.argmax()])
    with torch.no_grad():
        energy = models.load(source).energy(torch.from_numpy(sheet.x).float())
    assert torch.allclose(torch.from_numpy(sheet.energy), energy, atol=1e-4)


def test_quality_is_the_cards_figure_at_one_pixel_a_step(source):
    assert image_sheet.quality(source, DIM)[0] == "30.0 nats"
    few = float(image_sheet.quality(source, 2)[0].split()[0])
    more = float(image_sheet.quality(source, 16)[0].split()[0])
    assert few > more > 30.0


def test_growth_ends_at_the_sample_and_only_adds(source):
    sheet = images.sampled(source, 64, 16, 1.0, 0)
    scene = image_sheet.growth_scene(source, sheet, row=5, steps=16, temperature=1.0, token="")
    cells = scene.panels[0].cells
    assert (cells[0] >= SHADED).all()
    assert np.array_equal(cells[-1], sheet.x[5])
    for before, after in itertools.pairwise(cells):
        given = before < SHADED
        assert np.array_equal(before[given], after[given])
        assert (after < SHADED).sum() > given.sum()


def test_what_takes_long_is_shown_as_it_fills(source, monkeypatch):
    """Each picture has more filled pixels than the one before, and the last one all of them."""
    monkeypatch.setattr(image_sheet, "TICK_S", 0.02)
    shares, step = [], threading.Semaphore(0)
    walked = images.walk

    def slowly(*args, **how):
        for one in walked(*args, **how):
            step.acquire(timeout=10)
            yield one

    monkeypatch.setattr(images, "walk", slowly)
    filling = images.Filling(source, *_nothing(), steps=8, temperature=1.0, seed=0)

    def look(x, filled, **_):
        shares.append(float(filled.mean()))
        step.release()
        return Image.new("L", (1, 1))

    monkeypatch.setattr(image_files, "forming", look)
    sheet = image_sheet.arrived(filling)
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert len(set(shares)) > 4
    assert np.array_equal(sheet.x, filling.x)
    assert filling.filled.all()


def test_of_images_that_form_what_is_void_lets_the_page_through():
    x, filled = np.zeros((2, 4), np.uint8), np.ones((2, 4), bool)
    x[0, 1], filled[1, 2] = 1, False
    alpha = np.asarray(image_files.forming(x, filled, columns=2, ink="#1b6d91"))[
        :: image_files.SCALE, :: image_files.SCALE
    ]
    faint = image_files.FAINT
    assert alpha[..., 3].tolist() == [[faint, 255, 0, faint, faint], [faint, faint, 0, 0, faint]]
    assert alpha[0, 1].tolist() == [0x1B, 0x6D, 0x91, 255]


def _nothing() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((4, DIM), np.uint8), np.full((4, DIM), True)


def test_a_walk_replayed_tells_the_probabilities_it_was_drawn_from(source):
    # With one step all pixels are drawn from what the empty state says: their mean over many samples tells it.
    sheet = images.sampled(source, 64, 1, 1.0, 0)
    p = images.probabilities(source, sheet.x[:1], sheet.order[:1], (0,), 1.0)[0]
    se = np.sqrt(p * (1 - p) / 64)
    assert (np.abs(sheet.x.mean(0) - p) < 4.5 * se).all()


@pytest.mark.parametrize("void", [1, 5, 63, 64])
def test_given_pixels_never_change(source, void):
    rng = np.random.default_rng(void)
    cells = rng.integers(0, 2, DIM).astype(np.uint8)
    cells[rng.permutation(DIM)[:void]] = VOID
    hollow = cells == VOID
    start = np.repeat(np.where(hollow, 0, cells)[None].astype(np.uint8), 20, 0)
    masks = np.repeat(hollow[None], 20, 0)
    sheet = images.Filling(source, start, masks, steps=None, temperature=1.0, seed=void).sheet
    assert (sheet.x[:, ~hollow] == cells[~hollow]).all()
    shown = completion.answers_scene(cells, sheet).panels[0].cells
    assert ((shown >= FILLED) == hollow).all()
    if void > 1:
        assert len(np.unique(sheet.x, axis=0)) > 1


def test_a_low_temperature_makes_samples_alike(source):
    cold, warm = (images.sampled(source, 64, 1, t, 0).x.mean(0) for t in (0.001, 1.0))
    assert (cold * (1 - cold)).mean() < 0.5 * (warm * (1 - warm)).mean()


def test_rows_do_not_depend_on_how_many_are_drawn(source):
    some, all_ = (images.sampled(source, n, 8, 1.0, 7).x for n in (16, 64))
    assert np.array_equal(some, all_[:16])
    assert len(np.unique(all_, axis=0)) > 32


def test_chains_tell_what_happened(source):
    x = images.real("digits")[:20]
    played = images.chains(source, x, 10, 5, 0)
    assert np.array_equal(played.x[0], x)
    for m in range(5):
        taken = played.accepted[m]
        assert np.array_equal(played.x[m + 1][taken], played.proposal[m][taken])
        assert np.array_equal(played.x[m + 1][~taken], played.x[m][~taken])
        touched = np.zeros_like(x, bool)
        np.put_along_axis(touched, played.filled[m], True, axis=1)
        assert (touched.sum(1) == 10).all()
        assert (played.proposal[m][~touched] == played.x[m][~touched]).all()
    assert played.ends[-1] == 10
    assert played.accepted.any()
    assert not played.accepted.all()
    moments = image_chains.scene(played, k=10, token="").moments
    assert sum("accepted with probability" in " ".join(m.words) for m in moments) == 5


def test_a_painted_picture_is_ranked_and_may_start_chains(stocked_images, drawn):
    ink = np.tile(np.array([INK, PAPER], np.uint8), DIM // 2)
    at = open_page(**{"picture": pixel_canvas.encode(ink), "from": "painted"})
    assert not at.exception
    assert "No pixel is void" in pages.sentences(at)
    assert "of 300 real images have a lower one" in "\n".join(m.value for m in at.markdown)
    assert (drawn["image_chain"].panels[1].cells[:16] == ink).all()


@pytest.mark.parametrize("seen", [None, np.linspace(40, 90, 50)])
@pytest.mark.parametrize("energy", [-20.0, 52.0, 300.0])
def test_what_a_picture_is_ranked_among_is_named_where_it_stands(seen, energy):
    figure = energy_rank.ranking(energy, seen, np.linspace(50, 99, 64))
    places = {note.text: (note.x, note.xanchor) for note in figure.layout.annotations}
    assert places["this picture"][0] == energy
    assert places["samples"][1] == "left"
    if seen is not None:
        assert places["real images"][1] == "right"
        assert places["real images"][0] < places["samples"][0]
    # One colour each: a name has that of its line, which the browser then puts the theme's in place of.
    colours = {line.name: line.line.color for line in figure.data}
    assert colours == {note.text: note.font.color for note in figure.layout.annotations}
    assert len(set(colours.values())) == len(places)


def test_all_void_and_partly_void_say_what_follows(stocked_images, drawn):
    void = np.full(DIM, VOID, np.uint8)
    at = open_page(**{"picture": pixel_canvas.encode(void), "from": "painted"})
    assert not at.exception
    assert "Every pixel is void" in pages.sentences(at)
    assert "has void pixels" in pages.sentences(at)


def test_chains_start_from_samples_where_real_images_are_missing(stocked_images, drawn, monkeypatch, source):
    monkeypatch.setattr(images, "real", lambda dataset: None)
    at = open_page()
    assert not at.exception
    assert "not on this machine: the chains start from samples" in "\n".join(caption.value for caption in at.caption)
    sampled = images.sampled(source, image_chains.CHAINS, 16, 1.0, 0).x
    assert np.array_equal(drawn["image_chain"].panels[1].cells[:16], sampled)


def test_a_part_is_taken_away_and_a_real_image_shown(stocked_images, drawn):
    at = open_page()
    at.number_input(key="real").set_value(11)
    at = next(b for b in at.button if b.label == "Show it").click().run()
    assert np.array_equal(in_address(at), images.real("digits")[11])
    at.selectbox(key="part").set_value("upper half")
    at = next(b for b in at.button if b.label == "Erase it").click().run()
    cells = in_address(at)
    assert (cells[:32] == VOID).all()
    assert np.array_equal(cells[32:], images.real("digits")[11][32:])


@pytest.mark.parametrize(
    "asked",
    pages.bad_addresses(
        [
            ("images", "nothing", "The model in the address must be one of images-digits"),
            ("steps", "3", "1, 2, 4, 8, 16, 32, 49, 64"),
            ("steps", "784", "1, 2, 4, 8, 16, 32, 49, 64"),
            ("seed", "-1", "0..2147483647"),
            ("pixels", "65", "1..64"),
            ("pixels", "0", "1..64"),
            ("from", "nowhere", "real, sampled, painted"),
            ("temperature", "9", "0.1..1.5"),
            ("temperature", "nan", "0.1..1.5"),
            ("by", "chance", "energy, as drawn"),
            ("picture", "<b>", "This link is damaged"),
            ("picture", "eJwDAAAAAAE", "This link is damaged"),
            ("picture", "A" * 9000, "This link is damaged"),
        ]
    ),
)
def test_an_address_out_of_limits_gets_a_sentence_and_the_default(stocked_images, drawn, asked):
    at = open_page(**pages.values(asked))
    pages.check_refusals(at, asked)
    assert len(drawn["image_sheet"].panels[0].cells) == 64


def test_figures_stand_beside_peers_the_best_first(stocked_images, drawn):
    card = {"dataset": "mnist", "gfn_nll": 79.0, "gfn_nll_se": 0.25, "ebm_nll": 83.0, "ebm_nll_se": 0.25}
    card |= {"refuted": False, "ebm_nll_upper": 83.31}
    card |= {"mixture_nll": 137.0, "mixture_components": 100, "test_images": 10_000}
    nats = [row.nats for row in results.rows(card)]
    assert nats == sorted(nats)
    assert {79.0, 83.0, 137.0, 80.5, 105.8} == set(nats)
    write_json(stocked_images / "card.json", card)
    at = open_page()
    assert not at.exception
    table = next(m.value for m in at.markdown if m.value.startswith("| model"))
    assert (
        f"| GFlowNet, one pixel a step | 79.0 ± 0.5 | {79 / (DIM * math.log(2)):.4f} | 10000 test images, random orders |"
        in table
    )
    assert "| energy | 83.0 ± 0.5 |" in table
    assert "at most 83.4 on these images" in table, "a bound is rounded up"


@pytest.mark.parametrize(
    ("more", "why"),
    [({"ebm_nll_lower": 3417.0}, "uniform guessing"), ({"refuted_by": "chains"}, "start from noise")],
)
def test_a_refuted_energy_has_no_figure_and_a_sentence_says_why(stocked_images, drawn, more, why):
    card = {"dataset": "mnist", "gfn_nll": 79.0, "gfn_nll_se": 0.25, "refuted": True, **more}
    write_json(stocked_images / "card.json", card)
    at = open_page()
    assert not at.exception
    text = " ".join(m.value for m in at.markdown)
    assert "3417" not in text
    assert why in text


def test_a_model_without_a_card_says_how_to_get_figures(stocked_images, drawn):
    (stocked_images / "card.json").unlink()
    at = open_page()
    assert not at.exception
    assert "evaluate" in pages.sentences(at)


def test_a_damaged_model_is_one_sentence(stocked_images, drawn):
    (stocked_images / "model.safetensors").write_bytes(b"nonsense")
    at = open_page()
    assert not at.exception
    assert "not a readable checkpoint" in at.error[0].value


def test_a_sampler_that_chooses_its_own_pixels_is_not_shown_here(stocked_images, drawn):
    sizes = MLPSizes(hidden=4, depth=1, learned_location=True, learned_erasure=True)
    build(ImagesConfig(dataset="digits", preset="paper"), sizes).save(stocked_images)
    at = open_page()
    assert not at.exception
    assert "fills pixel by pixel where it likes" in at.error[0].value


@pytest.mark.parametrize("dim", [64, 784])
def test_pictures_survive_the_address(dim):
    cells = np.random.default_rng(0).integers(0, 3, dim).astype(np.uint8)
    assert np.array_equal(pixel_canvas.decode(pixel_canvas.encode(cells), dim), cells)


@pytest.mark.parametrize("sent", [None, "", 7, "A" * 10_000, "!!!!", "AwMDAw=="])
def test_what_the_canvas_cannot_have_sent_is_ignored(sent):
    with pytest.raises(ValueError, match=r"picture|padding|base64|Excess|Only"):
        painted(sent, DIM, VOID)


def test_files_hold_what_is_shown(source):
    sheet = images.sampled(source, 16, 8, 1.0, 0)
    picture = np.asarray(Image.open(io.BytesIO(image_files.png(sheet.x))))
    assert picture.shape == ((4 * 9 - 1) * image_files.SCALE,) * 2
    first = picture[:: image_files.SCALE, :: image_files.SCALE][:8, :8]
    assert np.array_equal(first == image_files.INK, sheet.x[0].reshape(8, 8) == 1)
    played = images.chains(source, sheet.x, 10, 3, 0)
    moving = Image.open(io.BytesIO(image_files.gif(played.x)))
    assert moving.format == "GIF"
    distinct = 1 + sum(not np.array_equal(a, b) for a, b in itertools.pairwise(played.x))
    assert moving.n_frames == distinct
