"""Exercises of section 7.1: a step, a similarity, a pair, a list, reasons, a mix, a vector from features."""

import math

import numpy as np

from exercises import Case, Exercise

NAN = math.nan

# 7.1.1 one step of descent ------------------------------------------------------------------------


def sgd_step(p, q, user_bias, item_bias, rating, mean, rate, reg):
    """One step of stochastic gradient descent on one rating.

    p, q (K,) factors of the user and the item; user_bias, item_bias, rating, mean, rate, reg: numbers.
    Returns the new (p, q, user_bias, item_bias), p and q as arrays; those handed in stay as they are.
    """
    # Common wrong turn: p is overwritten first, and the step of q then uses the new p.
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    error = rating - (mean + user_bias + item_bias + p @ q)
    return (
        p + rate * (error * q - reg * p),
        q + rate * (error * p - reg * q),
        user_bias + rate * (error - reg * user_bias),
        item_bias + rate * (error - reg * item_bias),
    )


def draw_rating(rng):
    """Up to three factors, whole or broken numbers (arrays of integers too), any error, no penalty too."""
    size = int(rng.integers(1, 4))
    p, q = rng.integers(-3, 4, size=(2, size))
    if rng.random() < 0.6:
        p, q = p / 4, q / 4
    user_bias, item_bias = np.round(rng.normal(size=2), 2).tolist()
    rating, mean = float(rng.integers(1, 11)) / 2, float(rng.choice([3.0, 3.53, -1.0]))
    return (
        p,
        q,
        user_bias,
        item_bias,
        rating,
        mean,
        float(rng.choice([0.01, 0.1, 1.0])),
        float(rng.choice([0, 0.02, 0.5])),
    )


def _moved(p, q, user_bias, item_bias, error, rate, reg, bias_reg=None):
    """All four after a step with this error."""
    bias_reg = reg if bias_reg is None else bias_reg
    return (
        p + rate * (error * q - reg * p),
        q + rate * (error * p - reg * q),
        user_bias + rate * (error - bias_reg * user_bias),
        item_bias + rate * (error - bias_reg * item_bias),
    )


def uses_the_new_p_for_q(p, q, user_bias, item_bias, rating, mean, rate, reg):
    error = rating - (mean + user_bias + item_bias + p @ q)
    new_p, _, *biases = _moved(p, q, user_bias, item_bias, error, rate, reg)
    return new_p, q + rate * (error * new_p - reg * q), *biases


def forgets_the_penalty(p, q, user_bias, item_bias, rating, mean, rate, reg):
    error = rating - (mean + user_bias + item_bias + p @ q)
    return _moved(p, q, user_bias, item_bias, error, rate, 0)


def adds_the_penalty_with_the_other_sign(p, q, user_bias, item_bias, rating, mean, rate, reg):
    error = rating - (mean + user_bias + item_bias + p @ q)
    return _moved(p, q, user_bias, item_bias, error, rate, -reg)


def walks_up_the_gradient(p, q, user_bias, item_bias, rating, mean, rate, reg):
    error = rating - (mean + user_bias + item_bias + p @ q)
    return _moved(p, q, user_bias, item_bias, -error, rate, reg)


def leaves_the_biases_unpenalised(p, q, user_bias, item_bias, rating, mean, rate, reg):
    error = rating - (mean + user_bias + item_bias + p @ q)
    return _moved(p, q, user_bias, item_bias, error, rate, reg, bias_reg=0)


def forgets_the_mean(p, q, user_bias, item_bias, rating, mean, rate, reg):
    return _moved(p, q, user_bias, item_bias, rating - (user_bias + item_bias + p @ q), rate, reg)


def leaves_the_biases_out_of_the_error(p, q, user_bias, item_bias, rating, mean, rate, reg):
    return _moved(p, q, user_bias, item_bias, rating - mean - p @ q, rate, reg)


def takes_the_gradient_of_the_square_without_the_half(p, q, user_bias, item_bias, rating, mean, rate, reg):
    return sgd_step(p, q, user_bias, item_bias, rating, mean, 2 * rate, reg)


def multiplies_the_factors_without_adding_up(p, q, user_bias, item_bias, rating, mean, rate, reg):
    error = rating - (mean + user_bias + item_bias + (p * q)[0])
    return _moved(p, q, user_bias, item_bias, error, rate, reg)


def takes_the_same_bias_twice(p, q, user_bias, item_bias, rating, mean, rate, reg):
    error = rating - (mean + user_bias + item_bias + p @ q)
    return _moved(p, q, user_bias, user_bias, error, rate, reg)


def keeps_whole_factors_whole(p, q, user_bias, item_bias, rating, mean, rate, reg):
    new_p, new_q, *biases = sgd_step(p, q, user_bias, item_bias, rating, mean, rate, reg)
    return new_p.astype(p.dtype), new_q.astype(q.dtype), *biases


def writes_into_the_factors(p, q, user_bias, item_bias, rating, mean, rate, reg):
    new_p, new_q, *biases = sgd_step(p, q, user_bias, item_bias, rating, mean, rate, reg)
    p[:], q[:] = new_p, new_q
    return new_p, new_q, *biases


def adds_to_the_arrays_that_were_handed_in(p, q, user_bias, item_bias, rating, mean, rate, reg):
    error = rating - (mean + user_bias + item_bias + p @ q)
    p += rate * (error * q - reg * p)
    q += rate * (error * p - reg * q)
    return p, q, user_bias + rate * (error - reg * user_bias), item_bias + rate * (error - reg * item_bias)


def adds_to_the_array_p_that_was_handed_in(p, q, user_bias, item_bias, rating, mean, rate, reg):
    error = rating - (mean + user_bias + item_bias + p @ q)
    p += rate * (error * q - reg * p)
    q = q + rate * (error * p - reg * q)
    return p, q, user_bias + rate * (error - reg * user_bias), item_bias + rate * (error - reg * item_bias)


