"""Exercises of section 2.2, probability: Bayes, scaling, coverage, a safe loss, a fair comparison.

The words stand in s2_probability_and_statistics.en.md.
"""

import math

import numpy as np
from scipy import stats

from exercises import Case, Exercise

# 2.2.1 two checkers agree --------------------------------------------------------------------------

BOTH_IF_WRONG, BOTH_IF_RIGHT = 0.9**2, 0.05**2
BOTH_FLAG = 0.02 * BOTH_IF_WRONG / (0.02 * BOTH_IF_WRONG + 0.98 * BOTH_IF_RIGHT)


# 2.2.2 scaling that survives a constant column -----------------------------------------------------


def standardise(X_train, X):
    """X with each column shifted by the mean and divided by the standard deviation it has in X_train.

    X_train (N, D), X (M, D), any numbers -> float array (M, D). ddof=0. A column that is constant in X_train
    is shifted and not divided. The inputs stay as they are.
    """
    # Common wrong turn: testing std == 0. The mean of 0.1, 0.1, 0.1 is rounded, so the standard deviation is
    # 1e-17 and not 0, and dividing by it makes rounding errors as large as the data.
    mean, sd = np.mean(X_train, axis=0), np.std(X_train, axis=0)
    constant = np.max(X_train, axis=0) == np.min(X_train, axis=0)
    return (np.asarray(X) - mean) / np.where(constant, 1.0, sd)


def draw_tables(rng):
    """A training table and another with columns of every kind: constant, tiny, far from 0; bytes and ints."""
    rows, others, columns = rng.integers(1, 5), rng.integers(1, 4), rng.integers(1, 4)
    X_train = rng.integers(0, 6, size=(rows, columns)).astype(float)
    X = rng.integers(0, 6, size=(others, columns)).astype(float)
    if rng.random() < 0.3:
        kind = rng.choice([np.uint8, np.int64])
        return X_train.astype(kind), X.astype(kind)
    for j in range(columns):
        kind = rng.integers(5)
        if kind == 0:
            X_train[:, j] = rng.choice([0.0, 0.1, 0.3, 7.0])
        elif kind == 1:
            X_train[:, j] *= 1e-10
            X[:, j] *= 1e-10
        elif kind == 2:
            X_train[:, j] += 1e8
            X[:, j] += 1e8
        elif kind == 3:
            X_train[:, j] /= 4
            X[:, j] /= 4
    return X_train, X


def _is_constant(X_train):
    return np.max(X_train, axis=0) == np.min(X_train, axis=0)


def _scaled(X_train, X, sd):
    with np.errstate(all="ignore"):
        return (np.asarray(X) - np.mean(X_train, axis=0)) / sd


def measures_x_itself(X_train, X):
    return standardise(X, X)


def has_no_thought_of_constant_columns(X_train, X):
    return _scaled(X_train, X, np.std(X_train, axis=0))


def hides_the_nan_afterwards(X_train, X):
    return np.nan_to_num(_scaled(X_train, X, np.std(X_train, axis=0)))


def adds_a_tiny_number_to_the_spread(X_train, X):
    return _scaled(X_train, X, np.std(X_train, axis=0) + 1e-8)


def takes_a_tiny_spread_for_none(X_train, X):
    sd = np.std(X_train, axis=0)
    return _scaled(X_train, X, np.where(sd < 1e-8, 1.0, sd))


def asks_whether_the_spread_is_exactly_0(X_train, X):
    sd = np.std(X_train, axis=0)
    return _scaled(X_train, X, np.where(sd == 0, 1.0, sd))


def subtracts_the_squared_mean(X_train, X):
    X_train = np.asarray(X_train, dtype=float)
    variance = np.maximum((X_train**2).mean(axis=0) - X_train.mean(axis=0) ** 2, 0)
    return _scaled(X_train, X, np.where(_is_constant(X_train), 1.0, np.sqrt(variance)))


