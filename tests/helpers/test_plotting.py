"""The pictures: drawn where told, from what is given, readable from the back row and without red or green."""

import copy
import os
import subprocess
import sys
import warnings
from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from helpers import (
    draw_attention,
    draw_grid,
    draw_layers,
    plot_confusion,
    plot_history,
    show_images,
)
from helpers.plotting import PALETTE, cjk_font, use_course_style

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(3)
GREY, COLOUR = RNG.random((5, 6, 4), dtype=np.float32), RNG.random((5, 3, 6, 4), dtype=np.float32)
HISTORY = [{"epoch": i, "loss": 1 / i, "val_loss": 1.2 / i, "val_accuracy": 1 - 0.5 / i} for i in (1, 2, 3)]
MATRIX = np.array([[90, 10, 0], [0, 5, 5], [1, 0, 0]])
NAMES = ["shirt", "coat", "bag"]

ON_AXES = {  # what draws on an Axes: the function and what it is given
    "plot_history": (plot_history, (HISTORY,), {}),
    "plot_confusion": (plot_confusion, (MATRIX, NAMES), {}),
    "draw_layers": (draw_layers, (["conv", "ReLU", "conv"], [(16, 8, 8)] * 4), {"skips": [(0, 2)]}),
    "draw_grid": (draw_grid, (MATRIX,), {"window": (0, 1, 2, 2)}),
    "draw_attention": (draw_attention, (np.array([[1, 0], [0.25, 0.75]]), ["the", "cat"]), {}),
}
ALL = ON_AXES | {
    "show_images": (show_images, (GREY, ["an image"] * 5), {}),
    "show_images without titles": (show_images, (COLOUR,), {}),
}


@pytest.fixture(autouse=True)
def no_window():
    """Draws in memory, in the course's style, and leaves no figure to the next test."""
    plt.switch_backend("Agg")
    use_course_style()
    yield
    plt.close("all")


def draw(name: str, **more):
    function, arguments, options = ALL[name]
    return function(*arguments, **options, **more)


def texts(artist) -> list[Text]:
    """Every text that is drawn in ``artist``, ticks and legend included."""
    artist.figure.canvas.draw()
    return [text for text in artist.findobj(Text) if text.get_visible() and text.get_text().strip()]


def pixels(ax) -> np.ndarray:
    (image,) = ax.images
    return np.asarray(image.get_array())


# where they draw


@pytest.mark.parametrize("name", ON_AXES)
def test_without_axes_one_figure_is_made_and_its_axes_returned(name):
    ax = draw(name)
    assert isinstance(ax, Axes)
    assert plt.get_fignums() == [ax.figure.number]
    assert ax.figure.axes == [ax]
    assert ax.has_data()


@pytest.mark.parametrize("name", ON_AXES)
def test_with_axes_they_are_drawn_on_and_returned_and_no_figure_is_made(name):
    _, (left, right) = plt.subplots(1, 2)
    figures = plt.get_fignums()
    assert draw(name, ax=left) is left
    assert left.has_data()
    assert not right.has_data()
    assert plt.get_fignums() == figures


def test_a_second_call_adds_its_lines_to_the_first():
    ax = draw("plot_history")
    lines = len(ax.lines)
    draw("plot_history", ax=ax)
    assert len(ax.lines) == 2 * lines


@pytest.mark.parametrize("name", ALL)
def test_what_is_given_is_left_as_it_is(name):
    function, arguments, options = ALL[name]
    given = copy.deepcopy(arguments)
    function(*given, **options)
    for before, after in zip(arguments, given, strict=True):
        assert np.array_equal(before, after) if isinstance(before, np.ndarray) else before == after


# show_images


@pytest.mark.parametrize(
    ("images", "shown"),
    [
        (GREY, GREY),
        (GREY[:, None], GREY),
        (COLOUR, COLOUR.transpose(0, 2, 3, 1)),
        (torch.from_numpy(GREY), GREY),
        (list(GREY), GREY),
    ],
    ids=["grey", "one channel", "three channels", "torch", "list"],
)
def test_each_image_is_shown_on_axes_of_its_own_in_order(images, shown):
    axes = show_images(images, ncols=3)
    assert isinstance(axes, np.ndarray)
    assert axes.shape == (5,)
    assert all(isinstance(ax, Axes) for ax in axes)
    assert len(plt.get_fignums()) == 1
    for ax, image in zip(axes, shown, strict=True):
        assert np.array_equal(pixels(ax), image)