one_step = Exercise(
    "7.1.1",
    level=2,
    minutes=10,
    points=2,
    solution=sgd_step,
    cases=(
        Case(
            (np.array([1.0, 0.0]), np.array([0.5, 1.0]), 0.0, 0.0, 4.5, 3.0, 0.1, 0.0),
            expected=(np.array([1.05, 0.1]), np.array([0.6, 1.0]), 0.1, 0.1),
            name="the step of q uses the new p",
        ),
        Case(
            (np.array([1.0, -2.0, 0.5]), np.array([2.0, 1.0, -1.0]), 0.5, -0.25, 2.0, 3.5, 0.05, 0.4),
            name="a step up instead of down, or without the penalty",
        ),
        Case(
            (np.array([0.3]), np.array([0.2]), 2.0, -1.0, 4.56, 3.5, 0.1, 0.5), name="biases without penalty"
        ),
        Case(
            (np.array([1.0, 1.0]), np.array([0.5, 0.5]), 0.0, 0.0, 4.0, 3.0, 0.1, 0.2),
            expected=(np.array([0.98, 0.98]), np.array([0.49, 0.49]), 0.0, 0.0),
            name="no error, and still something to do",
        ),
    ),
    wrong={
        uses_the_new_p_for_q: 1,
        forgets_the_penalty: 0,
        adds_the_penalty_with_the_other_sign: 0,
        walks_up_the_gradient: 0,
        leaves_the_biases_unpenalised: 2,
        forgets_the_mean: 2,
        leaves_the_biases_out_of_the_error: 2,
        takes_the_gradient_of_the_square_without_the_half: 0,
        multiplies_the_factors_without_adding_up: None,
        takes_the_same_bias_twice: None,
        keeps_whole_factors_whole: None,
        writes_into_the_factors: None,
        adds_to_the_arrays_that_were_handed_in: 1,
        adds_to_the_array_p_that_was_handed_in: 1,
    },
    draw=draw_rating,
)

# 7.1.2 alike, with a grain of salt ----------------------------------------------------------------


def shrunk_similarity(x, y, shrink):
    """Correlation of two rows of ratings over what both have rated, times n / (n + shrink).

    x, y (I,) with nan where there is no rating; n is the number of items that both have rated -> float.
    0.0 where n is below 2, or where one of them gave all common items the same rating.
    Raises ValueError that names both lengths when they differ.
    """
    # Common wrong turn: np.nanmean(x) is the mean of all that x has rated, not of what both have.
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if len(x) != len(y):
        raise ValueError(f"rows of {len(x)} and {len(y)} items: both need one place per item")
    both = ~np.isnan(x) & ~np.isnan(y)
    n = int(both.sum())
    if n < 2:
        return 0.0
    x, y = x[both], y[both]
    if np.ptp(x) == 0 or np.ptp(y) == 0:  # asked of the ratings: three times 3.3 less their mean is not 0
        return 0.0
    a, b = x - x.mean(), y - y.mean()
    return float(a @ b / math.sqrt((a @ a) * (b @ b)) * n / (n + shrink))


def draw_two_rows(rng):
    """Short rows with many holes, half stars or tenths, often equal ratings; few common items; a misfit."""
    n = int(rng.integers(1, 7))
    stars = np.round(rng.integers(1, 11, size=(2, n)) / rng.choice([2, 10]) + rng.choice([0.0, 3.0]), 1)
    stars[rng.random((2, n)) < rng.choice([0.1, 0.4])] = np.nan
    x, y = stars
    if rng.random() < 0.2:
        x[~np.isnan(x)] = rng.choice([3.3, 3.7, 5.0])
    shrink = rng.choice([0, 0.5, 2, 8, 100]).item()
    if rng.random() < 0.1:
        longer = np.append(y, 4.0)
        return Case((x, longer, shrink), raises=ValueError, mentions=(n, n + 1))
    return x, y, shrink


def _common(x, y):
    if len(x) != len(y):
        raise ValueError(f"{len(x)} and {len(y)}")
    return ~np.isnan(x) & ~np.isnan(y)


def _correlation(a, b, factor):
    size = math.sqrt((a @ a) * (b @ b))
    return float(a @ b / size * factor) if size > 1e-9 else 0.0


def _no_answer(x, y):
    """Whether the rows have too little in common to say anything."""
    both = _common(x, y)
    return both.sum() < 2 or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0


def takes_the_means_over_all_own_ratings(x, y, shrink):
    both, n = _common(x, y), _common(x, y).sum()
    if _no_answer(x, y):
        return 0.0
    return _correlation(x[both] - np.nanmean(x), y[both] - np.nanmean(y), n / (n + shrink))


def takes_the_cosine_of_the_raw_ratings(x, y, shrink):
    both, n = _common(x, y), _common(x, y).sum()
    return 0.0 if _no_answer(x, y) else _correlation(x[both], y[both], n / (n + shrink))


def takes_holes_for_zeros(x, y, shrink):
    n = _common(x, y).sum()
    a, b = np.nan_to_num(x), np.nan_to_num(y)
    return 0.0 if _no_answer(x, y) else _correlation(a - a.mean(), b - b.mean(), n / (n + shrink))


def counts_all_items_for_the_shrinking(x, y, shrink):
    return shrunk_similarity(x, y, 0) * len(x) / (len(x) + shrink)


def counts_the_ratings_of_either_for_the_shrinking(x, y, shrink):
    n = (~np.isnan(x) | ~np.isnan(y)).sum() if len(x) == len(y) else 1
    return float(shrunk_similarity(x, y, 0) * n / max(n + shrink, 1e-9))


def forgets_to_shrink(x, y, shrink):
    return shrunk_similarity(x, y, 0)


def divides_by_the_larger_of_n_and_shrink(x, y, shrink):
    n = _common(x, y).sum()
    return float(shrunk_similarity(x, y, 0) * n / max(n, shrink, 1))


def takes_the_size_of_the_correlation(x, y, shrink):
    return abs(shrunk_similarity(x, y, shrink))


def asks_whether_the_spread_is_exactly_0(x, y, shrink):
    both, n = _common(x, y), _common(x, y).sum()
    if n < 2 or x[both].std() == 0 or y[both].std() == 0:
        return 0.0
    a, b = x[both] - x[both].mean(), y[both] - y[both].mean()
    return float(a @ b / math.sqrt((a @ a) * (b @ b)) * n / (n + shrink))


