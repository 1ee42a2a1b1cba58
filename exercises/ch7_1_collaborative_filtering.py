"""Exercises of section 7.1, collaborative filtering: a step, a similarity, a pair, a list, an illusion."""

import math

import numpy as np

from . import Case, Exercise

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


def _without_biases_in_the_error(p, q, user_bias, item_bias, rating, mean, rate, reg):
    e = rating - mean - p @ q
    return (
        p + rate * (e * q - reg * p),
        q + rate * (e * p - reg * q),
        user_bias + rate * (e - reg * user_bias),
        item_bias + rate * (e - reg * item_bias),
    )


def _in_place(p, q, user_bias, item_bias, rating, mean, rate, reg):
    e = rating - (mean + user_bias + item_bias + p @ q)
    old = p.copy()
    p += rate * (e * q - reg * p)
    q += rate * (e * old - reg * q)
    return p, q, user_bias + rate * (e - reg * user_bias), item_bias + rate * (e - reg * item_bias)


one_step = Exercise(
    number="7.1.1",
    title="One rating, one step",
    level=2,
    minutes=10,
    points=2,
    statement="""\
The descent above has factors only. Real models have *biases* too: some people are generous, some films are
liked by all. For one rating $r$ the loss is, with the error $e = r - (\\mu + b_u + b_i + p \\cdot q)$,

$$\\tfrac12 e^2 + \\tfrac12 \\lambda \\left(b_u^2 + b_i^2 + \\lVert p\\rVert^2 + \\lVert q\\rVert^2\\right)$$

Write `sgd_step`: move all four a step of size `rate` against their gradient, and return the new
`(p, q, user_bias, item_bias)`. `mean` is $\\mu$ and stays, `reg` is $\\lambda$.

By hand: p = (1, 0), q = (0.5, 1), no biases, mean 3, rating 4.5, rate 0.1, reg 0. The error is 1, so p
becomes (1.05, 0.1), q becomes (0.6, 1), and both biases become 0.1.""",
    hints=(
        (
            "What is the gradient with respect to p?",
            "The error holds p once, multiplied by q, with a minus in front: the gradient of the first part "
            "is -e q. The penalty gives + reg p. The step goes the other way.",
        ),
        (
            "p is right, q is a little off.",
            "All four move at the same time, so all four need the values from before the step. Which p does "
            "your line for q see?",
        ),
        (
            "The biases are off.",
            "Their gradient is -e + reg times the bias; and both belong into the error, as mean does.",
        ),
    ),
    solution=sgd_step,
    cases=(
        Case(
            "the step of q uses the new p",
            (np.array([1.0, 0.0]), np.array([0.5, 1.0]), 0.0, 0.0, 4.5, 3.0, 0.1, 0.0),
            hint=1,
            expected=(np.array([1.05, 0.1]), np.array([0.6, 1.0]), 0.1, 0.1),
        ),
        Case(
            "a step up instead of down, or without the penalty",
            (np.array([1.0, -2.0, 0.5]), np.array([2.0, 1.0, -1.0]), 0.5, -0.25, 2.0, 3.5, 0.05, 0.4),
            hint=0,
        ),
        Case(
            "biases without penalty",
            (np.array([0.3]), np.array([0.2]), 2.0, -1.0, 4.56, 3.5, 0.1, 0.5),
            hint=2,
        ),
        Case(
            "no error, and still something to do",
            (np.array([1.0, 1.0]), np.array([0.5, 0.5]), 0.0, 0.0, 4.0, 3.0, 0.1, 0.2),
            hint=0,
            expected=(np.array([0.98, 0.98]), np.array([0.49, 0.49]), 0.0, 0.0),
        ),
    ),
    wrong={
        "uses the new p for q": _step(new_p=True),
        "forgets the penalty": _step(pull=0.0),
        "pushes away from zero instead of towards it": _step(pull=-1.0),
        "walks up the gradient": _step(sign=-1.0),
        "leaves the biases unpenalised": _step(bias_pull=False),
        "forgets the mean": _step(keep_mean=False),
        "takes the gradient of e², without the half": _step(length=2.0),
        "leaves the biases out of the error": _without_biases_in_the_error,
        "changes the arrays that were handed in": _in_place,
        "multiplies p and q without adding up": _step(error=lambda p, q: (p * q)[0]),
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


def _one_common_item_counts(x, y, shrink):
    both = ~np.isnan(np.asarray(x)) & ~np.isnan(np.asarray(y))
    return 1.0 / (1 + shrink) if both.sum() == 1 else shrunk_similarity(x, y, shrink)


def _as_long_as_the_shorter(x, y, shrink):
    n = min(len(x), len(y))
    return shrunk_similarity(x[:n], y[:n], shrink)


def _difference_in_the_denominator(x, y, shrink):
    result = shrunk_similarity(x, y, 0)
    n = int((~np.isnan(np.asarray(x)) & ~np.isnan(np.asarray(y))).sum())
    return float(result * n / max(n, shrink)) if shrink else result


alike = Exercise(
    number="7.1.2",
    title="Alike, with a grain of salt",
    level=3,
    minutes=15,
    points=3,
    statement="""\
Write `shrunk_similarity`: the correlation (Pearson's) of two rows of ratings, taken over the items that
**both** have rated, with means over those items too, and then multiplied by $n / (n + \\text{shrink})$, where
$n$ is the number of those items.

- `x`, `y` `(I,)` hold ratings, and `nan` where there is none; `shrink` is 0 or more. The result is a `float`.
- Fewer than two common items, or a row that gave them all the same rating, say nothing: the result is `0.0`.
- Rows of different length: `ValueError` that names both lengths.

By hand: x = (5, 1, nan, 4), y = (4, 2, 5, nan). Common are the first two, with means 3 and 3: the rows are
(2, -2) and (1, -1) around them, so the correlation is 1. With shrink 8 the result is 2 / 10 = 0.2.""",
    hints=(
        (
            "Which ratings take part?",
            "Only places where neither row is nan: make a mask of them first, and cut both rows with it "
            "before anything else, the means included.",
        ),
        (
            "My result is too sure of itself.",
            "What is n in n / (n + shrink)? The number of items both have rated, not the length of the row.",
        ),
        (
            "I get nan, or an error of division.",
            "When is the denominator 0? Look for that before dividing. And compare the lengths at the start.",
        ),
    ),
    solution=shrunk_similarity,
    cases=(
        Case("without shrinking", ([5, 1, NAN, 4], [4, 2, 5, NAN], 8), hint=1, expected=0.2),
        Case(
            "means of all own ratings instead of the common ones",
            (np.array([5.0, 3.0, 4.0, 1.0, NAN]), np.array([2.0, 1.0, 3.0, NAN, 5.0]), 0.0),
            hint=0,
            expected=0.5,
        ),
        Case(
            "holes taken for zeros",
            (np.array([4.0, NAN, 2.0, 5.0, NAN, 3.0]), np.array([NAN, 1.0, 4.0, 2.0, NAN, 3.0]), 5.0),
            hint=0,
        ),
        Case(
            "a cosine without the means",
            (np.array([5.0, 4.0, 4.5]), np.array([4.0, 5.0, 4.5]), 0.0),
            hint=0,
            expected=-1.0,
        ),
        Case("one common item", (np.array([4.0, NAN]), np.array([4.0, 2.0]), 1.0), hint=2, expected=0.0),
        Case(
            "no spread",
            (np.array([3.0, 3.0, 3.0]), np.array([1.0, 2.0, 5.0]), 2.0),
            hint=2,
            expected=0.0,
        ),
        Case(
            "rows of different length",
            (np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0]), 2.0),
            hint=2,
            raises=ValueError,
            mentions=(3, 2),
        ),
    ),
    wrong={
        "takes the means over all own ratings": _similarity(own_means=True),
        "takes the cosine of the raw ratings": _similarity(centred=False),
        "fills holes with zeros": _similarity(zeros=True),
        "counts all items for the shrinking": _similarity(count="all"),
        "forgets to shrink": _similarity(factor=False),
        "divides by zero": _similarity(guard=False),
        "believes in one common item": _one_common_item_counts,
        "cuts both rows to the shorter one": _as_long_as_the_shorter,
        "divides by the larger of n and shrink": _difference_in_the_denominator,
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


def _naive_pair_loss(p, liked, other, reg):
    return float(-np.log(1 / (1 + np.exp(-(p @ (liked - other))))) + _penalty(p, liked, other, reg))


def _swapped(p, liked, other, reg):
    return pair_loss(p, other, liked, reg)


def _without_log(p, liked, other, reg):
    margin = np.clip(p @ (liked - other), -500, 500)
    return float(1 - 1 / (1 + np.exp(-margin)) + _penalty(p, liked, other, reg))


def _two_sigmoids(p, liked, other, reg):
    return float(
        np.logaddexp(0, -(p @ liked)) - np.logaddexp(0, -(p @ other)) + _penalty(p, liked, other, reg)
    )


def _as_if_a_classifier(p, liked, other, reg):
    return float(np.logaddexp(0, -(p @ liked)) + np.logaddexp(0, p @ other) + _penalty(p, liked, other, reg))


def _whole_penalty(p, liked, other, reg):
    return pair_loss(p, liked, other, 2 * reg)


def _only_the_users_penalty(p, liked, other, reg):
    return float(np.logaddexp(0, -(p @ (liked - other))) + reg / 2 * (p @ p))


def _clipped(p, liked, other, reg):
    chance = np.clip(1 / (1 + np.exp(-np.clip(p @ (liked - other), -500, 500))), 1e-7, 1)
    return float(-np.log(chance) + _penalty(p, liked, other, reg))


pair = Exercise(
    number="7.1.3",
    title="The loss of one pair, and how it survives",
    level=3,
    minutes=10,
    points=2,
    statement="""\
For a user with factors $p$, an item that the user chose ($q_i$) and one that was not chosen ($q_j$), BPR's
loss is

$$-\\ln \\sigma\\big(p \\cdot (q_i - q_j)\\big)
+ \\tfrac{\\lambda}{2}\\left(\\lVert p\\rVert^2 + \\lVert q_i\\rVert^2 + \\lVert q_j\\rVert^2\\right),
\\qquad \\sigma(x) = \\frac{1}{1 + e^{-x}}$$

Write `pair_loss`. It must be finite for any finite input: with a margin $x = p \\cdot (q_i - q_j)$ of -1000
the first part is 1000, and with +1000 it is 0.

By hand: p = (1, 0), liked = (2, 5), other = (2, 7): the margin is 0, so without penalty the loss is
$\\ln 2 \\approx 0.6931$: the model does not know.""",
    hints=(
        (
            "Which difference goes into the sigmoid?",
            "One sigmoid of one number: the score of the chosen item minus the score of the other. A better "
            "margin must make the loss smaller.",
        ),
        (
            "It overflows for a margin of -1000.",
            "-ln(1 / (1 + e^-x)) = ln(1 + e^-x) = ln(e^0 + e^-x). There is a NumPy function for the "
            "logarithm of a sum of two exponentials; cutting the probability off changes the answer.",
        ),
        (
            "The penalty is off.",
            "Half of reg, times the sum of the three squared lengths.",
        ),
    ),
    solution=pair_loss,
    cases=(
        Case(
            "a margin of zero",
            (np.array([1.0, 0.0]), np.array([2.0, 5.0]), np.array([2.0, 7.0]), 0.0),
            hint=0,
            expected=math.log(2),
        ),
        Case(
            "the two items swapped, or a loss of each by itself",
            (np.array([1.0, 0.5]), np.array([2.0, 0.0]), np.array([0.0, 1.0]), 0.0),
            hint=0,
            expected=math.log1p(math.exp(-1.5)),
        ),
        Case(
            "overflow where the model is wrong and sure",
            (np.array([10.0]), np.array([0.0]), np.array([100.0]), 0.0),
            hint=1,
            expected=1000.0,
        ),
        Case(
            "overflow where it is right and sure",
            (np.array([10.0]), np.array([100.0]), np.array([0.0]), 0.0),
            hint=1,
            expected=0.0,
            why="an answer that survives -1000 by a clip may break here",
        ),
        Case(
            "the penalty",
            (np.array([1.0, 2.0]), np.array([0.5, -1.0]), np.array([1.5, 0.5]), 0.1),
            hint=2,
        ),
    ),
    wrong={
        "computes the sigmoid, then its logarithm": _naive_pair_loss,
        "swaps the two items": _swapped,
        "forgets the logarithm": _without_log,
        "takes the difference of two losses": _two_sigmoids,
        "classifies each item by itself": _as_if_a_classifier,
        "takes the whole of reg": _whole_penalty,
        "penalises the user only": _only_the_users_penalty,
        "cuts the probability off at 1e-7": _clipped,
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


def _ideal_of_what_was_found(ranked, relevant, k):
    if len(relevant) == 0 or k < 1:
        raise ValueError("nothing")
    hits = [place for place, item in enumerate(ranked[:k]) if item in relevant]
    ideal = sum(1 / math.log2(place + 2) for place in range(len(hits)))
    return sum(1 / math.log2(place + 2) for place in hits) / ideal if hits else 0.0


def _nothing_relevant_is_zero(ranked, relevant, k):
    return ndcg(ranked, relevant, k) if len(relevant) and k >= 1 else 0.0


def _unnormalised(ranked, relevant, k):
    if len(relevant) == 0 or k < 1:
        raise ValueError("nothing")
    return float(sum(1 / math.log2(place + 2) for place, item in enumerate(ranked[:k]) if item in relevant))


order_counts = Exercise(
    number="7.1.4",
    title="A hit at the top counts more",
    level=3,
    minutes=15,
    points=3,
    statement="""\
Precision does not care whether the hit comes first or tenth. The *normalised discounted cumulative gain*
does: a hit at place 1, 2, 3 … earns $1 / \\log_2(\\text{place} + 1)$, that is 1, 0.631, 0.5 … The sum is
divided by what the **best possible** list of `k` would earn, so that 1 is perfect for every user. Write
`ndcg`.

- `ranked`: item ids, best first (texts or numbers), none twice; only the first `k` count, and there may be
  fewer. `relevant`: a set of item ids. The result is a `float`.
- Nothing relevant, or `k` below 1: `ValueError`.

By hand: ranked a, b, c, relevant {b, z}, k = 3. One hit at place 2 earns 0.631; the best list has both first
and earns 1 + 0.631. The result is 0.387.""",
    hints=(
        (
            "What does the best list look like?",
            "All relevant items first, but no more than fit: how many hits can a list of k have when "
            "there are m relevant items?",
        ),
        (
            "My result is above 1, or infinite.",
            "The first place has number 1 and earns 1 / log2(2). With enumerate, which counts from 0, that "
            "is place + 2. And only the first k count.",
        ),
        (
            "What happens without a relevant item?",
            "There is no best list to compare with: refuse, before the division.",
        ),
    ),
    solution=ndcg,
    cases=(
        Case(
            "divided by a list of k hits",
            (["a", "b", "c"], {"b", "z"}, 3),
            hint=0,
            expected=(1 / math.log2(3)) / (1 + 1 / math.log2(3)),
        ),
        Case("a perfect short list", ([4, 7, 1, 2, 9], {4, 7}, 5), hint=0, expected=1.0),
        Case("more relevant items than places", ([1, 2, 3, 4], {1, 2, 3, 4}, 2), hint=0, expected=1.0),
        Case("hits beyond k counted", ([5, 6, 7, 8], {7, 8}, 2), hint=1, expected=0.0),
        Case(
            "the order ignored",
            ([9, 8, 3, 2], {3, 2}, 4),
            hint=1,
            expected=(0.5 + 1 / math.log2(5)) / (1 + 1 / math.log2(3)),
        ),
        Case("fewer items than k", ([3], {3, 4}, 10), hint=0, expected=1 / (1 + 1 / math.log2(3))),
        Case("nothing relevant", ([1, 2], set(), 2), hint=2, raises=ValueError),
        Case("a k of zero", ([1, 2], {1}, 0), hint=2, raises=ValueError),
    ),
    wrong={
        "divides by a list of k hits": _ndcg(ideal=lambda k, m: k),
        "divides by a list of all relevant items": _ndcg(ideal=lambda k, m: m),
        "counts hits beyond k": _ndcg(cut=False),
        "gives each place the same weight": _ndcg(discount=lambda place: 1.0),
        "weighs by 1 / place": _ndcg(discount=lambda place: 1 / (place + 1)),
        "counts the first place as 2": _ndcg(discount=lambda place: 1 / math.log2(place + 3)),
        "compares with the hits that were found, in a better order": _ideal_of_what_was_found,
        "gives 0 where nothing is relevant": _nothing_relevant_is_zero,
        "does not normalise": _unnormalised,
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


def _with_replacement(better, others, sampled, k):
    _refuse(better, others, sampled, k)
    share = better / others
    return float(
        sum(
            math.comb(sampled, j) * share**j * (1 - share) ** (sampled - j)
            for j in range(min(k, sampled + 1))
        )
    )


def _at_most_k(better, others, sampled, k):
    return chance_in_top(better, others, sampled, k + 1)


def _exactly(better, others, sampled, k):
    _refuse(better, others, sampled, k)
    return (
        math.comb(better, k - 1)
        * math.comb(others - better, max(sampled - k + 1, 0))
        / math.comb(others, sampled)
    )


def _expected_place(better, others, sampled, k):
    _refuse(better, others, sampled, k)
    return float(better * sampled / others < k)


def _honest_rank(better, others, sampled, k):
    _refuse(better, others, sampled, k)
    return float(better < k)


def _unguarded(better, others, sampled, k):
    return sum(
        math.comb(better, j) * math.comb(max(others - better, 0), max(sampled - j, 0)) for j in range(k)
    ) / max(math.comb(others, sampled), 1)


illusion = Exercise(
    number="7.1.5",
    title="What sampling hides",
    level=4,
    minutes=20,
    points=3,
    statement="""\
A model puts `better` of the `others` items above the one that the user really chose. The honest hit rate
asks: is `better < k`? The sampled one draws `sampled` of the others at random, without replacement, and ranks
the item among those only. Write `chance_in_top`: the exact probability that the item then stands among the
first `k`.

- All arguments are whole numbers; the result is a `float`.
- Anything but `0 <= better <= others`, `0 <= sampled <= others`, `k >= 1`: `ValueError`.

By hand: 2 of 4 others are better, 2 are sampled, k = 1. The item is first when neither of the better ones is
drawn: 1 of the 6 possible samples, 0.1667. Honestly it is at place 3.

With it, answer for yourself: at which place among 1,000 does an item have an even chance to be "in the top
ten" of 100 sampled ones?""",
    hints=(
        (
            "When is the item among the first k?",
            "When at most k - 1 of the sampled items are better than it. Add the chances of 0, 1 … k - 1.",
        ),
        (
            "What is the probability that exactly j better ones are drawn?",
            "Count samples: choose j of the better ones and the rest of the sample from the worse ones. "
            "math.comb counts, and is 0 where there are too few to choose from.",
        ),
        (
            "I am off by a little, or there is an error of a negative number.",
            "Without replacement the shares change from draw to draw, so powers of better / others are not "
            "exact. And j cannot be larger than the sample.",
        ),
    ),
    solution=chance_in_top,
    cases=(
        Case("with replacement", (2, 4, 2, 1), hint=2, expected=1 / 6),
        Case("at most k better ones instead of k - 1", (3, 10, 4, 2), hint=0),
        Case("the mean place instead of a chance", (50, 249, 50, 10), hint=1),
        Case("all others sampled: the honest answer, no", (12, 200, 200, 10), hint=0, expected=0.0),
        Case("all others sampled: the honest answer, yes", (9, 200, 200, 10), hint=0, expected=1.0),
        Case("a sample smaller than k", (5, 20, 3, 10), hint=2, expected=1.0),
        Case("large numbers", (300, 9000, 100, 10), hint=1),
        Case("more better ones than others", (7, 5, 2, 1), hint=2, raises=ValueError),
        Case("a sample larger than all", (2, 5, 6, 1), hint=2, raises=ValueError),
    ),
    wrong={
        "draws with replacement": _with_replacement,
        "lets k better ones pass": _at_most_k,
        "takes exactly k - 1 better ones": _exactly,
        "compares the mean place with k": _expected_place,
        "gives the honest answer, as if nothing were sampled": _honest_rank,
        "checks nothing": _unguarded,
    },
)

EXERCISES = [one_step, alike, pair, order_counts, illusion]