def test_places_of_the_grid_that_stay_free_are_blank():
    axes = show_images(GREY, ncols=3)
    grid = axes[0].figure.axes
    assert len(grid) == 6
    assert not any(ax.axison for ax in grid)
    assert not grid[5].has_data()


@pytest.mark.parametrize("n", [1, 3])
def test_a_row_that_is_not_full_is_no_wider_than_its_images(n):
    axes = show_images(GREY[:n], size=1.5)
    assert len(axes[0].figure.axes) == n
    assert axes[0].figure.get_size_inches() == pytest.approx([1.5 * n, 1.5])


def test_each_title_stands_over_its_image():
    titles = [f"number {i}" for i in range(5)]
    axes = show_images(GREY, titles)
    assert [ax.get_title() for ax in axes] == titles


def test_titles_of_two_lines_do_not_shrink_the_images():
    heights = []
    for title in (None, "one", "one\ntwo"):
        axes = show_images(GREY, None if title is None else [title] * 5)
        axes[0].figure.canvas.draw()
        heights.append(axes[0].get_position().height * axes[0].figure.get_size_inches()[1])
    assert min(heights) > 0.85 * max(heights)


def test_bytes_and_shares_look_the_same_when_told_their_largest_value():
    shares = np.round(COLOUR * 255) / 255
    for a, b in zip(show_images(shares), show_images(shares * 255, vmax=255), strict=True):
        assert np.allclose(pixels(a), pixels(b))
    in_bytes = show_images((shares[:, 0] * 255).round().astype(np.uint8), vmax=255)
    assert in_bytes[0].images[0].get_clim() == (0, 255)
    assert show_images(shares[:, 0])[0].images[0].get_clim() == (0, 1)


def test_colours_beyond_the_range_are_drawn_as_its_end_without_a_word(caplog):
    shown = pixels(show_images(np.stack([COLOUR[0] - 0.5, COLOUR[0] + 0.5]))[1])
    assert shown.max() == 1
    assert shown.min() >= 0.5
    assert caplog.records == []


@pytest.mark.parametrize("shape", [(6, 4), (5, 2, 6, 4), (5, 6, 4, 3), (1, 5, 1, 6, 4), (), (3,)])
def test_another_shape_of_images_is_an_error_that_shows_it(shape):
    with pytest.raises(ValueError, match="expected") as error:
        show_images(np.zeros(shape))
    assert str(shape) in str(error.value)
    assert "(N, H, W) or (N, 1 or 3, H, W)" in str(error.value)


@pytest.mark.parametrize("shape", [(0, 6, 4), (0, 1, 6, 4), (0, 3, 6, 4)])
def test_no_images_are_an_error(shape):
    with pytest.raises(ValueError, match="no images to show"):
        show_images(np.zeros(shape))


@pytest.mark.parametrize("count", [0, 4, 6])
def test_another_number_of_titles_is_an_error_that_says_both(count):
    with pytest.raises(ValueError, match=f"{count} titles for 5 images"):
        show_images(GREY, ["t"] * count)


# plot_history


def test_each_named_column_is_a_line_against_the_epoch():
    ax = plot_history(HISTORY, keys=("val_loss", "val_accuracy"))
    assert [line.get_label() for line in ax.lines] == ["val_loss", "val_accuracy"]
    for line in ax.lines:
        assert list(line.get_xdata()) == [1, 2, 3]
        assert list(line.get_ydata()) == [row[line.get_label()] for row in HISTORY]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["val_loss", "val_accuracy"]
    assert ax.get_xlabel() == "epoch"


def test_loss_and_val_loss_are_drawn_unless_others_are_named():
    assert [line.get_label() for line in plot_history(HISTORY).lines] == ["loss", "val_loss"]


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_the_ticks_of_the_epochs_are_whole(epochs):
    ax = plot_history(HISTORY[:epochs])
    ax.figure.canvas.draw()
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_lines_differ_in_marker_and_none_of_many_is_left_out():
    keys = [f"metric {i}" for i in range(8)]
    ax = plot_history([{"epoch": i} | dict.fromkeys(keys, i) for i in (1, 2)], keys=keys)
    assert [line.get_label() for line in ax.lines] == keys
    assert len({line.get_marker() for line in ax.lines[:6]}) == 6