def divides_by_zero(x, y, shrink):
    both = _common(x, y)
    same = both.sum() >= 2 and (np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0)
    return NAN if same else shrunk_similarity(x, y, shrink)


def asks_nothing_before_dividing(x, y, shrink):
    both, n = _common(x, y), _common(x, y).sum()
    with np.errstate(all="ignore"):
        a, b = x[both] - x[both].sum() / n, y[both] - y[both].sum() / n
        return float(a @ b / np.sqrt((a @ a) * (b @ b)) * n / (n + shrink))


def believes_in_one_common_item(x, y, shrink):
    return 1.0 / (1 + shrink) if _common(x, y).sum() == 1 else shrunk_similarity(x, y, shrink)


def asks_for_three_common_items(x, y, shrink):
    return shrunk_similarity(x, y, shrink) if _common(x, y).sum() > 2 else 0.0


def cuts_both_rows_to_the_shorter_one(x, y, shrink):
    n = min(len(x), len(y))
    return shrunk_similarity(x[:n], y[:n], shrink)


def refuses_without_naming_the_lengths(x, y, shrink):
    if len(x) != len(y):
        raise ValueError("the rows differ in length")
    return shrunk_similarity(x, y, shrink)


alike = Exercise(
    "7.1.2",
    level=3,
    minutes=15,
    points=3,
    solution=shrunk_similarity,
    cases=(
        Case(
            (np.array([5.0, 1.0, NAN, 4.0]), np.array([4.0, 2.0, 5.0, NAN]), 8),
            expected=0.2,
            name="without shrinking",
        ),
        Case(
            (np.array([5.0, 3.0, 4.0, 1.0, NAN]), np.array([2.0, 1.0, 3.0, NAN, 5.0]), 0.0),
            expected=0.5,
            name="means of all own ratings instead of the common ones",
        ),
        Case(
            (np.array([4.0, NAN, 2.0, 5.0, NAN, 3.0]), np.array([NAN, 1.0, 4.0, 2.0, NAN, 3.0]), 5.0),
            name="holes taken for zeros",
        ),
        Case(
            (np.array([5.0, 4.0, 4.5]), np.array([4.0, 5.0, 4.5]), 0.0),
            expected=-1.0,
            name="a cosine without the means",
        ),
        Case((np.array([4.0, NAN]), np.array([4.0, 2.0]), 1.0), expected=0.0, name="one common item"),
        Case((np.array([3.0, 3.0, 3.0]), np.array([1.0, 2.0, 5.0]), 2.0), expected=0.0, name="no spread"),
        Case(
            (np.array([3.3, 3.3, 3.3]), np.array([3.7, 3.7, 3.7]), 0.0),
            expected=0.0,
            name="no spread that rounding makes one",
        ),
        Case(
            (np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0]), 2.0),
            raises=ValueError,
            mentions=(3, 2),
            name="rows of different length",
        ),
    ),
    wrong={
        takes_the_means_over_all_own_ratings: 0,
        takes_the_cosine_of_the_raw_ratings: None,
        takes_holes_for_zeros: 0,
        counts_all_items_for_the_shrinking: 1,
        counts_the_ratings_of_either_for_the_shrinking: 1,
        forgets_to_shrink: 1,
        divides_by_the_larger_of_n_and_shrink: 1,
        takes_the_size_of_the_correlation: None,
        asks_whether_the_spread_is_exactly_0: 2,
        divides_by_zero: 2,
        asks_nothing_before_dividing: 2,
        believes_in_one_common_item: 2,
        asks_for_three_common_items: None,
        cuts_both_rows_to_the_shorter_one: 2,
        refuses_without_naming_the_lengths: 2,
    },
    draw=draw_two_rows,
)

# 7.1.3 the loss of a pair -------------------------------------------------------------------------


def pair_loss(p, liked, other, reg):
    """BPR's loss of one pair: -ln sigmoid(p · (liked - other)) + reg / 2 times the three squared lengths.

    p, liked, other (K,): factors of the user, of an item the user chose, of one that was not chosen;
    reg a number -> float, finite for any finite margin.
    """
    # Common wrong turn: log(1 / (1 + exp(-x))) is log(0) for x = -1000.
    p, liked, other = (np.asarray(vector, dtype=float) for vector in (p, liked, other))
    margin = p @ (liked - other)
    return float(np.logaddexp(0.0, -margin) + reg / 2 * (p @ p + liked @ liked + other @ other))


def draw_pair(rng):
    """Small vectors of whole or broken numbers; margins from far below zero to far above; penalty 0 too."""
    size = int(rng.integers(1, 4))
    p, liked, other = rng.integers(-4, 5, size=(3, size)) / float(rng.choice([1, 2]))
    p = p * float(rng.choice([1.0, 1.0, 1.0, 20.0, 500.0]))
    if rng.random() < 0.2:
        p, liked, other = (np.round(vector).astype(int) for vector in (p, liked, other))
    return p, liked, other, float(rng.choice([0, 0, 0.01, 0.5, 1]))


def _penalty(p, liked, other, reg):
    return reg / 2 * (p @ p + liked @ liked + other @ other)


def takes_the_logarithm_of_the_sigmoid(p, liked, other, reg):
    with np.errstate(all="ignore"):
        return float(-np.log(1 / (1 + np.exp(-(p @ (liked - other))))) + _penalty(p, liked, other, reg))


def exchanges_the_two_items(p, liked, other, reg):
    return pair_loss(p, other, liked, reg)


def forgets_the_logarithm(p, liked, other, reg):
    margin = np.clip(p @ (liked - other), -500, 500)
    return float(1 - 1 / (1 + np.exp(-margin)) + _penalty(p, liked, other, reg))


def takes_the_logarithm_to_base_2(p, liked, other, reg):
    return float(np.logaddexp(0, -(p @ (liked - other))) / math.log(2) + _penalty(p, liked, other, reg))


def takes_the_difference_of_two_losses(p, liked, other, reg):
    gap = np.logaddexp(0, -(p @ liked)) - np.logaddexp(0, -(p @ other))
    return float(gap + _penalty(p, liked, other, reg))


