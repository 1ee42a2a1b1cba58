"""Exercises of section 7.3, deep recommenders: rows, sampled ranks, negatives, histories, feature pairs."""

import math

import numpy as np

from exercises import Case, Exercise

# 7.3.1 which numbers move? ------------------------------------------------------------------------


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


def draw_place(rng):
    """Few items and many; the first and the last place; nothing drawn, or all; places that do not exist."""
    n_items = int(rng.choice([1, 2, 3, 5, 10, 60]))
    place = int(rng.choice([1, n_items, int(rng.integers(1, n_items + 1))]))
    m = int(rng.choice([0, n_items - 1, int(rng.integers(0, n_items))]))
    k = int(rng.choice([1, 2, 3, 10]))
    bad = rng.random()
    if bad < 0.05:
        place = int(rng.choice([0, -1, n_items + 1]))
        return Case((place, n_items, m, k), raises=ValueError, mentions=(place,))
    if bad < 0.1:
        return Case((place, n_items, n_items, k), raises=ValueError, mentions=(n_items,))
    return place, n_items, m, k


def _refuse_what_is_not_there(place, n_items, m):
    if not 1 <= place <= n_items:
        raise ValueError(f"place {place}")
    if not 0 <= m <= n_items - 1:
        raise ValueError(f"m {m}")


def _at_most(above, below, m, most):
    """Chance of at most `most` from above among m drawn; 1 where nothing can be drawn."""
    below = max(below, 0)
    ways = sum(math.comb(above, j) * math.comb(below, m - j) for j in range(min(most, m) + 1))
    return ways / max(math.comb(above + below, m), 1)


