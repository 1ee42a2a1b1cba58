"""Exercises of section 7.3, deep recommenders: rows, sampled ranks, negatives, histories, feature pairs."""

import math

import numpy as np

from . import Case, Exercise

# 7.3.1 which numbers move? ------------------------------------------------------------------------


def _is(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if answer == number else None


N_MOVED = 3 * 8  # rows 2, 7 and 9, each of 8 numbers

which_numbers_move = Exercise(
    number="7.3.1",
    title="Which numbers move?",
    level=1,
    minutes=5,
    points=1,
    kind="predict",
    statement="""\
A model has a table of 1,000 tracks with 8 numbers each. One batch holds the tracks 7, 2, 7 and 9, and the
loss depends on the table through their rows only. We take one step of plain gradient descent: no momentum, no
weight decay, and no gradient happens to be exactly zero. How many of the 8,000 numbers are changed?

Write the whole number instead of the three dots.""",
    hints=(
        (
            "What is the gradient of a row that nobody looked up?",
            "The loss does not depend on it, so its gradient is zero, and plain gradient descent leaves it "
            "alone.",
        ),
        (
            "Track 7 stands twice in the batch. Does it have two rows?",
            "It has one row, looked up twice: its two gradients are added up, and the row moves once.",
        ),
    ),
    solution=N_MOVED,
    cases=(
        Case(
            "a track that is named twice is counted twice",
            hint=1,
            check=_is(4 * 8, "Four look-ups, but how many different rows?"),
        ),
        Case(
            "the whole table is taken to move",
            hint=0,
            check=_is(8_000, "The loss does not depend on the rows of the other 997 tracks."),
        ),
        Case(
            "rows are counted, not numbers",
            hint=1,
            check=_is(3, "That many rows; each of them holds 8 numbers."),
        ),
        Case("any other number"),
    ),
    wrong={
        "counts track 7 twice": 32,
        "takes the whole table to move": 8_000,
        "counts rows instead of numbers": 3,
        "counts look-ups": 4,
        "leaves out the row that stands twice": 16,
        "takes the gradients of the two sevens to cancel the row's width": 8,
    },
)

# 7.3.2 the hit rate of a sample -------------------------------------------------------------------


def sampled_hit_rate(place, n_items, m, k=10):
    """Chance that a target at `place` (1 is best) of n_items is among the first k of itself and m others.

    The m others are drawn without repetition from the n_items - 1 that there are.  Whole numbers -> float.
    Raises ValueError that names place, or m, when there is no such place, or there are fewer than m others.
    """
    # Common wrong turn: n_items where n_items - 1 belongs. The target is not among the items to draw from.
    if not 1 <= place <= n_items:
        raise ValueError(f"place {place}: with {n_items} items it is 1 to {n_items}")
    if not 0 <= m <= n_items - 1:
        raise ValueError(f"m {m}: a target among {n_items} items has {n_items - 1} others")
    above, below = place - 1, n_items - place
    ways = sum(math.comb(above, j) * math.comb(below, m - j) for j in range(min(k - 1, m) + 1))
    return ways / math.comb(n_items - 1, m)


def _guarded(chance):
    """A wrong chance, with the right errors."""

    def answer(place, n_items, m, k=10):
        if not 1 <= place <= n_items:
            raise ValueError(f"place {place}")
        if not 0 <= m <= n_items - 1:
            raise ValueError(f"m {m}")
        return chance(place, n_items, m, k)

    return answer


def _hypergeometric(above, below, m, most):
    """Chance of at most `most` from above among m; 1 where everything is counted."""
    ways = sum(math.comb(above, j) * math.comb(max(below, 0), m - j) for j in range(min(most, m) + 1))
    return ways / math.comb(above + max(below, 0), m)


def _binomial(place, n_items, m, k):
    p = (place - 1) / (n_items - 1)
    return sum(math.comb(m, j) * p**j * (1 - p) ** (m - j) for j in range(min(k - 1, m) + 1))


def _by_simulation(place, n_items, m, k):
    above = np.random.default_rng(0).hypergeometric(place - 1, n_items - place, m, size=20_000)
    return float((above < k).mean())


hit_rate_of_a_sample = Exercise(
    number="7.3.2",
    title="The hit rate of a sample",
    level=4,
    minutes=20,
    points=3,
    statement="""\
The simulation above draws a sample for each listener. The chance that it estimates can be counted exactly,
and then we know, without any experiment, what a sampled hit rate of 0.94 is worth. Write `sampled_hit_rate`.

- The target stands at `place` (1 is best) among all `n_items`. From the *others*, `m` are drawn, none twice.
- The target is ranked among those `m`. The result is the chance, a `float`, that it is among the first `k`.
- A place outside 1 … `n_items` raises `ValueError` that names it; so does an `m` of more than there are.

By hand: 4 items, place 2, `m = 1`, `k = 1`. One of the 3 others is better. The target comes first if that one
is not drawn: 2/3.

The exact count, not a simulation. `math.comb(n, r)` says in how many ways `r` of `n` can be drawn.""",
    hints=(
        (
            "When is the target among the first k?",
            "When at most k - 1 of the sampled items are better than it. How many better ones are there at "
            "all, and how many worse ones?",
        ),
        (
            "In how many ways does the sample hold exactly j better items?",
            "comb(place - 1, j) ways to draw the better ones, times comb(n_items - place, m - j) for the "
            "others; out of comb(n_items - 1, m) samples in all. Then add up over j = 0 … k - 1.",
        ),
        (
            "What about unusual input?",
            "There is no place 0, and from n_items - 1 others no more can be drawn. comb(n, r) is 0 when "
            "r > n, but it refuses a negative r: stop the sum at j = m.",
        ),
    ),
    solution=sampled_hit_rate,
    cases=(
        Case("the target counted among the items to draw from", (2, 4, 1, 1), hint=1, expected=2 / 3),
        Case("items drawn with repetition", (3, 6, 3, 1), hint=1, expected=0.1),
        Case("k better ones allowed, where k - 1 are", (3, 5, 2, 2), hint=0, expected=5 / 6),
        Case("the target itself counted as better", (1, 10, 3, 1), hint=0, expected=1.0),
        Case("an estimate or a rounded mean place instead of the chance", (60, 1_000, 100), hint=1),
        Case("a sample smaller than k", (50, 100, 5), hint=2, expected=1.0),
        Case("all others drawn: the place stays what it was", (3, 6, 5, 2), hint=1, expected=0.0),
        Case("a place that does not exist", (11, 10, 3), hint=2, raises=ValueError, mentions=(11,)),
        Case("place 0, where counting begins at 1", (0, 10, 3), hint=2, raises=ValueError, mentions=(0,)),
        Case("more drawn than there are others", (2, 4, 4), hint=2, raises=ValueError, mentions=(4,)),
    ),
    wrong={
        "draws with repetition (a binomial chance)": _guarded(_binomial),
        "allows k better ones": _guarded(lambda p, n, m, k: _hypergeometric(p - 1, n - p, m, k)),
        "draws from all items, the target included": _guarded(
            lambda p, n, m, k: _hypergeometric(p - 1, n - p + 1, m, k - 1)
        ),
        "counts the target among the better ones": _guarded(
            lambda p, n, m, k: _hypergeometric(p, n - p - 1, m, k - 1) if p < n else 0.0
        ),
        "the mean place in the sample, rounded to hit or miss": _guarded(
            lambda p, n, m, k: float(1 + (p - 1) * m / (n - 1) <= k)
        ),
        "estimates by simulation": _guarded(_by_simulation),
        "the full ranking: a hit if place <= k": _guarded(lambda p, n, m, k: float(p <= k)),
        "shrinks the list in proportion": _guarded(lambda p, n, m, k: min(1.0, k / (m + 1))),
        "answers for places that do not exist": lambda place, n_items, m, k=10: sampled_hit_rate(
            min(max(place, 1), n_items), n_items, min(m, n_items - 1), k
        ),
    },
)

# 7.3.3 the batch as negatives ---------------------------------------------------------------------


def in_batch_loss(scores, log_q):
    """Mean loss of B plays, the items of the batch being the candidates: scores (B, B), log_q (B,) -> float.

    scores[b, c] is listener b's score for the item that listener c played; log_q[c] is the logarithm of the
    chance with which that item comes into a batch.
    """
    # Common wrong turn: log_q[:, None] takes the same number from a whole row, which no softmax notices.
    logits = np.asarray(scores, dtype=float) - np.asarray(log_q, dtype=float)
    logits = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(logits).sum(axis=1))
    return float((log_sum - np.diag(logits)).mean())