def judges_each_item_by_itself(p, liked, other, reg):
    return float(np.logaddexp(0, -(p @ liked)) + np.logaddexp(0, p @ other) + _penalty(p, liked, other, reg))


def takes_the_whole_of_reg(p, liked, other, reg):
    return pair_loss(p, liked, other, 2 * reg)


def takes_lengths_without_the_square(p, liked, other, reg):
    lengths = sum(math.sqrt(vector @ vector) for vector in (p, liked, other))
    return float(np.logaddexp(0, -(p @ (liked - other))) + reg / 2 * lengths)


def leaves_the_other_item_unpenalised(p, liked, other, reg):
    return float(np.logaddexp(0, -(p @ (liked - other))) + reg / 2 * (p @ p + liked @ liked))


def penalises_the_user_only(p, liked, other, reg):
    return float(np.logaddexp(0, -(p @ (liked - other))) + reg / 2 * (p @ p))


def cuts_the_probability_off(p, liked, other, reg):
    chance = np.clip(1 / (1 + np.exp(-np.clip(p @ (liked - other), -500, 500))), 1e-7, 1)
    return float(-np.log(chance) + _penalty(p, liked, other, reg))


def cuts_the_probability_off_at_1e_12(p, liked, other, reg):
    chance = np.clip(1 / (1 + np.exp(-np.clip(p @ (liked - other), -500, 500))), 1e-12, 1)
    return float(-np.log(chance) + _penalty(p, liked, other, reg))


def cuts_the_margin_off(p, liked, other, reg):
    return float(np.logaddexp(0, -np.clip(p @ (liked - other), -30, 30)) + _penalty(p, liked, other, reg))


pair = Exercise(
    "7.1.3",
    level=3,
    minutes=10,
    points=2,
    solution=pair_loss,
    cases=(
        Case(
            (np.array([1.0, 0.0]), np.array([2.0, 5.0]), np.array([2.0, 7.0]), 0.0),
            expected=math.log(2),
            name="a margin of zero",
        ),
        Case(
            (np.array([1.0, 0.5]), np.array([2.0, 0.0]), np.array([0.0, 1.0]), 0.0),
            expected=math.log1p(math.exp(-1.5)),
            name="the two items swapped, or a loss of each by itself",
        ),
        Case(
            (np.array([10.0]), np.array([0.0]), np.array([100.0]), 0.0),
            expected=1000.0,
            name="overflow where the model is wrong and sure",
        ),
        Case(
            (np.array([10.0]), np.array([100.0]), np.array([0.0]), 0.0),
            expected=0.0,
            why="an answer that survives -1000 by a clip may break here",
            name="overflow where it is right and sure",
        ),
        Case((np.array([1.0, 2.0]), np.array([0.5, -1.0]), np.array([1.5, 0.5]), 0.1), name="the penalty"),
    ),
    wrong={
        takes_the_logarithm_of_the_sigmoid: 0,
        exchanges_the_two_items: 1,
        forgets_the_logarithm: None,
        takes_the_logarithm_to_base_2: None,
        takes_the_difference_of_two_losses: 1,
        judges_each_item_by_itself: 1,
        takes_the_whole_of_reg: 2,
        takes_lengths_without_the_square: 2,
        leaves_the_other_item_unpenalised: 2,
        penalises_the_user_only: 2,
        cuts_the_probability_off: 0,
        cuts_the_probability_off_at_1e_12: 0,
        cuts_the_margin_off: 0,
    },
    draw=draw_pair,
)

# 7.1.4 ndcg ---------------------------------------------------------------------------------------


def ndcg(ranked, relevant, k):
    """NDCG of the first k of a ranked list.

    ranked: item ids, best first, none twice, perhaps fewer than k; relevant: a set of item ids; k >= 1.
    -> float from 0 to 1. Raises ValueError when nothing is relevant or k is below 1.
    """
    # Common wrong turn: dividing by k ones; a user with two relevant items could then never reach 1.
    if len(relevant) == 0 or k < 1:
        raise ValueError(f"{len(relevant)} relevant items, k={k}: at least one of each")
    gain = sum(1 / math.log2(place + 2) for place, item in enumerate(ranked[:k]) if item in relevant)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(relevant))))
    return gain / ideal


def draw_list(rng):
    """Numbers or letters; lists shorter than k, or empty; many relevant items, or none."""
    ids = [3, 7, 12, 40, 5, 0] if rng.random() < 0.6 else list("abcdef")
    ranked = [ids[place] for place in rng.permutation(6)[: int(rng.integers(0, 6))]]
    relevant = {ids[place] for place in rng.permutation(6)[: int(rng.integers(1, 5))]}
    k = int(rng.integers(1, 8))
    bad = rng.random()
    if bad < 0.07:
        return Case((ranked, set(), k), raises=ValueError)
    if bad < 0.14:
        return Case((ranked, relevant, -int(rng.integers(0, 3))), raises=ValueError)
    return ranked, relevant, k


def _refuse_nothing(relevant, k):
    if len(relevant) == 0 or k < 1:
        raise ValueError("nothing")


def _gain(ranked, relevant, discount=lambda place: 1 / math.log2(place + 2)):
    return sum(discount(place) for place, item in enumerate(ranked) if item in relevant)


def _best(hits, discount=lambda place: 1 / math.log2(place + 2)):
    return sum(discount(place) for place in range(hits))


def divides_by_a_list_of_k_hits(ranked, relevant, k):
    _refuse_nothing(relevant, k)
    return _gain(ranked[:k], relevant) / _best(k)


def divides_by_a_list_of_all_relevant_items(ranked, relevant, k):
    _refuse_nothing(relevant, k)
    return _gain(ranked[:k], relevant) / _best(len(relevant))


def divides_by_a_list_as_short_as_this_one(ranked, relevant, k):
    _refuse_nothing(relevant, k)
    hits = min(k, len(relevant), len(ranked))
    return _gain(ranked[:k], relevant) / _best(hits) if hits else 0.0


def counts_hits_beyond_k(ranked, relevant, k):
    _refuse_nothing(relevant, k)
    return _gain(ranked, relevant) / _best(min(k, len(relevant)))


def gives_each_place_the_same_weight(ranked, relevant, k):
    _refuse_nothing(relevant, k)
    return len(set(ranked[:k]) & relevant) / min(k, len(relevant))


