"""What the pages are made of, apart from any page: colours, bytes of pictures, drawings, exact tables, stored previews."""

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ebgfn.evaluation import exact
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.ui.components import density_canvas
from ebgfn.ui.components._shared import colours, levels
from ebgfn.ui.digits import energy_rank
from ebgfn.ui.plane import exact_pictures, landscape_files, preview, shipped
from ebgfn.ui.shell import address, history, visitor

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("dark", [False, True])
def test_amounts_are_told_by_lightness_alone_in_even_steps(dark):
    steps = np.diff(colours.lightness(colours.amount(dark=dark)))
    rises = steps if dark else -steps
    assert (rises > -0.002).all()  # 8 bits a channel: a step may be lost
    coarse = np.diff(colours.lightness(colours.amount(dark=dark))[::15])
    assert np.abs(coarse).max() / np.abs(coarse).min() < 1.5


@pytest.mark.parametrize("dark", [False, True])
def test_signs_are_symmetric_in_lightness_and_different_in_hue(dark):
    scale = colours.signed(dark=dark)
    lightness = colours.lightness(scale)
    assert np.abs(lightness - lightness[::-1]).max() < 0.03
    low, high = scale[0].astype(int), scale[-1].astype(int)
    assert low[2] - low[0] > 50
    assert high[0] - high[2] > 50


def luminance(colour: str) -> float:
    """As WCAG 2 has it."""
    value = np.array(list(bytes.fromhex(colour[1:]))) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_every_role_can_be_read_and_is_the_same_everywhere(dark):
    theme = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["theme"]["dark" if dark else "light"]
    roles = {name: pair[dark] for name, pair in colours.ROLES.items()}
    tones = {name: pair[dark] for name, pair in colours.TONES.items()}
    for name, colour in roles.items():
        for ground in ("backgroundColor", "secondaryBackgroundColor"):
            assert contrast(colour, theme[ground]) > 4.5, (name, ground)
    assert contrast(tones["one"], tones["zero"]) > 7
    assert min(contrast(tones["fill"], tones[name]) for name in ("one", "zero")) > 3
    assert contrast(tones["on-own"], roles["own"]) > 4.5
    # What a visitor moves, presses or follows is the visitor's own.
    assert theme["primaryColor"] == theme["linkColor"] == roles["own"]
    assert theme["chartCategoricalColors"] == [roles[name] for name in energy_rank.THEME]
    assert theme["textColor"] == tones["one"]


def test_no_other_place_has_colours_of_its_own():
    files = [path for kind in ("py", "js", "css", "html") for path in (ROOT / "ebgfn/ui").rglob(f"*.{kind}")]
    assert len(files) > 60
    own = {path.name for path in files if re.search(r"#[0-9a-fA-F]{6}\b", path.read_text())}
    assert own == {"colours.py"}


@given(arrays.arrays(np.float64, (4, 4), elements=st.floats(0, 2)))
def test_densities_survive_as_bytes(density):
    back = levels.decode(levels.encode(density, 1.0), 1.0)
    shown = np.minimum(density, 1.0)
    # Half a step of the byte scale: log(1 + FAINT) / 255 of (p + 1 / FAINT).
    assert (np.abs(back - shown) <= 0.5 * np.log1p(levels.FAINT) / 255 * (shown + 1 / levels.FAINT) * 1.02 + 1e-9).all()


def test_densities_that_overflow_are_drawn_as_the_top():
    density = levels.per_area(np.full((2, 2), 1e4), 1.0)
    assert (levels.encode(density, 1.0) == 255).all()


@given(arrays.arrays(np.uint8, (density_canvas.SIDE, density_canvas.SIDE), elements=st.integers(0, 15)))
def test_drawings_survive_the_address(patches):
    if not patches.any():
        patches[0, 0] = 1
    text = density_canvas.encode(patches)
    assert np.array_equal(density_canvas.decode(text), patches)
    assert text.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "text", ["", "%", "AAAA", "eJw", density_canvas.encode(np.zeros((32, 32), np.uint8)), "é", "A" * 10_000]
)
def test_bad_drawings_are_refused(text):
    with pytest.raises(ValueError, match="drawing"):
        density_canvas.decode(text)


def test_a_bomb_is_not_unpacked():
    import base64
    import zlib

    text = base64.urlsafe_b64encode(zlib.compress(bytes(10**7), 9)).decode().rstrip("=")
    with pytest.raises(ValueError, match="32 x 32"):
        density_canvas.decode(text)


def test_a_drawing_is_a_density_the_right_way_up():
    patches = np.zeros((density_canvas.SIDE, density_canvas.SIDE), dtype=np.uint8)
    patches[0, -1] = 15  # top right
    config = Toy2DConfig("drawn", bits=5, weights=density_canvas.weights(patches))
    xy = config.density().draw(100, np.random.default_rng(0))
    assert (xy > 4).all()
    table = exact_pictures.target(config)
    assert table[16:, 16:].sum() == pytest.approx(1)


def test_drawn_cells_agree_with_counted_draws():
    patches = np.random.default_rng(0).integers(0, 16, (density_canvas.SIDE, density_canvas.SIDE))
    config = Toy2DConfig("drawn", bits=4, weights=density_canvas.weights(patches))
    table = exact_pictures.target(config)
    n = 200_000
    levels = config.density().grid(4).levels(config.density().draw(n, np.random.default_rng(1)))
    counts = np.bincount(levels[:, 1] * 16 + levels[:, 0], minlength=256).reshape(16, 16)
    error = np.sqrt(table * (1 - table) / n)
    assert (np.abs(counts / n - table) <= 5 * error + 1e-12).all()


