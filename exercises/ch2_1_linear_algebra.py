"""Exercises of section 2.1, linear algebra: a product by hand, shapes, determinants, SVDs."""

import numpy as np

from . import Case, Exercise

# 2.1.1 one entry of a product ---------------------------------------------------------------------


def _is_not(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if answer == number else None


one_entry = Exercise(
    number="2.1.1",
    title="One entry of a product",
    level=1,
    minutes=5,
    points=1,
    kind="predict",
    statement=r"""
With paper only:

$$P = \begin{pmatrix}1&2&0\\3&-1&2\end{pmatrix}, \qquad
Q = \begin{pmatrix}2&1\\5&3\\4&-2\end{pmatrix}.$$

Which number is `(P @ Q)[1, 0]`? Write it instead of the three dots. As in NumPy, rows and columns are
counted from 0. For example `(P @ Q)[0, 1]` is 1 · 1 + 2 · 3 + 0 · (−2) = 7.""".strip(),
    hints=(
        (
            "Which row, which column?",
            "The first index is the row of the left matrix, the second the column of the right one. Counted "
            "from 0, row 1 of P is its lower one, and column 0 of Q its left one.",
        ),
        (
            "I multiply three pairs and the sum is still wrong.",
            "Write the three products one below the other, each with its sign, before you add them.",
        ),
    ),
    solution=9.0,
    cases=(
        Case(
            "row and column exchanged",
            hint=0,
            check=_is_not(7, "That is the entry [0, 1]: row and column are exchanged."),
        ),
        Case(
            "rows counted from 1",
            hint=0,
            check=_is_not(12, "That is the entry [0, 0]: rows are counted from 0, so row 1 is the second."),
        ),
        Case(
            "columns counted from the right",
            hint=0,
            check=_is_not(-4, "That is the entry [1, 1]: column 0 is the left one."),
        ),
        Case(
            "the product in the other order",
            hint=0,
            check=_is_not(14, "That is an entry of Q @ P, which is 3 by 3; the order matters."),
        ),
        Case("a sign lost", hint=1, check=_is_not(19, "One of the three products is negative.")),
        Case("any other number", hint=1),
    ),
    wrong={
        "exchanges row and column": 7,
        "counts rows from 1": 12,
        "counts columns from the right": -4,
        "multiplies in the other order": 14,
        "loses the sign of −1 · 5": 19,
        "multiplies the first pair only": 6,
        "adds the numbers instead of multiplying the pairs": 15,
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


def _lined_up_from_the_left(a, b):
    longer = max(len(a), len(b))
    return broadcast_shape(a + (1,) * (longer - len(a)), b + (1,) * (longer - len(b)))


def _largest_of_each(a, b):
    longer = max(len(a), len(b))
    a, b = (1,) * (longer - len(a)) + a, (1,) * (longer - len(b)) + b
    return tuple(max(m, n) for m, n in zip(a, b, strict=True))


def _largest_of_each_with_refusal(a, b):
    broadcast_shape(a, b)
    return _largest_of_each(a, b)


def _column_stays_a_column(a, b):
    """Takes (n,) for a column: what people expect of predictions minus targets."""
    if len(a) == 1 and len(b) == 2:
        a = (*a, 1)
    if len(b) == 1 and len(a) == 2:
        b = (*b, 1)
    return broadcast_shape(a, b)


def _only_equal_axes(a, b):
    longer = max(len(a), len(b))
    for m, n in zip(a[::-1], b[::-1], strict=False):
        if m != n:
            raise ValueError(f"{a} and {b} do not fit")
    return a if len(a) == longer else b


def _zip_that_stops(a, b):
    pairs = list(zip(a[::-1], b[::-1], strict=False))
    if any(m != n and 1 not in (m, n) for m, n in pairs):
        raise ValueError(f"{a} and {b} do not fit")
    return tuple(n if m == 1 else m for m, n in pairs)[::-1]


def _error_without_shapes(a, b):
    try:
        return broadcast_shape(a, b)
    except ValueError:
        raise ValueError("the shapes do not fit") from None


shape_of_a_sum = Exercise(
    number="2.1.2",
    title="The shape of a sum",
    level=2,
    minutes=10,
    points=2,
    statement="""\
Write the rule of broadcasting down as a function, so that you can ask it before NumPy answers.
`broadcast_shape` takes the shapes of two arrays and returns the shape of their sum.

- `a` and `b` are tuples of whole numbers; `()` is the shape of a single number.
- Axes are lined up from the **right**. What is missing on the left counts as 1. An axis of length 1 takes
  the length of its partner, whatever that is, 0 included.
- Two lengths that differ, neither of them 1: `ValueError` with a message that names both shapes.

By hand: `(3, 1)` and `(3,)` give `(3, 3)`; `(2, 3)` and `(2,)` do not fit.""",
    hints=(
        (
            "How do I line up two tuples of different length?",
            "Put as many ones in front of the shorter one as it lacks: (1,) * missing + shape. Then walk "
            "through both at the same time.",
        ),
        (
            "Which length wins?",
            "If one of the two is 1, the other wins, even if the other is 0. If they are equal, that one. "
            "If neither holds, there is no answer: refuse.",
        ),
        (
            "(3,) and (3, 1) give me (3, 1).",
            "Written with the missing axis, (3,) is (1, 3): a row, not a column.",
        ),
    ),
    solution=broadcast_shape,
    cases=(
        Case("a vector taken for a column", ((3, 1), (3,)), hint=2, expected=(3, 3)),
        Case("the same the other way round", ((4,), (4, 1)), hint=2, expected=(4, 4)),
        Case(
            "a bias on a batch: only equal lengths accepted", ((5, 1, 2), (3, 2)), hint=0, expected=(5, 3, 2)
        ),
        Case(
            "the shorter shape decides how long the result is", ((7, 2, 3), (3,)), hint=0, expected=(7, 2, 3)
        ),
        Case("lined up from the left", ((2, 3), (2,)), hint=0, raises=ValueError, mentions=((2, 3), (2,))),
        Case("2 stretched to 4", ((2, 5), (4, 5)), hint=1, raises=ValueError, mentions=((2, 5), (4, 5))),
        Case("a single number", ((), (2, 2)), hint=0, expected=(2, 2)),
        Case("max(0, 1) makes one row of no rows", ((0, 3), (1, 3)), hint=1, expected=(0, 3)),
    ),
    wrong={
        "lines the shapes up from the left": _lined_up_from_the_left,
        "takes the larger of each pair, whatever they are": _largest_of_each,
        "takes the larger of each pair, where one is 1": _largest_of_each_with_refusal,
        "expects (n,) to be a column": _column_stays_a_column,
        "stretches nothing, adds axes only": _only_equal_axes,
        "lets zip stop at the shorter shape": _zip_that_stops,
        "refuses without naming the shapes": _error_without_shapes,
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


def _diagonal_of_a(A):
    _refuse_unless_square(A)
    return float(np.prod(np.diag(A)))


def _two_by_two_only(A):
    _refuse_unless_square(A)
    return float(A[0][0]) if len(A) == 1 else float(A[0][0] * A[1][1] - A[0][1] * A[1][0])


def _diagonals_of_sarrus(A):
    """The rule of the diagonals, which holds for 2 and 3 rows only."""
    A, n = np.asarray(A), len(A)
    _refuse_unless_square(A)
    if n < 3:
        return _two_by_two_only(A)
    rows = np.arange(n)
    return float(sum(A[rows, (rows + j) % n].prod() - A[rows, (j - rows) % n].prod() for j in range(n)))


determinant_by_elimination = Exercise(
    number="2.1.3",
    title="How much a matrix enlarges",
    level=3,
    minutes=15,
    points=3,
    statement="""\
Elimination gives the determinant almost for nothing, for a matrix of any size. Three facts are enough:
subtracting a multiple of one row from another leaves it as it is; swapping two rows turns its sign; a
matrix with zeros below the diagonal has the product of its diagonal as determinant. Write `determinant`,
without `np.linalg`.

- `A` is an array `(n, n)` of integers or floats, and stays as it is. The result is a `float`.
- If no pivot is left in a column (all zeros from the diagonal down), the determinant is 0.
- If `A` is not square: `ValueError` with a message that names both lengths.

By hand: in `[[0, 2], [3, 4]]` the rows must be swapped, which leaves 3 and 2 on the diagonal: −6. The rule
for two rows agrees: 0 · 4 − 2 · 3.""",
    hints=(
        (
            "Where do I begin?",
            "With the elimination of this section, on a copy of A made of floats; there is no b. Multiply "
            "the pivots as you meet them.",
        ),
        (
            "The size is right, the sign is not.",
            "Each swap of two different rows multiplies the result by −1; a row that stays does not.",
        ),
        (
            "I divide by zero, or get nan.",
            "Bring the row with the largest entry of the column up before you divide by it. If even that one "
            "is 0, the answer is known.",
        ),
    ),
    solution=determinant,
    cases=(
        Case("the sign of a swap forgotten", (np.array([[1.0, 2.0], [3.0, 4.0]]),), hint=1, expected=-2.0),
        Case("a zero at the top left", (np.array([[0.0, 2.0], [3.0, 4.0]]),), hint=2, expected=-6.0),
        Case(
            "two swaps, which cancel: counted as one",
            (np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),),
            hint=1,
            expected=1.0,
        ),
        Case("integers, cut off at each step", (np.array([[2, 1], [1, 2]]),), hint=0, expected=3.0),
        Case(
            "a rule for three rows used for four",
            (np.array([[2, 0, 0, 1], [0, 1, 0, 0], [0, 0, 3, 0], [1, 0, 0, 2]]),),
            hint=0,
            expected=9.0,
        ),
        Case("a singular matrix", (np.array([[1.0, 2.0], [2.0, 4.0]]),), hint=2, expected=0.0),
        Case("a column of zeros", (np.array([[0.0, 1.0], [0.0, 5.0]]),), hint=2, expected=0.0),
        Case("a single negative number", (np.array([[-5.0]]),), hint=1, expected=-5.0),
        Case(
            "a matrix that is not square has one all the same",
            (np.ones((2, 3)),),
            hint=0,
            raises=ValueError,
            mentions=(2, 3),
        ),
    ),
    wrong={
        "multiplies the diagonal of A itself": _diagonal_of_a,
        "ad − bc of the upper left corner": _two_by_two_only,
        "forgets that a swap turns the sign": lambda A: _elimination(A, signs="none"),
        "never swaps": lambda A: _elimination(A, swap=False),
        "takes the absolute value, as areas are positive": lambda A: abs(determinant(A)),
        "keeps integers, so that fractions are cut off": lambda A: _elimination(A, dtype=np.asarray(A).dtype),
        "the rule of the diagonals for any size": _diagonals_of_sarrus,
        "answers for a matrix that is not square": lambda A: _elimination(A, refuse=False),
        "turns the sign once, however many rows were swapped": lambda A: _elimination(A, signs="one"),
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


def _same_as_the_library(A, U, s, Vt):
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
    number="2.1.4",
    title="Prove that it is an SVD",
    level=4,
    minutes=15,
    points=3,
    statement="""\
A program hands you three arrays and claims that they are the SVD of `A`. You need not compute one yourself
to know: prove or refute the claim from what an SVD has to be. Write `is_svd`.

- `A` `(m, n)`, `U` `(m, r)`, `s` `(r,)`, `Vt` `(r, n)`: NumPy arrays of floats whose shapes fit.
- `True` if the columns of `U` and the rows of `Vt` are orthonormal (of length 1, at right angles), `s`
  holds no negative number and never rises, and `U diag(s) Vt` is `A`. Otherwise `False`.
- Tolerance: 1e-8 for lengths and angles, and 1e-8 **of the largest entry of `A`** for the product.

By hand: for `A = [[0, 2], [3, 0]]`, the claim `U = [[0, 1], [1, 0]]`, `s = [3, 2]`, `Vt = [[1, 0], [0, 1]]`
is right.""",
    hints=(
        (
            "How do I test all lengths and angles at once?",
            "U.T @ U holds the dot product of every pair of columns. What must be on its diagonal, what "
            "beside it? For Vt it is the rows that count. U @ U.T is something else when U is tall.",
        ),
        (
            "A right claim is refused.",
            "Do not compare with another decomposition: a column of U and its row of Vt may both change "
            "their sign. And measure the error of the product against the largest entry of A.",
        ),
        (
            "A wrong claim is accepted.",
            "np.allclose(a, b) accepts any difference below 1e-8, which is a lot where the numbers are tiny. "
            "And a product can be right while its factors are not.",
        ),
    ),
    solution=is_svd,
    cases=(
        Case("another SVD's signs expected", (_A, _U, _S, _VT), hint=1, expected=True, why=_ONE_OF_TWO),
        Case("another SVD's signs expected", (_A, -_U, _S, -_VT), hint=1, expected=True, why=_ONE_OF_TWO),
        Case(
            "U @ U.T tested, which is no identity for a tall U",
            (np.eye(3, 2) * [3, 2], np.eye(3, 2), _S, np.eye(2)),
            args_text="np.eye(3, 2) * [3, 2], np.eye(3, 2), np.array([3.0, 2.0]), np.eye(2)",
            hint=0,
            expected=True,
        ),
        Case(
            "Vt.T @ Vt tested, which is no identity for a wide Vt",
            (np.eye(2, 3) * [3, 2, 1], np.eye(2), _S, np.eye(2, 3)),
            args_text="np.eye(2, 3) * [3, 2, 1], np.eye(2), np.array([3.0, 2.0]), np.eye(2, 3)",
            hint=0,
            expected=True,
        ),
        Case("columns of U that are three long accepted", (_A, 3 * _U, _S / 3, _VT), hint=0, expected=False),
        Case("rows of Vt that are two long accepted", (_A, _U, _S / 2, 2 * _VT), hint=0, expected=False),
        Case(
            "lengths tested, right angles not",
            (
                np.array([[2.0, 0.6], [0.0, 0.8]]),
                np.array([[1.0, 0.6], [0.0, 0.8]]),
                np.array([2.0, 1.0]),
                _VT,
            ),
            hint=0,
            expected=False,
        ),
        Case(
            "a negative number in s accepted", (_A, _U * [1, -1], _S * [1, -1], _VT), hint=2, expected=False
        ),
        Case("an s that rises accepted", (_A, _VT, _S[::-1], _U), hint=2, expected=False),
        Case("the product not compared with A", (_A, _U, np.array([3.0, 2.1]), _VT), hint=2, expected=False),
        Case(
            "a fixed tolerance, too narrow for large numbers",
            (np.diag([3e9 + 1, 2e9]), np.eye(2), np.array([3e9, 2e9]), np.eye(2)),
            args_text="np.diag([3e9 + 1, 2e9]), np.eye(2), np.array([3e9, 2e9]), np.eye(2)",
            hint=1,
            expected=True,
        ),
        Case(
            "a fixed tolerance, too wide for small numbers",
            (np.diag([3e-10, 2e-10]), np.eye(2), np.array([6e-10, 4e-10]), np.eye(2)),
            args_text="np.diag([3e-10, 2e-10]), np.eye(2), np.array([6e-10, 4e-10]), np.eye(2)",
            hint=2,
            expected=False,
        ),
    ),
    wrong={
        "compares with np.linalg.svd": _same_as_the_library,
        "looks at the product only": lambda A, U, s, Vt: np.allclose(U * s @ Vt, A),
        "does not look at the product": _instead(rebuilt=_not_looked_at),
        "tests U @ U.T": _instead(U=lambda A, U, s, Vt: np.allclose(U @ U.T, np.eye(len(U)))),
        "tests Vt.T @ Vt": _instead(Vt=lambda A, U, s, Vt: np.allclose(Vt.T @ Vt, np.eye(Vt.shape[1]))),
        "does not look at Vt": _instead(Vt=_not_looked_at),
        "tests the lengths of U's columns, not their angles": _instead(U=_lengths_only),
        "does not look at the signs of s": _instead(positive=_not_looked_at),
        "does not look at the order of s": _instead(sorted=_not_looked_at),
        "a difference of at most 1e-8, whatever the size of A": _instead(
            rebuilt=lambda A, U, s, Vt: np.abs(U * s @ Vt - A).max() <= 1e-8
        ),
        "np.allclose for the product, which is blind to tiny numbers": _instead(
            rebuilt=lambda A, U, s, Vt: np.allclose(U * s @ Vt, A)
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
    number="2.1.5",
    title="The rank that is enough",
    level=3,
    minutes=10,
    points=2,
    statement="""\
Usually the error is given and the rank is asked for. By the theorem the singular values are all you need.
Write `rank_needed`: the smallest rank k whose best copy differs from the matrix by at most `error`,
measured in the Frobenius norm and relative to the Frobenius norm of the matrix.

- `s` `(r,)` is an array of singular values, largest first. `error` is a number, 0 or more.
- The result is an `int` from 0 to r. Rank 0 is the matrix of zeros, with a relative error of 1. If all of
  `s` is 0, rank 0 has no error at all.
- `error` below 0, or nan: `ValueError` with a message that names it.

By hand: `s = [4, 3]` has the norm 5. Rank 0 is off by 1, rank 1 by 3 / 5 = 0.6, rank 2 by 0. For an error
of 0.7 one is enough, for 0.5 it takes two.""",
    hints=(
        (
            "What is the error of rank k, from s alone?",
            "The square root of the sum of the squares of what is dropped: s[k:]. Divide by the same for all "
            "of s.",
        ),
        (
            "It fails for very small errors.",
            "1 - kept / total cannot see a share below 1e-16, the last digit of 1. Add up what is dropped "
            "instead.",
        ),
        (
            "It fails at the ends.",
            "k runs from 0 to len(s), both included. When s is all zeros, 0 / 0 is nan: compare the norm "
            "of the dropped with error times the whole norm instead of dividing.",
        ),
    ),
    solution=rank_needed,
    cases=(
        Case("the root, or the squares, forgotten", (np.array([4.0, 3.0]), 0.5), hint=0, expected=2),
        Case("the next singular value alone", (np.array([4.0, 3.0]), 0.7), hint=0, expected=1),
        Case("not relative to the whole", (np.array([40.0, 30.0, 10.0]), 0.7), hint=0, expected=1),
        Case("the share that is kept compared", (np.array([8.0, 3.0, 2.0, 1.0]), 0.3), hint=0, expected=2),
        Case("a place too many or too few", (np.array([8.0, 4.0, 1.0]), 0.2), hint=2, expected=2),
        Case("rank 0 not considered", (np.array([4.0, 3.0]), 1.5), hint=2, expected=0),
        Case("no error allowed: zeros in s are not needed", (np.array([3.0, 2.0, 0.0]), 0.0), expected=2),
        Case("a small share lost in a subtraction", (np.array([1.0, 1e-9]), 1e-10), hint=1, expected=2),
        Case("a matrix of zeros", (np.zeros(3), 0.1), hint=2, expected=0),
        Case("a negative error accepted", (np.array([4.0, 3.0]), -0.1), raises=ValueError, mentions=(-0.1,)),
        Case("nan accepted", (np.array([4.0, 3.0]), np.nan), raises=ValueError, mentions=("nan",)),
    ),
    wrong={
        "shares of s instead of its squares": _rank_by(lambda s, k: s[k:].sum() / s.sum()),
        "forgets the root": _rank_by(lambda s, k: _frobenius(s, k) ** 2),
        "the first dropped value, relative to the largest": _rank_by(
            lambda s, k: s[k] / s[0] if k < len(s) else 0.0
        ),
        "the error itself, not relative": _rank_by(lambda s, k: np.sqrt((s[k:] ** 2).sum())),
        "the share that is kept": _rank_by(lambda s, k: np.sqrt((s[: k + 1] ** 2).sum() / (s**2).sum())),
        "one place too many": lambda s, error: min(rank_needed(s, error) + 1, len(s)),
        "at least rank 1": lambda s, error: max(rank_needed(s, error), 1),
        "all of s when no error is allowed": lambda s, error: rank_needed(s, error) if error else len(s),
        "1 minus the share that is kept": _rank_by(
            lambda s, k: np.sqrt(max(1 - (s[:k] ** 2).sum() / (s**2).sum(), 0))
        ),
        "0 / 0 for a matrix of zeros: all of it": lambda s, error: (
            rank_needed(s, error) if np.any(s) else len(s)
        ),
        "takes any error": lambda s, error: rank_needed(s, max(error, 0) if error == error else 0),
        "refuses what is negative, not nan": lambda s, error: rank_needed(
            s, error if error == error else 0.0
        ),
        "refuses without saying the number": lambda s, error: _refused(s, error),
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
