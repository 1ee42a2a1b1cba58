"""Exercises of section 2.1, linear algebra: a product by hand, shapes, determinants, SVDs.

The words stand in s1_linear_algebra.en.md.
"""

import numpy as np

from exercises import Case, Exercise

# 2.1.2 the shape of a sum --------------------------------------------------------------------------


def broadcast_shape(a, b):
    """Shape of the sum of two arrays of the shapes a and b: two tuples of whole numbers -> a tuple.

    Raises ValueError that names both shapes where NumPy would refuse the sum.
    """
    # Common wrong turn: max(m, n) stretches anything to anything, (2,) to (3,) too, and makes 1 of an
    # axis of length 0, which is no data at all.
    longer = max(len(a), len(b))
    shape = []
    for m, n in zip((1,) * (longer - len(a)) + a, (1,) * (longer - len(b)) + b, strict=True):
        if m != n and 1 not in (m, n):
            raise ValueError(f"{a} and {b} do not fit: {m} against {n}, and neither is 1")
        shape.append(n if m == 1 else m)
    return tuple(shape)


def draw_shapes(rng):
    """Two shapes of 0 to 4 axes, most of which fit; lengths 0 and 1 among them."""
    a = rng.choice([0, 1, 1, 2, 3], size=rng.integers(0, 5))
    b = a[len(a) - rng.integers(0, len(a) + 1) :].copy()
    b[rng.random(len(b)) < 0.3] = 1
    a[rng.random(len(a)) < 0.2] = 1
    if len(b) and rng.random() < 0.2:
        b[rng.integers(len(b))] = rng.integers(0, 4)
    pair = tuple(a.tolist()), tuple(b.tolist())
    return pair if rng.random() < 0.5 else pair[::-1]


def _of_equal_length(a, b):
    longer = max(len(a), len(b))
    return (1,) * (longer - len(a)) + a, (1,) * (longer - len(b)) + b


def lines_up_from_the_left(a, b):
    longer = max(len(a), len(b))
    return broadcast_shape(a + (1,) * (longer - len(a)), b + (1,) * (longer - len(b)))


def takes_the_larger_of_each_pair(a, b):
    return tuple(map(max, *_of_equal_length(a, b)))


def makes_one_row_of_no_rows(a, b):
    broadcast_shape(a, b)
    return takes_the_larger_of_each_pair(a, b)


def expects_a_vector_to_be_a_column(a, b):
    if len(a) == 1 and len(b) == 2:
        a = (*a, 1)
    if len(b) == 1 and len(a) == 2:
        b = (*b, 1)
    return broadcast_shape(a, b)


def stretches_nothing(a, b):
    if any(m != n for m, n in zip(a[::-1], b[::-1], strict=False)):
        raise ValueError(f"{a} and {b} do not fit")
    return max(a, b, key=len)


def lets_zip_stop_at_the_shorter_shape(a, b):
    broadcast_shape(a, b)
    return tuple(n if m == 1 else m for m, n in zip(a[::-1], b[::-1], strict=False))[::-1]


def takes_two_empty_axes_for_a_misfit(a, b):
    shape = broadcast_shape(a, b)
    if 0 in shape:
        raise ValueError(f"{a} and {b} hold no numbers")
    return shape


def refuses_without_naming_the_shapes(a, b):
    try:
        return broadcast_shape(a, b)
    except ValueError:
        raise ValueError("the shapes do not fit") from None


# 2.1.3 the determinant -----------------------------------------------------------------------------


def determinant(A):
    """Determinant of a square matrix by elimination: A (n, n), integers or floats -> a float.

    Raises ValueError that names the two lengths when A is not square.
    """
    # Common wrong turn: swapping two rows turns the sign, so the product of the pivots alone is right for
    # half of all matrices only.
    A = np.array(A, dtype=float)
    rows, columns = A.shape
    if rows != columns:
        raise ValueError(f"A is {rows} by {columns}: only a square matrix has a determinant")
    result = 1.0
    for k in range(rows):
        pivot = k + int(np.abs(A[k:, k]).argmax())
        if A[pivot, k] == 0:
            return 0.0
        if pivot != k:
            A[[k, pivot]] = A[[pivot, k]]
            result = -result
        result *= A[k, k]
        A[k + 1 :] -= np.outer(A[k + 1 :, k] / A[k, k], A[k])
    return float(result)


