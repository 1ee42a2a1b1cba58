"""Any picture becomes what the model saw in training; what is none, or too much, is refused by its header."""

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageDraw

from service import pictures
from tests.service.serving import bombs, encoded, seven

DRAWN = {"height": 28, "width": 28, "channels": 1, "ink": "light on dark"}
ANY = {"height": 28, "width": 28, "channels": 1, "ink": "any"}
FILLING = {"height": 28, "width": 28, "channels": 1, "ink": "light on dark, filling"}
COLOUR = {"height": 32, "width": 32, "channels": 3, "ink": "any"}


def seen(data, expected=DRAWN):
    return pictures.for_model(pictures.open_picture(data), expected)


REFERENCE = seen(encoded(seven()))


def alike(values, other=REFERENCE, within=0.04):
    """Whether two pictures differ by little on average."""
    return values.shape == other.shape and np.abs(values - other).mean() < within


# ---- as in training


def coat(ground=255):
    """A grey thing of 20 × 28 on a plain ground, with a darker stripe."""
    grey = np.full((28, 20), 90, dtype=np.uint8)
    grey[:, 8:12] = 30
    return np.pad(grey, ((0, 0), (4, 4)), constant_values=ground)


@pytest.mark.parametrize("ground", [255, 235])
def test_a_photograph_on_paper_is_cut_out_inverted_and_fills_the_frame(ground):
    sheet = Image.new("L", (300, 200), ground)
    sheet.paste(Image.fromarray(coat(ground)).resize((112, 112), Image.Resampling.NEAREST), (150, 60))
    expected = (ground - coat(ground)) / 255
    values = seen(encoded(sheet), FILLING)[0]
    assert values.shape == (28, 28)
    assert np.abs(values - expected).max() < 0.02
    assert np.abs(seen(encoded(Image.fromarray(coat(ground))), FILLING)[0] - expected).max() < 0.02


def test_a_photograph_on_black_is_taken_as_it_is_or_cut_out():
    dark = 255 - coat()
    np.testing.assert_array_equal(seen(encoded(dark), FILLING)[0], dark.astype(np.float32) / 255)
    large = np.pad(np.kron(dark, np.ones((4, 4), dtype=np.uint8)), 50)
    assert np.abs(seen(encoded(large), FILLING)[0] - dark / 255).max() < 0.02


def test_a_photograph_of_nothing_is_refused():
    for grey in (0, 255, 120):
        with pytest.raises(ValueError, match="nothing on this picture"):
            seen(encoded(Image.new("L", (40, 50), grey)), FILLING)


def test_ink_on_paper_is_laid_out_as_the_training_digits_are():
    from helpers.data import load_data
    from service.centring import centred

    for digit in load_data("digits", "test", n=40)[0][:, 0]:
        digit = np.where(digit < 0.25, 0, digit / digit.max())  # fainter ink is paper to the service
        paper = np.pad(255 - np.round(digit * 255), 3, constant_values=255).astype(np.uint8)
        np.testing.assert_allclose(seen(encoded(Image.fromarray(paper)))[0], centred(digit), atol=0.01)


def test_a_picture_of_the_right_size_with_light_ink_is_taken_as_it_is(digits):
    for picture in digits[0]:
        np.testing.assert_array_equal(seen(encoded(picture))[0], picture.astype(np.float32) / 255)


def test_a_drawing_has_light_ink_a_margin_and_its_mass_in_the_middle():
    values = REFERENCE[0]
    rows, columns = np.nonzero(values > 0.1)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
    assert values.max() > 0.9
    assert values[0].max() == 0
    for axis in (0, 1):
        middle = (values.sum(axis=1 - axis) * np.arange(28)).sum() / values.sum()
        assert abs(middle - 13.5) < 0.6


@pytest.mark.parametrize("where", [(0, 0), (300, 10), (150, 420)])
def test_it_does_not_matter_where_and_how_large_it_is_drawn(where):
    paper = Image.new("L", (600, 700), 255)
    paper.paste(seven(), where)
    assert alike(seen(encoded(paper)))
    assert alike(seen(encoded(seven((400, 480)))))
    assert not alike(seen(encoded(seven().rotate(90, expand=True, fillcolor=255))))


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (200, 60), (30, 90), (140, 250)])
def test_dark_on_light_and_light_on_dark_give_the_same(paper, ink):
    assert alike(seen(encoded(seven(paper=paper, ink=ink))))


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 60}), ("GIF", {}), ("WEBP", {"quality": 70}), ("BMP", {}), ("TIFF", {})],
    ids=str,
)
def test_every_format_gives_the_same(kind, options):
    assert alike(seen(encoded(seven(), kind, **options)))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I", "F"])
def test_every_mode_gives_the_same(mode):
    image = seven()
    if mode in ("I;16", "I"):
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
        image = image if mode == "I;16" else image.convert("I")
    elif mode == "F":
        image = Image.fromarray(np.asarray(image).astype(np.float32) / 255)
    else:
        image = image.convert(mode)
    kind = "JPEG" if mode == "CMYK" else "TIFF" if mode in ("F", "I") else "PNG"
    assert alike(seen(encoded(image, kind)))


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65_535, 28 * 28).reshape(28, 28).round().astype(np.uint16)
    np.testing.assert_allclose(seen(encoded(ramp), ANY)[0], ramp / 65_535, atol=0.003)


