"""Digits as other people write them: what they look like to a program, and who may use them."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_edt

from helpers.chapters import handwriting
from helpers.chapters.drawn_digits import drawn_digits, small_digits
from helpers.chapters.handwriting import WAYS, handwritten, smooth_line

ROOT = Path(__file__).resolve().parents[2]


def opened(files):
    return [Image.open(io.BytesIO(file)) for file in files]


def grey(image):
    """Values (H, W) of 0 … 255, over white."""
    over = Image.new("RGBA", image.size, "white")
    over.alpha_composite(image.convert("RGBA"))
    return np.asarray(over.convert("L"), dtype=float)


def test_each_digit_comes_equally_often_and_the_same_seed_gives_the_same_files():
    files, labels = handwritten(30, seed=3)
    assert np.bincount(labels).tolist() == [3] * 10
    assert not (np.diff(labels) == 1).all()  # in no order
    again, _ = handwritten(30, seed=3)
    assert files == again
    assert len(set(files) | set(handwritten(30, seed=4)[0])) == 60


def test_on_paper_they_are_dark_on_light_large_and_jpeg():
    images = opened(handwritten(20)[0])
    assert {image.format for image in images} == {"JPEG"}
    assert min(min(image.size) for image in images) >= 160
    for values in map(grey, images):
        border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
        assert np.median(border) > 200
        dark = values < np.median(border) - 60
        assert 0.003 < dark.mean() < 0.35
        rows = np.flatnonzero(dark.any(axis=1))
        assert np.ptp(rows) > 0.25 * len(values)


def test_on_the_screen_they_are_black_on_nothing_with_the_pen_of_the_page():
    page = (ROOT / "service" / "page" / "page.js").read_text(encoding="utf-8")
    assert "const PEN = SIDE / 9;" in page
    images = opened(handwritten(10, on="screen")[0])
    assert {(image.format, image.mode, image.size) for image in images} == {("PNG", "RGBA", (280, 280))}
    radii = [distance_transform_edt(np.asarray(image)[..., 3]).max() for image in images]
    assert min(radii) == pytest.approx(280 / 18, abs=1.5)  # more only where strokes meet


def test_each_digit_has_six_ways():
    assert list(WAYS) == list(range(10))
    assert {len(ways) for ways in WAYS.values()} == {6}


def test_no_way_of_writing_is_in_both_halves(monkeypatch):
    assert all(not set(ways[::2]) & set(ways[1::2]) for ways in WAYS.values())
    # With the other half emptied it still draws, so it takes its ways from its own half only.
    for half, start in (("choose", 0), ("final", 1)):
        with monkeypatch.context() as patched:
            for digit, ways in WAYS.items():
                left = [way if place % 2 == start else "" for place, way in enumerate(ways)]
                patched.setitem(handwriting.WAYS, digit, left)
            assert len(handwritten(100, half=half)[0]) == 100


@pytest.mark.parametrize("wrong", [{"half": "test"}, {"on": "slate"}])
def test_a_wrong_word_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=re.escape(repr(*wrong.values()))):
        handwritten(10, **wrong)


def test_a_line_is_smooth_but_for_points_that_stand_twice():
    way = np.array([(0, 0), (1, 0), (2, 0), (2, 0), (2, 1), (2, 2)], dtype=float)
    line = smooth_line(way)
    for point in way:
        assert np.abs(line - point).sum(axis=1).min() < 1e-9
    assert line[:, 0].max() <= 2 + 1e-9  # the corner is a corner: the line does not swing out
    round_one = smooth_line(np.array([(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)], dtype=float))
    assert round_one[:, 0].max() > 2.01


def test_nothing_that_trains_knows_them():
    for folder in ("service", "exercises", "helpers"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if path.name not in ("handwriting.py", "drawn_digits.py"):
                assert "chapters.handwriting" not in text, path
            if path.name != "s1_image_classification.py":  # 6.1's network and exercises may
                assert "chapters.drawn_digits" not in text, path


def test_drawn_digits_are_small_pictures_and_the_same_whatever_is_asked_for_with_them():
    X, y = drawn_digits("val")
    assert (X.shape, X.dtype, y.dtype) == ((500, 1, 28, 28), np.float32, np.int64)
    assert (X.min(), X.max()) == (0, 1)
    assert set(y) == set(range(10))
    pictures, labels = small_digits(2_010, 2_015)  # val begins with number 2,000
    np.testing.assert_array_equal(X[10:15] * 255, pictures)
    np.testing.assert_array_equal(y[10:15], labels)
    assert len({picture.tobytes() for picture in X}) == 500
    assert ((X > 0).mean(axis=(1, 2, 3)) > 0.04).all()  # ink on each
    halves = [small_digits(0, 30, half)[0] for half in (0, 1)]
    either = small_digits(0, 30)[0]
    found = [[np.array_equal(half[i], either[i]) for half in halves] for i in range(30)]
    assert all(sum(row) == 1 for row in found)
    assert len({row.index(True) for row in found}) == 2


def test_an_unknown_split_of_the_drawn_digits_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"unknown split of the drawn digits: 'tests'. Did you mean 'test'"):
        drawn_digits("tests")