def weighs_by_1_divided_by_the_place(ranked, relevant, k):
    _refuse_nothing(relevant, k)
    share = [_gain(ranked[:k], relevant, lambda place: 1 / (place + 1))]
    return share[0] / _best(min(k, len(relevant)), lambda place: 1 / (place + 1))


def counts_the_first_place_as_2(ranked, relevant, k):
    _refuse_nothing(relevant, k)
    gain = _gain(ranked[:k], relevant, lambda place: 1 / math.log2(place + 3))
    return gain / _best(min(k, len(relevant)), lambda place: 1 / math.log2(place + 3))


def counts_the_first_place_as_2_in_the_gain_only(ranked, relevant, k):
    _refuse_nothing(relevant, k)
    gain = _gain(ranked[:k], relevant, lambda place: 1 / math.log2(place + 3))
    return gain / _best(min(k, len(relevant)))


def counts_the_first_place_as_0(ranked, relevant, k):
    _refuse_nothing(relevant, k)
    with np.errstate(all="ignore"):
        gain = _gain(ranked[:k], relevant, lambda place: 1 / np.log2(place + 1))
        return float(gain / _best(min(k, len(relevant)), lambda place: 1 / np.log2(place + 1)))


def compares_with_the_hits_that_were_found(ranked, relevant, k):
    _refuse_nothing(relevant, k)
    hits = sum(item in relevant for item in ranked[:k])
    return _gain(ranked[:k], relevant) / _best(hits) if hits else 0.0


def does_not_normalise(ranked, relevant, k):
    _refuse_nothing(relevant, k)
    return float(_gain(ranked[:k], relevant))


def gives_0_where_nothing_is_relevant(ranked, relevant, k):
    return ndcg(ranked, relevant, k) if len(relevant) else 0.0


def gives_0_for_a_k_below_1(ranked, relevant, k):
    return 0.0 if k < 1 and relevant else ndcg(ranked, relevant, k)


order_counts = Exercise(
    "7.1.4",
    level=3,
    minutes=15,
    points=3,
    solution=ndcg,
    cases=(
        Case(
            (["a", "b", "c"], {"b", "z"}, 3),
            expected=(1 / math.log2(3)) / (1 + 1 / math.log2(3)),
            name="divided by a list of k hits",
        ),
        Case(([4, 7, 1, 2, 9], {4, 7}, 5), expected=1.0, name="a perfect short list"),
        Case(([1, 2, 3, 4], {1, 2, 3, 4}, 2), expected=1.0, name="more relevant items than places"),
        Case(([5, 6, 7, 8], {7, 8}, 2), expected=0.0, name="hits beyond k counted"),
        Case(
            ([9, 8, 3, 2], {3, 2}, 4),
            expected=(0.5 + 1 / math.log2(5)) / (1 + 1 / math.log2(3)),
            name="the order ignored",
        ),
        Case(([3], {3, 4}, 10), expected=1 / (1 + 1 / math.log2(3)), name="fewer items than k"),
        Case(([1, 2], set(), 2), raises=ValueError, name="nothing relevant"),
        Case(([1, 2], {1}, 0), raises=ValueError, name="a k of zero"),
    ),
    wrong={
        divides_by_a_list_of_k_hits: 0,
        divides_by_a_list_of_all_relevant_items: 0,
        divides_by_a_list_as_short_as_this_one: 0,
        counts_hits_beyond_k: 1,
        gives_each_place_the_same_weight: None,
        weighs_by_1_divided_by_the_place: 1,
        counts_the_first_place_as_2: 1,
        counts_the_first_place_as_2_in_the_gain_only: 1,
        counts_the_first_place_as_0: 1,
        compares_with_the_hits_that_were_found: 0,
        does_not_normalise: 0,
        gives_0_where_nothing_is_relevant: 2,
        gives_0_for_a_k_below_1: None,
    },
    draw=draw_list,
)

# 7.1.5 because you liked it -----------------------------------------------------------------------


def reasons(films, liked, new, alpha, reg):
    """What each liked film adds to the score of a new one in implicit ALS.

    films (I, K) factors; liked (n,) codes of films, new one code; alpha, reg numbers, reg > 0
    -> (n,), in the order of liked; the sum is films[new] @ p, where p is the reader's vector.
    """
    # Common wrong turn: films[liked] @ films[new]; what the systems solve for, A, turns and stretches.
    films, liked = np.asarray(films, dtype=float), np.asarray(liked, dtype=int)
    mine = films[liked]
    A = films.T @ films + alpha * mine.T @ mine + reg * np.eye(films.shape[1])
    return (1 + alpha) * mine @ np.linalg.solve(A, films[new])


def draw_reader(rng):
    """Up to six films of whole or half factors; nothing liked, everything liked, the new film liked too."""
    count, rank = int(rng.integers(2, 7)), int(rng.integers(1, 4))
    films = rng.integers(-4, 5, size=(count, rank)) / float(rng.choice([1, 2]))
    liked = rng.permutation(count)[: int(rng.integers(0, count + 1))]
    alpha = rng.choice([0, 1, 2.5, 10]).item()
    return films, liked, int(rng.integers(count)), alpha, rng.choice([0.5, 1, 5]).item()


def _reader(films, liked, alpha, reg, *, everybody=1.0, extra=0.0):
    """The matrix A, inverted; everybody: the weight of films.T @ films, extra: more weight for the liked."""
    mine = films[liked]
    A = everybody * films.T @ films + (alpha + extra) * mine.T @ mine + reg * np.eye(films.shape[1])
    return np.linalg.pinv(A)


def takes_dot_products_alone(films, liked, new, alpha, reg):
    return (1 + alpha) * films[liked] @ films[new]


def lets_only_liked_films_into_the_matrix(films, liked, new, alpha, reg):
    inverse = _reader(films, liked, alpha, reg, everybody=0.0, extra=1.0)
    return (1 + alpha) * films[liked] @ inverse @ films[new]


def leaves_the_weight_out_of_the_matrix(films, liked, new, alpha, reg):
    return (1 + alpha) * films[liked] @ _reader(films, liked, 0.0, reg) @ films[new]