def test_rows_without_the_column_are_passed_over():
    (line,) = plot_history([{"epoch": 1}, {"epoch": 2, "f1": 0.5}, {"epoch": 3}], keys=["f1"]).lines
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([2], [0.5])


def test_an_empty_history_is_an_error_that_says_what_to_do():
    with pytest.raises(ValueError, match="history is empty: train"):
        plot_history([])


@pytest.mark.parametrize("keys", [("f1",), ("loss", "f1")])
def test_a_key_that_no_row_holds_is_an_error_that_lists_the_others_and_draws_nothing(keys):
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="no 'f1'; it has epoch, loss, val_loss, val_accuracy"):
        plot_history(HISTORY, keys=keys, ax=ax)
    assert not ax.has_data()


# plot_confusion


def test_every_count_that_is_not_zero_is_written_in_its_place_with_the_names_beside():
    ax = plot_confusion(MATRIX, NAMES)
    written = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in ax.texts}
    assert written == {(i, j): str(MATRIX[i, j]) for i, j in zip(*MATRIX.nonzero(), strict=True)}
    assert [tick.get_text() for tick in ax.get_xticklabels()] == NAMES
    assert [tick.get_text() for tick in ax.get_yticklabels()] == NAMES
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")


def test_the_colour_is_the_share_of_the_true_class_and_the_diagonal_has_none():
    assert np.allclose(pixels(plot_confusion(MATRIX, NAMES)), [[0, 0.1, 0], [0, 0, 0.5], [1, 0, 0]])


def test_a_class_without_examples_is_drawn_without_a_warning():
    assert pixels(plot_confusion([[3, 0], [0, 0]], ["yes", "no"])).max() == 0


def test_counts_can_be_read_on_the_darkest_cell():
    ax = plot_confusion(MATRIX, NAMES)
    (image,) = ax.images
    darkest = image.cmap(image.norm(pixels(ax).max()))[:3]
    luminance = linear(np.array(darkest)) @ [0.2126, 0.7152, 0.0722]
    assert (luminance + 0.05) / 0.05 >= 4.5  # black on it: WCAG 2.2, 1.4.3, minimum contrast of text


@pytest.mark.parametrize(
    ("matrix", "names"),
    [
        (MATRIX, NAMES[:2]),
        (MATRIX[:2], NAMES),
        (MATRIX[:2], NAMES[:2]),
        (MATRIX.ravel(), NAMES),
        (MATRIX, []),
        (np.zeros((0, 0)), []),
    ],
)
def test_a_matrix_that_does_not_fit_its_names_is_an_error_that_shows_both(matrix, names):
    with pytest.raises(ValueError, match=r"\(C, C\) and C") as error:
        plot_confusion(matrix, names)
    assert f"matrix {matrix.shape} and {len(names)} names" in str(error.value)


# draw_layers

SHAPES = [(1, 28, 28), (16, 26, 26), (16, 13, 13), "2704", (10,)]
LAYERS = ["conv", "max pool", "flatten", "linear"]


def boxes(ax) -> list[tuple[float, float, float, float]]:
    return [(box.get_x(), box.get_y(), box.get_width(), box.get_height()) for box in ax.patches]


def places(ax) -> dict[str, list[tuple[float, float]]]:
    """Where each text of a drawing stands; annotations without a text are arrows."""
    found = {}
    for text in ax.texts:
        found.setdefault(text.get_text(), []).append(tuple(text.get_position()))
    return found


def test_each_layer_stands_in_its_box_and_each_shape_between_its_two():
    ax = draw_layers(LAYERS, SHAPES)
    written, made = places(ax), boxes(ax)
    assert len(made) == 4
    for name, (x, y, width, height) in zip(LAYERS, made, strict=True):
        assert written[name] == [(pytest.approx(x + width / 2), pytest.approx(y + height / 2))]
    ends = [0] + [x for x, *_ in made[1:]] + [ax.get_xlim()[1]]
    for i, shape in enumerate(["1 × 28 × 28", "16 × 26 × 26", "16 × 13 × 13", "2704", "10"]):
        ((x, y),) = written[shape]
        assert made[i - 1][0] + made[i - 1][2] < x if i else x > 0
        assert x < (made[i][0] if i < 4 else ends[-1])
        assert y < made[0][1] + made[0][3] / 2


