"""Exercises of section 2.2, probability: Bayes, scaling, coverage, a safe loss, a fair comparison."""

import math
import random
from statistics import stdev

import numpy as np
from scipy import stats

from exercises import Case, Exercise

# 2.2.1 two checkers agree -------------------------------------------------------------------------

_BOTH_IF_WRONG, _BOTH_IF_RIGHT = 0.9**2, 0.05**2
BOTH_FLAG = 0.02 * _BOTH_IF_WRONG / (0.02 * _BOTH_IF_WRONG + 0.98 * _BOTH_IF_RIGHT)


def _near(number, sentence):
    """A check that knows one wrong number, to three decimals, and where it comes from."""
    return lambda answer: sentence if abs(answer - number) < 2e-3 * max(number, 0.1) else None


two_checkers = Exercise(
    "2.2.1",
    level=1,
    minutes=5,
    points=1,
    kind="predict",
    rtol=1e-3,
    solution=BOTH_FLAG,
    wrong={
        "gives_p_both_flag_wrong": (0.81, 0),
        "forgets_how_rare_wrong_labels_are": (0.997, 1),
        "ignores_the_second_flag": (18 / 67, 0),
        "multiplies_the_two_posteriors": ((18 / 67) ** 2, 0),
        "takes_the_two_flags_for_two_labels": (1 - (49 / 67) ** 2, 1),
        "forgets_to_divide": (0.02 * 0.81, 1),
        "answers_in_percent": (86.9, None),
        "adds_the_odds_instead_of_multiplying_them": (36 / 85, None),
    },
)

# 2.2.2 scaling that survives a constant column ----------------------------------------------------


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


def _quietly(function):
    """With NumPy's warnings off: in a notebook they are printed, and the numbers come all the same."""

    def answer(*arguments):
        with np.errstate(all="ignore"):
            return function(*arguments)

    return answer


def _scaled(X_train, X, sd):
    return (np.asarray(X) - np.mean(X_train, axis=0)) / sd


def divides_where_not_zero(X_train, X):
    sd = np.std(X_train, axis=0)
    return _scaled(X_train, X, np.where(sd == 0, 1.0, sd))


def drops_what_is_constant(X_train, X):
    constant = np.max(X_train, axis=0) == np.min(X_train, axis=0)
    return np.where(constant, 0.0, standardise(X_train, X))


def in_place(X_train, X):
    X[:] = standardise(X_train, X)
    return X


def one_mean_for_all(X_train, X):
    sd = np.std(X_train)
    return (np.asarray(X) - np.mean(X_train)) / (sd if sd > 1e-12 else 1.0)


def with_ddof(X_train, X):
    constant = np.max(X_train, axis=0) == np.min(X_train, axis=0)
    return _scaled(X_train, X, np.where(constant, 1.0, np.std(X_train, axis=0, ddof=1)))


_CONSTANT = np.array([[1.0, 7.0], [3.0, 7.0]])
_ROUNDED = np.array([[0.1, 0.0], [0.1, 2.0], [0.1, 4.0]])

scale_columns = Exercise(
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
            (_CONSTANT, _CONSTANT),
            expected=np.array([[-1.0, 0.0], [1.0, 0.0]]),
            name="a constant column divided by nothing",
        ),
        Case(
            (_CONSTANT, np.array([[5.0, 7.0], [1.0, 9.0]])),
            expected=np.array([[3.0, 0.0], [-1.0, 2.0]]),
            name="a new value in a column that was constant",
        ),
        Case(
            (_ROUNDED, np.array([[0.1, 2.0], [1.1, 2.0]])),
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
        "measures_x_itself": (lambda X_train, X: standardise(X, X), 0),
        "no_thought_of_constant_columns": (
            _quietly(lambda X_train, X: _scaled(X_train, X, np.std(X_train, 0))),
            1,
        ),
        "hides_the_nan_afterwards": (
            _quietly(lambda X_train, X: np.nan_to_num(_scaled(X_train, X, np.std(X_train, 0)))),
            1,
        ),
        "adds_a_tiny_number_to_the_standard_deviation": (
            lambda X_train, X: _scaled(X_train, X, np.std(X_train, axis=0) + 1e-8),
            1,
        ),
        divides_where_not_zero: 2,
        drops_what_is_constant: 1,
        with_ddof: 0,
        one_mean_for_all: 0,
        "divides_by_the_variance": (
            lambda X_train, X: _scaled(
                X_train, X, np.where(np.ptp(X_train, axis=0) == 0, 1.0, np.var(X_train, axis=0))
            ),
            0,
        ),
        in_place: 0,
        "keeps_the_whole_numbers_whole": (lambda X_train, X: standardise(X_train, X).astype(X.dtype), 0),
    },
)

# 2.2.3 does a 95 % interval keep its word? --------------------------------------------------------


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