def sets_what_was_constant_to_0(X_train, X):
    return np.where(_is_constant(X_train), 0.0, standardise(X_train, X))


def divides_by_n_minus_1(X_train, X):
    with np.errstate(all="ignore"):
        sd = np.sqrt(np.var(X_train, axis=0) * len(X_train) / np.maximum(len(X_train) - 1, 1))
    return _scaled(X_train, X, np.where(_is_constant(X_train), 1.0, sd))


def takes_one_mean_and_one_spread_for_all(X_train, X):
    sd = np.std(X_train)
    return (np.asarray(X) - np.mean(X_train)) / (sd if np.ptp(X_train) else 1.0)


def divides_by_the_variance(X_train, X):
    return _scaled(X_train, X, np.where(_is_constant(X_train), 1.0, np.var(X_train, axis=0)))


def writes_into_x(X_train, X):
    X[:] = standardise(X_train, X)
    return X


def keeps_the_whole_numbers_whole(X_train, X):
    return standardise(X_train, X).astype(X.dtype)


# 2.2.3 the coverage of an interval -----------------------------------------------------------------


def coverage(low, high, p):
    """Probability that the interval holds the true p (low <= p <= high), exactly, without simulation.

    low, high (n + 1,): the ends of the interval that is reported for 0, 1, ..., n right answers of n. How
    many are right is binomial with probability p -> float.
    """
    # Common wrong turn: the share of the n + 1 results that are covered; but they are not equally likely.
    low, high = np.asarray(low), np.asarray(high)
    n = len(low) - 1
    held = (low <= p) & (p <= high)
    return float(stats.binom.pmf(np.arange(n + 1), n, p)[held].sum())


TWENTIETHS = np.arange(21) / 20


def draw_intervals(rng):
    """Intervals for 1 to 5 pictures, and a p that is often one of their ends."""
    n = int(rng.integers(1, 6))
    ends = np.sort(rng.choice(TWENTIETHS, size=(n + 1, 2)), axis=1)
    return ends[:, 0].copy(), ends[:, 1].copy(), float(rng.choice(TWENTIETHS[1:-1]))


def _holding(low, high, p):
    """The numbers of right answers whose interval holds p."""
    return [k for k in range(len(low)) if low[k] <= p <= high[k]]


def counts_every_result_alike(low, high, p):
    return len(_holding(low, high, p)) / len(low)


def leaves_out_all_right(low, high, p):
    n = len(low) - 1
    return float(sum(stats.binom.pmf(k, n, p) for k in _holding(low, high, p) if k < n))


def leaves_out_none_right(low, high, p):
    return float(sum(stats.binom.pmf(k, len(low) - 1, p) for k in _holding(low, high, p) if k > 0))


def takes_n_plus_1_for_n(low, high, p):
    return float(sum(stats.binom.pmf(k, len(low), p) for k in _holding(low, high, p)))


def leaves_out_the_ends(low, high, p):
    n = len(low) - 1
    return float(sum(stats.binom.pmf(k, n, p) for k in range(n + 1) if low[k] < p < high[k]))


def weighs_by_the_share_that_was_seen(low, high, p):
    n = len(low) - 1
    return float(sum(stats.binom.pmf(k, n, k / n) for k in _holding(low, high, p)))


def forgets_how_many_ways_lead_to_a_result(low, high, p):
    n = len(low) - 1
    return float(sum(p**k * (1 - p) ** (n - k) for k in _holding(low, high, p)))


def exchanges_right_and_wrong(low, high, p):
    n = len(low) - 1
    return float(sum(stats.binom.pmf(k, n, 1 - p) for k in _holding(low, high, p)))


def multiplies_math_comb_by_a_float(low, high, p):
    n = len(low) - 1
    return float(sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in _holding(low, high, p)))


def looks_at_the_likeliest_result(low, high, p):
    likeliest = round((len(low) - 1) * p)
    return float(low[likeliest] <= p <= high[likeliest])


