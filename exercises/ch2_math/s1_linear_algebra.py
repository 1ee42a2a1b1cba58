"""Exercises of section 2.1, linear algebra: a product by hand, shapes, determinants, SVDs."""

import numpy as np

from exercises import Case, Exercise

# 2.1.1 one entry of a product ---------------------------------------------------------------------


def _is_not(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if answer == number else None


one_entry = Exercise(
    "2.1.1",
    level=1,
    minutes=5,
    points=1,
    kind="predict",
    solution=9.0,
    wrong={
        "exchanges_row_and_column": (7, 0),
        "counts_rows_from_1": (12, 0),
        "counts_columns_from_the_right": (-4, 0),
        "multiplies_in_the_other_order": (14, 0),
        "loses_the_sign_of_1_5": (19, 1),
        "multiplies_the_first_pair_only": (6, 1),
        "adds_the_numbers_instead_of_multiplying_the_pairs": (15, 1),
    },
)

# 2.1.2 the shape of a sum -------------------------------------------------------------------------


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


def lined_up_from_the_left(a, b):
    longer = max(len(a), len(b))
    return broadcast_shape(a + (1,) * (longer - len(a)), b + (1,) * (longer - len(b)))


def largest_of_each(a, b):
    longer = max(len(a), len(b))
    a, b = (1,) * (longer - len(a)) + a, (1,) * (longer - len(b)) + b
    return tuple(max(m, n) for m, n in zip(a, b, strict=True))


def largest_of_each_with_refusal(a, b):
    broadcast_shape(a, b)
    return largest_of_each(a, b)


def column_stays_a_column(a, b):
    """Takes (n,) for a column: what people expect of predictions minus targets."""
    if len(a) == 1 and len(b) == 2:
        a = (*a, 1)
    if len(b) == 1 and len(a) == 2:
        b = (*b, 1)
    return broadcast_shape(a, b)


def only_equal_axes(a, b):
    longer = max(len(a), len(b))
    for m, n in zip(a[::-1], b[::-1], strict=False):
        if m != n:
            raise ValueError(f"{a} and {b} do not fit")
    return a if len(a) == longer else b


def zip_that_stops(a, b):
    pairs = list(zip(a[::-1], b[::-1], strict=False))
    if any(m != n and 1 not in (m, n) for m, n in pairs):
        raise ValueError(f"{a} and {b} do not fit")
    return tuple(n if m == 1 else m for m, n in pairs)[::-1]


def error_without_shapes(a, b):
    try:
        return broadcast_shape(a, b)
    except ValueError:
        raise ValueError("the shapes do not fit") from None


shape_of_a_sum = Exercise(
    "2.1.2",
    level=2,
    minutes=10,
    points=2,
    solution=broadcast_shape,
    cases=(
        Case(((3, 1), (3,)), expected=(3, 3), name="a vector taken for a column"),
        Case(((4,), (4, 1)), expected=(4, 4), name="the same the other way round"),
        Case(((5, 1, 2), (3, 2)), expected=(5, 3, 2), name="a bias on a batch: only equal lengths accepted"),
        Case(((7, 2, 3), (3,)), expected=(7, 2, 3), name="the shorter shape decides how long the result is"),
        Case(((2, 3), (2,)), raises=ValueError, mentions=((2, 3), (2,)), name="lined up from the left"),
        Case(((2, 5), (4, 5)), raises=ValueError, mentions=((2, 5), (4, 5)), name="2 stretched to 4"),
        Case(((), (2, 2)), expected=(2, 2), name="a single number"),
        Case(((0, 3), (1, 3)), expected=(0, 3), name="max(0, 1) makes one row of no rows"),
    ),
    wrong={
        lined_up_from_the_left: 2,
        largest_of_each: 0,
        largest_of_each_with_refusal: 1,
        column_stays_a_column: 2,
        only_equal_axes: 2,
        zip_that_stops: 2,
        error_without_shapes: 0,
    },
)

# 2.1.3 the determinant ----------------------------------------------------------------------------


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


def _elimination(A, *, swap=True, signs="each", dtype=float, refuse=True):
    """Elimination with one thing done differently; `signs`: which swaps turn the sign, each, one or none."""
    A = np.array(A, dtype=dtype)
    if refuse and A.shape[0] != A.shape[1]:
        raise ValueError(f"A is {A.shape[0]} by {A.shape[1]}")
    result, swaps = 1.0, 0
    for k in range(min(A.shape)):
        pivot = k + int(np.abs(A[k:, k]).argmax()) if swap else k
        A[[k, pivot]] = A[[pivot, k]]
        swaps += pivot != k
        if swap and A[k, k] == 0:
            return 0.0
        result *= A[k, k]
        for i in range(k + 1, len(A)):
            with np.errstate(divide="ignore", invalid="ignore"):
                A[i] = A[i] - A[i, k] / A[k, k] * A[k]
    return float(result * (-1) ** {"each": swaps, "one": min(swaps, 1), "none": 0}[signs])


def _refuse_unless_square(A):
    if len(A) != len(A[0]):
        raise ValueError(f"A is {len(A)} by {len(A[0])}")


def diagonal_of_a(A):
    _refuse_unless_square(A)
    return float(np.prod(np.diag(A)))


def two_by_two_only(A):
    _refuse_unless_square(A)
    return float(A[0][0]) if len(A) == 1 else float(A[0][0] * A[1][1] - A[0][1] * A[1][0])


def diagonals_of_sarrus(A):
    """The rule of the diagonals, which holds for 2 and 3 rows only."""
    A, n = np.asarray(A), len(A)
    _refuse_unless_square(A)
    if n < 3:
        return two_by_two_only(A)
    rows = np.arange(n)
    return float(sum(A[rows, (rows + j) % n].prod() - A[rows, (j - rows) % n].prod() for j in range(n)))


determinant_by_elimination = Exercise(
    "2.1.3",
    level=3,
    minutes=15,
    points=3,
    solution=determinant,
    cases=(
        Case((np.array([[1.0, 2.0], [3.0, 4.0]]),), expected=-2.0, name="the sign of a swap forgotten"),
        Case((np.array([[0.0, 2.0], [3.0, 4.0]]),), expected=-6.0, name="a zero at the top left"),
        Case(
            (np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),),
            expected=1.0,
            name="two swaps, which cancel: counted as one",
        ),
        Case((np.array([[2, 1], [1, 2]]),), expected=3.0, name="integers, cut off at each step"),
        Case(
            (np.array([[2, 0, 0, 1], [0, 1, 0, 0], [0, 0, 3, 0], [1, 0, 0, 2]]),),
            expected=9.0,
            name="a rule for three rows used for four",
        ),
        Case((np.array([[1.0, 2.0], [2.0, 4.0]]),), expected=0.0, name="a singular matrix"),
        Case((np.array([[0.0, 1.0], [0.0, 5.0]]),), expected=0.0, name="a column of zeros"),
        Case((np.array([[-5.0]]),), expected=-5.0, name="a single negative number"),
        Case(
            (np.ones((2, 3)),),
            raises=ValueError,
            mentions=(2, 3),
            name="a matrix that is not square has one all the same",
        ),
    ),
    wrong={
        diagonal_of_a: 1,
        two_by_two_only: 1,
        "forgets_that_a_swap_turns_the_sign": (lambda A: _elimination(A, signs="none"), 1),
        "never_swaps": (lambda A: _elimination(A, swap=False), 2),
        "takes_the_absolute_value_as_areas_are_positive": (lambda A: abs(determinant(A)), 1),
        "keeps_integers_so_that_fractions_are_cut_off": (
            lambda A: _elimination(A, dtype=np.asarray(A).dtype),
            0,
        ),
        diagonals_of_sarrus: 0,
        "answers_for_a_matrix_that_is_not_square": (lambda A: _elimination(A, refuse=False), 0),
        "turns_the_sign_once_however_many_rows_were_swapped": (lambda A: _elimination(A, signs="one"), 1),
    },
)

