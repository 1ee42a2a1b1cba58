"""Section 2.1a: what it builds equals NumPy's, and what its text says of vectors and products is so."""

from types import SimpleNamespace

import numpy as np
import pytest

from helpers.chapters.matrices import (
    DISTORTION,
    distorted_cat,
    draw_equation,
    draw_plane,
    show_photographs,
    show_pixels,
    upright_cat,
)
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "2_math/1a_products_and_shapes.ipynb"
A = np.array([[1, 2], [3, 4]])


@pytest.fixture(scope="module")
def book():
    """What 2.1a defines."""
    return SimpleNamespace(**define(NOTEBOOK, ("imports", "vectors-code", "product")))


@pytest.fixture
def random():
    return np.random.default_rng(0)


# ---------------------------------------------------------------- vectors and products


def test_anna_is_like_ben_and_unlike_cleo(book):
    anna, ben, cleo = np.array([[2, -1, 1], [1, 0, 2], [-2, 2, -1]])
    assert anna @ ben == sum(a * b for a, b in zip(anna, ben, strict=True)) == 4
    assert book.cosine(anna, cleo) == pytest.approx(-7 / (6**0.5 * 3))
    assert (
        book.cosine(anna, 2 * ben) == pytest.approx(book.cosine(anna, ben)) == pytest.approx(0.73, abs=0.005)
    )


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 4), (5, 1, 2), (8, 6, 7)])
def test_three_loops_make_the_product_of_numpy(book, random, shape):
    n, m, p = shape
    left, right = random.normal(size=(n, m)), random.normal(size=(m, p))
    np.testing.assert_allclose(book.product(left, right), left @ right)


def test_columns_say_where_the_unit_vectors_go_and_the_order_matters():
    S, T = np.array([[1, 1], [0, 1]]), np.array([[0, -1], [1, 0]])
    assert (S @ [2, 3]).tolist() == [5, 3]
    assert (T @ [2, 3]).tolist() == [-3, 2]
    assert (T @ [1, 0]).tolist() == T[:, 0].tolist() == [0, 1]
    assert (T @ S).tolist() != (S @ T).tolist()
    assert ((S @ T).T == T.T @ S.T).all()


def test_a_column_minus_a_vector_is_a_table_and_charges_the_perfect_model_more():
    y = np.array([1, 2, 3])
    perfect, lazy = y[:, None], np.full((3, 1), 2)
    assert ((perfect - y) ** 2).sum() == 12
    assert ((lazy - y) ** 2).sum() == 6
    assert (perfect[:, 0] == y).all()


def test_the_columns_of_the_distortion_say_where_eye_and_nose_go():
    cat, colours = upright_cat()
    assert cat.shape == (2, 5_460)
    assert (DISTORTION @ cat == distorted_cat()[0]).all()
    assert (colours == distorted_cat()[1]).all()
    assert DISTORTION.tolist() == [[1, 1], [-0.5, 0.5]]
    assert (DISTORTION @ [-10, 8]).tolist() == [-2, 9]
    nose = 8 * DISTORTION[:, 0] - 20 * DISTORTION[:, 1]
    assert nose.tolist() == (DISTORTION @ [8, -20]).tolist() == [-12, -14]


# ---------------------------------------------------------------- drawings


def test_an_equation_outlines_what_it_is_told_to():
    from matplotlib import pyplot as plt

    ax = draw_equation(A, "·", A, "=", A @ A, windows=[(1, 0, 1, 2), None, (1, 0, 1, 1)])
    grids = ax.figure.axes
    assert [len(grid.texts) for grid in grids] == [4, 4, 4]
    assert [len(grid.patches) for grid in grids] == [1, 0, 1]
    assert [text.get_text() for text in ax.figure.texts] == ["·", "="]
    assert [text.get_text() for text in grids[2].texts] == ["7", "10", "15", "22"]
    plt.close("all")


def test_arrows_of_a_plane_end_where_the_columns_say():
    from matplotlib import pyplot as plt

    _, ax = draw_plane({"before": np.eye(2), "after": A}, vector=[1, 1])
    assert [tuple(arrow.xy) for arrow in ax.texts] == [(1, 3), (2, 4), (3, 7)]
    assert ax.get_title() == "after"
    plt.close("all")


def test_pictures_beside_each_other_have_equal_limits_and_their_titles():
    from matplotlib import pyplot as plt

    points = np.array([[0.0, 1, 2], [0, 1, 4]])
    axes = show_pixels({"small": points, "large": 3 * points}, np.zeros((3, 3)), marks=[points[:, :1]])
    assert axes[0].get_xlim() == axes[1].get_xlim()
    assert axes[0].get_ylim()[1] > 12
    assert [len(ax.collections) for ax in axes] == [2, 1]  # the rings stand on the first only
    shown = show_photographs({"a": np.zeros((4, 6)), "b": np.ones((4, 6)), "c": np.ones((4, 6))})
    assert [ax.get_title() for ax in shown] == ["a", "b", "c"]
    plt.close("all")
