"""Answers to the exercises of chapter 2, written from the statements."""

import itertools
import math
from fractions import Fraction
from importlib import import_module

import numpy as np

# 2.1.2 broadcast_shape -------------------------------------------------------------------------------------


def _refuse(a, b):
    raise ValueError(f"{a} and {b} do not fit")


def wrong_2_1_2_a_list_of_the_shape_of_a_only(a, b):
    np.broadcast_shapes(a, b) if a and b else None
    return a if len(a) >= len(b) else b


def wrong_2_1_2_only_the_last_axis_is_compared(a, b):
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    if shorter and longer[-1] != shorter[-1] and 1 not in (longer[-1], shorter[-1]):
        _refuse(a, b)
    return longer[: len(longer) - len(shorter)] + tuple(
        map(max, longer[len(longer) - len(shorter) :], shorter)
    )


def wrong_2_1_2_nothing_is_the_shape_of_a_number(a, b):
    if not a or not b:
        return ()
    return np.broadcast_shapes(a, b)


def wrong_2_1_2_a_zero_fits_anything(a, b):
    shape = []
    for m, n in itertools.zip_longest(a[::-1], b[::-1], fillvalue=1):
        if m != n and 1 not in (m, n) and 0 not in (m, n):
            _refuse(a, b)
        shape.append(0 if 0 in (m, n) else max(m, n))
    return tuple(shape[::-1])


def wrong_2_1_2_a_two_is_stretched_to_a_multiple(a, b):
    shape = []
    for m, n in itertools.zip_longest(a[::-1], b[::-1], fillvalue=1):
        if m != n and not (m and n and max(m, n) % min(m, n) == 0) and 1 not in (m, n):
            _refuse(a, b)
        shape.append(n if m == 1 else m if n == 1 else max(m, n))
    return tuple(shape[::-1])


def wrong_2_1_2_at_most_two_axes(a, b):
    return tuple(np.broadcast_shapes(a, b))[-2:]


def wrong_2_1_2_a_type_error(a, b):
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise TypeError(f"{a} and {b} do not fit") from None


def wrong_2_1_2_the_message_names_one_shape(a, b):
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise ValueError(f"{a} does not fit") from None


def right_2_1_2_by_numpy(a, b):
    try:
        return (np.empty(a, np.int8) + np.empty(b, np.int8)).shape
    except ValueError:
        raise ValueError(f"cannot add {list(a)} and {list(b)}") from None


def right_2_1_2_from_the_end(a, b):
    shape = []
    for m, n in itertools.zip_longest(reversed(a), reversed(b), fillvalue=1):
        if 1 not in (m, n) and m != n:
            raise ValueError("x".join(map(str, a)) + " does not fit " + "x".join(map(str, b)))
        shape.insert(0, m if n == 1 else n)
    return shape


# 2.1.3 determinant -----------------------------------------------------------------------------------------


def _square(A):
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"a {A.shape[0]}x{A.shape[1]} matrix is not square")
    return np.array(A, dtype=float)


def _eliminate(A, choose, *, sign=-1.0, zero=0.0, dtype=np.float64):
    A, result = _square(A).astype(dtype), 1.0
    for k in range(len(A)):
        pivot = k + choose(A[k:, k])
        if abs(A[pivot, k]) <= zero:
            return 0.0
        if pivot != k:
            A[[k, pivot]], result = A[[pivot, k]], sign * result
        result *= A[k, k]
        A[k + 1 :] -= A[k + 1 :, [k]] / A[k, k] * A[k]
    return float(result)


def wrong_2_1_3_first_pivot_that_is_not_zero(A):
    A = np.array(A, dtype=float)
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"{A.shape[0]} by {A.shape[1]}")
    result = 1.0
    for k in range(len(A)):
        pivot = k + int((A[k:, k] != 0).argmax())
        if A[pivot, k] == 0:
            return 0.0
        if pivot != k:
            A[[k, pivot]] = A[[pivot, k]]
            result = -result
        result *= A[k, k]
        A[k + 1 :] -= np.outer(A[k + 1 :, k] / A[k, k], A[k])
    return float(result)


def wrong_2_1_3_argmax_without_abs(A):
    return _eliminate(A, lambda column: int(column.argmax()))


def wrong_2_1_3_tiny_pivots_are_zero(A):
    return _eliminate(A, lambda column: int(abs(column).argmax()), zero=1e-12)