def test_texts_of_a_drawing_stay_in_their_boxes_and_clear_of_each_other():
    names = ["3 × 3 conv\n16 filters", "ReLU", "卷积神经网络"]
    ax = draw_layers(names, SHAPES[:4], skips=[(0, 1)])
    ax.figure.canvas.draw()
    drawn = {text.get_text(): text.get_window_extent() for text in ax.texts if text.get_text()}
    for name, box in zip(names, ax.patches, strict=True):
        frame, text = box.get_window_extent(), drawn[name]
        assert frame.x0 < text.x0 < text.x1 < frame.x1
        assert frame.y0 < text.y0 < text.y1 < frame.y1
    for a, b in combinations(drawn.values(), 2):
        assert not a.overlaps(b)


def test_a_new_row_begins_after_per_row_layers_with_the_shape_repeated():
    ax = draw_layers(LAYERS, SHAPES, per_row=2)
    rows = sorted({y for _, y, *_ in boxes(ax)}, reverse=True)
    assert [y for _, y, *_ in boxes(ax)] == [rows[0]] * 2 + [rows[1]] * 2
    assert len(places(ax)["16 × 13 × 13"]) == 2
    assert all(len(places(ax)[shape]) == 1 for shape in ("1 × 28 × 28", "16 × 26 × 26", "2704", "10"))
    assert len(places(ax)[""]) == 6  # arrows: one before each box, one behind each row


def test_a_shortcut_leaves_before_its_first_layer_and_comes_down_behind_its_last():
    ax = draw_layers(LAYERS, SHAPES, skips=[(1, 2)])
    made, path, plus = boxes(ax), ax.lines[0].get_xydata(), ax.lines[2]
    assert made[0][0] + made[0][2] < path[0, 0] < made[1][0]
    assert made[2][0] + made[2][2] < path[-1, 0] < made[3][0]
    assert path[1:, 1] == pytest.approx(path[1, 1])
    assert path[1, 1] > made[0][1] + made[0][3]  # over the boxes
    assert plus.get_marker() == "+"
    assert plus.get_xdata()[0] == path[-1, 0]
    assert draw_layers(LAYERS, SHAPES).lines[:] == []


@pytest.mark.parametrize(
    ("names", "shapes", "more", "says"),
    [
        ([], [(1,)], {}, "0 layers, 1 shapes"),
        (LAYERS, SHAPES[:4], {}, "4 layers, 4 shapes"),
        (LAYERS, SHAPES, {"per_row": 0}, "per_row=0"),
        (LAYERS, SHAPES, {"skips": [(1, 4)]}, r"shortcut \(1, 4\)"),
        (LAYERS, SHAPES, {"skips": [(2, 1)]}, r"shortcut \(2, 1\)"),
        (LAYERS, SHAPES, {"skips": [(-1, 1)]}, r"shortcut \(-1, 1\)"),
        (LAYERS, SHAPES, {"skips": [(1, 2)], "per_row": 2}, "same row"),
    ],
)
def test_layers_that_do_not_fit_their_shapes_or_shortcuts_are_an_error_that_shows_them(
    names, shapes, more, says
):
    with pytest.raises(ValueError, match=says):
        draw_layers(names, shapes, **more)
    assert plt.get_fignums() == []


# draw_grid


def test_each_number_of_the_grid_stands_in_its_place():
    ax = draw_grid([[1, -2.5, np.nan], [0, 10, -0.001]])
    written = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in ax.texts}
    assert written == {(0, 0): "1.00", (0, 1): "−2.50", (1, 0): "0", (1, 1): "10.00", (1, 2): "0"}
    assert {text.get_text() for text in draw_grid([[1, 2], [0, 3]]).texts} == {"0", "1", "2", "3"}


def test_the_outline_is_the_window():
    ax = draw_grid(MATRIX, window=(1, 0, 2, 3))
    (outline,) = ax.patches
    assert (outline.get_y(), outline.get_x()) == (0.5, -0.5)
    assert (outline.get_height(), outline.get_width()) == (2, 3)
    assert not draw_grid(MATRIX).patches


def test_larger_numbers_are_bluer_negative_ones_more_orange_and_holes_white():
    colours = pixels(draw_grid([[4, 2, 0], [-4, -2, np.nan]]))
    assert np.array_equal(colours[:, 2], np.ones((2, 3)))
    (high, middle), (low, lower) = colours[0, :2], colours[1, :2]
    assert high[2] > high[0]
    assert low[0] > low[2]
    assert np.allclose(1 - middle, (1 - high) / 2)
    assert np.allclose(1 - lower, (1 - low) / 2)
    assert (linear(colours) @ [0.2126, 0.7152, 0.0722] + 0.05).min() / 0.05 >= 4.5  # as above
    assert (pixels(draw_grid([[4, -4]], shade=False)) == 1).all()
    assert (pixels(draw_grid([[np.nan, 0]])) == 1).all()