def _softmax_loss(logits, axis=1):
    logits = logits - logits.max(axis=axis, keepdims=True)
    return np.log(np.exp(logits).sum(axis=axis)) - np.diag(logits)


def _negatives_only(scores, log_q):
    logits = scores - np.asarray(log_q)
    np.fill_diagonal(logits, np.diag(scores))
    return float(_softmax_loss(logits).mean())


def _without_the_positive(scores, log_q):
    logits = scores - np.asarray(log_q)
    weights = np.exp(logits - logits.max())
    np.fill_diagonal(weights, 0)
    return float((np.log(weights.sum(axis=1)) + logits.max() - np.diag(logits)).mean())


def _overflows(scores, log_q):
    with np.errstate(all="ignore"):
        weights = np.exp(scores - np.asarray(log_q))
        return float(-np.log(np.diag(weights) / weights.sum(axis=1)).mean())


batch_as_negatives = Exercise(
    number="7.3.3",
    title="The batch as negatives",
    level=3,
    minutes=15,
    points=2,
    statement="""\
A batch holds `B` listeners and the item that each has played. One matrix product scores every listener with
every item of the batch, and the items of the others serve as negatives. Popular items come along more often;
the correction makes up for it. Write `in_batch_loss`.

- `scores` `(B, B)`: row = listener, column = item; the item that listener `b` played stands in column `b`.
- `log_q` `(B,)`: for each item the logarithm of its chance to come into a batch.
- From every score of an item its `log_q` is subtracted, the positive included. Then the loss of listener `b`
  is $-\\log$ of the softmax over row `b`, at column `b`. The result is the mean over the rows, a `float`.
- Scores of a thousand and more must not overflow. The inputs keep their values.

By hand: two listeners, all scores 0, chances 1/2 and 1/4. After the correction each row is (log 2, log 4),
its softmax (1/3, 2/3); the loss is (log 3 + log 3/2) / 2, about 0.752.""",
    hints=(
        (
            "From which axis is log_q taken away?",
            "It belongs to the items, which are the columns: log_q[c] goes from every row of column c. NumPy "
            "does that with scores - log_q. Taken from whole rows it would change no softmax at all.",
        ),
        (
            "My value is off for unequal chances.",
            "The sign is minus (a frequent item had more occasions to be a negative), the positive on the "
            "diagonal is corrected too, and it is one of the terms of the sum.",
        ),
        (
            "I get inf or nan for large scores.",
            "A softmax does not change when the largest number of a row is subtracted from the row first.",
        ),
    ),
    solution=in_batch_loss,
    cases=(
        Case(
            "the chances left out, or taken from whole rows",
            (np.zeros((2, 2)), np.log([0.5, 0.25])),
            hint=0,
            expected=(math.log(3) + math.log(1.5)) / 2,
        ),
        Case(
            "the wrong sign of the correction, or only the negatives corrected",
            (np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0], [0.0, 0.0, 0.3]]), np.log([0.6, 0.3, 0.1])),
            hint=1,
            expected=0.5558129983725896,
        ),
        Case(
            "the softmax taken over the listeners",
            (np.array([[2.0, 0.0], [1.0, 0.0]]), np.zeros(2)),
            hint=0,
            expected=(math.log(1 + math.exp(-2)) + math.log(1 + math.exp(1))) / 2,
        ),
        Case(
            "a sum instead of a mean",
            (np.zeros((2, 2)), np.array([-1.0, -1.0])),
            hint=1,
            expected=math.log(2),
        ),
        Case(
            "an overflow for large scores",
            (np.array([[2000.0, 1000.0], [0.0, -1000.0]]), np.log([0.5, 0.5])),
            hint=2,
            expected=500.0,
        ),
    ),
    wrong={
        "no correction": lambda scores, log_q: float(_softmax_loss(scores).mean()),
        "adds log_q": lambda scores, log_q: float(_softmax_loss(scores + log_q).mean()),
        "takes log_q from rows, where it cancels": lambda scores, log_q: float(
            _softmax_loss(scores - np.asarray(log_q)[:, None]).mean()
        ),
        "corrects the negatives only": _negatives_only,
        "leaves the positive out of the sum": _without_the_positive,
        "softmax over the listeners": lambda scores, log_q: float(
            _softmax_loss(scores - log_q, axis=0).mean()
        ),
        "sum instead of mean": lambda scores, log_q: float(_softmax_loss(scores - log_q).sum()),
        "exp without subtracting the largest": _overflows,
        "subtracts the chance instead of its logarithm": lambda scores, log_q: float(
            _softmax_loss(scores - np.exp(log_q)).mean()
        ),
    },
)