def wrong_2_1_3_sign_kept(A):
    return _eliminate(A, lambda column: int(abs(column).argmax()), sign=1.0)


def wrong_2_1_3_swaps_only_with_the_next_row(A):
    return _eliminate(A, lambda column: 1 if column[0] == 0 and len(column) > 1 else 0)


def wrong_2_1_3_rounds_to_whole_numbers(A):
    return float(round(_eliminate(A, lambda column: int(abs(column).argmax()))))


def wrong_2_1_3_in_float32(A):
    return _eliminate(A, lambda column: int(abs(column).argmax()), dtype=np.float32)


def wrong_2_1_3_expands_with_plus_signs_only(A):
    A = _square(A)
    if len(A) == 1:
        return float(A[0, 0])
    minors = [np.delete(A[1:], j, axis=1) for j in range(len(A))]
    return float(sum(A[0, j] * wrong_2_1_3_expands_with_plus_signs_only(minors[j]) for j in range(len(A))))


def wrong_2_1_3_refuses_tall_ones_only(A):
    if A.shape[0] > A.shape[1]:
        raise ValueError(f"{A.shape}")
    return _eliminate(A[:, : len(A)], lambda column: int(abs(column).argmax()))


def right_2_1_3_by_permutations(A):
    n = len(_square(A))
    total = 0.0
    for order in itertools.permutations(range(n)):
        swaps = sum(i > j for i, j in itertools.combinations(order, 2))
        total += (-1) ** swaps * math.prod(float(A[row, column]) for row, column in enumerate(order))
    return total


def right_2_1_3_by_fractions(A):
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"shape {A.shape}".replace(" ", ""))
    rows = [[Fraction(float(number)) for number in row] for row in A]
    result = Fraction(1)
    for k in range(len(rows)):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if pivot is None:
            return 0.0
        if pivot != k:
            rows[k], rows[pivot], result = rows[pivot], rows[k], -result
        result *= rows[k][k]
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    return float(result)


# 2.1.4 is_svd ----------------------------------------------------------------------------------------------


def _orthonormal(columns, atol=1e-8):
    return bool(np.all(abs(columns.T @ columns - np.eye(columns.shape[1])) <= atol))


def _same(A, U, s, Vt):
    return bool(abs(U @ np.diag(s) @ Vt - A).max() <= 1e-8 * abs(A).max())


def _falls(s):
    return bool((s >= 0).all() and (np.diff(s) <= 0).all())


def wrong_2_1_4_positive_means_above_zero(A, U, s, Vt):
    return _orthonormal(U) and _orthonormal(Vt.T) and bool((s > 0).all()) and _falls(s) and _same(A, U, s, Vt)


def wrong_2_1_4_forgets_that_vt_is_transposed(A, U, s, Vt):
    if Vt.shape[0] != Vt.shape[1]:
        return _orthonormal(U) and _orthonormal(Vt.T) and _falls(s) and _same(A, U, s, Vt)
    return _orthonormal(U) and _orthonormal(Vt) and _falls(s) and _same(A, U, s, Vt.T)


def wrong_2_1_4_exact_comparison(A, U, s, Vt):
    return bool((np.eye(len(s)) == U.T @ U).all() and _orthonormal(Vt.T) and _falls(s) and _same(A, U, s, Vt))


def wrong_2_1_4_right_angles_of_neighbours_only(A, U, s, Vt):
    lengths = np.allclose((U**2).sum(0), 1) and np.allclose((Vt**2).sum(1), 1)
    angles = all(abs(U[:, k] @ U[:, k + 1]) < 1e-8 for k in range(len(s) - 1))
    return bool(lengths and angles and _falls(s) and _same(A, U, s, Vt))


def wrong_2_1_4_tolerance_of_the_mean_entry(A, U, s, Vt):
    close = bool(abs(U * s @ Vt - A).max() <= 1e-8 * abs(A).mean() * 1e-3)
    return _orthonormal(U) and _orthonormal(Vt.T) and _falls(s) and close


def wrong_2_1_4_a_loose_tolerance(A, U, s, Vt):
    return _orthonormal(U, 1e-5) and _orthonormal(Vt.T, 1e-5) and _falls(s) and _same(A, U, s, Vt)


def wrong_2_1_4_a_sum_of_errors_may_cancel(A, U, s, Vt):
    close = bool(abs((U * s @ Vt - A).sum()) <= 1e-8 * abs(A).max())
    return _orthonormal(U) and _orthonormal(Vt.T) and _falls(s) and close


