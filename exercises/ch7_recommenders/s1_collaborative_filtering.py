"""Exercises of section 7.1, collaborative filtering: a step, a similarity, a pair, a list, an illusion."""

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


def _step(error=None, pull=1.0, sign=1.0, bias_pull=True, length=1.0, new_p=False, keep_mean=True):
    """sgd_step with one thing done otherwise."""

    def answer(p, q, user_bias, item_bias, rating, mean, rate, reg):
        inner = error(p, q) if error else p @ q
        e = sign * (rating - (mean * keep_mean + user_bias + item_bias + inner))
        new = p + length * rate * (e * q - pull * reg * p)
        return (
            new,
            q + length * rate * (e * (new if new_p else p) - pull * reg * q),
            user_bias + length * rate * (e - pull * bias_pull * reg * user_bias),
            item_bias + length * rate * (e - pull * bias_pull * reg * item_bias),
        )

    return answer


def without_biases_in_the_error(p, q, user_bias, item_bias, rating, mean, rate, reg):
    e = rating - mean - p @ q
    return (
        p + rate * (e * q - reg * p),
        q + rate * (e * p - reg * q),
        user_bias + rate * (e - reg * user_bias),
        item_bias + rate * (e - reg * item_bias),
    )


def in_place(p, q, user_bias, item_bias, rating, mean, rate, reg):
    e = rating - (mean + user_bias + item_bias + p @ q)
    old = p.copy()
    p += rate * (e * q - reg * p)
    q += rate * (e * old - reg * q)
    return p, q, user_bias + rate * (e - reg * user_bias), item_bias + rate * (e - reg * item_bias)


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
        "uses_the_new_p_for_q": (_step(new_p=True), 1),
        "forgets_the_penalty": (_step(pull=0.0), 0),
        "pushes_away_from_zero_instead_of_towards_it": (_step(pull=-1.0), 0),
        "walks_up_the_gradient": (_step(sign=-1.0), 1),
        "leaves_the_biases_unpenalised": (_step(bias_pull=False), 0),
        "forgets_the_mean": (_step(keep_mean=False), 1),
        "takes_the_gradient_of_e_without_the_half": (_step(length=2.0), 1),
        without_biases_in_the_error: 0,
        in_place: 1,
        "multiplies_p_and_q_without_adding_up": (_step(error=lambda p, q: (p * q)[0]), 0),
    },
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
    a, b = x[both] - x[both].mean(), y[both] - y[both].mean()
    size = math.sqrt((a @ a) * (b @ b))
    return float(a @ b / size * n / (n + shrink)) if size > 0 else 0.0


def _similarity(own_means=False, centred=True, zeros=False, count="both", guard=True, factor=True):
    """shrunk_similarity with one thing done otherwise."""

    def answer(x, y, shrink):
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        if len(x) != len(y):
            raise ValueError(f"{len(x)} and {len(y)}")
        both = ~np.isnan(x) & ~np.isnan(y)
        if both.sum() < 2:
            return 0.0
        n = both.sum() if count == "both" else len(x)
        means = (np.nanmean(x), np.nanmean(y)) if own_means else (x[both].mean(), y[both].mean())
        if zeros:
            x, y = np.nan_to_num(x), np.nan_to_num(y)
            means, both = (x.mean(), y.mean()), np.ones(len(x), dtype=bool)
        a, b = (x[both] - means[0], y[both] - means[1]) if centred else (x[both], y[both])
        size = math.sqrt((a @ a) * (b @ b))
        if size == 0:
            return 0.0 if guard else NAN
        return float(a @ b / size * (n / (n + shrink) if factor else 1))

    return answer


def one_common_item_counts(x, y, shrink):
    both = ~np.isnan(np.asarray(x)) & ~np.isnan(np.asarray(y))
    return 1.0 / (1 + shrink) if both.sum() == 1 else shrunk_similarity(x, y, shrink)


def as_long_as_the_shorter(x, y, shrink):
    n = min(len(x), len(y))
    return shrunk_similarity(x[:n], y[:n], shrink)


def difference_in_the_denominator(x, y, shrink):
    result = shrunk_similarity(x, y, 0)
    n = int((~np.isnan(np.asarray(x)) & ~np.isnan(np.asarray(y))).sum())
    return float(result * n / max(n, shrink)) if shrink else result