# 2.1.4 is this an SVD? ----------------------------------------------------------------------------


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


def _instead(**other):
    """An answer that judges one or more of the demands in another way: name=function of A, U, s, Vt."""
    right = {
        "U": lambda A, U, s, Vt: np.allclose(U.T @ U, np.eye(len(s)), rtol=0, atol=1e-8),
        "Vt": lambda A, U, s, Vt: np.allclose(Vt @ Vt.T, np.eye(len(s)), rtol=0, atol=1e-8),
        "positive": lambda A, U, s, Vt: np.all(s >= 0),
        "sorted": lambda A, U, s, Vt: np.all(s[1:] <= s[:-1]),
        "rebuilt": lambda A, U, s, Vt: np.abs(U * s @ Vt - A).max() <= 1e-8 * np.abs(A).max(),
    }
    return lambda A, U, s, Vt: all(bool(judge(A, U, s, Vt)) for judge in (right | other).values())


def _not_looked_at(A, U, s, Vt):
    return True


def same_as_the_library(A, U, s, Vt):
    library = np.linalg.svd(A, full_matrices=False)
    return all(
        np.shape(a) == np.shape(b) and np.allclose(a, b) for a, b in zip((U, s, Vt), library, strict=True)
    )


def _lengths_only(A, U, s, Vt):
    return np.allclose((U**2).sum(axis=0), 1, rtol=0, atol=1e-8)