def wrong_2_1_4_always_true(A, U, s, Vt):
    return True


def right_2_1_4_entry_by_entry(A, U, s, Vt):
    r = len(s)
    for i, j in itertools.product(range(r), repeat=2):
        if abs(sum(U[:, i] * U[:, j]) - (i == j)) > 1e-8 or abs(sum(Vt[i] * Vt[j]) - (i == j)) > 1e-8:
            return False
    if any(s[k] < s[k + 1] for k in range(r - 1)) or s[-1] < 0:
        return False
    return np.max(np.abs(A - sum(s[k] * np.outer(U[:, k], Vt[k]) for k in range(r)))) <= 1e-8 * np.max(
        np.abs(A)
    )


# 2.1.5 rank_needed -----------------------------------------------------------------------------------------


def _checked(error):
    if not error >= 0:
        raise ValueError(f"error={error}")


def wrong_2_1_5_norms_of_the_kept(s, error):
    _checked(error)
    kept = np.sqrt(np.cumsum(s**2))
    if not s.any():
        return 0
    return int(np.searchsorted(kept / kept[-1], 1 - error)) + 1 if error < 1 else 0


def wrong_2_1_5_the_whole_of_s_is_never_enough(s, error):
    _checked(error)
    return next((k for k in range(len(s)) if np.linalg.norm(s[k:]) <= error * np.linalg.norm(s)), len(s) - 1)


def wrong_2_1_5_strictly_smaller(s, error):
    _checked(error)
    return next((k for k in range(len(s) + 1) if np.linalg.norm(s[k:]) < error * np.linalg.norm(s)), len(s))


def wrong_2_1_5_a_little_tolerance(s, error):
    _checked(error)
    norm = np.linalg.norm(s)
    return next(k for k in range(len(s) + 1) if np.linalg.norm(s[k:]) <= error * norm + 1e-8)


def wrong_2_1_5_in_the_spectral_norm(s, error):
    _checked(error)
    return int((s > error * s[0]).sum())


def wrong_2_1_5_a_tuple_of_rank_and_error(s, error):
    _checked(error)
    return next((k, error) for k in range(len(s) + 1) if np.linalg.norm(s[k:]) <= error * np.linalg.norm(s))


def wrong_2_1_5_refuses_errors_above_1(s, error):
    if not 0 <= error <= 1:
        raise ValueError(f"error={error}")
    return next(k for k in range(len(s) + 1) if np.linalg.norm(s[k:]) <= error * np.linalg.norm(s))


def wrong_2_1_5_refuses_zero(s, error):
    if not error > 0:
        raise ValueError(f"error={error}")
    return next(k for k in range(len(s) + 1) if np.linalg.norm(s[k:]) <= error * np.linalg.norm(s))


def right_2_1_5_backwards(s, error):
    if math.isnan(error) or error < 0:
        raise ValueError(f"{error:.3g} is no error")
    k, dropped, allowed = len(s), 0.0, (error * math.sqrt(sum(float(x) ** 2 for x in s))) ** 2
    while k and math.sqrt(dropped + float(s[k - 1]) ** 2) <= math.sqrt(allowed):
        k, dropped = k - 1, dropped + float(s[k - 1]) ** 2
    return k


# 2.2.2 standardise -----------------------------------------------------------------------------------------


def wrong_2_2_2_isclose_to_zero(X_train, X):
    mean, sd = X_train.mean(axis=0), X_train.std(axis=0)
    return (X - mean) / np.where(np.isclose(sd, 0), 1.0, sd)


def wrong_2_2_2_one_pass(X_train, X):
    T = X_train.astype(float)
    sd = np.sqrt(np.maximum((T**2).mean(0) - T.mean(0) ** 2, 0))
    return (X - T.mean(0)) / np.where(np.ptp(T, axis=0) == 0, 1.0, sd)


def wrong_2_2_2_rounds_the_spread(X_train, X):
    sd = np.round(X_train.std(axis=0), 12)
    return (X - X_train.mean(axis=0)) / np.where(sd == 0, 1.0, sd)


def wrong_2_2_2_rows_instead_of_columns(X_train, X):
    if X_train.shape[0] != X.shape[0]:
        return X.astype(float)
    sd = X_train.std(axis=1, keepdims=True)
    return (X - X_train.mean(axis=1, keepdims=True)) / np.where(sd == 0, 1.0, sd)


