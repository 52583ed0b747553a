"""Pictures from outside: what they become, what is said of it, and what is refused."""

import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from ebgfn.problems.images.pictures import MAX_BYTES, MAX_SIDE, read_picture
from ebgfn.problems.images.sets import shipped_digits


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def declaring(width: int, height: int) -> bytes:
    """A small PNG that says it is large."""
    raw = encoded(Image.new("1", (8, 8)))
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + raw[24:29]
    return raw[:12] + header + zlib.crc32(header).to_bytes(4, "big") + raw[33:]


def drawing(mode: str = "L", paper=255, ink=0, size=(500, 400), width=9) -> Image.Image:
    """A zigzag of three strokes."""
    picture = Image.new(mode, size, paper)
    points = [(150, 80), (340, 80), (170, 300), (350, 310)]
    ImageDraw.Draw(picture).line(points, fill=ink, width=width)
    return picture


@pytest.mark.parametrize("dark_on_light", [True, False])
@pytest.mark.parametrize("number", [0, 7, 123])
def test_a_digit_of_the_right_size_is_taken_as_it_is(number, dark_on_light):
    bits = shipped_digits()[0][number]
    levels = (255 * (1 - bits if dark_on_light else bits)).astype(np.uint8)
    found = read_picture(encoded(Image.fromarray(levels.reshape(28, 28))), 28)
    assert np.array_equal(found.bits, bits)
    assert ("dark is ink" if dark_on_light else "light is ink") in " ".join(found.notes)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("width", [1, 2, 9, 40])
def test_strokes_of_every_width_survive(kind, width):
    found = read_picture(encoded(drawing(width=width), kind), 28).bits.reshape(28, 28)
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    # The strokes reach from the top to the bottom of a box of 20 pixels, without a gap between rows.
    assert np.array_equal(rows, np.arange(rows[0], rows[-1] + 1))
    assert 18 <= len(rows) <= 21
    assert len(columns) >= 14
    assert abs((rows[0] + rows[-1]) / 2 - 13.5) <= 3


@pytest.mark.parametrize("side", [8, 28])
def test_colour_palette_and_transparency_give_the_same(side):
    plain = read_picture(encoded(drawing()), side)
    colour = read_picture(encoded(drawing("RGB", (255, 255, 255), (0, 0, 0))), side)
    palette = read_picture(encoded(drawing().convert("P")), side)
    clear = read_picture(encoded(drawing("RGBA", (0, 0, 0, 0), (0, 0, 0, 255))), side)
    deep = read_picture(encoded(Image.fromarray(np.asarray(drawing()).astype(np.uint16) * 257)), side)
    for other in (colour, palette, clear, deep):
        assert np.array_equal(other.bits, plain.bits)
    assert "Transparent" in " ".join(clear.notes)
    assert "levels of grey" in " ".join(colour.notes)
    assert f"500 × 400 pixels became {side} × {side}" in " ".join(plain.notes)


def test_a_turned_photograph_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    upright = read_picture(encoded(drawing(), "JPEG", quality=95), 28).bits.reshape(28, 28)
    lying = drawing().transpose(Image.Transpose.ROTATE_90)
    turned = read_picture(encoded(lying, "JPEG", quality=95, exif=exif), 28).bits.reshape(28, 28)
    assert (upright != turned).sum() <= 8


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "cannot be read as a picture"),
        (b"hello", "cannot be read as a picture"),
        (encoded(drawing(), "GIF"), "cannot be read as a picture"),
        (encoded(drawing(), "BMP"), "cannot be read as a picture"),
        (encoded(drawing())[:200], "damaged"),
        (encoded(drawing(), "JPEG")[:300], "damaged"),
        (bytes(MAX_BYTES + 1), "larger than 5 MB"),
        (encoded(Image.new("1", (MAX_SIDE + 1, 1))), "4097 x 1 pixels"),
        (declaring(60_000, 60_000), "allowed are PNG or JPEG"),
        (encoded(Image.new("L", (50, 50), 200)), "blank"),
        (encoded(Image.new("L", (28, 28), 0)), "blank"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(raw, words):
    with pytest.raises(ValueError, match=words) as refused:
        read_picture(raw, 28)
    assert "\n" not in str(refused.value)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_raise_nothing_else(data):
    raw = bytearray(encoded(drawing(size=(60, 50)), data.draw(st.sampled_from(["PNG", "JPEG"]))))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_picture(bytes(raw), 28)
    except ValueError:
        return
    assert found.bits.shape == (784,)
    assert set(np.unique(found.bits)) <= {0, 1}