def draws_with_repetition(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    p = (place - 1) / max(n_items - 1, 1)
    return float(sum(math.comb(m, j) * p**j * (1 - p) ** (m - j) for j in range(min(k - 1, m) + 1)))


def allows_k_better_ones(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    return _at_most(place - 1, n_items - place, m, k)


def draws_the_target_too(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    return _at_most(place - 1, n_items - place + 1, m, k - 1)


def counts_the_target_among_the_better_ones(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    return _at_most(place, n_items - place - 1, m, k - 1)


def takes_exactly_k_less_1_better_ones(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    return _at_most(place - 1, n_items - place, m, k - 1) - (
        _at_most(place - 1, n_items - place, m, k - 2) if k > 1 else 0.0
    )


def gives_the_chance_of_a_miss(place, n_items, m, k=10):
    return 1 - sampled_hit_rate(place, n_items, m, k)


def rounds_the_mean_place_to_hit_or_miss(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    return float(1 + (place - 1) * m / max(n_items - 1, 1) <= k)


def estimates_by_simulation(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    above = np.random.default_rng(0).hypergeometric(place - 1, n_items - place, m, size=2_000)
    return float((above < k).mean())


def answers_for_the_full_ranking(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    return float(place <= k)


def shrinks_the_list_in_proportion(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    return min(1.0, k / (m + 1))


def counts_in_floats(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    above, below = place - 1, n_items - place
    terms = (
        float(math.comb(above, j)) * float(math.comb(below, m - j)) / float(math.comb(n_items - 1, m))
        for j in range(min(k - 1, m) + 1)
    )
    return sum(terms)


def answers_for_places_that_do_not_exist(place, n_items, m, k=10):
    return sampled_hit_rate(min(max(place, 1), n_items), n_items, m, k)


def draws_more_than_there_are(place, n_items, m, k=10):
    return sampled_hit_rate(place, n_items, min(m, n_items - 1), k)


def draws_from_all_items_below_the_line(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    return sampled_hit_rate(place, n_items, m, k) * math.comb(n_items - 1, m) / math.comb(n_items, m)


def adds_up_to_k_in_a_smaller_sample_too(place, n_items, m, k=10):
    _refuse_what_is_not_there(place, n_items, m)
    above, below = place - 1, n_items - place
    ways = sum(math.comb(above, j) * math.comb(below, m - j) for j in range(k))
    return ways / math.comb(n_items - 1, m)


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
        Case((400, 50_000, 1_000), name="numbers too large for floats"),
        Case((50, 100, 5), expected=1.0, name="a sample smaller than k"),
        Case((3, 6, 5, 2), expected=0.0, name="all others drawn: the place stays what it was"),
        Case((11, 10, 3), raises=ValueError, mentions=(11,), name="a place that does not exist"),
        Case((0, 10, 3), raises=ValueError, mentions=(0,), name="place 0, where counting begins at 1"),
        Case((2, 4, 4), raises=ValueError, mentions=(4,), name="more drawn than there are others"),
    ),
    wrong={
        draws_with_repetition: 1,
        allows_k_better_ones: 0,
        draws_the_target_too: 1,
        counts_the_target_among_the_better_ones: 0,
        takes_exactly_k_less_1_better_ones: 1,
        gives_the_chance_of_a_miss: 0,
        rounds_the_mean_place_to_hit_or_miss: 1,
        estimates_by_simulation: 1,
        answers_for_the_full_ranking: 0,
        shrinks_the_list_in_proportion: 0,
        counts_in_floats: None,
        answers_for_places_that_do_not_exist: 2,
        draws_more_than_there_are: 2,
        draws_from_all_items_below_the_line: 1,
        adds_up_to_k_in_a_smaller_sample_too: 2,
    },
    draw=draw_place,
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


def draw_batch(rng):
    """One listener or a few; scores of halves, large ones too, whole numbers; equal and very rare chances."""
    size = int(rng.integers(1, 5))
    scores = rng.integers(-4, 5, size=(size, size)) / 2 * float(rng.choice([1, 1, 1, 500]))
    if rng.random() < 0.2:
        scores = np.round(scores).astype(int)
    log_q = np.log(rng.choice([0.5, 0.25, 0.1, 0.001], size=size))
    return scores, np.round(log_q, 3)


def _row_losses(logits, axis=1):
    logits = np.asarray(logits, dtype=float)
    logits = logits - logits.max(axis=axis, keepdims=True)
    return np.log(np.exp(logits).sum(axis=axis)) - np.diag(logits)


def leaves_the_chances_out(scores, log_q):
    return float(_row_losses(scores).mean())


def adds_log_q(scores, log_q):
    return float(_row_losses(scores + log_q).mean())


def corrects_the_negatives_only(scores, log_q):
    logits = scores - np.asarray(log_q)
    np.fill_diagonal(logits, np.diag(scores))
    return float(_row_losses(logits).mean())


def corrects_the_positive_only(scores, log_q):
    return float(_row_losses(scores - np.diag(log_q)).mean())


def leaves_the_positive_out_of_the_sum(scores, log_q):
    logits = scores - np.asarray(log_q)
    others = np.where(np.eye(len(logits), dtype=bool), -np.inf, logits)
    return float((np.logaddexp.reduce(others, axis=1) - np.diag(logits)).mean())


def takes_the_softmax_over_the_listeners(scores, log_q):
    return float(_row_losses(scores - log_q, axis=0).mean())


def adds_up_instead_of_averaging(scores, log_q):
    return float(_row_losses(scores - log_q).sum())


def gives_a_loss_for_each_listener(scores, log_q):
    return _row_losses(scores - log_q)


def averages_over_all_scores(scores, log_q):
    logits = scores - np.asarray(log_q)
    return float((np.logaddexp.reduce(logits, axis=1)[:, None] - logits).mean())


def lets_exp_overflow(scores, log_q):
    with np.errstate(all="ignore"):
        weights = np.exp(scores - np.asarray(log_q))
        return float(-np.log(np.diag(weights) / weights.sum(axis=1)).mean())


def subtracts_the_chance_itself(scores, log_q):
    return float(_row_losses(scores - np.exp(log_q)).mean())


def writes_into_the_scores(scores, log_q):
    loss = in_batch_loss(scores, log_q)
    scores[:] = 0
    return loss


def takes_one_maximum_for_all_rows(scores, log_q):
    logits = scores - np.asarray(log_q)
    with np.errstate(all="ignore"):
        weights = np.exp(logits - logits.max())
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
        leaves_the_chances_out: 0,
        adds_log_q: 1,
        corrects_the_negatives_only: 1,
        corrects_the_positive_only: 1,
        leaves_the_positive_out_of_the_sum: 1,
        takes_the_softmax_over_the_listeners: None,
        adds_up_instead_of_averaging: None,
        gives_a_loss_for_each_listener: None,
        averages_over_all_scores: None,
        lets_exp_overflow: 2,
        takes_one_maximum_for_all_rows: 2,
        subtracts_the_chance_itself: 1,
        writes_into_the_scores: None,
    },
    draw=draw_batch,
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


def draw_history(rng):
    """Two plays or more, track 0 and repeats among them; shorter and longer than what the model reads."""
    n, length = int(rng.integers(2, 8)), int(rng.integers(1, 5))
    history = rng.choice([0, 1, 3, 12, 7], size=n)
    pad = int(rng.choice([99, -1, 5]))
    bad = rng.random()
    if bad < 0.08:
        return Case((history[: int(rng.integers(0, 2))].tolist(), length, pad), raises=ValueError)
    if bad < 0.16:
        pad = int(history[int(rng.integers(0, n))])
        return Case((history.tolist(), length, pad), raises=ValueError, mentions=(pad,))
    return (history if rng.random() < 0.5 else history.tolist()), length, pad


def _refuse_history(history, pad):
    history = [int(code) for code in history]
    if len(history) < 2:
        raise ValueError("too short")
    if pad in history:
        raise ValueError(f"pad {pad}")
    return history


def _rows(history, length, pad, first=1, include=0, oldest=False):
    inputs = []
    for t in range(first, len(history)):
        before = history[: t + include]
        before = before[:length] if oldest else before[-length:]
        inputs.append([pad] * (length - len(before)) + before)
    return np.array(inputs, dtype=int).reshape(-1, length), np.array(history[first:], dtype=int)


def puts_the_target_into_its_input(history, length, pad):
    return _rows(_refuse_history(history, pad), length, pad, include=1)


def keeps_the_oldest_plays(history, length, pad):
    return _rows(_refuse_history(history, pad), length, pad, oldest=True)


def fills_at_the_right(history, length, pad):
    inputs, targets = next_item_rows(history, length, pad)
    for row in inputs:
        row[:] = [*row[row != pad], *row[row == pad]]
    return inputs, targets


def leaves_out_rows_that_need_filling(history, length, pad):
    history = _refuse_history(history, pad)
    return _rows(history, length, pad, first=min(length, len(history)))


def gives_the_last_row_only(history, length, pad):
    inputs, targets = next_item_rows(history, length, pad)
    return inputs[-1:], targets[-1:]


def adds_a_row_without_plays(history, length, pad):
    return _rows(_refuse_history(history, pad), length, pad, first=0)


def forgets_the_last_target(history, length, pad):
    inputs, targets = next_item_rows(history, length, pad)
    return inputs[:-1], targets[:-1]


def always_fills_with_0(history, length, pad):
    return _rows(_refuse_history(history, pad), length, 0)


def puts_the_newest_at_the_left(history, length, pad):
    inputs, targets = next_item_rows(history, length, pad)
    return inputs[:, ::-1].copy(), targets


def takes_the_last_input_for_the_target(history, length, pad):
    inputs, _ = next_item_rows(history, length, pad)
    return inputs, inputs[:, -1].copy()


def counts_repeated_plays_once(history, length, pad):
    return _rows(list(dict.fromkeys(_refuse_history(history, pad))), length, pad)


def makes_a_row_of_a_single_play(history, length, pad):
    if len(history) < 2:
        return np.zeros((0, length), dtype=int), np.zeros(0, dtype=int)
    return next_item_rows(history, length, pad)


def accepts_a_pad_that_is_a_track(history, length, pad):
    if len(history) < 2:
        raise ValueError("too short")
    return _rows([int(code) for code in history], length, pad)


def refuses_without_naming_the_pad(history, length, pad):
    if len(history) < 2 or pad in history:
        raise ValueError("too short, or the filling is a track")
    return next_item_rows(history, length, pad)


def begins_at_a_negative_place(history, length, pad):
    history = _refuse_history(history, pad)
    inputs = np.full((len(history) - 1, length), pad)
    for t in range(1, len(history)):
        before = history[t - length : t]
        inputs[t - 1, length - len(before) :] = before
    return inputs, np.array(history[1:])


def takes_track_0_for_an_empty_place(history, length, pad):
    inputs, targets = next_item_rows(history, length, pad)
    for row in inputs:
        kept = row[(row != pad) & (row != 0)]
        row[:] = [*[pad] * (length - len(kept)), *kept]
    return inputs, targets


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
        puts_the_target_into_its_input: 0,
        keeps_the_oldest_plays: 0,
        fills_at_the_right: 1,
        leaves_out_rows_that_need_filling: 1,
        gives_the_last_row_only: None,
        adds_a_row_without_plays: None,
        forgets_the_last_target: None,
        always_fills_with_0: None,
        begins_at_a_negative_place: 1,
        takes_track_0_for_an_empty_place: None,
        puts_the_newest_at_the_left: None,
        takes_the_last_input_for_the_target: 0,
        counts_repeated_plays_once: None,
        makes_a_row_of_a_single_play: 2,
        accepts_a_pad_that_is_a_track: 2,
        refuses_without_naming_the_pad: 2,
    },
    draw=draw_history,
)

# 7.3.5 the latest rows for the test ----------------------------------------------------------------


def latest_rows(times, share):
    """Which rows are the test, split by time: times (N,), 0 < share < 1 -> (N,) of True and False.

    The latest instants, as many whole ones as fit into share * N rows. Raises ValueError, naming the share,
    when it is not between 0 and 1.
    """
    # Common wrong turn: the last rows of the table. A log need not be in order, and an instant may be cut.
    if not 0 < share < 1:
        raise ValueError(f"share {share}: a test takes more than 0 and less than 1 of the rows")
    times = np.asarray(times)
    instants, counts = np.unique(times, return_counts=True)
    from_the_end = np.cumsum(counts[::-1])
    fitting = int((from_the_end <= share * len(times)).sum())
    return np.isin(times, instants[len(instants) - fitting :])


def draw_times(rng):
    """A few rows, in any order, many of them at one instant; all at one instant; shares that do not exist."""
    times = rng.integers(0, int(rng.choice([1, 3, 8, 50])), size=int(rng.integers(1, 13))) / 2
    share = float(rng.choice([0.1, 0.2, 0.25, 0.3, 0.5, 0.9]))
    if rng.random() < 0.08:
        share = float(rng.choice([0.0, 1.0, 1.5, -0.25]))
        return Case((times, share), raises=ValueError, mentions=(share,))
    return times, share


def _needs_a_share(share):
    if not 0 < share < 1:
        raise ValueError(f"share {share}")


def takes_the_last_rows_of_the_table(times, share):
    _needs_a_share(share)
    n = int(share * len(times))
    return np.arange(len(times)) >= len(times) - n


def cuts_an_instant_in_two(times, share):
    _needs_a_share(share)
    n = int(share * len(times))
    test = np.zeros(len(times), dtype=bool)
    test[np.argsort(times, kind="stable")[len(times) - n :]] = True
    return test


def takes_the_whole_instant_where_it_does_not_fit(times, share):
    _needs_a_share(share)
    n = int(share * len(times))
    return np.asarray(times) >= np.sort(times)[len(times) - n] if n else np.zeros(len(times), dtype=bool)


def takes_the_earliest(times, share):
    return latest_rows(-np.asarray(times), share)


def draws_rows_at_random(times, share):
    _needs_a_share(share)
    return np.random.default_rng(0).random(len(times)) < share


def shares_out_the_period_instead_of_the_rows(times, share):
    _needs_a_share(share)
    return np.asarray(times) > np.max(times) - share * np.ptp(times)


def gives_the_rows_to_learn_from(times, share):
    return ~latest_rows(times, share)


def accepts_any_share(times, share):
    return latest_rows(times, min(max(share, 1e-9), 1 - 1e-9))


def takes_what_lies_above_a_quantile(times, share):
    _needs_a_share(share)
    return np.asarray(times) > np.quantile(times, 1 - share)


def cuts_an_instant_and_takes_all_where_none_fits(times, share):
    _needs_a_share(share)
    test = np.zeros(len(times), dtype=bool)
    test[np.argsort(times, kind="stable")[-int(share * len(times)) :]] = True
    return test


def rounds_the_number_of_rows(times, share):
    _needs_a_share(share)
    return latest_rows(times, min(max(round(share * len(times)) / len(times), 1e-9), 1 - 1e-9))


latest_rows_for_the_test = Exercise(
    "7.3.5",
    level=2,
    minutes=10,
    points=2,
    solution=latest_rows,
    cases=(
        Case(
            (np.array([3.0, 1.0, 4.0, 2.0, 5.0]), 0.4),
            expected=np.array([False, False, True, False, True]),
            name="a log that is not in order",
        ),
        Case(
            (np.array([1.0, 2.0, 2.0, 2.0, 9.0]), 0.4),
            expected=np.array([False, False, False, False, True]),
            name="an instant cut in two, or taken though it does not fit",
        ),
        Case(
            (np.array([1.0, 7.0, 8.0, 9.0]), 0.5),
            expected=np.array([False, False, True, True]),
            name="a share of the period instead of the rows",
        ),
        Case((np.array([6.0, 6.0]), 0.5), expected=np.array([False, False]), name="all at one instant"),
        Case(
            (np.array([2.0, 3.5]), 0.2),
            expected=np.array([False, False]),
            name="what lies above a quantile: it may be more than the share",
        ),
        Case((np.array([1.0, 2.0]), 1.0), raises=ValueError, mentions=(1.0,), name="nothing to learn from"),
    ),
    wrong={
        takes_the_last_rows_of_the_table: 0,
        cuts_an_instant_in_two: 1,
        takes_the_whole_instant_where_it_does_not_fit: 1,
        takes_the_earliest: None,
        draws_rows_at_random: None,
        shares_out_the_period_instead_of_the_rows: 0,
        gives_the_rows_to_learn_from: None,
        accepts_any_share: 2,
        takes_what_lies_above_a_quantile: 1,
        cuts_an_instant_and_takes_all_where_none_fits: 1,
        rounds_the_number_of_rows: 1,
    },
    draw=draw_times,
)

# 7.3.6 the place of the target --------------------------------------------------------------------


def places(scores, targets):
    """Place of each target among all items, 1 is best: scores (N, I), targets (N,) codes -> (N,).

    Equal scores and nan count against the target.
    """
    # Common wrong turn: 1 + the number of larger scores. Then a model that scores all alike is always first.
    own = scores[np.arange(len(targets)), targets][:, None]
    return scores.shape[1] - (scores < own).sum(axis=1)


def draw_scores(rng):
    """One row or a few, one item or a few; equal scores are common, nan now and then."""
    rows, items = int(rng.integers(1, 5)), int(rng.integers(1, 7))
    scores = rng.integers(-2, 3, size=(rows, items)) / 2
    if rng.random() < 0.3:
        scores[rng.random((rows, items)) < 0.3] = np.nan
    return scores, rng.integers(items, size=rows)


def lets_equal_scores_count_for_the_target(scores, targets):
    own = scores[np.arange(len(targets)), targets][:, None]
    return 1 + (scores > own).sum(axis=1)


def lets_nan_count_for_the_target(scores, targets):
    own = scores[np.arange(len(targets)), targets][:, None]
    return (scores >= own).sum(axis=1)


def counts_from_0(scores, targets):
    return places(scores, targets) - 1


def gives_the_worst_the_first_place(scores, targets):
    return places(-scores, targets)


def takes_the_first_target_for_all(scores, targets):
    return places(scores, np.full(len(targets), targets[0]))


def sorts_and_takes_what_comes_first(scores, targets):
    order = np.argsort(-scores, axis=1, kind="stable")
    return 1 + (order == np.asarray(targets)[:, None]).argmax(axis=1)


def sorts_upwards_and_turns_round(scores, targets):
    order = np.argsort(scores, axis=1, kind="stable")[:, ::-1]
    return 1 + (order == np.asarray(targets)[:, None]).argmax(axis=1)


def gives_the_item_at_that_place(scores, targets):
    order = np.argsort(-scores, axis=1, kind="stable")
    return order[np.arange(len(targets)), targets]


def puts_the_target_in_the_middle_of_its_equals(scores, targets):
    own = scores[np.arange(len(targets)), targets][:, None]
    above, equal = (scores > own).sum(axis=1), (scores == own).sum(axis=1)
    return above + (equal + 1) / 2


place_of_the_target = Exercise(
    "7.3.6",
    level=2,
    minutes=10,
    points=2,
    solution=places,
    cases=(
        Case(
            (np.array([[0.1, 0.9, 0.5], [0.7, 0.2, 0.4]]), np.array([2, 0])),
            expected=np.array([2, 1]),
            name="one target for all rows, or places from 0",
        ),
        Case(
            (np.array([[1.0, 1.0, 0.0]]), np.array([0])),
            expected=np.array([2]),
            name="equal scores that count for the target",
        ),
        Case(
            (np.zeros((2, 4)), np.array([0, 3])),
            expected=np.array([4, 4]),
            name="all alike: the last place",
        ),
        Case(
            (np.array([[0.5, np.nan, 0.0], [np.nan, 1.0, 0.0]]), np.array([0, 0])),
            expected=np.array([2, 3]),
            name="nan that counts for the target",
        ),
    ),
    wrong={
        lets_equal_scores_count_for_the_target: 1,
        lets_nan_count_for_the_target: 2,
        counts_from_0: None,
        gives_the_worst_the_first_place: None,
        takes_the_first_target_for_all: 0,
        sorts_and_takes_what_comes_first: 1,
        sorts_upwards_and_turns_round: 1,
        gives_the_item_at_that_place: None,
        puts_the_target_in_the_middle_of_its_equals: 1,
    },
    draw=draw_scores,
)

# 7.3.7 what a sequence of length one never trains --------------------------------------------------


N_UNTRAINED = 48 * 32 + 4 * 48 * 48 + 2 * 48  # forget gate on the input; all on the state; its two biases

what_length_one_never_trains = Exercise(
    "7.3.7",
    level=3,
    minutes=10,
    points=1,
    kind="predict",
    solution=N_UNTRAINED,
    wrong={
        "forgets_the_forget_gate": (4 * 48 * 48, 1),
        "counts_one_gate_only": (48 * 48, 0),
        "leaves_out_the_biases_of_the_forget_gate": (4 * 48 * 48 + 48 * 32, 1),
        "counts_one_of_the_two_biases": (4 * 48 * 48 + 48 * 32 + 48, 1),
        "takes_the_whole_layer": (4 * (48 * 32 + 48 * 48 + 2 * 48), None),
        "takes_the_biases_of_the_state_for_untrained": (4 * 48 * 48 + 4 * 48, None),
    },
)

# 7.3.8 all pairs in one pass ----------------------------------------------------------------------


def all_pairs(x, V):
    """Sum over all pairs a < b of x_a x_b (V_a · V_b): x (N, n) values, V (n, k) vectors -> (N,) floats."""
    # Common wrong turn: x @ V**2 in the second term. Each feature meets itself there: its value, squared too.
    x, V = np.asarray(x, dtype=float), np.asarray(V, dtype=float)
    return 0.5 * ((x @ V) ** 2 - x**2 @ V**2).sum(axis=1)


def draw_features(rng):
    """One feature or several, absent ones too, values of any sign; whole numbers as well; any k."""
    rows, n, k = (int(size) for size in rng.integers(1, 4, size=3))
    n = int(rng.choice([n, 5]))
    x, V = rng.integers(-2, 3, size=(rows, n)), rng.integers(-2, 3, size=(n, k))
    if rng.random() < 0.5:
        x, V = x / 2, V / 2
    return x, V


def does_not_square_the_value_in_the_second_term(x, V):
    return 0.5 * ((x @ V) ** 2 - x @ V**2).sum(axis=1)


def forgets_the_half(x, V):
    return ((x @ V) ** 2 - x**2 @ V**2).sum(axis=1).astype(float)


def pairs_features_with_themselves(x, V):
    return 0.5 * ((x @ V) ** 2).sum(axis=1)


def does_not_add_up_over_k(x, V):
    return 0.5 * ((x @ V) ** 2 - x**2 @ V**2)


def gives_one_number_for_the_batch(x, V):
    return float(0.5 * ((x @ V) ** 2 - x**2 @ V**2).sum())


def pairs_neighbours_only(x, V):
    each = [sum(r[a] * r[a + 1] * (V[a] @ V[a + 1]) for a in range(len(r) - 1)) for r in x]
    return np.array(each, dtype=float)


def squares_after_adding_up_over_k(x, V):
    return 0.5 * ((x @ V).sum(axis=1) ** 2 - (x**2 @ V**2).sum(axis=1))


def leaves_the_values_out(x, V):
    there = (x != 0).astype(float)
    return 0.5 * ((there @ V) ** 2 - there @ V**2).sum(axis=1)


def halves_whole_numbers(x, V):
    return (all_pairs(x, V) // 1).astype(float)


def keeps_whole_numbers_whole(x, V):
    return all_pairs(x, V).astype(np.result_type(x, V))


def takes_the_mean_over_k(x, V):
    return all_pairs(x, V) / V.shape[1]


def lets_small_whole_numbers_overflow(x, V):
    return 0.5 * ((x @ V) ** 2 - x**2 @ V**2).sum(axis=1)


def makes_floats_and_forgets_the_half(x, V):
    return 2 * all_pairs(x, V)


def makes_floats_and_does_not_square_the_value(x, V):
    return does_not_square_the_value_in_the_second_term(x.astype(float), V.astype(float))


def makes_floats_and_pairs_features_with_themselves(x, V):
    return pairs_features_with_themselves(x.astype(float), V.astype(float))


pairs_in_one_pass = Exercise(
    "7.3.8",
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
        Case(
            (np.array([[200, 200]], dtype=np.uint8), np.array([[1], [2]], dtype=np.uint8)),
            expected=np.array([80_000.0]),
            name="small whole numbers that overflow",
            why="whole numbers may be pixels, of eight bits",
        ),
    ),
    wrong={
        does_not_square_the_value_in_the_second_term: 1,
        forgets_the_half: 2,
        pairs_features_with_themselves: 1,
        does_not_add_up_over_k: 2,
        gives_one_number_for_the_batch: None,
        pairs_neighbours_only: None,
        squares_after_adding_up_over_k: None,
        leaves_the_values_out: 0,
        halves_whole_numbers: None,
        keeps_whole_numbers_whole: None,
        takes_the_mean_over_k: 2,
        lets_small_whole_numbers_overflow: None,
        makes_floats_and_forgets_the_half: 2,
        makes_floats_and_does_not_square_the_value: 1,
        makes_floats_and_pairs_features_with_themselves: 1,
    },
    draw=draw_features,
)

# 7.3.9 reading a history for one candidate --------------------------------------------------------


def read_for(history, candidate, rows, empty):
    """What N histories say about one candidate each: history (N, L) codes, candidate (N,) codes -> (N, k).

    rows (n, k): the row of each code. Where the history holds the code `empty`, nothing was looked at.
    """
    # Common wrong turn: `empty` has a row too, of numbers like any other. It must get the weight 0.
    rows = np.asarray(rows, dtype=float)
    seen, wanted = rows[history], rows[candidate]
    weights = np.einsum("nlk,nk->nl", seen, wanted) * (np.asarray(history) != empty)
    return np.einsum("nl,nlk->nk", weights, seen)


def draw_reading(rng):
    """Histories of one to four places, some ended, some empty; the end marked by the last code or by 0."""
    n, length, codes, k = (int(rng.integers(1, top)) for top in (4, 5, 6, 4))
    codes += 1
    rows = rng.integers(-2, 3, size=(codes, k))
    if rng.random() < 0.5:
        rows = rows / 2
    empty = int(rng.choice([0, codes - 1]))
    there = [code for code in range(codes) if code != empty]
    history, candidate = rng.choice(there, size=(n, length)), rng.choice(there, size=n)
    history[np.arange(length) >= rng.integers(0, length + 1, size=(n, 1))] = empty
    return history, candidate, rows, empty


def _weights(history, candidate, rows, empty):
    seen = np.asarray(rows, dtype=float)[history]
    return seen, (seen * np.asarray(rows, dtype=float)[candidate][:, None]).sum(-1), history != empty


def reads_what_is_empty(history, candidate, rows, empty):
    seen, weights, _ = _weights(history, candidate, rows, empty)
    return (weights[..., None] * seen).sum(axis=1)


def takes_the_mean(history, candidate, rows, empty):
    seen, _, there = _weights(history, candidate, rows, empty)
    return (seen * there[..., None]).sum(axis=1) / np.maximum(there.sum(axis=1, keepdims=True), 1)


def takes_the_sum_without_weights(history, candidate, rows, empty):
    seen, _, there = _weights(history, candidate, rows, empty)
    return (seen * there[..., None]).sum(axis=1)


def divides_by_how_many_were_seen(history, candidate, rows, empty):
    there = np.maximum((history != empty).sum(axis=1, keepdims=True), 1)
    return read_for(history, candidate, rows, empty) / there


def takes_a_softmax_of_the_weights(history, candidate, rows, empty):
    seen, weights, there = _weights(history, candidate, rows, empty)
    e = np.exp(weights) * there
    return (e[..., None] * seen).sum(axis=1) / np.maximum(e.sum(axis=1, keepdims=True), 1e-300)


def cuts_negative_weights(history, candidate, rows, empty):
    seen, weights, there = _weights(history, candidate, rows, empty)
    return (np.maximum(weights * there, 0)[..., None] * seen).sum(axis=1)


def adds_up_the_row_of_the_candidate(history, candidate, rows, empty):
    _, weights, there = _weights(history, candidate, rows, empty)
    return (weights * there).sum(axis=1, keepdims=True) * np.asarray(rows, dtype=float)[candidate]


def keeps_the_items_apart(history, candidate, rows, empty):
    seen, weights, there = _weights(history, candidate, rows, empty)
    return (weights * there)[..., None] * seen


def gives_the_weights_only(history, candidate, rows, empty):
    _, weights, there = _weights(history, candidate, rows, empty)
    return weights * there


def weighs_by_entry_instead_of_by_dot_product(history, candidate, rows, empty):
    seen, _, there = _weights(history, candidate, rows, empty)
    return (np.asarray(rows, dtype=float)[candidate][:, None] * seen * seen * there[..., None]).sum(axis=1)


def takes_the_last_code_for_empty(history, candidate, rows, empty):
    return read_for(history, candidate, rows, len(rows) - 1)


reading_for_one_candidate = Exercise(
    "7.3.9",
    level=3,
    minutes=15,
    points=2,
    solution=read_for,
    cases=(
        Case(
            (np.array([[0, 1, 2]]), np.array([3]), np.array([[1.0, 0], [-1, 0], [0, 1], [1, 0], [9, 9]]), 4),
            expected=np.array([[2.0, 0.0]]),
            name="a mean, a softmax, or negative weights cut off",
        ),
        Case(
            (np.array([[0, 2, 2], [1, 1, 2]]), np.array([1, 0]), np.array([[1.0, 2], [3, 1], [5, 5]]), 2),
            expected=np.array([[5.0, 10.0], [30.0, 10.0]]),
            name="the row of the code `empty` taken for an item, or one candidate for all",
        ),
        Case(
            (np.array([[2, 0, 0]]), np.array([1]), np.array([[7.0, 7], [1, 1], [2, 0]]), 0),
            expected=np.array([[4.0, 0.0]]),
            name="the last code taken for `empty`",
        ),
        Case(
            (np.array([[1, 1]]), np.array([0]), np.array([[3.0], [2.0]]), 1),
            expected=np.array([[0.0]]),
            name="nothing was looked at",
        ),
    ),
    draw=draw_reading,
    wrong={
        takes_the_mean: 0,
        takes_the_sum_without_weights: 0,
        reads_what_is_empty: 1,
        takes_the_last_code_for_empty: 1,
        divides_by_how_many_were_seen: None,
        takes_a_softmax_of_the_weights: None,
        cuts_negative_weights: None,
        adds_up_the_row_of_the_candidate: 2,
        keeps_the_items_apart: 2,
        gives_the_weights_only: 2,
        weighs_by_entry_instead_of_by_dot_product: 0,
    },
)

# 7.3.10 how many numbers has NeuMF? ---------------------------------------------------------------


N_NEUMF = 2 * (300 + 100) * 8 + (16 * 16 + 16) + (16 * 8 + 8) + (16 + 1)

how_many_numbers_has_neumf = Exercise(
    "7.3.10",
    level=2,
    minutes=5,
    points=1,
    kind="predict",
    solution=N_NEUMF,
    wrong={
        "counts_one_pair_of_tables": (N_NEUMF - 400 * 8, 0),
        "counts_the_tables_only": (2 * 400 * 8, 1),
        "forgets_the_biases": (N_NEUMF - 16 - 8 - 1, 1),
        "lets_the_last_layer_see_the_network_only": (N_NEUMF - 8, 1),
        "counts_the_tables_of_users_only": (N_NEUMF - 2 * 100 * 8, 0),
    },
)

# 7.3.11 a bias for each distance ------------------------------------------------------------------


def bias_by_distance(far, t):
    """What is added to the scores of t plays that ask by t plays that are asked: far (L,) -> (t, t).

    far[d] for a play that lies d plays back; -inf for a play that lies ahead. Raises ValueError that names t
    when a distance has no number, that is when t is above L.
    """
    # Common wrong turn: asked minus asking. A row is a play that asks; what lies back has a smaller number.
    if t > len(far):
        raise ValueError(f"{t} plays: far has {len(far)} distances, 0 to {len(far) - 1}")
    back = np.arange(t)[:, None] - np.arange(t)
    return np.where(back < 0, -np.inf, np.asarray(far, dtype=float)[np.maximum(back, 0)])


def draw_distances(rng):
    """One play or several, as many as there are distances, fewer, none, or too many."""
    length = int(rng.integers(1, 6))
    far, t = (
        rng.integers(-4, 5, size=length) / 2,
        int(rng.choice([0, 1, length, int(rng.integers(1, length + 1))])),
    )
    if rng.random() < 0.1:
        t = length + int(rng.integers(1, 3))
        return Case((far, t), raises=ValueError, mentions=(t,))
    return far, t


def _needs_distances(far, t):
    if t > len(far):
        raise ValueError(f"{t} plays, {len(far)} distances")
    return np.arange(t)[:, None] - np.arange(t)


def counts_from_asked_to_asking(far, t):
    return bias_by_distance(far, t).T


def lets_the_future_in(far, t):
    return np.asarray(far, dtype=float)[np.abs(_needs_distances(far, t))]


def puts_0_for_the_future(far, t):
    return np.nan_to_num(bias_by_distance(far, t), neginf=0.0)


def hides_the_play_itself_too(far, t):
    found = bias_by_distance(far, t)
    np.fill_diagonal(found, -np.inf)
    return found


def begins_at_the_play_before(far, t):
    back = _needs_distances(far, t)
    return np.where(back < 0, -np.inf, np.asarray(far, dtype=float)[np.maximum(back - 1, 0)])


def counts_from_the_first_play(far, t):
    back = _needs_distances(far, t)
    return np.where(back < 0, -np.inf, np.tile(np.asarray(far, dtype=float)[:t], (t, 1)))


def counts_from_the_last_play(far, t):
    back = _needs_distances(far, t)
    return np.where(back < 0, -np.inf, np.tile(np.asarray(far, dtype=float)[:t][::-1], (t, 1)))


def gives_weights_instead_of_what_is_added(far, t):
    return np.exp(bias_by_distance(far, t))


def reuses_the_last_distance(far, t):
    far = np.asarray(far, dtype=float)
    back = np.arange(t)[:, None] - np.arange(t)
    return np.where(back < 0, -np.inf, far[np.clip(back, 0, len(far) - 1)])


a_bias_for_each_distance = Exercise(
    "7.3.11",
    level=2,
    minutes=10,
    points=1,
    solution=bias_by_distance,
    cases=(
        Case(
            (np.array([0.5, 1.0, 2.0]), 3),
            expected=np.array([[0.5, -np.inf, -np.inf], [1.0, 0.5, -np.inf], [2.0, 1.0, 0.5]]),
            name="the future let in, or rows and columns exchanged",
        ),
        Case(
            (np.array([3.0, -1.0, 4.0, 7.0]), 2),
            expected=np.array([[3.0, -np.inf], [-1.0, 3.0]]),
            name="fewer plays than distances",
        ),
        Case((np.array([3.0, -1.0]), 3), raises=ValueError, mentions=(3,), name="more plays than distances"),
        Case((np.array([2.0]), 1), expected=np.array([[2.0]]), name="a single play sees itself"),
    ),
    draw=draw_distances,
    wrong={
        counts_from_asked_to_asking: 0,
        lets_the_future_in: 1,
        puts_0_for_the_future: 1,
        hides_the_play_itself_too: 1,
        begins_at_the_play_before: 0,
        counts_from_the_first_play: 0,
        counts_from_the_last_play: 0,
        gives_weights_instead_of_what_is_added: None,
        reuses_the_last_distance: 2,
    },
)

EXERCISES = (
    which_numbers_move,
    hit_rate_of_a_sample,
    batch_as_negatives,
    rows_without_the_answer,
    latest_rows_for_the_test,
    place_of_the_target,
    what_length_one_never_trains,
    pairs_in_one_pass,
    reading_for_one_candidate,
    how_many_numbers_has_neumf,
    a_bias_for_each_distance,
)