def wrong_2_2_2_constant_columns_are_not_shifted(X_train, X):
    constant = np.ptp(X_train, axis=0) == 0
    sd = np.where(constant, 1.0, X_train.std(axis=0))
    return (X - np.where(constant, 0.0, X_train.mean(axis=0))) / sd


def wrong_2_2_2_subtracts_in_bytes(X_train, X):
    sd = X_train.std(axis=0)
    constant = np.ptp(X_train, axis=0) == 0
    return (X - X_train.mean(axis=0).astype(X.dtype)) / np.where(constant, 1.0, sd)


def wrong_2_2_2_the_median_for_the_mean(X_train, X):
    constant = np.ptp(X_train, axis=0) == 0
    return (X - np.median(X_train, axis=0)) / np.where(constant, 1.0, X_train.std(axis=0))


def wrong_2_2_2_constant_means_equal_to_the_first_two(X_train, X):
    constant = X_train[0] == X_train[min(1, len(X_train) - 1)]
    return (X - X_train.mean(axis=0)) / np.where(constant, 1.0, X_train.std(axis=0))


def right_2_2_2_column_by_column(X_train, X):
    scaled = np.zeros(X.shape)
    for j in range(X.shape[1]):
        train = [float(x) for x in X_train[:, j]]
        mean = math.fsum(train) / len(train)
        sd = math.sqrt(math.fsum((x - mean) ** 2 for x in train) / len(train))
        scaled[:, j] = [(float(x) - mean) / (1 if len(set(train)) == 1 else sd) for x in X[:, j]]
    return scaled


def right_2_2_2_with_nan_columns_found_first(X_train, X):
    T = np.asarray(X_train, np.float64)
    sd = T.std(0)
    sd[(T[0] == T).all(0)] = 1
    return (np.asarray(X, np.float64) - T.mean(0)) / sd


# 2.2.3 coverage --------------------------------------------------------------------------------------------


def _pmf(k, n, p):
    return (
        math.comb(n, k) * p**k * (1 - p) ** (n - k)
        if n < 1000
        else math.exp(
            math.lgamma(n + 1)
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + k * math.log(p)
            + (n - k) * math.log1p(-p)
        )
    )


def wrong_2_2_3_low_end_left_out(low, high, p):
    n = len(low) - 1
    return sum(_pmf(k, n, p) for k in range(n + 1) if low[k] < p <= high[k])


def wrong_2_2_3_high_end_left_out(low, high, p):
    n = len(low) - 1
    return sum(_pmf(k, n, p) for k in range(n + 1) if low[k] <= p < high[k])


def wrong_2_2_3_with_a_little_tolerance(low, high, p):
    n = len(low) - 1
    return sum(_pmf(k, n, p) for k in range(n + 1) if low[k] - 0.051 <= p <= high[k] + 0.051)


def wrong_2_2_3_in_percent(low, high, p):
    n = len(low) - 1
    return 100 * sum(_pmf(k, n, p) for k in range(n + 1) if low[k] <= p <= high[k])


def wrong_2_2_3_what_is_missed(low, high, p):
    n = len(low) - 1
    return sum(_pmf(k, n, p) for k in range(n + 1) if not low[k] <= p <= high[k])


def wrong_2_2_3_normal_approximation(low, high, p):
    n = len(low) - 1
    sd = math.sqrt(n * p * (1 - p))
    held = [k for k in range(n + 1) if low[k] <= p <= high[k]]
    return sum(math.exp(-(((k - n * p) / sd) ** 2) / 2) / sd / math.sqrt(2 * math.pi) for k in held)


def wrong_2_2_3_only_the_low_end(low, high, p):
    n = len(low) - 1
    return sum(_pmf(k, n, p) for k in range(n + 1) if low[k] <= p)


def right_2_2_3_by_a_recurrence(low, high, p):
    n = len(low) - 1
    logs = [n * math.log1p(-p)]
    for k in range(n):
        logs.append(logs[-1] + math.log((n - k) / (k + 1)) + math.log(p / (1 - p)))
    return math.fsum(math.exp(log) for k, log in enumerate(logs) if low[k] <= p <= high[k])


def right_2_2_3_one_minus_what_is_missed(low, high, p):
    n = len(low) - 1
    return 1 - sum(_pmf(k, n, p) for k in range(n + 1) if p < low[k] or p > high[k])