# 7.3.4 rows that do not know the answer -----------------------------------------------------------


def next_item_rows(history, length, pad):
    """What was played before, and what came next, for each play but the first: history of n codes, n >= 2.

    -> inputs (n - 1, length): the last `length` plays before, the newest at the right, filled at the left
    with `pad`; targets (n - 1,): the play that came next. Whole numbers. Raises ValueError for fewer than 2
    plays, or when the history holds `pad` itself.
    """
    # Common wrong turn: history[t - length : t] with t < length begins at a negative place, and is empty.
    history = np.asarray(history)
    if len(history) < 2:
        raise ValueError(f"{len(history)} plays have no next play: at least 2 are needed")
    if pad in history:
        raise ValueError(f"pad {pad} is a track of this history: fill with a number that is no track")
    inputs = np.full((len(history) - 1, length), pad)
    for t in range(1, len(history)):
        before = history[max(t - length, 0) : t]
        inputs[t - 1, length - len(before) :] = before
    return inputs, history[1:].copy()


def _refusing(rows):
    """A wrong way to make the rows, with the right errors."""

    def answer(history, length, pad):
        history = list(history)
        if len(history) < 2:
            raise ValueError("too short")
        if pad in history:
            raise ValueError(f"pad {pad}")
        return rows(history, length, pad)

    return answer