@pytest.mark.parametrize("shape", [(3,), (2, 3, 3), (0, 3), ()])
def test_another_shape_of_a_grid_is_an_error_that_shows_it(shape):
    with pytest.raises(ValueError, match=r"\(H, W\)") as error:
        draw_grid(np.zeros(shape))
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("window", [(0, 0, 4, 1), (0, 2, 1, 2), (-1, 0, 2, 2), (0, -1, 2, 2), (0, 0, 0, 1)])
def test_a_window_that_is_not_inside_the_grid_is_an_error_that_shows_both(window):
    with pytest.raises(ValueError, match="inside the grid of 3 rows and 3 columns") as error:
        draw_grid(MATRIX, window=window)
    assert str(window) in str(error.value)
    assert plt.get_fignums() == []


# draw_attention


def test_each_weight_stands_in_the_row_of_its_query_and_the_column_of_its_word():
    weights = np.array([[1, 0, 0], [0.25, 0.75, 0]])
    ax = draw_attention(weights, ["我", "喜欢", "猫"], queries=["I", "like"])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["我", "喜欢", "猫"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["I", "like"]
    written = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in ax.texts}
    assert written == {(0, 0): "1.00", (1, 0): "0.25", (1, 1): "0.75"}
    assert np.array_equal(pixels(ax), weights)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("key", "query")


def test_words_are_their_own_queries_and_masked_places_stay_white():
    ax = draw_attention([[1, 0], [0.5, 0.5]], ["the", "cat"])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["the", "cat"]
    (image,) = ax.images
    assert image.get_array().mask.tolist() == [[False, True], [False, False]]
    assert ax.get_facecolor()[:3] == (1, 1, 1)


def test_a_written_weight_can_be_read_on_its_colour():
    weights = np.linspace(0.01, 1, 100).reshape(10, 10)
    ax = draw_attention(weights, list("abcdefghij"))
    (image,) = ax.images
    for text in ax.texts:
        column, row = text.get_position()
        below = np.array(image.cmap(image.norm(weights[row, column]))[:3])
        pair = sorted(linear(np.array([below, to_rgb(text.get_color())])) @ [0.2126, 0.7152, 0.0722])
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 3  # WCAG 2.2, 1.4.3 and 1.4.11, large text and graphics


def test_many_words_get_a_bar_that_explains_the_colours_instead_of_numbers():
    ax = draw_attention(np.full((11, 11), 1 / 11), [f"word{i}" for i in range(11)])
    assert not ax.texts
    assert [axes.get_ylabel() for axes in ax.figure.axes if axes is not ax] == ["weight"]
    assert ax.images[0].get_clim() == (0, 1 / 11)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (1, 2, 2), (4,)])
def test_weights_that_do_not_fit_their_words_are_an_error_that_shows_both(shape):
    with pytest.raises(ValueError, match="2 queries and 2 words") as error:
        draw_attention(np.zeros(shape), ["a", "b"])
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("wrong", [-0.5, 1.5, np.nan])
def test_weights_that_no_softmax_gives_are_an_error_that_shows_their_range(wrong):
    with pytest.raises(ValueError, match="must be 0 to 1"):
        draw_attention([[1, 0], [wrong, 0.5]], ["a", "b"])
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: show_images(GREY, ["t"]),
        lambda: plot_history(HISTORY, keys=("f1",)),
        lambda: plot_confusion(MATRIX, NAMES[:2]),
    ],
)
def test_an_error_leaves_no_empty_figure(wrong):
    with pytest.raises(ValueError):  # noqa: PT011 - which one it is, is tested above
        wrong()
    assert plt.get_fignums() == []


# read by everyone

# Machado, Oliveira and Fernandes (2009), A physiologically-based model for simulation of color vision
# deficiency, IEEE Transactions on Visualization and Computer Graphics 15(6), severity 1.0; for linear RGB.
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
# Two patches side by side are just told apart at a distance of about 2.3 (Mahy, Van Eycken and Oosterlinck
# 1994). Thin lines apart from each other, on a projector, need several times that, and colours of which
# people say "the green one" ten times: about 25. Two kinds of cone see fewer colours; 15, six times the just
# noticeable, is what eight of them can keep, and twice what the first four of matplotlib's own reach.
ENOUGH = {"normal": 25, "protanopia": 15, "deuteranopia": 15}