_A = np.array([[0.0, 2.0], [3.0, 0.0]])
_U, _S, _VT = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([3.0, 2.0]), np.eye(2)
_ONE_OF_TWO = (
    "with its twin: exactly one of the two has the signs of np.linalg.svd, which one the machine decides"
)

proof_of_an_svd = Exercise(
    "2.1.4",
    level=4,
    minutes=15,
    points=3,
    solution=is_svd,
    cases=(
        Case((_A, _U, _S, _VT), expected=True, why=_ONE_OF_TWO, name="another SVD's signs expected"),
        Case((_A, -_U, _S, -_VT), expected=True, why=_ONE_OF_TWO, name="another SVD's signs expected"),
        Case(
            (np.eye(3, 2) * [3, 2], np.eye(3, 2), _S, np.eye(2)),
            args_text="np.eye(3, 2) * [3, 2], np.eye(3, 2), np.array([3.0, 2.0]), np.eye(2)",
            expected=True,
            name="U @ U.T tested, which is no identity for a tall U",
        ),
        Case(
            (np.eye(2, 3) * [3, 2, 1], np.eye(2), _S, np.eye(2, 3)),
            args_text="np.eye(2, 3) * [3, 2, 1], np.eye(2), np.array([3.0, 2.0]), np.eye(2, 3)",
            expected=True,
            name="Vt.T @ Vt tested, which is no identity for a wide Vt",
        ),
        Case((_A, 3 * _U, _S / 3, _VT), expected=False, name="columns of U that are three long accepted"),
        Case((_A, _U, _S / 2, 2 * _VT), expected=False, name="rows of Vt that are two long accepted"),
        Case(
            (
                np.array([[2.0, 0.6], [0.0, 0.8]]),
                np.array([[1.0, 0.6], [0.0, 0.8]]),
                np.array([2.0, 1.0]),
                _VT,
            ),
            expected=False,
            name="lengths tested, right angles not",
        ),
        Case((_A, _U * [1, -1], _S * [1, -1], _VT), expected=False, name="a negative number in s accepted"),
        Case((_A, _VT, _S[::-1], _U), expected=False, name="an s that rises accepted"),
        Case((_A, _U, np.array([3.0, 2.1]), _VT), expected=False, name="the product not compared with A"),
        Case(
            (np.diag([3e9 + 1, 2e9]), np.eye(2), np.array([3e9, 2e9]), np.eye(2)),
            args_text="np.diag([3e9 + 1, 2e9]), np.eye(2), np.array([3e9, 2e9]), np.eye(2)",
            expected=True,
            name="a fixed tolerance, too narrow for large numbers",
        ),
        Case(
            (np.diag([3e-10, 2e-10]), np.eye(2), np.array([6e-10, 4e-10]), np.eye(2)),
            args_text="np.diag([3e-10, 2e-10]), np.eye(2), np.array([6e-10, 4e-10]), np.eye(2)",
            expected=False,
            name="a fixed tolerance, too wide for small numbers",
        ),
    ),
    wrong={
        same_as_the_library: 1,
        "looks_at_the_product_only": (lambda A, U, s, Vt: np.allclose(U * s @ Vt, A), 0),
        "does_not_look_at_the_product": (_instead(rebuilt=_not_looked_at), 2),
        "tests_u_u_t": (_instead(U=lambda A, U, s, Vt: np.allclose(U @ U.T, np.eye(len(U)))), 0),
        "tests_vt_t_vt": (_instead(Vt=lambda A, U, s, Vt: np.allclose(Vt.T @ Vt, np.eye(Vt.shape[1]))), 0),
        "does_not_look_at_vt": (_instead(Vt=_not_looked_at), 0),
        "tests_the_lengths_of_us_columns_not_their_angles": (_instead(U=_lengths_only), 0),
        "does_not_look_at_the_signs_of_s": (_instead(positive=_not_looked_at), 2),
        "does_not_look_at_the_order_of_s": (_instead(sorted=_not_looked_at), 2),
        "a_difference_of_at_most_1e_8_whatever_the_size_of_a": (
            _instead(rebuilt=lambda A, U, s, Vt: np.abs(U * s @ Vt - A).max() <= 1e-8),
            1,
        ),
        "np_allclose_for_the_product_which_is_blind_to_tiny": (
            _instead(rebuilt=lambda A, U, s, Vt: np.allclose(U * s @ Vt, A)),
            2,
        ),
    },
)