def _rows(history, length, pad, *, first=1, include=0, right=False, oldest=False):
    inputs, targets = [], []
    for t in range(first, len(history)):
        before = history[: t + include]
        before = before[:length] if oldest else before[-length:]
        fill = [pad] * (length - len(before))
        inputs.append(before + fill if right else fill + before)
        targets.append(history[t])
    return np.array(inputs, dtype=int).reshape(-1, length), np.array(targets, dtype=int)


def _only_full(history, length, pad):
    return _rows(history, length, pad, first=min(length, len(history)))


def _only_last(history, length, pad):
    inputs, targets = _rows(history, length, pad)
    return inputs[-1:], targets[-1:]


def _always_zero(history, length, pad):
    return _rows(history, length, 0)


def _reversed(history, length, pad):
    inputs, targets = _rows(history, length, pad)
    return inputs[:, ::-1].copy(), targets


def _same_as_input(history, length, pad):
    inputs, _ = _rows(history, length, pad)
    return inputs, inputs[:, -1].copy()


rows_without_the_answer = Exercise(
    number="7.3.4",
    title="Rows that do not know the answer",
    level=2,
    minutes=15,
    points=2,
    statement="""\
Many recommenders are fed one row at a time: the last few plays in, the next play out. Write `next_item_rows`,
which makes these rows from the history of one listener. Its first duty: no row may hold its own target, the
play that is to be predicted.

- `history`: a list or an array of `n` codes, the oldest first. `length`: how many plays the model reads.
- Row `t` of `inputs` `(n - 1, length)` holds the last `length` plays **before** `targets[t]`, the newest at
  the right; where there are fewer, the left is filled with `pad`. `targets` `(n - 1,)` holds the plays
  1 … `n - 1`.
- Both are arrays of whole numbers. Track 0 is a track like any other.
- Fewer than two plays, or a `pad` that occurs in the history (the message names it): `ValueError`.

By hand: `next_item_rows([5, 6, 7], length=2, pad=99)` is `[[99, 5], [5, 6]]` with the targets `[6, 7]`.""",
    hints=(
        (
            "Which plays belong to the row of history[t]?",
            "Those before it: history[:t], and of them the last `length`. history[t] itself is the target.",
        ),
        (
            "My first rows are empty or too short.",
            "history[t - length : t] begins at a negative place when t < length. Begin at max(t - length, 0) "
            "and put what is there at the right end of a row full of `pad`.",
        ),
        (
            "What about unusual input?",
            "One play has no next one. And if `pad` is a track, nobody can tell the filling from a play: "
            "refuse both.",
        ),
    ),
    solution=next_item_rows,
    cases=(
        Case(
            "the target stands in its own input",
            ([5, 6, 7], 2, 99),
            hint=0,
            expected=(np.array([[99, 5], [5, 6]]), np.array([6, 7])),
        ),
        Case(
            "the oldest plays kept instead of the newest",
            ([1, 2, 3, 4, 5], 3, 0),
            hint=0,
            expected=(np.array([[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]]), np.array([2, 3, 4, 5])),
        ),
        Case(
            "filled at the right, or short rows left out",
            ([4, 8], 3, 9),
            hint=1,
            expected=(np.array([[9, 9, 4]]), np.array([8])),
        ),
        Case(
            "filled with 0, which is a track",
            ([0, 3, 0], 2, 9),
            hint=1,
            expected=(np.array([[9, 0], [0, 3]]), np.array([3, 0])),
        ),
        Case(
            "a model that reads one play",
            (np.array([3, 1, 2]), 1, -1),
            hint=0,
            expected=(np.array([[3], [1]]), np.array([1, 2])),
        ),
        Case("a single play has no next one, yet there is a row", ([4], 2, 9), hint=2, raises=ValueError),
        Case(
            "the filling is a track of the history",
            ([4, 7, 5], 2, 7),
            hint=2,
            raises=ValueError,
            mentions=(7,),
        ),
    ),
    wrong={
        "the target is in its input": _refusing(lambda h, n, p: _rows(h, n, p, include=1)),
        "the oldest plays instead of the newest": _refusing(lambda h, n, p: _rows(h, n, p, oldest=True)),
        "fills at the right": _refusing(lambda h, n, p: _rows(h, n, p, right=True)),
        "leaves out the rows that would need filling": _refusing(_only_full),
        "one row only, the last": _refusing(_only_last),
        "fills with 0 always": _refusing(_always_zero),
        "the newest at the left": _refusing(_reversed),
        "the last input as the target": _refusing(_same_as_input),
        "no errors": lambda history, length, pad: _rows(list(history), length, pad),
    },
)

