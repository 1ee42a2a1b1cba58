"""The pictures of 7.1: what is known stands in them, a hole stays empty, and nothing given is changed."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.chapters.rating_pictures import (
    draw_ladder,
    draw_lists,
    draw_map,
    draw_named_grid,
    draw_product,
    draw_splits,
    draw_tables,
)
from helpers.plotting import use_course_style


@pytest.fixture(autouse=True)
def no_window():
    """Draws in memory, in the course's style, and leaves no figure to the next test."""
    plt.switch_backend("Agg")
    use_course_style()
    yield
    plt.gcf().canvas.draw()  # a layout that cannot be made would warn here
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_a_product_shows_the_known_ratings_the_factors_and_all_names():
    table = np.array([[5, np.nan, 1], [np.nan, 3.5, 4]])
    U, V = np.array([[2.0], [-1]]), np.array([[1.0], [0.5], [-1]])
    left, people, films = draw_product(table, U, V, 3, ["Ann", "Ben"], ["A", "B", "C"])
    assert texts(left) == ["5.00", "1.00", "3.50", "4.00", "A", "B", "C", "Ann", "Ben"]
    assert texts(people) == ["2", "−1", "Ann", "Ben"]
    assert texts(films) == ["1.00", "0.50", "−1.00", "A", "B", "C"]
    assert any("≈ 3 +" in text.get_text() for text in plt.gcf().texts)
    for wrong in ((table, U, V[:, :0], 3, "AB", "XYZ"), (table, U, V, 3, "A", "XYZ")):
        with pytest.raises(ValueError, match=r"table \(2, 3\)"):
            draw_product(*wrong)


def test_tables_keep_their_holes_and_one_scale_of_stars():
    table = np.array([[5, np.nan], [0.5, 3]])
    axes = draw_tables({"known": table, "filled": np.nan_to_num(table, nan=2)})
    images = [ax.images[0] for ax in axes]
    assert [ax.get_title() for ax in axes] == ["known", "filled"]
    assert np.ma.getmaskarray(images[0].get_array()).sum() == 1
    assert {image.get_clim() for image in images} == {(0.5, 5.0)}
    assert np.isnan(table[0, 1])


def test_lists_tick_their_hits_and_nothing_else():
    ax = draw_lists({"one": ["a", "b"], "two": ["b", "c", "d"]}, {"b"})
    assert texts(ax) == ["one", "a", "✓ b", "two", "✓ b", "c", "d"]
    colours = {tuple(patch.get_facecolor()) for patch in ax.patches}
    assert len(ax.patches) == 5
    assert len(colours) == 2
    ax = draw_lists({"one": ["a", "b"], "two": ["b"], "three": ["b"]}, {"one": {"b"}, "two": {"a"}})
    assert texts(ax) == ["one", "a", "✓ b", "two", "b", "three", "b"]


@pytest.mark.parametrize("floor", [0.58, np.nan])
def test_a_ladder_has_a_dot_and_a_number_per_model_and_a_floor_if_there_is_one(floor):
    ax = draw_ladder({"mean": 0.95, "ALS": 0.703}, floor)
    assert ax.lines[0].get_xdata().tolist() == [0.703, 0.95]
    assert texts(ax) == ["0.703", "0.950"]
    assert len(ax.lines) == (1 if np.isnan(floor) else 2)


def test_the_largest_number_of_a_ladder_stands_inside_the_picture():
    ax = draw_ladder({"zeros, as 7.1b leaves them": 0.881, "the mean vector": 0.893, "genre": 0.814})
    ax.figure.canvas.draw()
    right = max(text.get_window_extent().x1 for text in ax.texts)
    assert right < ax.get_window_extent().x1


def test_a_named_grid_has_its_numbers_and_names_and_as_many_names_as_rows_and_columns():
    ax = draw_named_grid([[0.5, -0.25]], ["space"], ["factor 1", "bias"])
    assert {"space", "factor 1", "bias", "0.50", "−0.25"} <= set(texts(ax))
    with pytest.raises(ValueError, match=r"shape \(1, 2\), names \(2, 1\)"):
        draw_named_grid([[0.5, -0.25]], ["space", "love"], ["bias"])


def test_splits_show_each_rating_once_as_train_or_test():
    times, test = np.linspace(0, 1, 10), np.arange(10) >= 8
    (ax,) = draw_splits(times, {"by time": test})
    train, held = (points.get_offsets()[:, 0] for points in ax.collections)
    np.testing.assert_allclose(train, times[:8])
    np.testing.assert_allclose(held, times[8:])


def test_a_map_has_all_points_a_legend_of_groups_and_the_names_asked_for():
    points = np.arange(8.0).reshape(4, 2)
    ax = draw_map(points, ["b", "a", "b", "a"], {3: "far"})
    assert [line.get_label() for line in ax.lines] == ["a", "b"]
    assert ax.lines[0].get_xydata().tolist() == points[[1, 3]].tolist()
    assert texts(ax) == ["far"]