def _weighted(pmf, *, strict=False, part=slice(None)):
    """Sums pmf(right, n, p) over the results whose interval holds p, or over a part of them."""

    def answer(low, high, p):
        n = len(low) - 1
        results = range(n + 1)[part]
        held = [low[k] < p < high[k] if strict else low[k] <= p <= high[k] for k in results]
        return float(sum(pmf(k, n, p) for k, inside in zip(results, held, strict=True) if inside))

    return answer


def one_too_many(low, high, p):
    held = (np.asarray(low) <= p) & (p <= np.asarray(high))
    return float(stats.binom.pmf(np.arange(len(low)), len(low), p)[held].sum())


def of_the_likeliest(low, high, p):
    likeliest = round((len(low) - 1) * p)
    return float(low[likeliest] <= p <= high[likeliest])


def simulated(low, high, p):
    draws = np.random.default_rng(0).binomial(len(low) - 1, p, size=2_000)
    return float(np.mean((np.asarray(low)[draws] <= p) & (p <= np.asarray(high)[draws])))


def _many_results():
    share = np.arange(2001) / 2000
    return share - 0.0203, share + 0.0203, 0.5


coverage_of_an_interval = Exercise(
    "2.2.3",
    level=4,
    minutes=15,
    points=3,
    solution=coverage,
    cases=(
        Case(
            (np.array([0.0, 0.2, 0.7]), np.array([0.3, 0.8, 1.0]), 0.5),
            expected=0.5,
            name="every result counted as equally likely",
        ),
        Case(
            (np.array([0.0, 0.2, 0.7]), np.array([0.3, 0.8, 1.0]), 0.9),
            expected=0.81,
            name="all right left out",
        ),
        Case(
            (np.array([0.0, 0.2, 0.7]), np.array([0.3, 0.8, 1.0]), 0.1),
            expected=0.81,
            name="none right left out",
        ),
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
            _many_results,
            args_text="np.arange(2001) / 2000 - 0.0203, np.arange(2001) / 2000 + 0.0203, 0.5",
            expected=float(stats.binom.cdf(1040, 2000, 0.5) - stats.binom.cdf(959, 2000, 0.5)),
            name="numbers too large for a float",
        ),
    ),
    wrong={
        "the_share_of_results_not_their_probability": (_weighted(lambda k, n, p: 1 / (n + 1)), 0),
        "range_n_leaves_out_all_right": (_weighted(stats.binom.pmf, part=slice(0, -1)), 1),
        "begins_at_1": (_weighted(stats.binom.pmf, part=slice(1, None)), 1),
        one_too_many: 0,
        "the_ends_do_not_belong_to_it": (_weighted(stats.binom.pmf, strict=True), 1),
        "weighs_each_result_by_the_share_it_shows": (
            _weighted(lambda k, n, p: stats.binom.pmf(k, n, k / n)),
            1,
        ),
        "forgets_how_many_ways_lead_to_a_result": (_weighted(lambda k, n, p: p**k * (1 - p) ** (n - k)), 0),
        "math_comb_times_a_float": (
            _weighted(lambda k, n, p: math.comb(n, k) * p**k * (1 - p) ** (n - k)),
            2,
        ),
        of_the_likeliest: 0,
        simulated: 0,
    },
)

# 2.2.4 binary cross-entropy from the logit --------------------------------------------------------


def binary_cross_entropy(z, y):
    """Mean loss of yes-or-no answers, in nats: -log p where y is 1, -log(1 - p) where y is 0, p = sigmoid(z).

    z (N,): logits, any finite floats, y (N,): 0 or 1 -> float, exact to rounding for large z of either sign.
    """
    # Common wrong turn: p = sigmoid(z) first. For z = 40, p is rounded to 1 and log(1 - p) is lost; clipping
    # p hides that, and every large mistake costs the same. -log(1 - p) is log(1 + exp(z)), -log p is z less.
    z, y = np.asarray(z, dtype=float), np.asarray(y)
    return float(np.mean(np.logaddexp(0, z) - y * z))


def _sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, dtype=float)))


def _charged(z, y, low=0.0):
    p = np.clip(_sigmoid(z), low, 1 - low)
    return np.where(np.asarray(y) == 1, -np.log(p), -np.log(1 - p))


_LOGITS = np.log(np.array([0.8, 0.1, 0.9]) / np.array([0.2, 0.9, 0.1]))