alike = Exercise(
    "7.1.2",
    level=3,
    minutes=15,
    points=3,
    solution=shrunk_similarity,
    cases=(
        Case(([5, 1, NAN, 4], [4, 2, 5, NAN], 8), expected=0.2, name="without shrinking"),
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
            (np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0]), 2.0),
            raises=ValueError,
            mentions=(3, 2),
            name="rows of different length",
        ),
    ),
    wrong={
        "takes_the_means_over_all_own_ratings": (_similarity(own_means=True), 1),
        "takes_the_cosine_of_the_raw_ratings": (_similarity(centred=False), 1),
        "fills_holes_with_zeros": (_similarity(zeros=True), 1),
        "counts_all_items_for_the_shrinking": (_similarity(count="all"), 1),
        "forgets_to_shrink": (_similarity(factor=False), 1),
        "divides_by_zero": (_similarity(guard=False), 2),
        one_common_item_counts: 2,
        as_long_as_the_shorter: 2,
        difference_in_the_denominator: 1,
    },
)

# 7.1.3 the loss of a pair -------------------------------------------------------------------------


def pair_loss(p, liked, other, reg):
    """BPR's loss of one pair: -ln sigmoid(p · (liked - other)) + reg / 2 times the three squared lengths.

    p, liked, other (K,): factors of the user, of an item the user chose, of one that was not chosen;
    reg a number -> float, finite for any finite input.
    """
    # Common wrong turn: log(1 / (1 + exp(-x))) is log(0) for x = -1000.
    p, liked, other = (np.asarray(vector, dtype=float) for vector in (p, liked, other))
    margin = p @ (liked - other)
    return float(np.logaddexp(0.0, -margin) + reg / 2 * (p @ p + liked @ liked + other @ other))


def _penalty(p, liked, other, reg):
    return reg / 2 * (p @ p + liked @ liked + other @ other)


def naive_pair_loss(p, liked, other, reg):
    return float(-np.log(1 / (1 + np.exp(-(p @ (liked - other))))) + _penalty(p, liked, other, reg))


def swapped(p, liked, other, reg):
    return pair_loss(p, other, liked, reg)


def without_log(p, liked, other, reg):
    margin = np.clip(p @ (liked - other), -500, 500)
    return float(1 - 1 / (1 + np.exp(-margin)) + _penalty(p, liked, other, reg))


def two_sigmoids(p, liked, other, reg):
    return float(
        np.logaddexp(0, -(p @ liked)) - np.logaddexp(0, -(p @ other)) + _penalty(p, liked, other, reg)
    )


def as_if_a_classifier(p, liked, other, reg):
    return float(np.logaddexp(0, -(p @ liked)) + np.logaddexp(0, p @ other) + _penalty(p, liked, other, reg))


def whole_penalty(p, liked, other, reg):
    return pair_loss(p, liked, other, 2 * reg)


def only_the_users_penalty(p, liked, other, reg):
    return float(np.logaddexp(0, -(p @ (liked - other))) + reg / 2 * (p @ p))


def clipped(p, liked, other, reg):
    chance = np.clip(1 / (1 + np.exp(-np.clip(p @ (liked - other), -500, 500))), 1e-7, 1)
    return float(-np.log(chance) + _penalty(p, liked, other, reg))


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
        naive_pair_loss: 1,
        swapped: 0,
        without_log: 0,
        two_sigmoids: 0,
        as_if_a_classifier: 0,
        whole_penalty: 2,
        only_the_users_penalty: 2,
        clipped: 1,
    },
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


def _ndcg(ideal=min, discount=lambda place: 1 / math.log2(place + 2), cut=True):
    """ndcg with one thing done otherwise."""

    def answer(ranked, relevant, k):
        if len(relevant) == 0 or k < 1:
            raise ValueError("nothing")
        shown = list(ranked)[:k] if cut else list(ranked)
        gain = sum(discount(place) for place, item in enumerate(shown) if item in relevant)
        return gain / sum(discount(place) for place in range(ideal(k, len(relevant))))

    return answer


def ideal_of_what_was_found(ranked, relevant, k):
    if len(relevant) == 0 or k < 1:
        raise ValueError("nothing")
    hits = [place for place, item in enumerate(ranked[:k]) if item in relevant]
    ideal = sum(1 / math.log2(place + 2) for place in range(len(hits)))
    return sum(1 / math.log2(place + 2) for place in hits) / ideal if hits else 0.0