def counts_liked_films_once_too_often(films, liked, new, alpha, reg):
    return (1 + alpha) * films[liked] @ _reader(films, liked, alpha, reg, extra=1.0) @ films[new]


def adds_reg_to_every_entry_of_the_matrix(films, liked, new, alpha, reg):
    mine = films[liked]
    A = films.T @ films + alpha * mine.T @ mine + reg
    return (1 + alpha) * mine @ np.linalg.pinv(A) @ films[new]


def forgets_the_penalty_of_the_reader(films, liked, new, alpha, reg):
    return (1 + alpha) * films[liked] @ _reader(films, liked, alpha, 0.0) @ films[new]


def forgets_the_weight_of_a_like(films, liked, new, alpha, reg):
    return films[liked] @ _reader(films, liked, alpha, reg) @ films[new]


def weighs_a_like_with_alpha_alone(films, liked, new, alpha, reg):
    return alpha * films[liked] @ _reader(films, liked, alpha, reg) @ films[new]


def gives_the_score_as_a_whole(films, liked, new, alpha, reg):
    return float(reasons(films, liked, new, alpha, reg).sum())


def gives_shares_of_the_score(films, liked, new, alpha, reg):
    terms = reasons(films, liked, new, alpha, reg)
    return terms / terms.sum() if terms.sum() else terms


def gives_the_scores_of_the_liked_films(films, liked, new, alpha, reg):
    p = _reader(films, liked, alpha, reg) @ ((1 + alpha) * films[liked].sum(axis=0))
    return films[liked] @ p


def drops_what_speaks_against(films, liked, new, alpha, reg):
    return np.maximum(reasons(films, liked, new, alpha, reg), 0)


def sorts_the_reasons(films, liked, new, alpha, reg):
    return np.sort(reasons(films, liked, new, alpha, reg))[::-1]


because = Exercise(
    "7.1.5",
    level=3,
    minutes=15,
    points=3,
    solution=reasons,
    cases=(
        Case(
            (np.array([[1.0], [2.0], [1.0]]), np.array([0, 1]), 2, 1, 1),
            expected=np.array([1 / 6, 1 / 3]),
            name="the weight of a like, the penalty",
        ),
        Case(
            (np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([0]), 1, 2, 1),
            expected=np.array([-3 / 14]),
            name="two films without a common factor: a reason against",
        ),
        Case(
            (np.array([[2.0, 0.0], [0.0, 2.0], [1.0, -1.0], [0.5, 1.0]]), np.array([3, 0]), 1, 0.0, 2.0),
            name="a like counts as everything else does",
        ),
        Case(
            (np.array([[1.0, 2.0], [3.0, 1.0]]), np.array([], dtype=int), 1, 5, 1),
            expected=np.array([]),
            name="nothing liked",
        ),
    ),
    wrong={
        takes_dot_products_alone: 0,
        lets_only_liked_films_into_the_matrix: 1,
        leaves_the_weight_out_of_the_matrix: 1,
        counts_liked_films_once_too_often: 1,
        adds_reg_to_every_entry_of_the_matrix: 1,
        forgets_the_penalty_of_the_reader: 1,
        forgets_the_weight_of_a_like: 2,
        weighs_a_like_with_alpha_alone: 2,
        gives_the_score_as_a_whole: 2,
        gives_shares_of_the_score: None,
        gives_the_scores_of_the_liked_films: 0,
        drops_what_speaks_against: None,
        sorts_the_reasons: None,
    },
    draw=draw_reader,
)

# 7.1.6 ten that are not alike ---------------------------------------------------------------------


def mixed_list(scores, vectors, n, weight):
    """A list that trades score for variety: one item after the other, never one twice.

    scores (I,); vectors (I, D), each row of length 1; n from 1 to I; weight 0 or more -> list of n codes.
    Next is always the largest of: score - weight * (largest cosine with an item already on the list).
    Equal values: the smaller code. Raises ValueError that names n when it is not from 1 to I.
    """
    # Common wrong turn: the cosine with the item taken last; the one before may be the twin.
    scores, vectors = np.asarray(scores, dtype=float), np.asarray(vectors, dtype=float)
    if not 1 <= n <= len(scores):
        raise ValueError(f"n={n}: from 1 to the {len(scores)} items there are")
    chosen = [int(np.argmax(scores))]
    while len(chosen) < n:
        value = scores - weight * (vectors @ vectors[chosen].T).max(axis=1)
        value[chosen] = -np.inf
        chosen.append(int(np.argmax(value)))
    return chosen


def draw_catalogue(rng):
    """Items along three axes, either way, scores in eighths and often equal; no weight and much; a bad n."""
    count = int(rng.integers(1, 7))
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    vectors = axes[rng.choice([0, 0, 1, 1, 2, 3], size=count)]
    scores = rng.integers(0, 17, size=count) / 8
    weight = rng.choice([0, 0.25, 0.5, 1, 3]).item()
    if rng.random() < 0.1:
        n = int(rng.choice([0, -1, count + 1]))
        return Case((scores, vectors, n, weight), raises=ValueError, mentions=(n,))
    return scores, vectors, int(rng.integers(1, count + 1)), weight


def _greedy(scores, vectors, n, value):
    """A list made by value(chosen) -> (I,), after the item of the highest score."""
    if not 1 <= n <= len(scores):
        raise ValueError(f"n={n}")
    chosen = [int(np.argmax(scores))]
    while len(chosen) < n:
        worth = value(chosen).astype(float)
        worth[chosen] = -np.inf
        chosen.append(int(np.argmax(worth)))
    return chosen


def takes_the_highest_scores(scores, vectors, n, weight):
    return mixed_list(scores, vectors, n, 0)


def rewards_what_is_alike(scores, vectors, n, weight):
    return mixed_list(scores, vectors, n, -weight)


def compares_with_the_last_item_only(scores, vectors, n, weight):
    return _greedy(scores, vectors, n, lambda chosen: scores - weight * vectors @ vectors[chosen[-1]])


def compares_with_the_first_item_only(scores, vectors, n, weight):
    return _greedy(scores, vectors, n, lambda chosen: scores - weight * vectors @ vectors[chosen[0]])