safe_binary_loss = Exercise(
    "2.2.4",
    level=3,
    minutes=10,
    points=3,
    solution=binary_cross_entropy,
    cases=(
        Case((np.array([0.0]), np.array([1])), expected=math.log(2), name="base 2 instead of e"),
        Case(
            (_LOGITS, np.array([1, 0, 1])),
            expected=-(math.log(0.8) + math.log(0.9) + math.log(0.9)) / 3,
            name="the noes are not charged",
        ),
        Case((np.zeros(4), np.array([0, 1, 1, 0])), expected=math.log(2), name="a sum instead of a mean"),
        Case(
            (np.array([40.0, -50.0]), np.array([0, 1])), expected=45.0, name="p rounded to 1, and 1 - p lost"
        ),
        Case(
            (np.array([1000.0, -1000.0]), np.array([0, 1])),
            expected=1000.0,
            name="exp overflows, or p is clipped",
        ),
        Case(
            (np.array([1000.0, -1000.0]), np.array([1, 0])),
            expected=0.0,
            name="nan for an answer that is right",
        ),
    ),
    wrong={
        "takes_the_logarithm_of_a_rounded_p": (_quietly(lambda z, y: float(_charged(z, y).mean())), 1),
        "clips_p": (_quietly(lambda z, y: float(_charged(z, y, low=1e-15).mean())), 1),
        "charges_the_yeses_only": (lambda z, y: float(np.mean(y * np.logaddexp(0, -z))), 0),
        "adds_up": (lambda z, y: binary_cross_entropy(z, y) * len(z), 0),
        "in_bits": (lambda z, y: binary_cross_entropy(z, y) / math.log(2), 0),
        "the_sign_of_z_turned_round": (lambda z, y: binary_cross_entropy(-z, y), 0),
        "takes_the_logits_for_probabilities": (
            _quietly(lambda z, y: float(-np.mean(y * np.log(z) + (1 - y) * np.log(1 - z)))),
            0,
        ),
        "log_1_exp_z_as_it_stands": (_quietly(lambda z, y: float(np.mean(np.log(1 + np.exp(z)) - y * z))), 1),
        "forgets_the_minus": (lambda z, y: -binary_cross_entropy(z, y), 0),
    },
)

# 2.2.5 two classifiers, the same pictures ---------------------------------------------------------


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


def _same_length(right_a, right_b):
    if len(right_a) != len(right_b):
        raise ValueError("lengths")
    return np.asarray(right_a, dtype=float), np.asarray(right_b, dtype=float)


def independent(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    return float(math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a)))


def spread_only(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    return float((a - b).std(ddof=1))


def ddof_zero(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    return float((a - b).std() / math.sqrt(len(a)))


def absolute(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    return float(np.abs(a - b).std(ddof=1) / math.sqrt(len(a)))


def as_it_comes(right_a, right_b):
    if len(right_a) != len(right_b):
        raise ValueError("lengths")
    difference = np.asarray(right_a) - np.asarray(right_b)
    return float(difference.std(ddof=1) / math.sqrt(len(difference)))


def as_a_share(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    difference = abs(a.mean() - b.mean())
    return float(math.sqrt(difference * (1 - difference) / len(a)))


def resampled(right_a, right_b):
    a, b = _same_length(right_a, right_b)
    dice = random.Random(0)
    pairs = list(zip(a, b, strict=True))
    means = [float(np.mean([x - y for x, y in dice.choices(pairs, k=len(pairs))])) for _ in range(200)]
    return stdev(means)


_A = np.array([1, 1, 0, 0, 1, 1, 0, 1])
# the differences are 0 1 0 0 0 1 -1 0: mean 1/8, sum of squares about it 3 - 1/8
_B = np.array([1, 0, 0, 0, 1, 0, 1, 1])

compare_in_pairs = Exercise(
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
        Case((_A, _B), expected=math.sqrt(23 / 8 / 7 / 8), name="the sign of the differences lost"),
        Case(
            (np.array([1, 0, 1, 0, 1]), np.array([1, 0, 1, 0, 1])),
            expected=0.0,
            name="shared luck counted as noise",
        ),
        Case(
            (_A.astype(bool), _B.astype(bool)), expected=math.sqrt(23 / 8 / 7 / 8), name="booleans subtracted"
        ),
        Case(
            (_A.astype(np.uint8), _B.astype(np.uint8)),
            expected=math.sqrt(23 / 8 / 7 / 8),
            name="0 - 1 in uint8",
        ),
        Case(
            ([True, True, False, False], [True, False, False, False]),
            expected=0.25,
            why="answers that call methods of arrays on a list fail here",
            name="lists are not arrays",
        ),
        Case(
            (np.array([1, 0, 1]), np.array([1])), raises=ValueError, name="lengths that differ go unnoticed"
        ),
    ),
    wrong={
        independent: 0,
        spread_only: 0,
        ddof_zero: 0,
        absolute: 0,
        as_it_comes: 1,
        as_a_share: 0,
        resampled: 0,
        "lets_numpy_stretch_the_shorter_one": (
            lambda right_a, right_b: float(
                (np.asarray(right_a, dtype=float) - np.asarray(right_b, dtype=float)).std(ddof=1)
                / math.sqrt(len(right_a))
            ),
            2,
        ),
    },
)

EXERCISES = [two_checkers, scale_columns, coverage_of_an_interval, safe_binary_loss, compare_in_pairs]