def nothing_relevant_is_zero(ranked, relevant, k):
    return ndcg(ranked, relevant, k) if len(relevant) and k >= 1 else 0.0


def unnormalised(ranked, relevant, k):
    if len(relevant) == 0 or k < 1:
        raise ValueError("nothing")
    return float(sum(1 / math.log2(place + 2) for place, item in enumerate(ranked[:k]) if item in relevant))


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
        "divides_by_a_list_of_k_hits": (_ndcg(ideal=lambda k, m: k), 0),
        "divides_by_a_list_of_all_relevant_items": (_ndcg(ideal=lambda k, m: m), 0),
        "counts_hits_beyond_k": (_ndcg(cut=False), 0),
        "gives_each_place_the_same_weight": (_ndcg(discount=lambda place: 1.0), 0),
        "weighs_by_1_place": (_ndcg(discount=lambda place: 1 / (place + 1)), 0),
        "counts_the_first_place_as_2": (_ndcg(discount=lambda place: 1 / math.log2(place + 3)), 0),
        ideal_of_what_was_found: 0,
        nothing_relevant_is_zero: 2,
        unnormalised: 0,
    },
)

# 7.1.5 what sampling hides ------------------------------------------------------------------------


def chance_in_top(better, others, sampled, k):
    """Probability that an item is among the first k when it is ranked against `sampled` of the `others`.

    better: how many of the others score above it; the sample is drawn without replacement, all alike
    -> float from 0 to 1. Raises ValueError unless 0 <= better <= others, 0 <= sampled <= others and k >= 1.
    """
    # Common wrong turn: "at most k better ones"; with k above it, the item stands at place k + 1.
    if not (0 <= better <= others and 0 <= sampled <= others and k >= 1):
        raise ValueError(f"better={better}, sampled={sampled} of {others} others, k={k}")
    ways = sum(
        math.comb(better, j) * math.comb(others - better, sampled - j) for j in range(min(k, sampled + 1))
    )
    return ways / math.comb(others, sampled)


def _refuse(better, others, sampled, k):
    if not (0 <= better <= others and 0 <= sampled <= others and k >= 1):
        raise ValueError("out of range")


def with_replacement(better, others, sampled, k):
    _refuse(better, others, sampled, k)
    share = better / others
    return float(
        sum(
            math.comb(sampled, j) * share**j * (1 - share) ** (sampled - j)
            for j in range(min(k, sampled + 1))
        )
    )


def at_most_k(better, others, sampled, k):
    return chance_in_top(better, others, sampled, k + 1)


def exactly(better, others, sampled, k):
    _refuse(better, others, sampled, k)
    return (
        math.comb(better, k - 1)
        * math.comb(others - better, max(sampled - k + 1, 0))
        / math.comb(others, sampled)
    )


def expected_place(better, others, sampled, k):
    _refuse(better, others, sampled, k)
    return float(better * sampled / others < k)


def honest_rank(better, others, sampled, k):
    _refuse(better, others, sampled, k)
    return float(better < k)


def unguarded(better, others, sampled, k):
    return sum(
        math.comb(better, j) * math.comb(max(others - better, 0), max(sampled - j, 0)) for j in range(k)
    ) / max(math.comb(others, sampled), 1)


illusion = Exercise(
    "7.1.5",
    level=4,
    minutes=20,
    points=3,
    solution=chance_in_top,
    cases=(
        Case((2, 4, 2, 1), expected=1 / 6, name="with replacement"),
        Case((3, 10, 4, 2), name="at most k better ones instead of k - 1"),
        Case((50, 249, 50, 10), name="the mean place instead of a chance"),
        Case((12, 200, 200, 10), expected=0.0, name="all others sampled: the honest answer, no"),
        Case((9, 200, 200, 10), expected=1.0, name="all others sampled: the honest answer, yes"),
        Case((5, 20, 3, 10), expected=1.0, name="a sample smaller than k"),
        Case((300, 9000, 100, 10), name="large numbers"),
        Case((7, 5, 2, 1), raises=ValueError, name="more better ones than others"),
        Case((2, 5, 6, 1), raises=ValueError, name="a sample larger than all"),
    ),
    wrong={
        with_replacement: 2,
        at_most_k: 2,
        exactly: 0,
        expected_place: 2,
        honest_rank: 2,
        unguarded: 2,
    },
)

EXERCISES = [one_step, alike, pair, order_counts, illusion]
