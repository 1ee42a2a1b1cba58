"""Exercises of section 7.3, deep recommenders: rows, sampled ranks, negatives, histories, feature pairs."""

import math

import numpy as np

from exercises import Case, Exercise

# 7.3.1 which numbers move? ------------------------------------------------------------------------


def _is(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if answer == number else None


N_MOVED = 3 * 8  # rows 2, 7 and 9, each of 8 numbers

which_numbers_move = Exercise(
    "7.3.1",
    level=1,
    minutes=5,
    points=1,
    kind="predict",
    solution=N_MOVED,
    wrong={
        "counts_track_7_twice": (32, 1),
        "takes_the_whole_table_to_move": (8_000, 0),
        "counts_rows_instead_of_numbers": (3, 1),
        "counts_look_ups": (4, None),
        "leaves_out_the_row_that_stands_twice": (16, None),
        "takes_the_gradients_of_the_two_sevens_to_cancel_the_rows": (8, None),
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
    "7.3.2",
    level=4,
    minutes=20,
    points=3,
    solution=sampled_hit_rate,
    cases=(
        Case((2, 4, 1, 1), expected=2 / 3, name="the target counted among the items to draw from"),
        Case((3, 6, 3, 1), expected=0.1, name="items drawn with repetition"),
        Case((3, 5, 2, 2), expected=5 / 6, name="k better ones allowed, where k - 1 are"),
        Case((1, 10, 3, 1), expected=1.0, name="the target itself counted as better"),
        Case((60, 1_000, 100), name="an estimate or a rounded mean place instead of the chance"),
        Case((50, 100, 5), expected=1.0, name="a sample smaller than k"),
        Case((3, 6, 5, 2), expected=0.0, name="all others drawn: the place stays what it was"),
        Case((11, 10, 3), raises=ValueError, mentions=(11,), name="a place that does not exist"),
        Case((0, 10, 3), raises=ValueError, mentions=(0,), name="place 0, where counting begins at 1"),
        Case((2, 4, 4), raises=ValueError, mentions=(4,), name="more drawn than there are others"),
    ),
    wrong={
        "draws_with_repetition_a_binomial_chance": (_guarded(_binomial), 1),
        "allows_k_better_ones": (_guarded(lambda p, n, m, k: _hypergeometric(p - 1, n - p, m, k)), 1),
        "draws_from_all_items_the_target_included": (
            _guarded(lambda p, n, m, k: _hypergeometric(p - 1, n - p + 1, m, k - 1)),
            1,
        ),
        "counts_the_target_among_the_better_ones": (
            _guarded(lambda p, n, m, k: _hypergeometric(p, n - p - 1, m, k - 1) if p < n else 0.0),
            1,
        ),
        "the_mean_place_in_the_sample_rounded_to_hit_or_miss": (
            _guarded(lambda p, n, m, k: float(1 + (p - 1) * m / (n - 1) <= k)),
            1,
        ),
        "estimates_by_simulation": (_guarded(_by_simulation), 1),
        "the_full_ranking_a_hit_if_place_k": (_guarded(lambda p, n, m, k: float(p <= k)), 1),
        "shrinks_the_list_in_proportion": (_guarded(lambda p, n, m, k: min(1.0, k / (m + 1))), 1),
        "answers_for_places_that_do_not_exist": (
            lambda place, n_items, m, k=10: sampled_hit_rate(
                min(max(place, 1), n_items), n_items, min(m, n_items - 1), k
            ),
            2,
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


def negatives_only(scores, log_q):
    logits = scores - np.asarray(log_q)
    np.fill_diagonal(logits, np.diag(scores))
    return float(_softmax_loss(logits).mean())


def without_the_positive(scores, log_q):
    logits = scores - np.asarray(log_q)
    weights = np.exp(logits - logits.max())
    np.fill_diagonal(weights, 0)
    return float((np.log(weights.sum(axis=1)) + logits.max() - np.diag(logits)).mean())


def overflows(scores, log_q):
    with np.errstate(all="ignore"):
        weights = np.exp(scores - np.asarray(log_q))
        return float(-np.log(np.diag(weights) / weights.sum(axis=1)).mean())


batch_as_negatives = Exercise(
    "7.3.3",
    level=3,
    minutes=15,
    points=2,
    solution=in_batch_loss,
    cases=(
        Case(
            (np.zeros((2, 2)), np.log([0.5, 0.25])),
            expected=(math.log(3) + math.log(1.5)) / 2,
            name="the chances left out, or taken from whole rows",
        ),
        Case(
            (np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0], [0.0, 0.0, 0.3]]), np.log([0.6, 0.3, 0.1])),
            expected=0.5558129983725896,
            name="the wrong sign of the correction, or only the negatives corrected",
        ),
        Case(
            (np.array([[2.0, 0.0], [1.0, 0.0]]), np.zeros(2)),
            expected=(math.log(1 + math.exp(-2)) + math.log(1 + math.exp(1))) / 2,
            name="the softmax taken over the listeners",
        ),
        Case(
            (np.zeros((2, 2)), np.array([-1.0, -1.0])), expected=math.log(2), name="a sum instead of a mean"
        ),
        Case(
            (np.array([[2000.0, 1000.0], [0.0, -1000.0]]), np.log([0.5, 0.5])),
            expected=500.0,
            name="an overflow for large scores",
        ),
    ),
    wrong={
        "no_correction": (lambda scores, log_q: float(_softmax_loss(scores).mean()), 0),
        "adds_log_q": (lambda scores, log_q: float(_softmax_loss(scores + log_q).mean()), 1),
        "takes_log_q_from_rows_where_it_cancels": (
            lambda scores, log_q: float(_softmax_loss(scores - np.asarray(log_q)[:, None]).mean()),
            0,
        ),
        negatives_only: 0,
        without_the_positive: 0,
        "softmax_over_the_listeners": (
            lambda scores, log_q: float(_softmax_loss(scores - log_q, axis=0).mean()),
            0,
        ),
        "sum_instead_of_mean": (lambda scores, log_q: float(_softmax_loss(scores - log_q).sum()), 0),
        overflows: 2,
        "subtracts_the_chance_instead_of_its_logarithm": (
            lambda scores, log_q: float(_softmax_loss(scores - np.exp(log_q)).mean()),
            0,
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
    "7.3.4",
    level=2,
    minutes=15,
    points=2,
    solution=next_item_rows,
    cases=(
        Case(
            ([5, 6, 7], 2, 99),
            expected=(np.array([[99, 5], [5, 6]]), np.array([6, 7])),
            name="the target stands in its own input",
        ),
        Case(
            ([1, 2, 3, 4, 5], 3, 0),
            expected=(np.array([[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]]), np.array([2, 3, 4, 5])),
            name="the oldest plays kept instead of the newest",
        ),
        Case(
            ([4, 8], 3, 9),
            expected=(np.array([[9, 9, 4]]), np.array([8])),
            name="filled at the right, or short rows left out",
        ),
        Case(
            ([0, 3, 0], 2, 9),
            expected=(np.array([[9, 0], [0, 3]]), np.array([3, 0])),
            name="filled with 0, which is a track",
        ),
        Case(
            (np.array([3, 1, 2]), 1, -1),
            expected=(np.array([[3], [1]]), np.array([1, 2])),
            name="a model that reads one play",
        ),
        Case(([4], 2, 9), raises=ValueError, name="a single play has no next one, yet there is a row"),
        Case(
            ([4, 7, 5], 2, 7), raises=ValueError, mentions=(7,), name="the filling is a track of the history"
        ),
    ),
    wrong={
        "the_target_is_in_its_input": (_refusing(lambda h, n, p: _rows(h, n, p, include=1)), 0),
        "the_oldest_plays_instead_of_the_newest": (_refusing(lambda h, n, p: _rows(h, n, p, oldest=True)), 0),
        "fills_at_the_right": (_refusing(lambda h, n, p: _rows(h, n, p, right=True)), 0),
        "leaves_out_the_rows_that_would_need_filling": (_refusing(_only_full), 0),
        "one_row_only_the_last": (_refusing(_only_last), 0),
        "fills_with_0_always": (_refusing(_always_zero), 0),
        "the_newest_at_the_left": (_refusing(_reversed), 0),
        "the_last_input_as_the_target": (_refusing(_same_as_input), 0),
        "no_errors": (lambda history, length, pad: _rows(list(history), length, pad), 2),
    },
)

# 7.3.5 all pairs in one pass ----------------------------------------------------------------------


def all_pairs(x, V):
    """Sum over all pairs a < b of x_a x_b (V_a · V_b): x (N, n) values, V (n, k) vectors -> (N,) floats."""
    # Common wrong turn: x @ V**2 in the second term. Each feature meets itself there: its value, squared too.
    x, V = np.asarray(x, dtype=float), np.asarray(V, dtype=float)
    return 0.5 * ((x @ V) ** 2 - x**2 @ V**2).sum(axis=1)


pairs_in_one_pass = Exercise(
    "7.3.5",
    level=3,
    minutes=15,
    points=2,
    solution=all_pairs,
    cases=(
        Case(
            (np.array([[2.0, 1.0]]), np.array([[1.0, 0.0], [3.0, 1.0]])),
            expected=np.array([6.0]),
            name="the value not squared in what is taken away",
        ),
        Case(
            (np.array([[1.0, 1.0, 1.0]]), np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]])),
            expected=np.array([5.0]),
            name="every pair counted twice, or features paired with themselves",
        ),
        Case(
            (np.array([[1.0, 1.0], [0.0, 1.0], [1.0, -2.0]]), np.array([[1.0], [2.0]])),
            expected=np.array([2.0, 0.0, -4.0]),
            name="one number for the whole batch, or one for each of the k",
        ),
        Case(
            (np.array([[1, 0, 2, 0, -1]]), np.array([[1, 1], [5, 5], [0, 3], [7, 7], [2, 0]])),
            expected=np.array([4.0]),
            name="only neighbouring features paired",
        ),
        Case(
            (np.array([[3.0], [0.5]]), np.array([[2.0, 1.0]])),
            expected=np.array([0.0, 0.0]),
            name="a single feature has no pair",
        ),
    ),
    wrong={
        "the_value_is_not_squared_in_the_second_term": (
            lambda x, V: 0.5 * ((x @ V) ** 2 - x @ V**2).sum(axis=1).astype(float),
            1,
        ),
        "forgets_the_half": (lambda x, V: ((x @ V) ** 2 - x**2 @ V**2).sum(axis=1).astype(float), 1),
        "keeps_the_features_products_with_themselves": (lambda x, V: 0.5 * ((x @ V) ** 2).sum(axis=1), 1),
        "does_not_add_up_over_k": (lambda x, V: 0.5 * ((x @ V) ** 2 - x**2 @ V**2), 1),
        "one_number_for_the_whole_batch": (lambda x, V: float(0.5 * ((x @ V) ** 2 - x**2 @ V**2).sum()), 1),
        "pairs_of_neighbours_only": (
            lambda x, V: np.array(
                [sum(r[a] * r[a + 1] * (V[a] @ V[a + 1]) for a in range(len(r) - 1)) for r in x], dtype=float
            ),
            0,
        ),
        "squares_the_sum_over_k_too": (
            lambda x, V: 0.5 * ((x @ V).sum(axis=1) ** 2 - (x**2 @ V**2).sum(axis=1)),
            1,
        ),
        "leaves_the_values_out": (lambda x, V: 0.5 * (((x != 0) @ V) ** 2 - (x != 0) @ V**2).sum(axis=1), 1),
    },
)

EXERCISES = [
    which_numbers_move,
    hit_rate_of_a_sample,
    batch_as_negatives,
    rows_without_the_answer,
    pairs_in_one_pass,
]