def draw_matrix(rng):
    """A small matrix: integers with many zeros, or floats; some rows are huge and others tiny."""
    n = int(rng.integers(1, 5))
    if rng.random() < 0.1:
        shape = (n, n + 1) if rng.random() < 0.5 else (n + 1, n)
        return Case((np.ones(shape),), raises=ValueError, mentions=shape)
    A = rng.integers(-2, 3, size=(n, n))
    if rng.random() < 0.3:
        return (A,)
    if rng.random() < 0.5:
        return (A / 2 if n > 2 else A / 2 + 1000,)
    scale = np.resize([1e-13, 1e13], n) if n % 2 == 0 else np.ones(n)
    return (A * scale[:, None],)


def _eliminated(A, swap=True):
    """The pivots and the number of swaps; with swap=False rows stay where they are."""
    A, pivots, swaps = np.array(A, dtype=float), [], 0
    for k in range(len(A)):
        pivot = k + int(np.abs(A[k:, k]).argmax()) if swap else k
        A[[k, pivot]] = A[[pivot, k]]
        swaps += pivot != k
        pivots.append(A[k, k])
        if swap and A[k, k] == 0:
            return [0.0], 0
        with np.errstate(divide="ignore", invalid="ignore"):
            A[k + 1 :] -= np.outer(A[k + 1 :, k] / A[k, k], A[k])
    return pivots, swaps


def _refuse_unless_square(A):
    if len(A) != len(A[0]):
        raise ValueError(f"A is {len(A)} by {len(A[0])}")


def multiplies_the_diagonal_of_a_itself(A):
    _refuse_unless_square(A)
    return float(np.prod(np.diag(A)))


def looks_at_the_upper_left_corner(A):
    _refuse_unless_square(A)
    return float(A[0][0]) if len(A) == 1 else float(A[0][0] * A[1][1] - A[0][1] * A[1][0])


def forgets_the_sign_of_a_swap(A):
    _refuse_unless_square(A)
    pivots, _ = _eliminated(A)
    return float(np.prod(pivots))


def multiplies_the_diagonal_that_eliminate_leaves(A):
    _refuse_unless_square(A)
    pivots, _ = _eliminated(A)
    if len(pivots) < len(A) or min(map(abs, pivots)) <= 1e-14 * max(map(abs, pivots)):
        raise ValueError("A is singular")
    return float(np.prod(pivots))


def turns_the_sign_in_every_column(A):
    _refuse_unless_square(A)
    pivots, _ = _eliminated(A)
    return float(np.prod(pivots) * (-1) ** len(pivots))


def loses_a_row_in_the_swap(A):
    _refuse_unless_square(A)
    A, result = np.array(A, dtype=float), 1.0
    for k in range(len(A)):
        pivot = k + int(np.abs(A[k:, k]).argmax())
        if A[pivot, k] == 0:
            return 0.0
        if pivot != k:
            A[k], A[pivot] = A[pivot], A[k]  # two views: the second takes what the first has just become
            result = -result
        result *= A[k, k]
        A[k + 1 :] -= np.outer(A[k + 1 :, k] / A[k, k], A[k])
    return float(result)


def turns_the_sign_once(A):
    _refuse_unless_square(A)
    pivots, swaps = _eliminated(A)
    return float(np.prod(pivots) * (-1) ** min(swaps, 1))


def never_swaps(A):
    _refuse_unless_square(A)
    pivots, _ = _eliminated(A, swap=False)
    return float(np.prod(pivots))


def takes_the_absolute_value(A):
    return abs(determinant(A))


def keeps_integers(A):
    _refuse_unless_square(A)
    A, result = np.array(A), 1.0
    for k in range(len(A)):
        pivot = k + int(np.abs(A[k:, k]).argmax())
        if A[pivot, k] == 0:
            return 0.0
        if pivot != k:
            A[[k, pivot]] = A[[pivot, k]]
            result = -result
        result *= A[k, k]
        for i in range(k + 1, len(A)):
            A[i] = A[i] - A[i, k] / A[k, k] * A[k]
    return float(result)