def test_transparent_is_white_in_every_way_a_file_can_say_it():
    drawn = seven()
    ink = Image.new("RGBA", drawn.size, (0, 0, 0, 0))
    ink.putalpha(Image.fromarray(255 - np.asarray(drawn)))
    assert alike(seen(encoded(ink)))
    palette = seven(paper=1, ink=0, mode="P")
    palette.putpalette([0, 0, 0, 0, 0, 0])  # both black; the paper is said to be transparent
    assert alike(seen(encoded(palette, transparency=1)))
    assert alike(seen(encoded(palette, "GIF", transparency=1)))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_rotation_that_a_camera_notes_is_applied(orientation):
    turned = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}[orientation]
    image = seven()
    for how in turned:
        image = image.transpose(Image.Transpose(how))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert alike(seen(encoded(image, "JPEG", exif=exif, quality=95)))
    if orientation != 3:
        assert not alike(seen(encoded(image, "JPEG", quality=95)))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_counts(kind):
    frames = [seven().rotate(90 * turn, fillcolor=255).convert("RGB") for turn in (1, 2, 3)]
    assert alike(seen(encoded(seven().convert("RGB"), kind, save_all=True, append_images=frames)))


def test_a_photograph_is_fitted_into_a_model_for_any_ink():
    image = Image.new("RGB", (400, 100), (10, 200, 30))
    ImageDraw.Draw(image).rectangle([150, 20, 250, 80], (250, 0, 0))
    values = seen(encoded(image), COLOUR)
    assert values.shape == (3, 32, 32)
    np.testing.assert_allclose(values[:, 0, 0], np.array([10, 200, 30]) / 255, atol=0.01)
    np.testing.assert_allclose(values[:, 16, 16], np.array([250, 0, 0]) / 255, atol=0.05)


def test_what_the_model_saw_comes_back_as_a_picture():
    import base64

    png = base64.b64decode(pictures.as_png(REFERENCE))
    np.testing.assert_allclose(np.asarray(Image.open(io.BytesIO(png))) / 255, REFERENCE[0], atol=0.002)
    colour = np.zeros((3, 4, 5), dtype=np.float32)
    colour[1] = 1
    back = np.asarray(Image.open(io.BytesIO(base64.b64decode(pictures.as_png(colour)))))
    assert back.shape == (4, 5, 3)
    assert back[0, 0].tolist() == [0, 255, 0]


# ---- refused


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_drawing_without_ink_is_refused_and_so_is_a_single_pixel(shade):
    for size in ((40, 30), (1, 1)):
        with pytest.raises(ValueError, match="nothing on this picture"):
            seen(encoded(Image.new("L", size, shade)))


def test_a_single_pixel_is_a_picture_for_a_model_that_takes_any():
    np.testing.assert_allclose(seen(encoded(Image.new("L", (1, 1), 51)), ANY), 0.2, atol=1e-6)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF89a",
        b"%PDF-1.7",
        b"<svg xmlns=''/>",
        b"\0" * 999,
    ],
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(ValueError, match=r"empty|not a picture|damaged"):
        seen(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_picture_that_is_cut_off_anywhere_is_refused_or_whole(kind):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (60, 60), dtype=np.uint8))
    data = encoded(noise, kind)
    refused = 0
    for length in range(0, len(data), max(1, len(data) // 60)):
        try:
            assert seen(data[:length]).shape == (1, 28, 28)
        except ValueError:
            refused += 1
    assert refused >= 30


@pytest.mark.parametrize("name", bombs())
def test_a_bomb_is_refused_by_its_header_before_anything_is_decoded(name):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="pixels"):
            seen(bombs()[name])
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_the_largest_picture_allowed_is_read():
    image = seven((5_000, 5_000))
    assert seen(encoded(image, compress_level=1)).shape == (1, 28, 28)


# ---- the small print


def test_a_format_that_is_not_listed_is_refused_although_pillow_reads_it():
    with pytest.raises(ValueError, match="none of PNG"):
        seen(encoded(seven(), "PPM"))


def test_a_large_picture_is_reduced_before_any_arithmetic():
    pixels = pictures.decode(pictures.open_picture(encoded(seven((2_000, 1_000)))), channels=1)
    assert pixels.shape == (256, 512)


def test_what_is_fainter_than_a_seventh_of_the_strongest_ink_is_paper():
    grey = np.ones((5, 5), dtype=np.float32)
    grey[1, 1:4] = 0, 0.8, 0.9
    np.testing.assert_allclose(pictures.ink(grey)[1], [0, 1, 0.2, 0, 0], atol=1e-6)


def test_a_frame_that_is_no_square_keeps_its_height_and_width():
    wide = np.full((10, 40), 50, dtype=np.uint8)
    values = pictures.letterboxed(wide, 20, 28, ground=255)
    assert values.shape == (20, 28)
    assert (values[10] == np.float32(50) / 255).all()
    assert (values[0] == 1).all()