# 2.1.5 the rank that is enough --------------------------------------------------------------------


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


def _rank_by(dropped_share):
    """A rule for the share that rank k drops, with everything else right."""

    def answer(s, error):
        if not error >= 0:
            raise ValueError(f"error is {error}")
        s = np.asarray(s, dtype=float)
        if not s.any():
            return 0
        return next((k for k in range(len(s) + 1) if dropped_share(s, k) <= error), len(s))

    return answer


def _frobenius(s, k):
    return np.sqrt((s[k:] ** 2).sum() / (s**2).sum())


rank_that_is_enough = Exercise(
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
        Case(
            (np.array([3.0, 2.0, 0.0]), 0.0), expected=2, name="no error allowed: zeros in s are not needed"
        ),
        Case((np.array([1.0, 1e-9]), 1e-10), expected=2, name="a small share lost in a subtraction"),
        Case((np.zeros(3), 0.1), expected=0, name="a matrix of zeros"),
        Case(
            (np.array([4.0, 3.0]), -0.1),
            raises=ValueError,
            mentions=(-0.1,),
            name="a negative error accepted",
        ),
        Case((np.array([4.0, 3.0]), np.nan), raises=ValueError, mentions=("nan",), name="nan accepted"),
    ),
    wrong={
        "shares_of_s_instead_of_its_squares": (_rank_by(lambda s, k: s[k:].sum() / s.sum()), 0),
        "forgets_the_root": (_rank_by(lambda s, k: _frobenius(s, k) ** 2), 0),
        "the_first_dropped_value_relative_to_the_largest": (
            _rank_by(lambda s, k: s[k] / s[0] if k < len(s) else 0.0),
            0,
        ),
        "the_error_itself_not_relative": (_rank_by(lambda s, k: np.sqrt((s[k:] ** 2).sum())), 0),
        "the_share_that_is_kept": (_rank_by(lambda s, k: np.sqrt((s[: k + 1] ** 2).sum() / (s**2).sum())), 0),
        "one_place_too_many": (lambda s, error: min(rank_needed(s, error) + 1, len(s)), 0),
        "at_least_rank_1": (lambda s, error: max(rank_needed(s, error), 1), 2),
        "all_of_s_when_no_error_is_allowed": (
            lambda s, error: rank_needed(s, error) if error else len(s),
            None,
        ),
        "answers_1_minus_the_share_that_is_kept": (
            _rank_by(lambda s, k: np.sqrt(max(1 - (s[:k] ** 2).sum() / (s**2).sum(), 0))),
            1,
        ),
        "answers_0_0_for_a_matrix_of_zeros_all_of_it": (
            lambda s, error: rank_needed(s, error) if np.any(s) else len(s),
            2,
        ),
        "takes_any_error": (lambda s, error: rank_needed(s, max(error, 0) if error == error else 0), None),
        "refuses_what_is_negative_not_nan": (
            lambda s, error: rank_needed(s, error if error == error else 0.0),
            None,
        ),
        "refuses_without_saying_the_number": (lambda s, error: _refused(s, error), None),
    },
)


def _refused(s, error):
    try:
        return rank_needed(s, error)
    except ValueError:
        raise ValueError("the error must be positive") from None


EXERCISES = [
    one_entry,
    shape_of_a_sum,
    determinant_by_elimination,
    proof_of_an_svd,
    rank_that_is_enough,
]