def searches_the_pivot_without_its_size(A):
    _refuse_unless_square(A)
    A, result = np.array(A, dtype=float), 1.0
    for k in range(len(A)):
        pivot = k + int(A[k:, k].argmax())
        if A[pivot, k] == 0:
            return 0.0
        if pivot != k:
            A[[k, pivot]] = A[[pivot, k]]
            result = -result
        result *= A[k, k]
        A[k + 1 :] -= np.outer(A[k + 1 :, k] / A[k, k], A[k])
    return float(result)


def takes_a_tiny_pivot_for_zero(A):
    _refuse_unless_square(A)
    pivots, swaps = _eliminated(A)
    return 0.0 if min(map(abs, pivots)) < 1e-12 else float(np.prod(pivots) * (-1) ** swaps)


def uses_the_rule_of_sarrus_for_any_size(A):
    A, n = np.asarray(A, dtype=float), len(A)
    _refuse_unless_square(A)
    if n < 3:
        return looks_at_the_upper_left_corner(A)
    rows = np.arange(n)
    return float(sum(A[rows, (rows + j) % n].prod() - A[rows, (j - rows) % n].prod() for j in range(n)))


def answers_for_a_matrix_that_is_not_square(A):
    shortest = min(A.shape)
    return determinant(A[:shortest, :shortest])


def refuses_without_naming_the_lengths(A):
    if A.shape[0] != A.shape[1]:
        raise ValueError("A is not square")
    return determinant(A)


# 2.1.4 is this an SVD? -----------------------------------------------------------------------------


def is_svd(A, U, s, Vt):
    """Whether U, s, Vt is a singular value decomposition of A: True or False.

    A (m, n), U (m, r), s (r,), Vt (r, n). Tolerance: 1e-8 for U and Vt, 1e-8 of A's largest entry for A.
    """
    # Common wrong turn: to compare with np.linalg.svd(A). A column of U and its row of Vt may change their
    # sign together, so a right answer can differ from the library's.
    eye = np.eye(len(s))
    orthonormal = [np.allclose(gram, eye, rtol=0, atol=1e-8) for gram in (U.T @ U, Vt @ Vt.T)]
    ordered = np.all(s >= 0) and np.all(s[1:] <= s[:-1])
    rebuilt = np.abs(U * s @ Vt - A).max() <= 1e-8 * np.abs(A).max()
    return bool(all(orthonormal) and ordered and rebuilt)


def _turned(rng, n):
    """An orthogonal matrix (n, n) that is easy to read: rows exchanged, signs, and two axes turned."""
    Q = np.eye(n)[rng.permutation(n)] * rng.choice([-1.0, 1.0], size=n)
    if n > 1 and rng.random() < 0.5:
        i, j = rng.choice(n, size=2, replace=False)
        Q[[i, j]] = np.array([[0.6, -0.8], [0.8, 0.6]]) @ Q[[i, j]]
    return np.round(Q, 2)


def draw_claim(rng):
    """A right claim of any shape and scale, or one that breaks one demand: clearly, or within tolerance."""
    m, n = (int(length) for length in rng.integers(1, 4, size=2))
    r = int(rng.integers(1, min(m, n) + 1))
    U, Vt = _turned(rng, m)[:, :r], _turned(rng, n)[:r]
    s = np.sort(rng.choice([0.0, 0.5, 1.0, 2.0, 3.0], size=r))[::-1]
    s = s * rng.choice([1e-11, 1.0, 1.0, 1e9])
    off = rng.choice([1e-6, 1e-10, 0.5])  # too much, within the tolerance, far too much
    k = int(rng.integers(r))
    spoilt = rng.integers(0, 14)  # from 8 on: nothing
    if spoilt == 0:
        U[:, k] = U[:, k] * (1 + off)
    elif spoilt == 1:
        Vt[k] = Vt[k] * (1 + off)
    elif spoilt == 2 and r > 1:
        U[:, k] = np.round(0.6 * U[:, k] + 0.8 * U[:, k - 1], 3)
    elif spoilt == 3 and r > 1:
        Vt[k] = np.round(0.6 * Vt[k] + 0.8 * Vt[k - 1], 3)
    elif spoilt == 4:
        s[k], U[:, k] = -s[k], -U[:, k]
    elif spoilt == 5:
        s = s[::-1]
    A = U * s @ Vt
    if spoilt == 6 and A.any():
        A.flat[np.abs(A).argmax()] *= 1 + off
    elif spoilt == 7 and A.size > 1:
        A.flat[:2] += [s[0] / 2, -s[0] / 2]
    return A, U, s, Vt