# 2.2.4 binary_cross_entropy --------------------------------------------------------------------------------


def wrong_2_2_4_clipped_at_1e_300(z, y):
    p = 1 / (1 + np.exp(-z))
    return float(-np.mean(np.where(y == 1, np.log(np.maximum(p, 1e-300)), np.log(np.maximum(1 - p, 1e-300)))))


def wrong_2_2_4_right_for_no_only(z, y):
    return float(np.mean(np.where(y == 1, -np.log(1 / (1 + np.exp(-z))), np.logaddexp(0, z))))


def wrong_2_2_4_the_mean_of_each_kind(z, y):
    losses = np.logaddexp(0, z) - y * z
    kinds = [losses[y == kind].mean() for kind in (0, 1) if (y == kind).any()]
    return float(np.mean(kinds))


def wrong_2_2_4_hinge(z, y):
    return float(np.mean(np.maximum(z, 0) - y * z))


def wrong_2_2_4_one_loss_for_each(z, y):
    return np.logaddexp(0, z) - y * z


def wrong_2_2_4_rounded(z, y):
    return round(float(np.mean(np.logaddexp(0, z) - y * z)), 4)


def wrong_2_2_4_in_float32_logits(z, y):
    z = z.astype(np.float32)
    return float(np.mean(np.log1p(np.exp(-abs(z))) + np.maximum(z, 0) - y * z).astype(np.float16))


def right_2_2_4_the_softplus_written_out(z, y):
    towards = np.where(np.asarray(y) > 0.5, -z, z)
    return np.mean(np.maximum(towards, 0) + np.log1p(np.exp(-np.abs(towards))))


def right_2_2_4_by_scipy(z, y):
    from scipy.special import log_expit

    return float(-(y * log_expit(z) + (1 - y) * log_expit(-z)).sum() / len(y))


# 2.2.5 paired_standard_error -------------------------------------------------------------------------------


def _alike(a, b):
    if len(a) != len(b):
        raise ValueError("lengths differ")
    return np.array(a, dtype=float), np.array(b, dtype=float)


def wrong_2_2_5_without_a_length_test(right_a, right_b):
    d = np.array(right_a, dtype=float) - np.array(right_b, dtype=float)
    return float(np.std(d, ddof=1) / np.sqrt(d.size))


def wrong_2_2_5_zip_stops(right_a, right_b):
    d = [int(x) - int(y) for x, y in zip(right_a, right_b, strict=False)]
    return float(np.std(d, ddof=1) / math.sqrt(len(d))) if len(d) > 1 else 0.0


def wrong_2_2_5_the_sign_of_the_mean(right_a, right_b):
    a, b = _alike(right_a, right_b)
    return float(np.copysign((a - b).std(ddof=1) / math.sqrt(len(a)), (a - b).mean()))


def wrong_2_2_5_counts_what_differs(right_a, right_b):
    a, b = _alike(right_a, right_b)
    return float(math.sqrt((a != b).sum()) / len(a))


def wrong_2_2_5_over_n_minus_1(right_a, right_b):
    a, b = _alike(right_a, right_b)
    return float((a - b).std(ddof=1) / math.sqrt(len(a) - 1))


def wrong_2_2_5_an_assertion(right_a, right_b):
    assert len(right_a) == len(right_b)
    a, b = np.array(right_a, dtype=float), np.array(right_b, dtype=float)
    return float((a - b).std(ddof=1) / math.sqrt(len(a)))


def wrong_2_2_5_minus_the_covariance_once(right_a, right_b):
    a, b = _alike(right_a, right_b)
    covariance = np.cov(a, b)
    return float(math.sqrt(max(covariance[0, 0] + covariance[1, 1] - covariance[0, 1], 0) / len(a)))


def right_2_2_5_by_the_covariance(right_a, right_b):
    if len(right_a) != len(right_b):
        raise ValueError("one entry for each picture")
    c = np.cov(np.array(right_a, dtype=float), np.array(right_b, dtype=float))
    return math.sqrt(max(c[0, 0] + c[1, 1] - 2 * c[0, 1], 0.0) / len(right_a))


def right_2_2_5_by_hand(right_a, right_b):
    d = [float(x) - float(y) for x, y in zip(right_a, right_b, strict=True)]
    mean = sum(d) / len(d)
    return (sum((x - mean) ** 2 for x in d) / (len(d) - 1) / len(d)) ** 0.5