def takes_the_mean_cosine(scores, vectors, n, weight):
    return _greedy(
        scores, vectors, n, lambda chosen: scores - weight * (vectors @ vectors[chosen].T).mean(axis=1)
    )


def adds_up_the_cosines(scores, vectors, n, weight):
    return _greedy(
        scores, vectors, n, lambda chosen: scores - weight * (vectors @ vectors[chosen].T).sum(axis=1)
    )


def takes_the_smallest_cosine(scores, vectors, n, weight):
    return _greedy(
        scores, vectors, n, lambda chosen: scores - weight * (vectors @ vectors[chosen].T).min(axis=1)
    )


def takes_cosines_without_their_sign(scores, vectors, n, weight):
    return _greedy(
        scores, vectors, n, lambda chosen: scores - weight * np.abs(vectors @ vectors[chosen].T).max(axis=1)
    )


def keeps_negative_cosines_at_0(scores, vectors, n, weight):
    return _greedy(
        scores,
        vectors,
        n,
        lambda chosen: scores - weight * np.maximum((vectors @ vectors[chosen].T).max(axis=1), 0),
    )


def takes_an_item_again(scores, vectors, n, weight):
    if not 1 <= n <= len(scores):
        raise ValueError(f"n={n}")
    chosen = [int(np.argmax(scores))]
    while len(chosen) < n:
        chosen.append(int(np.argmax(scores - weight * (vectors @ vectors[chosen].T).max(axis=1))))
    return chosen


def sorts_the_list_by_score(scores, vectors, n, weight):
    return sorted(mixed_list(scores, vectors, n, weight), key=lambda code: -scores[code])


def stops_at_the_end_of_the_catalogue(scores, vectors, n, weight):
    if n < 1:
        raise ValueError(f"n={n}")
    return mixed_list(scores, vectors, min(n, len(scores)), weight)


def gives_an_empty_list_for_no_places(scores, vectors, n, weight):
    return mixed_list(scores, vectors, n, weight) if n > 0 else []


not_alike = Exercise(
    "7.1.6",
    level=3,
    minutes=15,
    points=3,
    solution=mixed_list,
    cases=(
        Case(
            (np.array([1.0, 0.9, 0.5]), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 2, 0.6),
            expected=[0, 2],
            name="the highest scores alone",
        ),
        Case(
            (
                np.array([3.0, 2.5, 2.0, 1.0]),
                np.array([[1.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]),
                3,
                2.0,
            ),
            expected=[0, 1, 3],
            name="the twin of the first, after the second",
        ),
        Case(
            (np.array([1.0, 0.8, 0.7]), np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]), 3, 0.5),
            expected=[0, 2, 1],
            name="a little alike",
        ),
        Case((np.array([0.5, 0.5]), np.array([[1.0], [1.0]]), 2, 1), expected=[0, 1], name="equal scores"),
        Case(
            (np.array([0.5, 1.0]), np.array([[1.0], [1.0]]), 3, 1),
            raises=ValueError,
            mentions=(3,),
            name="more than there are",
        ),
        Case(
            (np.array([0.5, 1.0]), np.array([[1.0], [1.0]]), 0, 1),
            raises=ValueError,
            mentions=(0,),
            name="a list of nothing",
        ),
    ),
    wrong={
        takes_the_highest_scores: 0,
        rewards_what_is_alike: 0,
        compares_with_the_last_item_only: 1,
        compares_with_the_first_item_only: 1,
        takes_the_mean_cosine: 1,
        adds_up_the_cosines: 1,
        takes_the_smallest_cosine: 1,
        takes_cosines_without_their_sign: None,
        keeps_negative_cosines_at_0: 0,
        takes_an_item_again: 2,
        sorts_the_list_by_score: None,
        stops_at_the_end_of_the_catalogue: 2,
        gives_an_empty_list_for_no_places: 2,
    },
    draw=draw_catalogue,
)

# 7.1.7 a vector for a film without stars ----------------------------------------------------------


def content_vectors(features, vectors, new, reg):
    """Vectors of new items from their features, by ridge regression around the means.

    features (n, F) and vectors (n, K) of the items whose vectors are known, n >= 1; new (m, F) features of
    the others; reg above 0 -> (m, K).
    Raises ValueError that names both numbers where features and vectors differ in rows, or new in columns.
    """
    # Common wrong turn: without the means, reg pulls a new film to a vector of zeros, not to the mean film.
    features, vectors, new = (np.asarray(array, dtype=float) for array in (features, vectors, new))
    if len(features) != len(vectors):
        raise ValueError(
            f"features of {len(features)} items and vectors of {len(vectors)}: one each is needed"
        )
    if features.shape[1] != new.shape[1]:
        raise ValueError(
            f"{features.shape[1]} features are known and {new.shape[1]} given: the same are needed"
        )
    mean, middle = features.mean(axis=0), vectors.mean(axis=0)
    apart = features - mean
    slopes = np.linalg.solve(apart.T @ apart + reg * np.eye(len(mean)), apart.T @ (vectors - middle))
    return middle + (new - mean) @ slopes


def draw_content(rng):
    """Up to five films with flags or whole numbers as features, in integers too; one film alone; a misfit."""
    n, wide, rank = int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
    top = int(rng.choice([2, 2, 5]))
    features = rng.integers(0, top, size=(n, wide))
    apart = features - features.mean(axis=0)
    if np.linalg.matrix_rank(apart.T @ apart + 1) < wide:  # reg on every entry: rounding alone would decide
        wide, features = 1, features[:, :1]
    if rng.random() < 0.5:
        features = features.astype(float)
    vectors = rng.integers(-4, 5, size=(n, rank)) / 2
    new = rng.integers(0, top, size=(int(rng.integers(1, 3)), wide))
    reg = rng.choice([0.5, 1, 3, 20]).item()
    if rng.random() < 0.08:
        longer = np.concatenate([vectors, vectors[:1]])
        return Case((features, longer, new, reg), raises=ValueError, mentions=(n, n + 1))
    if rng.random() < 0.08:
        wider = np.column_stack([new, new[:, :1]])
        return Case((features, vectors, wider, reg), raises=ValueError, mentions=(wide, wide + 1))
    return features, vectors, new, reg


