"""Section 2.1c: what it builds equals NumPy's, and what its text says of directions is so."""

from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "2_math/1c_eigenvalues_and_svd.ipynb"
M = np.array([[1.5, 0], [2, 2.5]])


@pytest.fixture(scope="module")
def book():
    """What 2.1c defines."""
    return SimpleNamespace(**define(NOTEBOOK, whole=("imports",)))


@pytest.fixture
def random():
    return np.random.default_rng(0)


# ---------------------------------------------------------------- eigenvalues


def test_after_four_products_every_arrow_is_near_the_line_of_the_larger_eigenvalue():
    names = define(NOTEBOOK, ("imports",), whole=("arrows",))
    assert len(names["steps"]) == 5
    x, y = names["arrows"]
    assert np.rad2deg(np.arcsin(abs(x - y) / 2**0.5)).max() < 3
    assert ((x > 0).sum(), (x < 0).sum()) == (6, 6)  # half of them at either end


def test_the_four_angles_of_the_slider_are_those_of_the_text():
    angles = np.arange(0, 180.01, 0.01)
    x = np.stack([np.cos(np.deg2rad(angles)), np.sin(np.deg2rad(angles))])
    images = M @ x
    lengths = np.hypot(*images)
    assert angles[lengths.argmax()] == pytest.approx(45, abs=0.02)
    assert angles[lengths.argmin()] == pytest.approx(135, abs=0.02)
    assert [lengths.max(), lengths.min()] == pytest.approx([3.35, 1.12], abs=0.005)
    same = angles[np.diff(np.sign(x[0] * images[1] - x[1] * images[0]), append=0) != 0]
    assert same[:2] == pytest.approx([90, 116.57], abs=0.02)
    assert (M @ [0, 1]).tolist() == [0, 2.5]
    assert (M @ [1, -2]).tolist() == [1.5, -3]
    assert (M @ [1, 1]) @ (M @ [1, -1]) == 0


def test_a_determinant_of_zero_finds_the_eigenvalues():
    for value in (1.5, 2.5):
        assert np.linalg.det(M - value * np.eye(2)) == 0
    for value in (1, 3):  # of the fold
        assert np.linalg.det(np.array([[2, 1], [1, 2]]) - value * np.eye(2)) == 0
    quarter_turn = np.array([[0, -1], [1, 0]])
    assert np.poly(quarter_turn).tolist() == [1, 0, 1]  # λ² + 1
    assert (np.linalg.eigvals(quarter_turn).imag != 0).all()


@pytest.mark.parametrize("n", [2, 4, 7])
def test_a_symmetric_matrix_has_eigenvectors_at_right_angles(book, random, n):
    A = random.normal(size=(n, n))
    A = A + A.T + 10 * n * np.diag(np.arange(n))  # the largest stands out, so that 200 steps are enough
    values, vectors = np.linalg.eigh(A)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(n), atol=1e-12)
    value, v = book.power_iteration(A)
    assert value == pytest.approx(values[-1])
    assert abs(v @ vectors[:, -1]) == pytest.approx(1)


def test_power_iteration_finds_an_eigenvector_where_the_largest_eigenvalue_comes_twice(book):
    value, v = book.power_iteration(np.diag([2.0, 2, 1]))
    assert value == pytest.approx(2)
    np.testing.assert_allclose(np.diag([2.0, 2, 1]) @ v, 2 * v, atol=1e-9)


def test_power_iteration_jumps_back_and_forth_between_1_and_minus_1(book):
    A = np.array([[0, 1], [1, 0]])
    v, other = book.power_iteration(A, steps=200)[1], book.power_iteration(A, steps=201)[1]
    assert np.hypot(*(A @ A @ v - v)) < 1e-12
    for w in (v, other):
        assert min(np.hypot(*(A @ w - w)), np.hypot(*(A @ w + w))) > 1e-3


# ---------------------------------------------------------------- the SVD


@pytest.mark.parametrize("shape", [(8, 6), (6, 8), (1, 5), (5, 1), (2, 2)])
def test_the_svd_is_that_of_numpy_up_to_signs(book, random, shape):
    A = random.normal(size=shape)
    (U, s, Vt), (U_lib, s_lib, Vt_lib) = book.svd(A), np.linalg.svd(A, full_matrices=False)
    signs = np.sign((Vt * Vt_lib).sum(axis=1))
    np.testing.assert_allclose(s, s_lib)
    np.testing.assert_allclose(U * signs, U_lib, atol=1e-9)
    np.testing.assert_allclose(signs[:, None] * Vt, Vt_lib, atol=1e-9)
    assert find("2.1.4").solution(A, U, s, Vt)


def test_the_product_of_singular_values_is_the_size_of_the_determinant(book):
    assert book.svd(M)[1] == pytest.approx([11.25**0.5, 1.25**0.5])
    assert book.svd(M)[1].prod() == pytest.approx(np.linalg.det(M)) == pytest.approx(3.75)


def test_squaring_loses_the_small_value_that_the_library_keeps(book):
    nearly = np.array([[1, 1], [1e-9, 0], [0, 1e-9]])
    assert len(book.svd(nearly)[1]) == 1
    np.testing.assert_allclose(np.linalg.svd(nearly)[1], [2**0.5, 1e-9], atol=1e-15)
    better = np.array([[1, 1], [1, 0], [0, 3]])
    assert np.linalg.cond(better.T @ better) == pytest.approx(np.linalg.cond(better) ** 2)
    s = book.svd(better)[1]
    assert np.linalg.cond(better) == pytest.approx(s[0] / s[-1])