def simulates(low, high, p):
    right = np.random.default_rng(0).binomial(len(low) - 1, p, size=2_000)
    return float(np.mean((np.asarray(low)[right] <= p) & (p <= np.asarray(high)[right])))


def many_results():
    share = np.arange(2001) / 2000
    return share - 0.0203, share + 0.0203, 0.5


# 2.2.4 binary cross-entropy from the logit ---------------------------------------------------------


def binary_cross_entropy(z, y):
    """Mean loss of yes-or-no answers, in nats: -log p where y is 1, -log(1 - p) where y is 0, p = sigmoid(z).

    z (N,): logits, any finite floats, y (N,): 0 or 1 -> float, exact to rounding for large z of either sign.
    """
    # Common wrong turn: p = sigmoid(z) first. For z = 40, p is rounded to 1 and log(1 - p) is lost; clipping
    # p hides that, and every large mistake costs the same. -log(1 - p) is log(1 + exp(z)), -log p is z less.
    z, y = np.asarray(z, dtype=float), np.asarray(y)
    return float(np.mean(np.logaddexp(0, z) - y * z))


def draw_logits(rng):
    """Logits of every size and sign, with the answers as ints or floats."""
    n = int(rng.integers(1, 5))
    z = rng.choice([0.0, 0.5, 1.0, 3.0, 10.0, 30.0, 40.0, 80.0, 800.0, 1e6], size=n) * rng.choice(
        [-1, 1], size=n
    )
    y = rng.integers(0, 2, size=n)
    return z + 0.0, y.astype(float) if rng.random() < 0.3 else y


def _charged(p, y):
    return np.where(np.asarray(y) == 1, -np.log(p), -np.log(1 - p))


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def takes_the_logarithm_of_a_rounded_p(z, y):
    with np.errstate(all="ignore"):
        return float(_charged(_sigmoid(z), y).mean())


def clips_p(z, y):
    with np.errstate(all="ignore"):
        return float(_charged(np.clip(_sigmoid(z), 1e-15, 1 - 1e-15), y).mean())


def clips_z(z, y):
    return binary_cross_entropy(np.clip(z, -500, 500), y)


def charges_the_yeses_only(z, y):
    return float(np.mean(y * np.logaddexp(0, -z)))


def averages_over_the_yeses(z, y):
    return float(np.sum(np.logaddexp(0, z) - y * z) / max(np.sum(y), 1))


def adds_up(z, y):
    return binary_cross_entropy(z, y) * len(z)


def answers_in_bits(z, y):
    return binary_cross_entropy(z, y) / math.log(2)


def turns_the_sign_of_z(z, y):
    return binary_cross_entropy(-z, y)


def takes_the_logits_for_probabilities(z, y):
    with np.errstate(all="ignore"):
        return float(-np.mean(y * np.log(z) + (1 - y) * np.log(1 - z)))


def computes_log_of_1_plus_exp_as_it_stands(z, y):
    with np.errstate(all="ignore"):
        return float(np.mean(np.log(1 + np.exp(z)) - y * z))


def forgets_the_minus(z, y):
    return -binary_cross_entropy(z, y)


LOGITS = np.log(np.array([0.8, 0.1, 0.9]) / np.array([0.2, 0.9, 0.1]))


# 2.2.5 two classifiers, the same pictures ----------------------------------------------------------


def paired_standard_error(right_a, right_b):
    """Standard error of the difference of two accuracies that were measured on the same n pictures.

    right_a, right_b (n,): 1 (True) where the classifier is right, else 0; n >= 2 -> float. The variance of
    the n differences has ddof=1. Raises ValueError when the lengths differ.
    """
    # Common wrong turn: adding the two squared standard errors, as if each had been measured on pictures of
    # its own. Pictures that are hard for both then count as noise, though they cancel in the difference.
    a, b = np.asarray(right_a, dtype=float), np.asarray(right_b, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"{a.shape} and {b.shape}: one entry per picture for each of the two classifiers")
    return float((a - b).std(ddof=1) / math.sqrt(len(a)))