# 2.2.6 log_softmax -----------------------------------------------------------------------------------------


def wrong_2_2_6_largest_magnitude(z):
    shifted = z - np.abs(z).max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def wrong_2_2_6_a_little_added(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.log(e / e.sum(axis=-1, keepdims=True) + 1e-12)


def right_2_2_6_by_logaddexp(z):
    return z - np.logaddexp.reduce(z, axis=-1, keepdims=True)


# 2.2.7 ink_shares ------------------------------------------------------------------------------------------


def wrong_2_2_7_classes_counted_from_y(X, y, classes):
    return np.array([(X[y == c].sum(axis=0) + 1) / ((y == c).sum() + 2) for c in range(y.max() + 1)])


def wrong_2_2_7_one_more_of_each_afterwards(X, y, classes):
    shares = [X[y == c].mean(axis=0) if (y == c).any() else np.zeros(X.shape[1]) for c in range(classes)]
    return (np.array(shares) + 1) / 3


def right_2_2_7_by_adding_at(X, y, classes):
    ink, number = np.ones((classes, X.shape[1])), np.full(classes, 2)
    np.add.at(ink, y, X)
    np.add.at(number, y, 1)
    return ink / number[:, None]


# 2.2.8 reliability -----------------------------------------------------------------------------------------


def wrong_2_2_8_only_ten_equal_groups(confidence, right):
    if confidence.min() < 0 or confidence.max() > 1:
        raise ValueError("not from 0 to 1")
    groups = [g for g in np.array_split(np.argsort(confidence), 10) if len(g)]
    means, shares = (np.array([x[g].mean() for g in groups]) for x in (confidence, right))
    return means, shares, np.array([len(g) for g in groups])


def right_2_2_8_by_digitize(confidence, right):
    if np.any(confidence < 0) or np.any(confidence > 1):
        raise ValueError("a confidence lies between 0 and 1")
    place = np.digitize(confidence, np.arange(1, 10) / 10)
    number = np.bincount(place, minlength=10)
    kept = number > 0
    sums = [np.bincount(place, weights=x, minlength=10)[kept] for x in (confidence, right)]
    return sums[0] / number[kept], sums[1] / number[kept], number[kept]


# 2.3.2 rate_limit ------------------------------------------------------------------------------------------


def _curvatures(hessian):
    curvatures = np.linalg.eigvalsh(np.array(hessian, dtype=float))
    tiny = 1e-12 * abs(curvatures).max()
    if curvatures.min() < -tiny or curvatures.max() <= tiny:
        raise ValueError(f"curvatures {curvatures}")
    return curvatures


def wrong_2_3_2_the_mean_curvature(hessian):
    return float(2 / _curvatures(hessian).mean())


def wrong_2_3_2_one_over_the_root(hessian):
    return float(2 / math.sqrt(_curvatures(hessian).max()))


def wrong_2_3_2_the_largest_row_sum(hessian):
    _curvatures(hessian)
    return float(2 / abs(np.array(hessian)).sum(axis=1).max())


def wrong_2_3_2_refuses_any_rounding_below_zero(hessian):
    curvatures = np.linalg.eigvalsh(np.array(hessian, dtype=float))
    if curvatures.min() < 0 or curvatures.max() <= 0:
        raise ValueError("below 0")
    return float(2 / curvatures.max())


def wrong_2_3_2_the_determinant_tells_the_sign(hessian):
    curvatures = np.linalg.eigvalsh(np.array(hessian, dtype=float))
    if np.linalg.det(np.array(hessian, dtype=float)) < -1e-9 or curvatures.max() <= 0:
        raise ValueError("below 0")
    return float(2 / curvatures.max())


def wrong_2_3_2_sum_of_largest_and_smallest(hessian):
    curvatures = _curvatures(hessian)
    return float(2 / (curvatures[0] + curvatures[-1]))


def right_2_3_2_by_general_eigenvalues(hessian):
    curvatures = np.real(np.linalg.eigvals(hessian))
    if not curvatures.any() or min(curvatures) < -1e-12 * max(abs(curvatures)):
        raise ValueError(f"no safe rate for {sorted(curvatures)}")
    if max(curvatures) <= 1e-12 * max(abs(curvatures)):
        raise ValueError("flat")
    return np.float64(2.0) / max(curvatures)


# 2.3.4 adam_step -------------------------------------------------------------------------------------------


def _adam(g, m, v, t, rate, beta1, beta2, eps, *, power=2, correct=lambda beta, t: 1 - beta**t):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * abs(g) ** power
    root = np.sqrt(v / correct(beta2, t)) if power == 2 else v / correct(beta2, t)
    return -rate * m / correct(beta1, t) / (root + eps), m, v


def wrong_2_3_4_absolute_values_for_squares(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return _adam(g, m, v, t, rate, beta1, beta2, eps, power=1)


def wrong_2_3_4_one_correction_for_both(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return _adam(g, m, v, t, rate, beta1, beta2, eps, correct=lambda beta, t: 1 - beta1**t)


def wrong_2_3_4_corrected_by_t(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return _adam(g, m, v, t, rate, beta1, beta2, eps, correct=lambda beta, t: (1 - beta) * t)


def wrong_2_3_4_adds_the_new_gradient_whole(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + g, beta2 * v + g**2
    return -rate * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def wrong_2_3_4_averages_begin_at_the_first_gradient(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = (g, g**2) if t == 1 else (beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2)
    return -rate * m / (np.sqrt(v) + eps), m, v


def wrong_2_3_4_ignores_the_betas_it_is_given(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return _adam(g, m, v, t, rate, 0.9, 0.999, eps)


def wrong_2_3_4_ignores_eps(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return _adam(g, m, v, t, rate, beta1, beta2, 1e-8)


def wrong_2_3_4_a_root_of_the_whole(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    step, m, v = _adam(g, m, v, t, rate, beta1, beta2, eps)
    return np.sign(step) * np.sqrt(abs(step)), m, v


def wrong_2_3_4_the_averages_exchanged(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    step, m, v = _adam(g, m, v, t, rate, beta1, beta2, eps)
    return step, v, m


def right_2_3_4_by_the_papers_other_form(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    root = math.sqrt(1 - beta2**t)
    return -rate * root / (1 - beta1**t) * m / (v**0.5 + eps * root), m, v


def right_2_3_4_by_torch(g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    torch = import_module("torch")
    theta = torch.zeros(len(g), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([theta], lr=rate, betas=(beta1, beta2), eps=eps)
    averages = {"exp_avg": torch.tensor(m), "exp_avg_sq": torch.tensor(v)}
    optimizer.state[theta] = {"step": torch.tensor(t - 1.0), **averages}
    theta.grad = torch.tensor(g, dtype=torch.float64)
    optimizer.step()
    return theta.detach().numpy(), averages["exp_avg"].numpy(), averages["exp_avg_sq"].numpy()


# 2.3.5 order_of_convergence --------------------------------------------------------------------------------


def _last_three(errors):
    if len(errors) < 3:
        raise ValueError("at least three")
    e1, e2, e3 = errors[-3:]
    if not e1 > e2 > e3 > 0:
        raise ValueError("positive and falling")
    return e1, e2, e3


def wrong_2_3_5_rounded_to_one_digit(errors):
    e1, e2, e3 = _last_three(errors)
    return round(math.log(e3 / e2) / math.log(e2 / e1), 1)


def wrong_2_3_5_the_ratio_of_the_logarithms_of_all(errors):
    e1, _, e3 = _last_three(errors)
    return math.log(e3) / math.log(e1) if e1 != 1 else 1.0


def wrong_2_3_5_rising_errors_are_refused_and_equal_ones_not(errors):
    if len(errors) < 3 or min(errors[-3:]) <= 0 or errors[-1] > errors[-2] or errors[-2] > errors[-3]:
        raise ValueError("positive and falling")
    e1, e2, e3 = errors[-3:]
    return math.log(e3 / e2) / math.log(e2 / e1) if e2 < e1 else math.inf


def wrong_2_3_5_looks_at_the_last_error_only(errors):
    if len(errors) < 3 or errors[-1] <= 0:
        raise ValueError("at least three, above 0")
    e1, e2, e3 = (abs(float(e)) or 1.0 for e in errors[-3:])
    return math.log(e3 / e2) / (math.log(e2 / e1) or 1.0)


def wrong_2_3_5_wants_four_errors(errors):
    if len(errors) < 4:
        raise ValueError("at least four")
    e1, e2, e3 = _last_three(errors)
    return math.log(e3 / e2) / math.log(e2 / e1)


def wrong_2_3_5_all_errors_above_0(errors):
    if len(errors) < 3 or min(errors) <= 0:
        raise ValueError("above 0")
    e1, e2, e3 = _last_three(errors)
    return math.log(e3 / e2) / math.log(e2 / e1)


def wrong_2_3_5_integer_part(errors):
    e1, e2, e3 = _last_three(errors)
    return float(int(math.log(e3 / e2) / math.log(e2 / e1)))


def right_2_3_5_by_slopes(errors):
    if len(errors) < 3:
        raise ValueError(f"{len(errors)} are too few")
    last = np.asarray(errors, dtype=float)[-3:]
    if last.min() <= 0 or (np.diff(last) >= 0).any():
        raise ValueError(f"not falling to 0 from above: {last}")
    first, second = np.diff(np.log(last))
    return second / first


# 2.3.6 paying_rate -----------------------------------------------------------------------------------------


def _first(loss, theta, g, rate, pays, halvings=50):
    for _ in range(halvings + 1):
        if pays(loss(theta) - loss(theta - rate * g), rate):
            return float(rate)
        rate /= 2
    raise ValueError("no rate pays")


def wrong_2_3_6_the_largest_entry_for_the_length(loss, theta, g, rate):
    return _first(loss, theta, g, rate, lambda gain, rate: gain >= rate / 2 * np.max(g * g))


def wrong_2_3_6_the_mean_for_the_sum(loss, theta, g, rate):
    return _first(loss, theta, g, rate, lambda gain, rate: gain >= rate / 2 * np.mean(g * g))


def wrong_2_3_6_a_matrix_product(loss, theta, g, rate):
    return _first(loss, theta, g, rate, lambda gain, rate: np.all(gain >= rate / 2 * (g.T @ g)))


def wrong_2_3_6_the_rate_squared(loss, theta, g, rate):
    return _first(loss, theta, g, rate, lambda gain, rate: gain >= rate**2 / 2 * np.sum(g * g))


def wrong_2_3_6_the_size_of_the_change(loss, theta, g, rate):
    return _first(loss, theta, g, rate, lambda gain, rate: abs(gain) >= rate / 2 * np.sum(g * g))


def wrong_2_3_6_ten_halvings_at_most(loss, theta, g, rate):
    return _first(loss, theta, g, rate, lambda gain, rate: gain >= rate / 2 * np.sum(g * g), halvings=10)


def wrong_2_3_6_thirty_halvings_at_most(loss, theta, g, rate):
    return _first(loss, theta, g, rate, lambda gain, rate: gain >= rate / 2 * np.sum(g * g), halvings=30)


def wrong_2_3_6_halves_before_the_first_trial(loss, theta, g, rate):
    return _first(loss, theta, g, rate / 2, lambda gain, rate: gain >= rate / 2 * np.sum(g * g))


def wrong_2_3_6_refuses_the_minimum(loss, theta, g, rate):
    if not np.any(g):
        raise ValueError("no slope")
    return _first(loss, theta, g, rate, lambda gain, rate: gain >= rate / 2 * np.sum(g * g))


def wrong_2_3_6_moves_theta_itself(loss, theta, g, rate):
    here = loss(theta)
    for _ in range(51):
        theta -= rate * g
        if here - loss(theta) >= rate / 2 * np.sum(g * g):
            return float(rate)
        theta += rate * g
        rate /= 2
    raise ValueError("no rate pays")


def right_2_3_6_by_the_gain(loss, theta, g, rate):
    return _first(
        loss, theta, g, rate, lambda gain, rate: gain >= rate / 2 * np.linalg.norm(g) ** 2 * (1 - 1e-12)
    )


def right_2_3_6_all_rates_at_once(loss, theta, g, rate):
    rates = rate / 2.0 ** np.arange(51)
    losses = np.array([loss(theta - r * g) for r in rates])
    pays = losses <= loss(theta) - rates / 2 * np.vdot(g, g)
    if not pays.any():
        raise ValueError(f"none of {len(rates)} rates pays")
    return float(rates[pays.argmax()])


def right_2_3_6_by_itself(loss, theta, g, rate, left=50):
    if loss(theta - rate * g) <= loss(theta) - 0.5 * rate * float((g**2).sum()):
        return float(rate)
    if left == 0:
        raise ValueError("no rate pays")
    return right_2_3_6_by_itself(loss, theta, g, rate * 0.5, left - 1)