def _at_right_angles(columns):
    return np.allclose(columns.T @ columns, np.eye(columns.shape[1]), rtol=0, atol=1e-8)


def _falls(s):
    return bool(np.all(s >= 0) and np.all(s[1:] <= s[:-1]))


def _rebuilds(A, U, s, Vt):
    return bool(np.abs(U * s @ Vt - A).max() <= 1e-8 * np.abs(A).max())


def compares_with_the_library(A, U, s, Vt):
    library = np.linalg.svd(A, full_matrices=False)
    pairs = zip((U, s, Vt), library, strict=True)
    return all(np.shape(a) == np.shape(b) and np.allclose(a, b) for a, b in pairs)


def looks_at_the_product_only(A, U, s, Vt):
    return _rebuilds(A, U, s, Vt)


def does_not_look_at_the_product(A, U, s, Vt):
    return _at_right_angles(U) and _at_right_angles(Vt.T) and _falls(s)


def tests_u_times_its_transpose(A, U, s, Vt):
    return _at_right_angles(U.T) and _at_right_angles(Vt.T) and _falls(s) and _rebuilds(A, U, s, Vt)


def tests_the_columns_of_vt(A, U, s, Vt):
    return _at_right_angles(U) and _at_right_angles(Vt) and _falls(s) and _rebuilds(A, U, s, Vt)


def does_not_look_at_u(A, U, s, Vt):
    return _at_right_angles(Vt.T) and _falls(s) and _rebuilds(A, U, s, Vt)


def does_not_look_at_vt(A, U, s, Vt):
    return _at_right_angles(U) and _falls(s) and _rebuilds(A, U, s, Vt)


def tests_the_lengths_and_not_the_angles(A, U, s, Vt):
    lengths = np.append((U**2).sum(axis=0), (Vt**2).sum(axis=1))
    return np.allclose(lengths, 1, rtol=0, atol=1e-8) and _falls(s) and _rebuilds(A, U, s, Vt)


def does_not_look_at_the_signs_of_s(A, U, s, Vt):
    ordered = bool(np.all(s[1:] <= s[:-1]))
    return _at_right_angles(U) and _at_right_angles(Vt.T) and ordered and _rebuilds(A, U, s, Vt)


def does_not_look_at_the_order_of_s(A, U, s, Vt):
    positive = bool(np.all(s >= 0))
    return _at_right_angles(U) and _at_right_angles(Vt.T) and positive and _rebuilds(A, U, s, Vt)


def refuses_equal_singular_values(A, U, s, Vt):
    return is_svd(A, U, s, Vt) and bool(np.all(s[1:] < s[:-1]))


def allows_the_same_error_whatever_the_size_of_a(A, U, s, Vt):
    rebuilt = bool(np.abs(U * s @ Vt - A).max() <= 1e-8)
    return _at_right_angles(U) and _at_right_angles(Vt.T) and _falls(s) and rebuilt


def uses_allclose_for_the_product(A, U, s, Vt):
    return _at_right_angles(U) and _at_right_angles(Vt.T) and _falls(s) and np.allclose(U * s @ Vt, A)


def _by_allclose(A, U, s, Vt):
    grams = np.allclose(U.T @ U, np.eye(len(s))) and np.allclose(Vt @ Vt.T, np.eye(len(s)))
    return bool(grams and np.allclose(U * s @ Vt, A))


def uses_allclose_throughout(A, U, s, Vt):
    return _by_allclose(A, U, s, Vt) and _falls(s)


def uses_allclose_and_not_the_order_of_s(A, U, s, Vt):
    return _by_allclose(A, U, s, Vt) and bool(np.all(s >= 0))