def draw_answers(rng):
    """Two rows of 0 and 1 in any dtype, or as lists; some differ in length."""
    n = int(rng.integers(2, 8))
    a, b = rng.integers(0, 2, size=(2, n))
    if rng.random() < 0.2:
        b = b[: int(rng.integers(1, n))]
    kind = rng.choice(["int64", "bool", "uint8", "float64", "list"])
    pair = (a.tolist(), b.tolist()) if kind == "list" else (a.astype(kind), b.astype(kind))
    return pair if rng.random() < 0.5 else pair[::-1]


def _as_floats(right_a, right_b):
    if len(right_a) != len(right_b):
        raise ValueError(f"{len(right_a)} and {len(right_b)} entries")
    return np.asarray(right_a, dtype=float), np.asarray(right_b, dtype=float)


def adds_the_two_squared_standard_errors(right_a, right_b):
    a, b = _as_floats(right_a, right_b)
    return float(math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a)))


def returns_the_spread_of_the_differences(right_a, right_b):
    a, b = _as_floats(right_a, right_b)
    return float((a - b).std(ddof=1))


def divides_by_n_and_not_by_its_root(right_a, right_b):
    a, b = _as_floats(right_a, right_b)
    return float((a - b).std(ddof=1) / len(a))


def divides_the_variance_by_n(right_a, right_b):
    a, b = _as_floats(right_a, right_b)
    return float((a - b).std() / math.sqrt(len(a)))


def takes_absolute_differences(right_a, right_b):
    a, b = _as_floats(right_a, right_b)
    return float(np.abs(a - b).std(ddof=1) / math.sqrt(len(a)))


def subtracts_booleans_or_bytes_as_they_come(right_a, right_b):
    _as_floats(right_a, right_b)
    difference = np.asarray(right_a) - np.asarray(right_b)
    return float(difference.std(ddof=1) / math.sqrt(len(difference)))


def takes_the_difference_for_a_share(right_a, right_b):
    a, b = _as_floats(right_a, right_b)
    difference = abs(a.mean() - b.mean())
    return float(math.sqrt(difference * (1 - difference) / len(a)))


def simulates_by_resampling(right_a, right_b):
    a, b = _as_floats(right_a, right_b)
    pictures = np.random.default_rng(0).integers(0, len(a), size=(200, len(a)))
    return float((a - b)[pictures].mean(axis=1).std(ddof=1))


def cuts_the_longer_one(right_a, right_b):
    n = min(len(right_a), len(right_b))
    return paired_standard_error(right_a[:n], right_b[:n])


def lets_numpy_stretch_one_entry(right_a, right_b):
    difference = np.asarray(right_a, dtype=float) - np.asarray(right_b, dtype=float)
    return float(difference.std(ddof=1) / math.sqrt(len(difference)))


A = np.array([1, 1, 0, 0, 1, 1, 0, 1])
B = np.array([1, 0, 0, 0, 1, 0, 1, 1])
PAIRED = math.sqrt(23 / 8 / 7 / 8)  # the differences are 0 1 0 0 0 1 -1 0: mean 1/8, squares about it 3 - 1/8

CONSTANT = np.array([[1.0, 7.0], [3.0, 7.0]])
ROUNDED = np.array([[0.1, 0.0], [0.1, 2.0], [0.1, 4.0]])
LOW, HIGH = np.array([0.0, 0.2, 0.7]), np.array([0.3, 0.8, 1.0])