def linear(rgb: np.ndarray) -> np.ndarray:
    """sRGB values (…, 3), 0 to 1, without their gamma: IEC 61966-2-1."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def cielab(colours, eye: str) -> np.ndarray:
    """Colours, as ``eye`` sees them, in CIELAB under D65: (N, 3)."""
    seen = np.clip(linear(np.array([to_rgb(colour) for colour in colours])) @ EYES[eye].T, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    share = seen @ to_xyz.T / to_xyz.sum(axis=1)
    x, y, z = np.where(share > (6 / 29) ** 3, np.cbrt(share), share * (29 / 6) ** 2 / 3 + 4 / 29).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def nearest(colours, eye: str) -> float:
    """The distance (CIE 1976) of the two colours that are hardest to tell apart."""
    return min(np.linalg.norm(a - b) for a, b in combinations(cielab(colours, eye), 2))


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("count", [4, 8])
def test_the_colours_are_told_apart_by_every_eye(eye, count):
    assert len(PALETTE) == 8
    assert nearest(PALETTE[:count], eye) >= ENOUGH[eye]


@pytest.mark.parametrize("eye", ["protanopia", "deuteranopia"])
def test_red_and_green_would_not_be_told_apart(eye):
    assert nearest(["tab:blue", "tab:orange", "tab:green", "tab:red"], eye) < ENOUGH[eye] / 2
    assert nearest(["tab:blue", "tab:orange", "tab:green", "tab:red"], "normal") >= ENOUGH["normal"]


def test_the_simulated_eyes_see_white_and_grey_as_they_are():
    for eye in EYES:
        assert np.allclose(cielab(["white", "0.5", "black"], eye)[:, 1:], 0, atol=0.2)


def test_lines_take_the_palette_in_its_order():
    ax = plot_history(HISTORY)
    ax.plot([1, 2], [3, 4])
    assert tuple(line.get_color() for line in ax.lines) == PALETTE[:3]


@pytest.mark.parametrize("name", ALL)
def test_no_text_is_smaller_than_10_points(name):
    drawn = draw(name)
    ax = drawn[0] if isinstance(drawn, np.ndarray) else drawn
    small = [(text.get_text(), text.get_size()) for text in texts(ax.figure) if text.get_size() < 10]
    assert small == []
    if name != "show_images without titles":
        assert len(texts(ax.figure)) >= 5


def test_the_smallest_text_of_a_large_confusion_matrix_is_10_points():
    ax = plot_confusion(RNG.integers(0, 1_000, (10, 10)), [f"class {i}" for i in range(10)])
    assert min(text.get_size() for text in texts(ax.figure)) >= 10


def chinese_title() -> list[str]:
    """The warnings that a figure with a Chinese title gives."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        _, ax = plt.subplots()
        ax.plot([1, 2], [3, 4], label="训练")
        ax.set_title("损失 loss, 学习率 η = 0.1")
        ax.legend()
        ax.figure.canvas.draw()
    return [str(warning.message) for warning in given]


def test_a_chinese_title_is_drawn_without_a_missing_glyph():
    if cjk_font() is None:
        pytest.skip("no font with Chinese glyphs is known here; python -m helpers.doctor says how to get one")
    assert chinese_title() == []


def test_without_such_a_font_the_glyphs_would_be_missing():
    plt.rcParams["font.family"] = ["DejaVu Sans"]
    missing = chinese_title()
    assert missing
    assert all("missing from font" in message for message in missing)


def test_without_a_chinese_font_the_style_is_that_of_latin_text(monkeypatch):
    monkeypatch.setattr("helpers.plotting.cjk_font", lambda: None)
    use_course_style()
    assert plt.rcParams["font.family"] == ["DejaVu Sans"]
    assert texts(draw("plot_history"))


def test_importing_the_pictures_sets_the_style_opens_no_figure_and_loads_no_framework():
    code = """
import sys
import matplotlib
from helpers import plot_history
import matplotlib.pyplot as plt
print(plt.rcParams["font.size"], plt.get_fignums())
print([name for name in ("torch", "sklearn", "tensorflow", "keras") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == "12.0 []\n[]\n"