# 7.3.5 all pairs in one pass ----------------------------------------------------------------------


def all_pairs(x, V):
    """Sum over all pairs a < b of x_a x_b (V_a · V_b): x (N, n) values, V (n, k) vectors -> (N,) floats."""
    # Common wrong turn: x @ V**2 in the second term. Each feature meets itself there: its value, squared too.
    x, V = np.asarray(x, dtype=float), np.asarray(V, dtype=float)
    return 0.5 * ((x @ V) ** 2 - x**2 @ V**2).sum(axis=1)


pairs_in_one_pass = Exercise(
    number="7.3.5",
    title="All pairs in one pass",
    level=3,
    minutes=15,
    points=2,
    statement="""\
A factorisation machine also takes features with *values*: an age, a price, a count. Feature `a` then brings
the vector $x_a V_a$, and the pairs add up to $\\sum_{a<b} x_a x_b \\, (V_a \\cdot V_b)$. Write `all_pairs`
without a loop over pairs.

- `x` `(N, n)`: a row an example, a column a feature; values of any sign, 0 where the feature is absent.
- `V` `(n, k)`: a vector a feature. Both may be whole numbers; the result `(N,)` is of floats.

By hand: `x = [[2, 1]]`, `V = [[1, 0], [3, 1]]`: one pair, 2 · 1 · (1 · 3 + 0 · 1) = 6.""",
    hints=(
        (
            "How does the trick look with values?",
            "Put x_a V_a where the text above has v_a. The sum over the features is a matrix product: x @ V.",
        ),
        (
            "I am right for values 0 and 1, and wrong for others.",
            "What is taken away is each feature's product with itself, (x_a V_a)²: the value is squared too.",
        ),
        (
            "I am off by a factor, or my shape is (N, k).",
            "Every pair stands twice in the square of the sum: halve the difference, then add up over the k.",
        ),
    ),
    solution=all_pairs,
    cases=(
        Case(
            "the value not squared in what is taken away",
            (np.array([[2.0, 1.0]]), np.array([[1.0, 0.0], [3.0, 1.0]])),
            hint=1,
            expected=np.array([6.0]),
        ),
        Case(
            "every pair counted twice, or features paired with themselves",
            (np.array([[1.0, 1.0, 1.0]]), np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]])),
            hint=2,
            expected=np.array([5.0]),
        ),
        Case(
            "one number for the whole batch, or one for each of the k",
            (np.array([[1.0, 1.0], [0.0, 1.0], [1.0, -2.0]]), np.array([[1.0], [2.0]])),
            hint=2,
            expected=np.array([2.0, 0.0, -4.0]),
        ),
        Case(
            "only neighbouring features paired",
            (np.array([[1, 0, 2, 0, -1]]), np.array([[1, 1], [5, 5], [0, 3], [7, 7], [2, 0]])),
            hint=0,
            expected=np.array([4.0]),
        ),
        Case(
            "a single feature has no pair",
            (np.array([[3.0], [0.5]]), np.array([[2.0, 1.0]])),
            hint=0,
            expected=np.array([0.0, 0.0]),
        ),
    ),
    wrong={
        "the value is not squared in the second term": lambda x, V: (
            0.5 * ((x @ V) ** 2 - x @ V**2).sum(axis=1).astype(float)
        ),
        "forgets the half": lambda x, V: ((x @ V) ** 2 - x**2 @ V**2).sum(axis=1).astype(float),
        "keeps the features' products with themselves": lambda x, V: 0.5 * ((x @ V) ** 2).sum(axis=1),
        "does not add up over k": lambda x, V: 0.5 * ((x @ V) ** 2 - x**2 @ V**2),
        "one number for the whole batch": lambda x, V: float(0.5 * ((x @ V) ** 2 - x**2 @ V**2).sum()),
        "pairs of neighbours only": lambda x, V: np.array(
            [sum(r[a] * r[a + 1] * (V[a] @ V[a + 1]) for a in range(len(r) - 1)) for r in x], dtype=float
        ),
        "squares the sum over k too": lambda x, V: (
            0.5 * ((x @ V).sum(axis=1) ** 2 - (x**2 @ V**2).sum(axis=1))
        ),
        "leaves the values out": lambda x, V: 0.5 * (((x != 0) @ V) ** 2 - (x != 0) @ V**2).sum(axis=1),
    },
)

EXERCISES = [
    which_numbers_move,
    hit_rate_of_a_sample,
    batch_as_negatives,
    rows_without_the_answer,
    pairs_in_one_pass,
]