EXERCISES = (
    Exercise(
        "2.2.1",
        kind="predict",
        level=1,
        minutes=5,
        points=1,
        solution=BOTH_FLAG,
        rtol=1e-3,
        wrong={
            "gives_the_probability_of_two_flags_if_wrong": (0.81, 0),
            "forgets_how_rare_wrong_labels_are": (0.997, 1),
            "ignores_the_second_flag": (18 / 67, 0),
            "multiplies_the_two_answers": ((18 / 67) ** 2, 0),
            "takes_the_two_flags_for_two_labels": (1 - (49 / 67) ** 2, 1),
            "forgets_to_divide": (0.02 * 0.81, 1),
            "answers_in_percent": (86.9, None),
            "adds_the_odds": (36 / 85, 0),
        },
    ),
    Exercise(
        "2.2.2",
        level=2,
        minutes=10,
        points=2,
        solution=standardise,
        cases=(
            Case(
                (np.array([[1.0, 10.0], [5.0, 40.0]]), np.array([[1.0, 10.0], [5.0, 55.0]])),
                expected=np.array([[-1.0, -1.0], [1.0, 2.0]]),
                name="columns mixed up, or shifted and not scaled",
            ),
            Case(
                (np.array([[1.0], [3.0]]), np.array([[5.0], [7.0], [9.0]])),
                expected=np.array([[3.0], [5.0], [7.0]]),
                name="X scaled by its own numbers",
            ),
            Case(
                (np.array([[0.0], [3.0], [6.0]]), np.array([[3.0], [3.0 + math.sqrt(6)]])),
                expected=np.array([[0.0], [1.0]]),
                name="divided by n - 1",
            ),
            Case(
                (CONSTANT, CONSTANT),
                expected=np.array([[-1.0, 0.0], [1.0, 0.0]]),
                name="a constant column divided by nothing",
            ),
            Case(
                (CONSTANT, np.array([[5.0, 7.0], [1.0, 9.0]])),
                expected=np.array([[3.0, 0.0], [-1.0, 2.0]]),
                name="a new value in a column that was constant",
            ),
            Case(
                (ROUNDED, np.array([[0.1, 2.0], [1.1, 2.0]])),
                expected=np.array([[0.0, 0.0], [1.0, 0.0]]),
                name="a constant column that rounding hides",
            ),
            Case(
                (np.array([[100], [200]], dtype=np.uint8), np.array([[50], [250]], dtype=np.uint8)),
                expected=np.array([[-2.0], [2.0]]),
                name="small whole numbers that run over",
            ),
        ),
        wrong={
            measures_x_itself: 0,
            has_no_thought_of_constant_columns: 1,
            hides_the_nan_afterwards: 1,
            adds_a_tiny_number_to_the_spread: 2,
            takes_a_tiny_spread_for_none: 2,
            asks_whether_the_spread_is_exactly_0: 2,
            subtracts_the_squared_mean: None,
            sets_what_was_constant_to_0: 1,
            divides_by_n_minus_1: None,
            takes_one_mean_and_one_spread_for_all: 0,
            divides_by_the_variance: None,
            writes_into_x: None,
            keeps_the_whole_numbers_whole: None,
        },
        draw=draw_tables,
    ),
    Exercise(
        "2.2.3",
        level=4,
        minutes=15,
        points=3,
        solution=coverage,
        cases=(
            Case((LOW, HIGH, 0.5), expected=0.5, name="every result counted as equally likely"),
            Case((LOW, HIGH, 0.9), expected=0.81, name="all right left out"),
            Case((LOW, HIGH, 0.1), expected=0.81, name="none right left out"),
            Case(
                (np.array([0.25, 0.25, 0.5, 0.75]), np.array([0.25, 0.5, 0.75, 1.0]), 0.5),
                expected=0.75,
                name="the ends of the interval left out",
            ),
            Case(
                (np.array([0.0, 0.0, 0.3, 0.5]), np.array([0.5, 0.8, 0.95, 1.0]), 0.9),
                expected=3 * 0.9**2 * 0.1 + 0.9**3,
                name="the share that was seen put in place of p",
            ),
            Case(
                many_results,
                args_text="np.arange(2001) / 2000 - 0.0203, np.arange(2001) / 2000 + 0.0203, 0.5",
                expected=float(stats.binom.cdf(1040, 2000, 0.5) - stats.binom.cdf(959, 2000, 0.5)),
                name="numbers too large for a float",
            ),
        ),
        wrong={
            counts_every_result_alike: 0,
            leaves_out_all_right: 1,
            leaves_out_none_right: 1,
            takes_n_plus_1_for_n: 1,
            leaves_out_the_ends: 1,
            weighs_by_the_share_that_was_seen: 0,
            forgets_how_many_ways_lead_to_a_result: 0,
            exchanges_right_and_wrong: 0,
            multiplies_math_comb_by_a_float: 2,
            looks_at_the_likeliest_result: 0,
            simulates: 0,
        },
        draw=draw_intervals,
    ),
    Exercise(
        "2.2.4",
        level=3,
        minutes=10,
        points=3,
        solution=binary_cross_entropy,
        cases=(
            Case((np.array([0.0]), np.array([1])), expected=math.log(2), name="base 2 instead of e"),
            Case(
                (LOGITS, np.array([1, 0, 1])),
                expected=-(math.log(0.8) + math.log(0.9) + math.log(0.9)) / 3,
                name="the noes are not charged",
            ),
            Case((np.zeros(4), np.array([0, 1, 1, 0])), expected=math.log(2), name="a sum, not a mean"),
            Case((np.array([40.0, -50.0]), np.array([0, 1])), expected=45.0, name="1 - p lost"),
            Case((np.array([1000.0, -1000.0]), np.array([0, 1])), expected=1000.0, name="exp overflows"),
            Case((np.array([1000.0, -1000.0]), np.array([1, 0])), expected=0.0, name="nan for what is right"),
        ),
        wrong={
            takes_the_logarithm_of_a_rounded_p: 1,
            clips_p: 1,
            clips_z: 1,
            charges_the_yeses_only: 0,
            averages_over_the_yeses: 0,
            adds_up: 0,
            answers_in_bits: None,
            turns_the_sign_of_z: 0,
            takes_the_logits_for_probabilities: 0,
            computes_log_of_1_plus_exp_as_it_stands: 2,
            forgets_the_minus: 0,
        },
        draw=draw_logits,
    ),
    Exercise(
        "2.2.5",
        level=3,
        minutes=10,
        points=2,
        solution=paired_standard_error,
        cases=(
            Case(
                (np.array([1, 1, 0, 0]), np.array([1, 0, 0, 0])),
                expected=0.25,
                name="two independent test sets assumed",
            ),
            Case((A, B), expected=PAIRED, name="the sign of the differences lost"),
            Case(
                (np.array([1, 0, 1, 0, 1]), np.array([1, 0, 1, 0, 1])),
                expected=0.0,
                name="shared luck counted as noise",
            ),
            Case((A.astype(bool), B.astype(bool)), expected=PAIRED, name="booleans subtracted"),
            Case((A.astype(np.uint8), B.astype(np.uint8)), expected=PAIRED, name="0 - 1 in uint8"),
            Case(
                ([True, True, False, False], [True, False, False, False]),
                expected=0.25,
                name="lists are not arrays",
            ),
            Case((np.array([1, 0, 1]), np.array([1])), raises=ValueError, name="one entry is stretched"),
        ),
        wrong={
            adds_the_two_squared_standard_errors: 0,
            returns_the_spread_of_the_differences: None,
            divides_by_n_and_not_by_its_root: None,
            divides_the_variance_by_n: None,
            takes_absolute_differences: None,
            subtracts_booleans_or_bytes_as_they_come: 1,
            takes_the_difference_for_a_share: 0,
            simulates_by_resampling: None,
            cuts_the_longer_one: 2,
            lets_numpy_stretch_one_entry: 2,
        },
        draw=draw_answers,
    ),
)
