"""Section 2.1b: what it builds equals NumPy's, and what its text says of systems of equations is so."""

from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from helpers.chapters.matrices import DISTORTION, distorted_cat
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "2_math/1b_systems_and_least_squares.ipynb"
A = np.array([[1, 2], [3, 4]])


@pytest.fixture(scope="module")
def book():
    """What 2.1b defines, with the course's determinant."""
    ids = ("imports", "eliminate", "solve", "condition", "squares")
    return SimpleNamespace(**define(NOTEBOOK, ids), determinant=find("2.1.3").solution)


@pytest.fixture
def random():
    return np.random.default_rng(0)


# ---------------------------------------------------------------- areas


@pytest.mark.parametrize(
    "matrix", [[[1, 1], [0, 1]], [[2, 0], [0, 0.6]], [[-1, 0], [0, 1]], [[2, 1], [4, 2]]]
)
def test_a_determinant_is_the_factor_of_every_area_and_below_zero_for_a_mirror(book, matrix):
    corners = np.array([[0, 3, 4, 1], [0, 1, 4, 2]])  # of any quadrilateral, to the left around it

    def area(points):
        x, y = points
        return (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2

    assert area(np.array(matrix) @ corners) == pytest.approx(
        book.determinant(np.array(matrix)) * area(corners)
    )


# ---------------------------------------------------------------- systems


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_elimination_solves_what_numpy_solves(book, random, n):
    square, right = random.normal(size=(n, n)), random.normal(size=(n, 3))
    np.testing.assert_allclose(book.solve(square, right), np.linalg.solve(square, right))
    np.testing.assert_allclose(book.solve(square, right[:, 0]), np.linalg.solve(square, right[:, 0]))


def test_the_system_to_be_solved_by_hand_has_the_solution_of_the_fold(book):
    np.testing.assert_allclose(book.solve([[2, 1], [1, -1]], [8, 1]), [3, 2])


def test_the_inverse_solves_for_the_unit_vectors(book):
    np.testing.assert_allclose(book.solve(A, np.eye(2)), [[-2, 1], [1.5, -0.5]])


@pytest.mark.parametrize(
    ("matrix", "right", "says"),
    [
        ([[1, 2], [2, 4]], [1, 2], r"A is singular: column 1 has no pivot"),
        ([[2, 1], [4, 2]], [1, 2], "A is singular: column 1"),
        (np.ones((3, 2)), [1, 2, 3], r"A \(3, 2\) must be square and finite, b \(3,\)"),
        (A, [1, 2, 3], r"A \(2, 2\) .* b \(3,\) have as many rows"),
        ([[1, np.nan], [0, 1]], [1, 2], "must be square and finite"),
        ([[np.inf, 1], [0, 1]], [1, 2], "must be square and finite"),
    ],
)
def test_what_has_no_solution_is_refused(book, matrix, right, says):
    with pytest.raises(ValueError, match=says):
        book.solve(matrix, right)


def test_neither_matrix_nor_right_side_is_changed(book):
    square, right = np.array([[0.0, 2], [3, 4]]), np.array([2.0, 1])
    book.solve(square, right)
    assert square.tolist() == [[0, 2], [3, 4]]
    assert right.tolist() == [2, 1]


def test_without_a_swap_x_is_lost_and_with_it_it_is_not(book):
    eps = 1e-20
    y = (2 - 1 / eps) / (1 - 1 / eps)
    assert 1 - 1 / eps == 2 - 1 / eps == -1 / eps
    assert (1 - y) / eps == 0
    np.testing.assert_allclose(book.solve([[eps, 1], [1, 1]], [1, 2]), [1, 1])


def test_almost_parallel_lines_enlarge_a_change_but_by_less_than_kappa(book):
    length = np.linalg.norm
    b, changed = np.array([2, 1.8]), np.array([2, 2.0])
    parallel, crossing = np.array([[1, 1], [0.8, 1]]), np.array([[1, 1], [-1, 1]])
    x, x_changed = book.solve(parallel, b), book.solve(parallel, changed)
    np.testing.assert_allclose([x, x_changed], [[1, 1], [0, 2]], atol=1e-12)
    kappa = np.linalg.cond(parallel)
    assert round(kappa) == 18
    assert 12 < (length(x_changed - x) / length(x)) / (length(changed - b) / length(b)) < kappa
    assert np.linalg.cond(crossing) == pytest.approx(1)
    np.testing.assert_allclose(book.solve(crossing, [2, 0.2]), [0.9, 1.1])  # a tenth away from (1, 1)


def test_kappa_is_the_longest_image_divided_by_the_shortest():
    angles = np.linspace(0, np.pi, 100_001)
    lengths = np.hypot(*(A @ [np.cos(angles), np.sin(angles)]))
    assert lengths.max() / lengths.min() == pytest.approx(np.linalg.cond(A), rel=1e-6)


def test_elimination_keeps_digits_that_the_inverse_loses(book):
    errors, residuals, kappas = [], [], []
    for n in range(2, 12):
        H = 1 / (np.arange(n)[:, None] + np.arange(n) + 1)
        b = H @ np.ones(n)
        results = book.solve(H, b), book.solve(H, np.eye(n)) @ b
        kappas.append(np.linalg.cond(H))
        errors.append([abs(x - 1).max() for x in results])
        residuals.append([abs(H @ x - b).max() for x in results])
    kappas, errors, residuals = np.array(kappas), np.array(errors), np.array(residuals)
    assert 1.4 < np.diff(np.log10(kappas)).mean() < 1.6
    assert (errors[:, 0] < 2.2e-16 * kappas).all()
    assert (errors[6:, 1] > 2 * errors[6:, 0]).all()
    assert (residuals[:, 0] < 1e-15).all()
    assert kappas[8] > 1e13  # ten rows
    assert residuals[8, 1] > 1e-7


# ---------------------------------------------------------------- least squares and the cat


def test_least_squares_is_that_of_numpy_and_leaves_a_rest_at_right_angles(book, random):
    table, b = random.normal(size=(12, 3)), random.normal(size=(12, 2))
    x = book.least_squares(table, b)
    np.testing.assert_allclose(x, np.linalg.lstsq(table, b)[0])
    np.testing.assert_allclose(table.T @ (table @ x - b), 0, atol=1e-12)
    rest = np.array([[1.0], [2]]) @ [1.8] - [1, 4]
    np.testing.assert_allclose(rest, [0.8, -0.4])
    assert rest @ [1, 2] == pytest.approx(0)
    assert np.linalg.cond(table.T @ table) == pytest.approx(np.linalg.cond(table) ** 2)


def test_the_marks_of_the_text_are_where_the_distortion_sends_them():
    home, seen = np.array([[-10, 8], [8, -20]]), np.array([[-2, -12], [9, -14]])
    assert (DISTORTION @ home == seen).all()
    points, colours = distorted_cat()
    assert points.shape == (2, 5_460)
    assert colours.shape == (5_460, 3)
    there = np.linalg.solve(DISTORTION, points)
    np.testing.assert_allclose(there, there.round(), atol=1e-9)  # pixels lie on whole numbers
    assert colours[np.hypot(*(there - home[:, :1])).argmin()].mean() < 0.3  # the eye is dark


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_marks_far_apart_beat_two_near_the_middle_and_twelve_beat_both(book, seed):
    random, moved = np.random.default_rng(seed), distorted_cat()[0]
    cat = np.linalg.solve(DISTORTION, moved)
    book.bring_back.__globals__.update(M=DISTORTION, moved=moved, cat=cat, rng=random)
    whisker, nose = np.array([[-10, 14], [8, -8]]), np.array([[-10, 8], [8, -20]])
    twelve = np.stack([random.integers(-45, 46, size=12), random.integers(-30, 31, size=12)])
    in_line, apart = book.bring_back(whisker)[1], book.bring_back(nose)[1]
    far = book.bring_back(np.array([[-40, 40], [25, 25]]))[1]
    many = book.bring_back(twelve, fit=book.least_squares)[1]
    assert 3.6 > in_line / apart > 1.9  # over forty draws 2.75 ± 0.39
    assert apart / far > 4.5  # 5.7 ± 0.55: distance gains most
    assert far / many > 1.1  # 1.56 ± 0.19: the average of twelve brings the rest
    assert many < 1