def _fitting(features, vectors, new):
    """All three as floats; refuses what does not fit, as the solution does."""
    content_vectors(features, vectors, new, 1.0)
    return (np.asarray(array, dtype=float) for array in (features, vectors, new))


def _ridge(features, vectors, penalty):
    return np.linalg.pinv(features.T @ features + penalty) @ features.T @ vectors


def takes_no_means_off(features, vectors, new, reg):
    features, vectors, new = _fitting(features, vectors, new)
    return new @ _ridge(features, vectors, reg * np.eye(features.shape[1]))


def pulls_the_mean_to_zero_too(features, vectors, new, reg):
    features, vectors, new = _fitting(features, vectors, new)
    wider, asked = (np.column_stack([part, np.ones(len(part))]) for part in (features, new))
    return asked @ _ridge(wider, vectors, reg * np.eye(wider.shape[1]))


def takes_the_means_of_the_new_items(features, vectors, new, reg):
    features, vectors, new = _fitting(features, vectors, new)
    slopes = _ridge(features - features.mean(axis=0), vectors, reg * np.eye(features.shape[1]))
    return vectors.mean(axis=0) + (new - new.mean(axis=0)) @ slopes


def leaves_the_new_features_as_they_are(features, vectors, new, reg):
    features, vectors, new = _fitting(features, vectors, new)
    slopes = _ridge(features - features.mean(axis=0), vectors, reg * np.eye(features.shape[1]))
    return vectors.mean(axis=0) + new @ slopes


def forgets_to_add_the_mean_vector(features, vectors, new, reg):
    return content_vectors(features, vectors, new, reg) - np.mean(vectors, axis=0)


def forgets_the_penalty_of_the_slopes(features, vectors, new, reg):
    features, vectors, new = _fitting(features, vectors, new)
    apart = features - features.mean(axis=0)
    return vectors.mean(axis=0) + (new - features.mean(axis=0)) @ np.linalg.pinv(apart) @ vectors


def adds_reg_to_the_whole_matrix(features, vectors, new, reg):
    features, vectors, new = _fitting(features, vectors, new)
    slopes = _ridge(features - features.mean(axis=0), vectors, reg)
    return vectors.mean(axis=0) + (new - features.mean(axis=0)) @ slopes


def adds_reg_to_the_whole_matrix_and_solves(features, vectors, new, reg):
    features, vectors, new = _fitting(features, vectors, new)
    apart = features - features.mean(axis=0)  # one known item: a matrix of equal numbers, without an inverse
    slopes = np.linalg.solve(apart.T @ apart + reg, apart.T @ (vectors - vectors.mean(axis=0)))
    return vectors.mean(axis=0) + (new - features.mean(axis=0)) @ slopes


def multiplies_reg_by_the_number_of_items(features, vectors, new, reg):
    return content_vectors(features, vectors, new, reg * len(features))


def gives_the_mean_vector_to_all(features, vectors, new, reg):
    features, vectors, new = _fitting(features, vectors, new)
    return np.tile(vectors.mean(axis=0), (len(new), 1))


def copies_the_nearest_item(features, vectors, new, reg):
    features, vectors, new = _fitting(features, vectors, new)
    return vectors[[np.argmin(((features - row) ** 2).sum(axis=1)) for row in new]]


def gives_the_slopes(features, vectors, new, reg):
    features, vectors, new = _fitting(features, vectors, new)
    return _ridge(features - features.mean(axis=0), vectors, reg * np.eye(features.shape[1]))


def cuts_to_the_fewer_items(features, vectors, new, reg):
    n = min(len(features), len(vectors))
    return content_vectors(features[:n], vectors[:n], new, reg)


def drops_features_that_are_too_many(features, vectors, new, reg):
    wide = min(features.shape[1], new.shape[1])
    return content_vectors(features[:, :wide], vectors, new[:, :wide], reg)


from_content = Exercise(
    "7.1.7",
    level=3,
    minutes=15,
    points=3,
    solution=content_vectors,
    cases=(
        Case(
            (
                np.array([[1], [1], [0], [0]]),
                np.array([[1.0], [0.6], [-0.2], [-0.6]]),
                np.array([[1], [0]]),
                1,
            ),
            expected=np.array([[0.5], [-0.1]]),
            name="one feature: the means, the penalty",
        ),
        Case(
            (
                np.array([[1.0, 0], [0, 1], [1, 1], [0, 0]]),
                np.array([[2.0, 0], [0, 4], [2, 4], [0, 0]]),
                np.array([[1.0, 0]]),
                1.0,
            ),
            expected=np.array([[1.5, 1.0]]),
            name="two features, two factors: reg on the diagonal alone",
        ),
        Case(
            (np.array([[1.0, 2]]), np.array([[0.5, 2.0]]), np.array([[0.0, 5]]), 0.5),
            expected=np.array([[0.5, 2.0]]),
            name="one known item says only its own vector",
        ),
        Case(
            (np.ones((3, 1)), np.ones((2, 1)), np.ones((1, 1)), 1.0),
            raises=ValueError,
            mentions=(3, 2),
            name="more features than vectors",
        ),
        Case(
            (np.ones((2, 1)), np.ones((2, 1)), np.ones((1, 3)), 1.0),
            raises=ValueError,
            mentions=(1, 3),
            name="features too many",
        ),
    ),
    wrong={
        takes_no_means_off: 0,
        pulls_the_mean_to_zero_too: 0,
        takes_the_means_of_the_new_items: 1,
        leaves_the_new_features_as_they_are: 1,
        forgets_to_add_the_mean_vector: 1,
        forgets_the_penalty_of_the_slopes: 2,
        adds_reg_to_the_whole_matrix: 2,
        adds_reg_to_the_whole_matrix_and_solves: 2,
        multiplies_reg_by_the_number_of_items: 2,
        gives_the_mean_vector_to_all: None,
        copies_the_nearest_item: None,
        gives_the_slopes: None,
        cuts_to_the_fewer_items: None,
        drops_features_that_are_too_many: None,
    },
    draw=draw_content,
)

EXERCISES = (one_step, alike, pair, order_counts, because, not_alike, from_content)
