"""Section 2.1d: what it builds equals NumPy's and scikit-learn's, and what its text says is so."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from skimage import data
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from exercises.finding import find
from tools.notebooks import ENGLISH, cells_of, define

NOTEBOOK = ENGLISH / "2_math/1d_low_rank_and_pca.ipynb"


@pytest.fixture(scope="module")
def book():
    """What 2.1d defines, and its data."""
    names = define(NOTEBOOK, whole=("imports",))
    names["X_train"], names["y_train"] = names["pictures"]("train", None)
    names["mean"] = names["X_train"].mean(axis=0)
    return SimpleNamespace(**names, names=names)


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def photo():
    return data.chelsea().mean(axis=2)


def test_the_svd_is_that_of_the_part_before():
    def body(path, cell):
        source = cells_of(ENGLISH / f"2_math/{path}.ipynb", cell)[0].source.split("\n\n\n")[0]
        return [line for line in source.splitlines() if '"""' not in line]

    assert body("1d_low_rank_and_pca", "svd-again") == body("1c_eigenvalues_and_svd", "svd")


# ---------------------------------------------------------------- copies of low rank


def test_a_matrix_is_the_sum_of_its_outer_products(book, random):
    A = random.normal(size=(8, 6))
    U, s, Vt = book.svd(A)
    np.testing.assert_allclose(sum(s[k] * np.outer(U[:, k], Vt[k]) for k in range(6)), A)
    np.testing.assert_allclose(book.low_rank(np.array([[0, 2], [3, 0]]), 1), [[0, 0], [3, 0]], atol=1e-12)
    for k in range(1, 6):
        copy = book.low_rank(A, k)
        assert np.linalg.matrix_rank(copy) == k
        assert np.linalg.norm(A - copy) == pytest.approx(np.sqrt((s[k:] ** 2).sum()))
        assert np.linalg.norm(A - copy, 2) == pytest.approx(s[k])


@pytest.mark.parametrize(("start", "size"), [("anywhere", 1), ("nearby", 0.05)])
def test_none_of_a_thousand_rivals_of_rank_2_beats_the_theorem(random, start, size):
    A = random.normal(size=(8, 6))
    U, s, _ = np.linalg.svd(A, full_matrices=False)
    centre = U[:, :2] if start == "nearby" else np.zeros((8, 2))
    bases = [np.linalg.qr(centre + size * random.normal(size=(8, 2)))[0] for _ in range(1000)]
    errors = [np.linalg.norm(A - Q @ (Q.T @ A)) for Q in bases]  # the best copies within two directions
    assert min(errors) >= np.sqrt((s[2:] ** 2).sum()) * (1 - 1e-12)


def test_tastes_and_lora_keep_the_shares_of_the_text():
    assert 20 * (10_000 + 5_000) == 300_000
    assert f"{300_000 / (10_000 * 5_000):.1%}" == "0.6%"
    assert 8 * (768 + 768) == 12_288
    assert f"{12_288 / 768**2:.1%}" == "2.1%"


def test_the_error_of_the_photograph_is_known_beforehand_also_in_two_bytes_a_number(book, photo):
    U, s, Vt = book.svd(photo)
    assert photo.shape == (300, 451)
    assert find("2.1.5").solution(s, 0.05) == 41
    for k in (5, 20, 60):
        left, right = (U[:, :k] * s[:k]).astype(np.float16), Vt[:k].astype(np.float16)
        error = np.linalg.norm(left.astype(float) @ right.astype(float) - photo)
        assert error == pytest.approx(np.sqrt((s[k:] ** 2).sum()), rel=1e-3)
        assert left.nbytes + right.nbytes == 2 * k * (300 + 451)