def uses_allclose_and_not_the_signs_of_s(A, U, s, Vt):
    return _by_allclose(A, U, s, Vt) and bool(np.all(s[1:] <= s[:-1]))


def uses_allclose_and_does_not_look_at_s(A, U, s, Vt):
    return _by_allclose(A, U, s, Vt)


def does_not_look_at_s(A, U, s, Vt):
    return _at_right_angles(U) and _at_right_angles(Vt.T) and _rebuilds(A, U, s, Vt)


def looks_at_the_product_only_by_allclose(A, U, s, Vt):
    return np.allclose(U * s @ Vt, A)


def compares_with_the_library_whatever_the_shapes(A, U, s, Vt):
    pairs = zip((U, s, Vt), np.linalg.svd(A, full_matrices=False), strict=True)
    return all(np.allclose(a, b) for a, b in pairs)


ANTI_DIAGONAL = np.array([[0.0, 2.0], [3.0, 0.0]])
SWAPPED, S, EYE = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([3.0, 2.0]), np.eye(2)
ONE_OF_TWO = "with its twin: one of the two has the signs of np.linalg.svd, which one the machine decides"


# 2.1.5 the rank that is enough ---------------------------------------------------------------------


def rank_needed(s, error):
    """Smallest rank whose best copy has at most the given relative error in the Frobenius norm.

    s (r,) singular values, largest first; error: a number, 0 or more -> an int from 0 to r.
    Raises ValueError that names an error below 0, or nan.
    """
    # Common wrong turn: 1 - kept / total loses what is smaller than the last digit of 1. Summing what is
    # dropped, smallest first, keeps it.
    if not error >= 0:
        raise ValueError(f"error is {error}: it must be 0 or more")
    squares = np.asarray(s, dtype=float) ** 2
    dropped = np.append(np.cumsum(squares[::-1])[::-1], 0.0)  # dropped[k]: all from s[k] on
    return int(np.argmax(np.sqrt(dropped) <= error * np.sqrt(dropped[0])))


def draw_values_and_error(rng):
    """Falling values with ties, zeros and some that are tiny beside the first; errors beside every edge."""
    s = np.sort(rng.choice([0.0, 1e-9, 0.5, 1.0, 2.0, 3.0, 7.0, 30.0], size=rng.integers(1, 6)))[::-1]
    error = float(rng.choice([0.0, 1e-12, 1e-10, 0.05, 0.11, 0.23, 0.47, 0.68, 0.89, 1.0, 1.5]))
    if rng.random() < 0.1:
        error = float(rng.choice([-0.5, -1e-9, -3.0, np.nan]))
        return Case((s, error), raises=ValueError, mentions=(error,))
    return s, error


def _checked(error):
    if not error >= 0:
        raise ValueError(f"error is {error}")


