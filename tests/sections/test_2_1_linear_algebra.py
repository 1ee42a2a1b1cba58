"""Section 2.1: it starts quickly and without a framework, and its exercises agree with NumPy."""

import subprocess
import sys

import numpy as np
import pytest

from exercises import WrongAnswer, check
from exercises.ch2_math import s1_linear_algebra as ch
from exercises.finding import find
from tools.notebooks import ENGLISH, cells_of

PARTS = (
    "1a_products_and_shapes",
    "1b_systems_and_least_squares",
    "1c_eigenvalues_and_svd",
    "1d_low_rank_and_pca",
)
SECONDS = 2  # of processor time, which other work on the machine does not lengthen


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_starts_within_two_seconds_and_without_a_framework(part):
    script = "\n".join(
        [
            "import sys, time",
            cells_of(ENGLISH / f"2_math/{part}.ipynb", "imports")[0].source,
            "heavy = {'torch', 'tensorflow', 'keras', 'sklearn'} & set(sys.modules)",
            "print(time.process_time(), *heavy)",
        ]
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    seconds, *heavy = ran.stdout.split()
    assert heavy == []
    assert float(seconds) < SECONDS


def test_the_predicted_entry_is_that_of_numpy():
    P, Q = np.array([[1, 2, 0], [3, -1, 2]]), np.array([[2, 1], [5, 3], [4, -2]])
    assert (P @ Q)[1, 0] == find("2.1.1").solution
    assert (P @ Q)[0, 1] == 7


def test_broadcast_shape_agrees_with_numpy(random):
    for _ in range(500):
        a, b = (tuple(random.integers(0, 4, size=random.integers(0, 4)).tolist()) for _ in range(2))
        try:
            expected = np.broadcast_shapes(a, b)
        except ValueError:
            with pytest.raises(ValueError, match="do not fit"):
                ch.broadcast_shape(a, b)
        else:
            assert ch.broadcast_shape(a, b) == expected


def test_determinant_agrees_with_numpy_and_knows_when_there_is_none(random):
    for n in (1, 2, 3, 7, 20):
        A = random.normal(size=(n, n))
        assert ch.determinant(A) == pytest.approx(np.linalg.det(A), rel=1e-9)
        assert ch.determinant(A[::-1]) == pytest.approx(np.linalg.det(A[::-1]), rel=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (9, 3), (3, 9)])
@pytest.mark.parametrize("scale", [1e-12, 1, 1e12])
def test_an_svd_of_numpy_is_one_and_a_spoilt_one_is_not(shape, scale, random):
    A = scale * random.normal(size=shape)
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    signs = random.choice([-1, 1], size=len(s))
    assert ch.is_svd(A, U * signs, s, signs[:, None] * Vt) is True
    for spoilt in ((U * 1.001, s, Vt), (U, s * 1.001, Vt), (U, s, Vt * 1.001), (-U, s, Vt)):
        assert ch.is_svd(A, *spoilt) is False


def test_rank_needed_is_the_smallest_by_trying_all(random):
    for _ in range(200):
        s = np.sort(random.exponential(size=random.integers(1, 9)))[::-1]
        error = random.uniform(0, 1.2)
        norms = [np.linalg.norm(s[k:]) / np.linalg.norm(s) for k in range(len(s) + 1)]
        assert ch.rank_needed(s, error) == min(k for k, norm in enumerate(norms) if norm <= error)


def _recursive(A):
    if len(A) != len(A[0]):
        raise ValueError(f"{len(A)} rows, {len(A[0])} columns")
    if len(A) == 1:
        return A[0][0]
    below = [[[*row[:j], *row[j + 1 :]] for row in map(list, A[1:])] for j in range(len(A))]
    return sum((-1) ** j * A[0][j] * _recursive(minor) for j, minor in enumerate(below))


def _det(A):
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"not square: {A.shape}")
    return np.linalg.det(A.astype(np.float64))


def _shape_in_a_list(a, b):
    try:
        return list((np.zeros(a) + np.zeros(b)).shape)
    except ValueError:
        raise ValueError(f"shapes {a} and {b}") from None


def _by_loops(A, U, s, Vt):
    r = len(s)
    for i in range(r):
        for j in range(r):
            wanted = float(i == j)
            if abs(np.dot(U[:, i], U[:, j]) - wanted) > 1e-8 or abs(np.dot(Vt[i], Vt[j]) - wanted) > 1e-8:
                return False
    if min(s) < 0 or sorted(s, reverse=True) != list(s):
        return False
    copy = sum(s[k] * np.outer(U[:, k], Vt[k]) for k in range(r))
    return np.all(abs(copy - A) <= 1e-8 * np.max(abs(A)))


def _loop_over_ranks(s, error):
    if np.isnan(error) or error < 0:
        raise ValueError(f"error: {error}")
    for k in range(len(s) + 1):
        if np.linalg.norm(s[k:]) <= error * np.linalg.norm(s):
            return np.int64(k)


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("2.1.1", 9),
        ("2.1.1", np.float32(9)),
        ("2.1.2", _shape_in_a_list),
        ("2.1.2", np.broadcast_shapes),
        ("2.1.3", _recursive),
        ("2.1.3", _det),
        ("2.1.4", _by_loops),
        ("2.1.5", _loop_over_ranks),
    ],
)
def test_a_right_answer_written_in_another_way_is_accepted(number, answer, capsys):
    check(number, answer)
    assert capsys.readouterr().out.startswith(f"ok   {number}")


def test_a_wrong_answer_is_told_why_it_is_wrong():
    with pytest.raises(WrongAnswer, match="row and column are exchanged"):
        check("2.1.1", 7)
    with pytest.raises(WrongAnswer, match="Do not compare with another decomposition"):
        check("2.1.4", ch.compares_with_the_library)