def test_jpeg_has_a_smaller_error_than_rank_60_in_less_than_a_fifth_of_the_bytes(book, photo):
    file = io.BytesIO()
    Image.fromarray(photo.round().astype(np.uint8)).save(file, "JPEG", quality=60)
    jpeg = np.asarray(Image.open(file)).astype(float)
    assert np.linalg.norm(jpeg - photo) < np.linalg.norm(book.low_rank(photo, 60) - photo)
    assert len(file.getvalue()) < 2 * 60 * (300 + 451) / 5


# ---------------------------------------------------------------- digits


def test_pca_has_the_directions_of_scikit_learn(book):
    mean, V, shares = book.pca(book.X_train, 20)
    reference = PCA(20, svd_solver="full").fit(book.X_train)
    signs = np.sign((V.T * reference.components_).sum(axis=1))
    np.testing.assert_allclose(V * signs, reference.components_.T, atol=1e-6)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_)
    np.testing.assert_allclose(mean, reference.mean_)


def test_three_points_on_a_line_are_one_number_each(book):
    points = np.array([[1.0, 1], [2, 2], [3, 3]])
    mean, V, shares = book.pca(points, 1)
    assert mean.tolist() == [2, 2]
    amounts = (points - mean) @ V
    np.testing.assert_allclose(abs(V[:, 0]), 0.5**0.5)
    np.testing.assert_allclose(amounts[:, 0] * np.sign(V[0, 0]), [-(2**0.5), 0, 2**0.5], atol=1e-12)
    np.testing.assert_allclose(mean + amounts @ V.T, points)
    assert (amounts**2).sum() == pytest.approx(4) == pytest.approx(book.svd(points - mean)[1][0] ** 2)
    assert shares == pytest.approx([1])


def test_the_error_of_twenty_numbers_is_the_root_of_the_share_that_is_left_out(book):
    mean, V, shares = book.pca(book.X_train, 20)
    copies = mean + (book.X_train - mean) @ V @ V.T
    error = np.linalg.norm(copies - book.X_train) / np.linalg.norm(book.X_train - mean)
    assert error == pytest.approx((1 - shares.sum()) ** 0.5) == pytest.approx(0.323, abs=0.001)


def test_two_numbers_set_0_4_and_6_apart_and_not_1_from_7(book):
    mean, V, _ = book.pca(book.X_train, 2)
    points, y = (book.X_train - mean) @ V, book.y_train
    neighbours = KNeighborsClassifier(1).fit(points, y).kneighbors(points, n_neighbors=2)[1][:, 1]
    right = np.array([(y[neighbours] == y)[y == digit].mean() for digit in range(10)])
    assert right[[0, 4, 6]].min() > 0.8 > 0.7 > np.delete(right, [0, 4, 6]).max()
    assert (y[neighbours][y == 1] == 7).mean() > 0.3


def test_with_the_mean_in_it_the_first_direction_is_the_mean_picture(book):
    first = book.svd(book.X_train)[2][0]
    assert abs(first @ book.mean) / np.linalg.norm(book.mean) > 0.99


def test_the_nearest_picture_is_that_of_scikit_learn_and_chance_directions_do_worse(book, random):
    book.accuracy.__globals__.update(X_train=book.X_train, y_train=book.y_train, mean=book.mean)
    V = book.pca(book.X_train, 20)[1]
    val, test = book.pictures("val", None), book.pictures("test", None)
    theirs = KNeighborsClassifier(1).fit((book.X_train - book.mean) @ V, book.y_train)
    for X, y in (val, test):
        assert book.accuracy(V, X, y) == pytest.approx(theirs.score((X - book.mean) @ V, y))
    draws = [np.linalg.qr(random.normal(size=(64, 20)))[0] for _ in range(5)]
    assert np.mean([book.accuracy(Q, *val) for Q in draws]) < book.accuracy(V, *val) - 0.01
    assert book.accuracy(np.eye(64), *test) < book.accuracy(np.eye(64), *val)
    assert len(test[1]) == 382
    assert round(382 * abs(book.accuracy(np.eye(64), *test) - book.accuracy(V, *test))) == 1