def _first_rank(share_dropped, s, error, ranks_left_out=0):
    """The first k whose share is small enough; None where none is, as with 0 / 0 for a matrix of zeros."""
    _checked(error)
    s = np.asarray(s, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        ranks = range(len(s) + 1 - ranks_left_out)
        return next((k for k in ranks if share_dropped(s, k) <= error), None)


def _share(s, k):
    return np.linalg.norm(s[k:]) / np.linalg.norm(s)


def divides_by_zero_for_a_matrix_of_zeros(s, error):
    return _first_rank(_share, s, error)


def never_tries_the_whole_of_s(s, error):
    return _first_rank(_share, s, error, ranks_left_out=1) if np.any(s) else rank_needed(s, error)


def never_tries_the_whole_of_s_and_divides_by_zero(s, error):
    return _first_rank(_share, s, error, ranks_left_out=1)


def finds_no_error_that_is_smaller(s, error):
    _checked(error)
    norms = [np.linalg.norm(s[k:]) for k in range(len(s) + 1)]
    return next((k for k, norm in enumerate(norms) if norm < error * norms[0]), None)


def compares_shares_of_s_and_not_of_its_squares(s, error):
    return _first_rank(lambda s, k: s[k:].sum() / s.sum(), s, error)


def forgets_the_root(s, error):
    return _first_rank(lambda s, k: (s[k:] ** 2).sum() / (s**2).sum(), s, error)


def compares_the_first_dropped_value_with_the_largest(s, error):
    return _first_rank(lambda s, k: s[k] / s[0] if k < len(s) else 0.0, s, error)


def does_not_divide_by_the_whole_norm(s, error):
    return _first_rank(lambda s, k: np.linalg.norm(s[k:]), s, error)


def compares_the_share_that_is_kept(s, error):
    return _first_rank(lambda s, k: np.linalg.norm(s[: k + 1]) / np.linalg.norm(s), s, error)


def subtracts_the_share_that_is_kept_from_1(s, error):
    if not np.any(s):
        return rank_needed(s, error)
    return _first_rank(lambda s, k: np.sqrt(max(1 - (s[:k] ** 2).sum() / (s**2).sum(), 0)), s, error)


def keeps_one_too_many(s, error):
    return min(rank_needed(s, error) + 1, len(s))


def keeps_at_least_one(s, error):
    return max(rank_needed(s, error), 1)


def keeps_all_when_no_error_is_allowed(s, error):
    return rank_needed(s, error) if error else len(s)


def keeps_all_of_a_matrix_of_zeros(s, error):
    _checked(error)
    return rank_needed(s, error) if np.any(s) else len(s)


def wants_the_error_to_be_smaller_not_equal(s, error):
    _checked(error)
    norms = [np.linalg.norm(s[k:]) for k in range(len(s) + 1)]
    return next((k for k, norm in enumerate(norms) if norm < error * norms[0]), len(s))


def takes_any_error(s, error):
    return rank_needed(s, error if error >= 0 else 0.0)


def takes_nan(s, error):
    return rank_needed(s, 0.0 if np.isnan(error) else error)


def refuses_without_naming_the_error(s, error):
    if not error >= 0:
        raise ValueError("the error must be positive")
    return rank_needed(s, error)


EXERCISES = (
    Exercise(
        "2.1.1",
        kind="predict",
        level=1,
        minutes=5,
        points=1,
        solution=9.0,
        wrong={
            "exchanges_row_and_column": (7, 0),
            "counts_rows_from_1": (12, 0),
            "counts_columns_from_the_right": (-4, 0),
            "multiplies_in_the_other_order": (14, 0),
            "loses_the_sign_of_a_product": (19, 1),
            "multiplies_the_first_pair_only": (6, 1),
            "adds_the_numbers": (15, 1),
        },
    ),
    Exercise(
        "2.1.2",
        level=2,
        minutes=10,
        points=2,
        solution=broadcast_shape,
        cases=(
            Case(((3, 1), (3,)), expected=(3, 3), name="a vector taken for a column"),
            Case(((4,), (4, 1)), expected=(4, 4), name="the same the other way round"),
            Case(((5, 1, 2), (3, 2)), expected=(5, 3, 2), name="only equal lengths accepted"),
            Case(((7, 2, 3), (3,)), expected=(7, 2, 3), name="the shorter shape decides the length"),
            Case(((2, 3), (2,)), raises=ValueError, mentions=((2, 3), (2,)), name="lined up from the left"),
            Case(((2, 5), (4, 5)), raises=ValueError, mentions=((2, 5), (4, 5)), name="2 stretched to 4"),
            Case(((), (2, 2)), expected=(2, 2), name="a single number"),
            Case(((0, 3), (1, 3)), expected=(0, 3), name="max(0, 1) makes one row of no rows"),
        ),
        wrong={
            lines_up_from_the_left: 0,
            takes_the_larger_of_each_pair: 1,
            makes_one_row_of_no_rows: 1,
            expects_a_vector_to_be_a_column: 2,
            stretches_nothing: 1,
            lets_zip_stop_at_the_shorter_shape: 0,
            takes_two_empty_axes_for_a_misfit: 1,
            refuses_without_naming_the_shapes: None,
        },
        draw=draw_shapes,
    ),
    Exercise(
        "2.1.3",
        level=3,
        minutes=15,
        points=3,
        solution=determinant,
        cases=(
            Case((np.array([[1.0, 2.0], [3.0, 4.0]]),), expected=-2.0, name="the sign of a swap"),
            Case((np.array([[0.0, 2.0], [3.0, 4.0]]),), expected=-6.0, name="a zero at the top left"),
            Case(
                (np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),),
                expected=1.0,
                name="two swaps, which cancel",
            ),
            Case((np.array([[2, 1], [1, 2]]),), expected=3.0, name="integers, cut off at each step"),
            Case((np.array([[0, 1], [-1, 0]]),), expected=1.0, name="a pivot that is negative"),
            Case(
                (np.array([[2, 0, 0, 1], [0, 1, 0, 0], [0, 0, 3, 0], [1, 0, 0, 2]]),),
                expected=9.0,
                name="a rule for three rows used for four",
            ),
            Case((np.array([[1.0, 2.0], [2.0, 4.0]]),), expected=0.0, name="a singular matrix"),
            Case((np.array([[0.0, 1.0], [0.0, 5.0]]),), expected=0.0, name="a column of zeros"),
            Case((np.array([[1e-13, 0.0], [0.0, 1e13]]),), expected=1.0, name="a pivot that is tiny"),
            Case(
                (np.array([[1e-20, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]),),
                expected=-2.0,
                name="the first pivot that is not 0, however tiny",
                why="divided by 1e-20, the other rows lose all their digits",
            ),
            Case((np.array([[-5.0]]),), expected=-5.0, name="a single negative number"),
            Case((np.ones((2, 3)),), raises=ValueError, mentions=(2, 3), name="not square"),
        ),
        wrong={
            multiplies_the_diagonal_of_a_itself: 0,
            looks_at_the_upper_left_corner: 0,
            forgets_the_sign_of_a_swap: 1,
            multiplies_the_diagonal_that_eliminate_leaves: 1,
            turns_the_sign_in_every_column: 1,
            loses_a_row_in_the_swap: None,
            turns_the_sign_once: 1,
            never_swaps: 2,
            takes_the_absolute_value: 1,
            keeps_integers: None,
            searches_the_pivot_without_its_size: 2,
            takes_a_tiny_pivot_for_zero: 2,
            uses_the_rule_of_sarrus_for_any_size: 0,
            answers_for_a_matrix_that_is_not_square: None,
            refuses_without_naming_the_lengths: None,
        },
        draw=draw_matrix,
    ),
    Exercise(
        "2.1.4",
        level=4,
        minutes=20,
        points=3,
        solution=is_svd,
        cases=(
            Case((ANTI_DIAGONAL, SWAPPED, S, EYE), expected=True, why=ONE_OF_TWO),
            Case((ANTI_DIAGONAL, -SWAPPED, S, -EYE), expected=True, why=ONE_OF_TWO),
            Case(
                (np.eye(3, 2) * [3, 2], np.eye(3, 2), S, EYE),
                args_text="np.eye(3, 2) * [3, 2], np.eye(3, 2), np.array([3.0, 2.0]), np.eye(2)",
                expected=True,
                name="U @ U.T tested, which is no identity for a tall U",
            ),
            Case(
                (np.eye(2, 3) * [3, 2, 1], EYE, S, np.eye(2, 3)),
                args_text="np.eye(2, 3) * [3, 2, 1], np.eye(2), np.array([3.0, 2.0]), np.eye(2, 3)",
                expected=True,
                name="Vt.T @ Vt tested, which is no identity for a wide Vt",
            ),
            Case((ANTI_DIAGONAL, 3 * SWAPPED, S / 3, EYE), expected=False, name="columns that are 3 long"),
            Case((ANTI_DIAGONAL, SWAPPED, S / 2, 2 * EYE), expected=False, name="rows that are 2 long"),
            Case(
                (np.array([[2.0, 0.6], [0.0, 0.8]]), np.array([[1.0, 0.6], [0.0, 0.8]]), S - 1, EYE),
                expected=False,
                name="lengths tested, right angles not",
            ),
            Case((ANTI_DIAGONAL, SWAPPED * [1, -1], S * [1, -1], EYE), expected=False, name="a negative s"),
            Case((ANTI_DIAGONAL, EYE, S[::-1], SWAPPED), expected=False, name="an s that rises"),
            Case((ANTI_DIAGONAL, SWAPPED, np.array([3.0, 2.1]), EYE), expected=False, name="another product"),
            Case(
                (np.diag([3e9 + 1, 2e9]), EYE, np.array([3e9, 2e9]), EYE),
                args_text="np.diag([3e9 + 1, 2e9]), np.eye(2), np.array([3e9, 2e9]), np.eye(2)",
                expected=True,
                name="a fixed tolerance, too narrow for large numbers",
            ),
            Case(
                (np.diag([3e-10, 2e-10]), EYE, np.array([6e-10, 4e-10]), EYE),
                args_text="np.diag([3e-10, 2e-10]), np.eye(2), np.array([6e-10, 4e-10]), np.eye(2)",
                expected=False,
                name="a fixed tolerance, too wide for small numbers",
            ),
        ),
        wrong={
            compares_with_the_library: 1,
            looks_at_the_product_only: 2,
            does_not_look_at_the_product: 2,
            tests_u_times_its_transpose: 0,
            tests_the_columns_of_vt: 0,
            does_not_look_at_u: 0,
            does_not_look_at_vt: 0,
            tests_the_lengths_and_not_the_angles: 0,
            does_not_look_at_the_signs_of_s: 2,
            does_not_look_at_the_order_of_s: 2,
            refuses_equal_singular_values: 1,
            allows_the_same_error_whatever_the_size_of_a: 1,
            uses_allclose_for_the_product: 2,
            uses_allclose_throughout: 2,
            uses_allclose_and_not_the_order_of_s: 2,
            uses_allclose_and_not_the_signs_of_s: 2,
            uses_allclose_and_does_not_look_at_s: 2,
            does_not_look_at_s: 2,
            looks_at_the_product_only_by_allclose: 2,
            compares_with_the_library_whatever_the_shapes: 1,
        },
        draw=draw_claim,
    ),
    Exercise(
        "2.1.5",
        level=3,
        minutes=10,
        points=2,
        solution=rank_needed,
        cases=(
            Case((np.array([4.0, 3.0]), 0.5), expected=2, name="the root, or the squares, forgotten"),
            Case((np.array([4.0, 3.0]), 0.7), expected=1, name="the next singular value alone"),
            Case((np.array([40.0, 30.0, 10.0]), 0.7), expected=1, name="not relative to the whole"),
            Case((np.array([8.0, 3.0, 2.0, 1.0]), 0.3), expected=2, name="the share that is kept compared"),
            Case((np.array([8.0, 4.0, 1.0]), 0.2), expected=2, name="a place too many or too few"),
            Case((np.array([4.0, 3.0]), 1.5), expected=0, name="rank 0 not considered"),
            Case((np.array([3.0, 2.0, 0.0]), 0.0), expected=2, name="zeros in s are not needed"),
            Case((np.array([1.0, 1e-9]), 1e-10), expected=2, name="a small share lost in a subtraction"),
            Case((np.zeros(3), 0.1), expected=0, name="a matrix of zeros"),
            Case((np.array([4.0, 3.0]), -0.1), raises=ValueError, mentions=(-0.1,), name="a negative error"),
            Case((np.array([4.0, 3.0]), np.nan), raises=ValueError, mentions=("nan",), name="nan accepted"),
        ),
        wrong={
            compares_shares_of_s_and_not_of_its_squares: 0,
            forgets_the_root: 0,
            compares_the_first_dropped_value_with_the_largest: 0,
            does_not_divide_by_the_whole_norm: 0,
            compares_the_share_that_is_kept: 0,
            subtracts_the_share_that_is_kept_from_1: 1,
            divides_by_zero_for_a_matrix_of_zeros: 2,
            never_tries_the_whole_of_s: 2,
            never_tries_the_whole_of_s_and_divides_by_zero: 2,
            finds_no_error_that_is_smaller: 2,
            keeps_one_too_many: 2,
            keeps_at_least_one: 2,
            keeps_all_when_no_error_is_allowed: 2,
            keeps_all_of_a_matrix_of_zeros: 2,
            wants_the_error_to_be_smaller_not_equal: 2,
            takes_any_error: None,
            takes_nan: None,
            refuses_without_naming_the_error: None,
        },
        draw=draw_values_and_error,
    ),
)