@pytest.mark.parametrize("dataset", ["checkerboard", "moons"])
def test_stored_targets_agree_with_fresh_draws(dataset):
    table, n = exact_pictures.target(Toy2DConfig(dataset, bits=3)), 100_000
    grid = Toy2DConfig(dataset).density().grid(3)
    levels = grid.levels(Toy2DConfig(dataset).density().draw(n, np.random.default_rng(5)))
    counts = np.bincount(levels[:, 1] * 8 + levels[:, 0], minlength=64).reshape(8, 8)
    error = np.sqrt(table * (1 - table) / n)
    assert (np.abs(counts / n - table) <= 5 * error + 1e-5).all()


def test_exact_tables_lie_where_their_states_do(coarse):
    grid = coarse.config.density().grid(coarse.config.bits)
    log_q = exact.log_marginal(coarse.policy)
    image = exact_pictures.on_grid(log_q.exp().numpy(), grid)
    assert image.sum() == pytest.approx(1)
    x = exact.all_states(coarse.dim)
    levels = grid.levels_of_bits(x.numpy().astype(np.uint8))
    for i in torch.randint(len(x), (20,), generator=torch.Generator().manual_seed(0)).tolist():
        assert image[levels[i, 1], levels[i, 0]] == pytest.approx(float(log_q[i].exp()))


def test_exact_figures_agree_with_the_library(coarse):
    grid = coarse.config.density().grid(coarse.config.bits)
    log_p, _ = exact.log_p(coarse.energy, coarse.dim)
    log_q = exact.log_marginal(coarse.policy)
    p, q = (exact_pictures.on_grid(log.exp().numpy(), grid) for log in (log_p, log_q))
    found = exact_pictures.figures(exact_pictures.target(coarse.config), p, q)
    assert found["tv_difference"] == pytest.approx(exact.total_variation(log_p, log_q), abs=1e-6)
    assert found["gfn_nll"] > found["entropy_floor"]


def test_a_preview_is_read_back_and_ignored_once_the_weights_change(shipped_once, small, tmp_path):
    folder = shipped_once / "toy2d-8gaussians"
    seen = preview.load(folder)
    assert seen is not None
    assert seen.final.values["gfn_nll"] == 20.5
    assert seen.trajectories.clouds.shape[:2] == (4, small.dim + 1)
    # The last state of a trajectory is the point itself; the first may become anything.
    spread = seen.trajectories.clouds.std(axis=2)
    assert (spread[:, -1] == 0).all()
    assert (spread[:, 0] > 10).all()
    other = tmp_path / "copy"
    small.save(other)
    (other / "preview.npz").write_bytes((folder / "preview.npz").read_bytes())
    assert preview.load(other) is not None
    small.log_z.add_(1)
    small.save(other)
    small.log_z.sub_(1)
    assert preview.load(other) is None


def test_samples_as_text_name_the_same_points_as_arrays(shipped_once):
    folder = shipped_once / "toy2d-8gaussians"
    x, xy = landscape_files.samples(folder, 5, 3)
    lines = landscape_files.samples_csv(folder, 5, 3).splitlines()
    assert lines[0] == "x,y,bits"
    a, b, bits = lines[2].split(",")
    assert [float(a), float(b)] == pytest.approx(xy[1].tolist(), abs=1e-6)
    assert bits == "".join(map(str, x[1]))


def test_history_is_spread_and_keeps_the_last():
    assert history.spread([1, 2, 3], 5) == [1, 2, 3]
    chosen = history.spread(list(range(100)), 10)
    assert len(chosen) == 10
    assert chosen[0] == 0
    assert chosen[-1] == 99


def test_a_browser_keeps_its_name_when_its_cookie_is_masked_anew():
    token = bytes(range(16))

    def cookie(mask: bytes) -> str:
        return f"2|{mask.hex()}|{bytes(b ^ mask[i % 4] for i, b in enumerate(token)).hex()}|1700000000"

    assert visitor.unmasked(cookie(b"abcd")) == visitor.unmasked(cookie(b"1234")) == token
    for bad in ("", "2|zz|zz|1", "2|00|00|1", "1|" + "00" * 4 + "|" + "00" * 16 + "|1", "2"):
        assert visitor.unmasked(bad) == b""


def test_a_dial_is_not_turned_back_by_an_address_that_the_browser_had_before(monkeypatch):
    session = SimpleNamespace(session_state={}, query_params={})
    monkeypatch.setattr(address, "st", session)
    dial = address.BoundDial("dial", "sigma", "0.22", str)
    assert dial.chosen() == "0.22"
    session.session_state["dial"] = {"settled_sigma": 0.41}
    dial.settled()
    assert session.query_params == {"sigma": "0.41"}
    # The browser asks for something before it has heard of this address, twice, and once of the dial.
    session.query_params.clear()
    assert dial.chosen() == "0.41"
    assert dial.chosen() == "0.41"
    session.session_state["dial"] = {"asked_sigma": {"value": 0.42, "n": 7}}
    dial.turned()
    assert dial.chosen() == "0.42"
    # It has heard; from now on what else the address says counts, what it said at first as well.
    for text, expected in (("0.41", "0.42"), (None, "0.22"), ("-0.1", "-0.1")):
        session.query_params = {} if text is None else {"sigma": text}
        assert dial.chosen() == expected


def test_shipped_models_are_found_by_name(stocked):
    assert list(shipped.by_set()) == ["8gaussians"]
    assert shipped.by_set(6) == {}
