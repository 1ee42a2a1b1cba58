"""Pictures drawn again pass, also in another font; black, exchanged, unlabelled ones or other data do not."""

import base64
import io
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tools.notebooks import code_cells, find_notebooks, read_notebook, short_name
from tools.pictures import picture_differences

LABELS = {"xlabel": "epochs", "ylabel": "loss"}


def encoded(figure, **how):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100, bbox_inches="tight", **how)
    return base64.b64encode(file.getvalue()).decode()


def picture(kind, seed=0, labels=LABELS, font="DejaVu Sans", title="Training", legend=True, **how):
    """One of four kinds of picture that the notebooks hold, as base64 of a PNG."""
    rng = np.random.default_rng(seed)
    with matplotlib.rc_context({"font.family": font}):
        figure = Figure(figsize=(6.5, 4), layout="constrained")
        ax = figure.subplots()
        if kind == "curves":
            for name in ("train", "validation"):
                ax.plot(np.exp(-np.arange(30) / rng.uniform(5, 15)) + rng.normal(0, 0.01, 30), label=name)
        elif kind == "bars":
            ax.bar(["counts", "LSTM", "GPT", "GPT-2"], rng.uniform(0.2, 1, 4), label="held out")
        elif kind == "dots":
            ax.scatter(*rng.normal(size=(2, 200)), c=rng.integers(0, 2, 200), label="examples")
        else:
            ax.imshow(rng.integers(0, 17, (8, 8)), cmap="gray", aspect="auto", label="a digit")
        ax.set(title=title, **labels)
        if legend and kind != "grid":
            ax.legend()
        return encoded(figure, **how)


KINDS = ("curves", "bars", "dots", "grid")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", [{}, {"font": "DejaVu Serif"}, {"pil_kwargs": {"compress_level": 1}}])
def test_a_picture_drawn_again_passes(kind, how):
    assert picture_differences(picture(kind), picture(kind, **how)) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"labels": {}},
        {"labels": {"xlabel": "epochs"}},
        {"labels": {"ylabel": "loss"}},
        {"title": ""},
    ],
    ids=str,
)
def test_a_picture_of_other_data_or_without_a_label_does_not(kind, change):
    (said,) = picture_differences(picture(kind), picture(kind, **change))
    assert "the pictures differ" in said
    assert "% from the top" in said


@pytest.mark.parametrize("kind", ["curves", "bars", "dots"])
def test_a_picture_without_its_legend_does_not(kind):
    assert picture_differences(picture(kind), picture(kind, legend=False))


@pytest.mark.parametrize(("one", "other"), list(combinations(KINDS, 2)))
def test_exchanged_pictures_do_not(one, other):
    assert picture_differences(picture(one), picture(other))
    assert picture_differences(picture(other), picture(one))


def painted(colour, size=(650, 400)):
    file = io.BytesIO()
    Image.new("RGBA", size, colour).save(file, format="png")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize("colour", ["black", "white", (0, 0, 0, 0)], ids=["black", "white", "transparent"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_one_colour_does_not(kind, colour):
    with Image.open(io.BytesIO(base64.b64decode(picture(kind)))) as image:
        assert picture_differences(picture(kind), painted(colour, image.size))


def test_what_is_transparent_is_white():
    assert picture_differences(painted("white"), painted((0, 0, 0, 0))) == []


def test_a_line_that_moves_by_a_hundredth_passes_and_by_a_tenth_not():
    def drawn(shift):
        figure = Figure(figsize=(6.5, 4), layout="constrained")
        ax = figure.subplots()
        ax.plot(np.linspace(0, 1, 30) ** 2 + shift)
        ax.set(ylim=(0, 1.2), **LABELS)
        return encoded(figure)

    assert picture_differences(drawn(0), drawn(0.01)) == []
    assert picture_differences(drawn(0), drawn(0.1))


def test_another_shape_is_told_by_its_size():
    (said,) = picture_differences(painted("white", (600, 400)), painted("white", (600, 300)))
    assert said == "expected a picture of 600 x 400, got 600 x 300"


@pytest.mark.parametrize("broken", ["", "AAAA", "no base64!", painted("black")[:60]])
def test_what_cannot_be_read_is_said_and_on_which_side(broken):
    assert picture_differences(painted("white"), broken)[0].startswith("the new picture cannot be read: ")
    assert picture_differences(broken, painted("white"))[0].startswith("the stored picture cannot be read: ")


def test_no_two_pictures_of_a_notebook_pass_for_each_other():
    confused, pairs = [], 0
    for path in find_notebooks():
        pictures = [
            (cell.id, output.data["image/png"])
            for cell in code_cells(read_notebook(path))
            for output in cell.outputs
            if "image/png" in output.get("data", {})
        ]
        for (one, first), (other, second) in combinations(pictures, 2):
            pairs += 1
            if not picture_differences(first, second):
                confused.append(f"{short_name(path)}: {one}, {other}")
    assert confused == []
    assert pairs > 150
