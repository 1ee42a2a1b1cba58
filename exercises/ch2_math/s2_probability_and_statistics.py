"""Exercises of section 2.2: Bayes, scaling, coverage, safe losses, fair comparisons, counts, confidence.

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


# 2.2.6 log-softmax ---------------------------------------------------------------------------------


def log_softmax(z):
    """Logarithms of the probabilities that softmax makes of the last axis. z (..., C) -> (..., C)

    Right for all finite logits, of any size. z stays as it is.
    """
    # Common wrong turn: the logarithm of softmax. A probability of e^-1000 is rounded to 0: log 0 is -inf.
    z = np.asarray(z, dtype=float)
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def draw_many_logits(rng):
    """A row, a table or a block of logits, small or huge, now and then of a single class or whole numbers."""
    shape = tuple(int(n) for n in rng.integers(1, 4, size=int(rng.integers(1, 4))))
    z = rng.choice([0.0, 0.5, 1.0, 2.0, 30.0, 800.0, 5000.0], size=shape) * rng.choice([-1, 1], size=shape)
    z = z + rng.choice([0.0, 0.0, 1000.0], size=(*shape[:-1], 1))
    return (z.astype(int),) if rng.random() < 0.2 else (z,)


def takes_the_formula_as_it_stands(z):
    with np.errstate(all="ignore"):
        return np.log(np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True))


def takes_the_logarithm_of_a_safe_softmax(z):
    with np.errstate(all="ignore"):
        return np.log(np.exp(log_softmax(z)))


def subtracts_the_largest_of_the_whole_table(z):
    with np.errstate(all="ignore"):
        shifted = z - np.max(z)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def subtracts_the_mean(z):
    with np.errstate(all="ignore"):
        shifted = z - np.mean(z, axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def goes_down_the_first_axis(z):
    shifted = z - np.max(z, axis=0)
    return shifted - np.log(np.exp(shifted).sum(axis=0))


def makes_one_distribution_of_everything(z):
    shifted = z - np.max(z)
    return shifted - np.log(np.exp(shifted).sum())


def forgets_to_put_the_largest_back(z):
    shifted = z - np.max(z, axis=-1, keepdims=True)
    return z - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def returns_the_probabilities(z):
    return np.exp(log_softmax(z))


def takes_logarithms_to_base_2(z):
    return log_softmax(z) / math.log(2)


def clips_the_logits(z):
    return log_softmax(np.clip(z, -500, 500))


def writes_into_z(z):
    z -= z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


# 2.2.7 shares of ink -------------------------------------------------------------------------------


def ink_shares(X, y, classes):
    """How probable ink is in each pixel of each class: (k + 1) / (n + 2). -> (classes, D)

    X (N, D) of 0 and 1, y (N,) class numbers. Of the n pictures of a class, k have ink in the pixel.
    """
    # Common wrong turn: a loop over the classes that occur in y. One that does not occur has a row as well.
    shares = np.empty((classes, X.shape[1]))
    for c in range(classes):
        members = X[y == c]
        shares[c] = (members.sum(axis=0) + 1) / (len(members) + 2)
    return shares


def draw_inked(rng):
    """Up to five pictures of up to three pixels; some class may have no picture."""
    N, D, classes = int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(2, 5))
    X, y = rng.integers(0, 2, size=(N, D)), rng.integers(0, classes, size=N)
    return (X.astype(float) if rng.random() < 0.7 else X), y, classes


def _ink_and_size(X, y, classes):
    member = np.eye(classes)[y]
    return member.T @ X, member.sum(axis=0)[:, None]


def counts_as_it_stands(X, y, classes):
    k, n = _ink_and_size(X, y, classes)
    with np.errstate(all="ignore"):
        return k / n


def adds_1_above_and_1_below(X, y, classes):
    k, n = _ink_and_size(X, y, classes)
    return (k + 1) / (n + 1)


def adds_the_number_of_classes_below(X, y, classes):
    k, n = _ink_and_size(X, y, classes)
    return (k + 1) / (n + classes)


def adds_the_number_of_pixels_below(X, y, classes):
    k, n = _ink_and_size(X, y, classes)
    return (k + 1) / (n + X.shape[1])


def divides_by_all_pictures(X, y, classes):
    return (_ink_and_size(X, y, classes)[0] + 1) / (len(X) + 2)


def gives_the_shares_of_blank_paper(X, y, classes):
    return 1 - ink_shares(X, y, classes)


def leaves_out_classes_without_pictures(X, y, classes):
    return ink_shares(X, y, classes)[np.unique(y)]


def has_a_column_for_each_class(X, y, classes):
    return ink_shares(X, y, classes).T


def gives_an_empty_class_zeros(X, y, classes):
    shares = ink_shares(X, y, classes)
    return np.where(np.isin(np.arange(classes), y)[:, None], shares, 0.0)


# 2.2.8 the bins of a reliability diagram -----------------------------------------------------------


def reliability(confidence, right):
    """Ten bins of confidence, those that have answers: mean confidence, share right, number. -> 3 arrays (M,)

    confidence (N,) from 0 to 1, right (N,) True (1) or False (0). Raises ValueError for another confidence.
    """
    # Common wrong turn: a confidence of exactly 1, times ten, has the number 10; it belongs to bin 9.
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError(f"confidence runs from {confidence.min():.3g} to {confidence.max():.3g}: not 0 to 1")
    place = np.minimum((confidence * 10).astype(int), 9)
    members = [place == b for b in np.unique(place)]
    means = np.array([confidence[m].mean() for m in members])
    shares = np.array([right[m].mean() for m in members])
    return means, shares, np.array([m.sum() for m in members])


CONFIDENCES = np.array(
    [0.0, 0.02, 0.15, 0.18, 0.25, 0.35, 0.45, 0.5, 0.55, 0.57, 0.65, 0.75, 0.85, 0.95, 0.98, 1.0]
)


def draw_answers_with_confidence(rng):
    """One to six answers, sure and unsure ones; a few times logits in place of confidences."""
    n = int(rng.integers(1, 7))
    confidence, right = rng.choice(CONFIDENCES, size=n), rng.integers(0, 2, size=n)
    if rng.random() < 0.1:
        confidence = confidence * rng.choice([-3.0, 3.0])
    if not ((confidence >= 0) & (confidence <= 1)).all():
        return Case((confidence, right), raises=ValueError)
    return confidence, (right.astype(bool) if rng.random() < 0.5 else right)


def _bins(confidence, right, place):
    reliability(confidence, right)  # refuses what is no confidence
    members = [place == b for b in np.unique(place)]
    means, shares = (np.array([x[m].mean() for m in members]) for x in (confidence, right))
    return means, shares, np.array([m.sum() for m in members])


def gives_1_a_bin_of_its_own(confidence, right):
    return _bins(confidence, right, np.floor(confidence * 10).astype(int))


def loses_a_confidence_of_1(confidence, right):
    reliability(confidence, right)
    inside = confidence < 1
    if not inside.any():
        return np.array([]), np.array([]), np.array([], dtype=int)
    return reliability(confidence[inside], right[inside])


def takes_the_middle_of_the_bin(confidence, right):
    _, shares, count = reliability(confidence, right)
    place = np.unique(np.minimum((confidence * 10).astype(int), 9))
    return (place + 0.5) / 10, shares, count


def keeps_the_empty_bins(confidence, right):
    means, shares, count = np.zeros(10), np.zeros(10), np.zeros(10, dtype=int)
    place = np.unique(np.minimum((confidence * 10).astype(int), 9))
    means[place], shares[place], count[place] = reliability(confidence, right)
    return means, shares, count


def divides_by_all_answers(confidence, right):
    means, shares, count = reliability(confidence, right)
    return means, shares * count / len(confidence), count


def counts_the_right_ones(confidence, right):
    means, shares, count = reliability(confidence, right)
    return means, shares, np.rint(shares * count).astype(int)


def gives_shares_for_numbers(confidence, right):
    means, shares, count = reliability(confidence, right)
    return means, shares, count / len(confidence)


def puts_a_border_into_the_lower_bin(confidence, right):
    return _bins(confidence, right, np.maximum(np.ceil(confidence * 10).astype(int) - 1, 0))


def rounds_to_the_nearest_tenth(confidence, right):
    return _bins(confidence, right, np.rint(confidence * 10 + 1e-9).astype(int))


def exchanges_confidence_and_share(confidence, right):
    means, shares, count = reliability(confidence, right)
    return shares, means, count


def lets_logits_pass(confidence, right):
    place = np.clip((confidence * 10).astype(int), 0, 9)
    members = [place == b for b in np.unique(place)]
    means, shares = (np.array([x[m].mean() for m in members]) for x in (confidence, right))
    return means, shares, np.array([m.sum() for m in members])


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
    Exercise(
        "2.2.6",
        level=2,
        minutes=10,
        points=2,
        solution=log_softmax,
        cases=(
            Case((np.log([1.0, 2.0, 1.0]),), expected=np.log([0.25, 0.5, 0.25]), name="p, or base 2"),
            Case((np.array([2.0, 1.0, 0.0]) + 1000,), name="exp overflows"),
            Case((np.array([0.0, -1000.0]),), expected=np.array([0.0, -1000.0]), name="p rounded to 0"),
            Case((np.array([[0.0, 0.0], [1000.0, 1000.0]]),), expected=np.full((2, 2), -math.log(2))),
            Case((np.array([0.0, 0.0, 3000.0]),), expected=np.array([-3000.0, -3000.0, 0.0])),
            Case((np.log([[[1.0, 3.0]], [[1.0, 1.0]]]),), expected=np.log([[[0.25, 0.75]], [[0.5, 0.5]]])),
        ),
        wrong={
            takes_the_formula_as_it_stands: 1,
            takes_the_logarithm_of_a_safe_softmax: 2,
            subtracts_the_largest_of_the_whole_table: 1,
            subtracts_the_mean: 1,
            goes_down_the_first_axis: 0,
            makes_one_distribution_of_everything: 0,
            forgets_to_put_the_largest_back: 1,
            returns_the_probabilities: 0,
            takes_logarithms_to_base_2: 0,
            clips_the_logits: 1,
            writes_into_z: None,
        },
        draw=draw_many_logits,
    ),
    Exercise(
        "2.2.7",
        level=2,
        minutes=10,
        points=2,
        solution=ink_shares,
        cases=(
            Case(
                (np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), np.array([0, 0, 1]), 2),
                expected=np.array([[3 / 4, 2 / 4], [1 / 3, 1 / 3]]),
            ),
            Case(
                (np.array([[1.0, 0.0, 1.0]]), np.array([2]), 3),
                expected=np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [2 / 3, 1 / 3, 2 / 3]]),
                name="a class without pictures",
            ),
            Case((np.array([[1], [1], [0]]), np.array([0, 0, 0]), 1), expected=np.array([[3 / 5]])),
        ),
        wrong={
            counts_as_it_stands: 1,
            adds_1_above_and_1_below: 1,
            adds_the_number_of_classes_below: 1,
            adds_the_number_of_pixels_below: 1,
            divides_by_all_pictures: 0,
            gives_the_shares_of_blank_paper: None,
            leaves_out_classes_without_pictures: 2,
            has_a_column_for_each_class: None,
            gives_an_empty_class_zeros: 2,
        },
        draw=draw_inked,
    ),
    Exercise(
        "2.2.8",
        level=3,
        minutes=10,
        points=3,
        solution=reliability,
        cases=(
            Case(
                (np.array([0.65, 0.95, 0.95, 0.65, 0.95, 0.95]), np.array([1, 1, 1, 0, 1, 0])),
                expected=(np.array([0.65, 0.95]), np.array([0.5, 0.75]), np.array([2, 4])),
            ),
            Case(
                (np.array([1.0, 0.96]), np.array([True, False])),
                expected=(np.array([0.98]), np.array([0.5]), np.array([2])),
                name="a confidence of 1",
            ),
            Case(
                (np.array([0.52, 0.58, 0.12]), np.array([1, 1, 0])),
                expected=(np.array([0.12, 0.55]), np.array([0.0, 1.0]), np.array([1, 2])),
                name="rounded to the nearest tenth",
            ),
            Case(
                (np.array([0.5, 0.45, 0.0]), np.array([1, 0, 1])),
                expected=(np.array([0.0, 0.45, 0.5]), np.array([1.0, 0.0, 1.0]), np.array([1, 1, 1])),
                name="the border between two bins, and a confidence of 0",
            ),
            Case((np.array([3.0, 0.5]), np.array([1, 1])), raises=ValueError, name="logits"),
            Case((np.array([0.5, -0.5]), np.array([1, 1])), raises=ValueError, name="logits below 0"),
        ),
        wrong={
            gives_1_a_bin_of_its_own: 1,
            loses_a_confidence_of_1: 1,
            takes_the_middle_of_the_bin: 0,
            keeps_the_empty_bins: 2,
            divides_by_all_answers: 0,
            counts_the_right_ones: 0,
            gives_shares_for_numbers: 0,
            puts_a_border_into_the_lower_bin: None,
            rounds_to_the_nearest_tenth: 1,
            exchanges_confidence_and_share: None,
            lets_logits_pass: None,
        },
        draw=draw_answers_with_confidence,
    ),
)
