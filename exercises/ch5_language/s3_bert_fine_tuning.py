"""Exercises of section 5.3, fine-tuning BERT: gaps, batches, warm-up, LoRA, long texts, pairs, names."""

import math

import numpy as np

from exercises import Case, Exercise

# 5.3.1 what the rule hides ------------------------------------------------------------------------

SHOWN, COUNTED, UNTOUCHED = 480, 600, 60  # of 4,000 characters


what_the_rule_hides = Exercise(
    "5.3.1",
    level=1,
    minutes=5,
    points=1,
    kind="predict",
    solution=(SHOWN, COUNTED, UNTOUCHED),
    wrong={
        "takes_the_shares_of_all_characters": ((3200, 600, 400), 0),
        "masks_every_chosen_character": ((600, 600, 0), 0),
        "predicts_what_is_masked_and_nothing_else": ((480, 480, 0), 1),
        "predicts_everything": ((480, 4000, 60), 1),
        "does_not_predict_what_stays": ((480, 600, 0), 1),
        "counts_only_what_is_masked": ((480, 480, 60), 1),
        "leaves_out_what_stays": ((480, 540, 60), 1),
        "swaps_the_second_and_the_third": ((480, 60, 600), None),
    },
)

# 5.3.2 a batch of unequal rows --------------------------------------------------------------------


def pad_batch(rows, max_length, pad=0):
    """Rows of token ids as one array, and the mask that says which entries are real.

    rows: N lists of whole numbers, each from [CLS] to [SEP]; max_length, pad: whole numbers
    -> ids (N, T), mask (N, T) of ones and zeros, integer arrays; T: the longest row, at most max_length.
    Raises ValueError for no rows, and for a max_length below 2.
    """
    # Common wrong turn: mask = ids != pad. It works until a text holds the id that pads, as it does where a
    # model has no token of its own for padding; the lengths always know.
    if not rows or max_length < 2:
        raise ValueError(
            f"{len(rows)} rows, max_length {max_length}: at least one row, and room for [CLS] and [SEP]"
        )
    cut = [row if len(row) <= max_length else [*row[: max_length - 1], row[-1]] for row in rows]
    width = max(len(row) for row in cut)
    ids = np.full((len(cut), width), pad)
    mask = np.zeros((len(cut), width), dtype=int)
    for i, row in enumerate(cut):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask


def draw_rows(rng):
    """Rows between 101 and 102, some too long, some only the two; pad is often an id that the text holds."""
    pad = int(rng.choice([0, 0, 1, 7]))
    rows = []
    for _ in range(int(rng.integers(1, 4))):
        inside = rng.choice([0, 1, 7, 8, 30_521], size=int(rng.integers(0, 5))).tolist()
        end = 102 if rng.random() < 0.7 else 103  # the row's own last id, whatever it is
        rows.append([101, *inside, end])
    bad = rng.random()
    if bad < 0.05:
        return Case(([], 8), raises=ValueError)
    if bad < 0.1:
        return Case((rows, int(rng.integers(-1, 2))), raises=ValueError)
    max_length = int(rng.choice([2, 3, 4, 5, 512]))
    return (rows, max_length, pad) if pad else (rows, max_length)


def _refuse_no_room(rows, max_length):
    if not rows or max_length < 2:
        raise ValueError("rows")


def _end_kept(row, max_length):
    return row if len(row) <= max_length else [*row[: max_length - 1], row[-1]]


def _filled(rows, width, pad):
    """Rows that are short enough already, filled on the right; the mask as it should be."""
    ids = np.array([[*row, *[pad] * (width - len(row))] for row in rows], dtype=int).reshape(len(rows), width)
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows], dtype=int)
    return ids, mask.reshape(ids.shape)


def cuts_the_closing_id_away(rows, max_length, pad=0):
    _refuse_no_room(rows, max_length)
    return pad_batch([row[:max_length] for row in rows], max_length, pad)


def keeps_the_end_of_a_long_row(rows, max_length, pad=0):
    _refuse_no_room(rows, max_length)
    return pad_batch([row[-max_length:] for row in rows], max_length, pad)


def closes_with_102_whatever_the_row(rows, max_length, pad=0):
    _refuse_no_room(rows, max_length)
    cut = [row if len(row) <= max_length else [*row[: max_length - 1], 102] for row in rows]
    return pad_batch(cut, max_length, pad)


def pads_on_the_left(rows, max_length, pad=0):
    turned = [_end_kept(row, max_length)[::-1] for row in rows]
    ids, mask = pad_batch(turned, max_length, pad)
    return ids[:, ::-1], mask[:, ::-1]


def pads_to_max_length_always(rows, max_length, pad=0):
    _refuse_no_room(rows, max_length)
    return _filled([_end_kept(row, max_length) for row in rows], max_length, pad)


def pads_to_the_longest_row_before_the_cut(rows, max_length, pad=0):
    _refuse_no_room(rows, max_length)
    longest = max(len(row) for row in rows)
    return _filled([_end_kept(row, max_length) for row in rows], longest, pad)


def masks_by_the_id_that_pads(rows, max_length, pad=0):
    ids, _ = pad_batch(rows, max_length, pad)
    return ids, (ids != pad).astype(int)


def always_pads_with_0(rows, max_length, pad=0):
    return pad_batch(rows, max_length, 0)


def turns_the_mask_round(rows, max_length, pad=0):
    ids, mask = pad_batch(rows, max_length, pad)
    return ids, 1 - mask


def changes_the_rows(rows, max_length, pad=0):
    _refuse_no_room(rows, max_length)
    for row in rows:
        row[:] = _end_kept(row, max_length)
    return pad_batch(rows, max_length, pad)


def gives_no_rows_an_empty_array(rows, max_length, pad=0):
    if not rows:
        return np.zeros((0, 0), dtype=int), np.zeros((0, 0), dtype=int)
    return pad_batch(rows, max_length, pad)


def leaves_a_short_max_length_in_silence(rows, max_length, pad=0):
    return pad_batch(rows, max(2, max_length), pad)


batch_of_unequal_rows = Exercise(
    "5.3.2",
    level=2,
    minutes=10,
    points=2,
    solution=pad_batch,
    cases=(
        Case(
            ([[101, 7, 102], [101, 7, 8, 9, 102]], 4),
            expected=(
                np.array([[101, 7, 102, 0], [101, 7, 8, 102]]),
                np.array([[1, 1, 1, 0], [1, 1, 1, 1]]),
            ),
            name="the closing [SEP] cut away",
        ),
        Case(
            ([[101, 5, 6, 102], [101, 102]], 8),
            expected=(
                np.array([[101, 5, 6, 102], [101, 102, 0, 0]]),
                np.array([[1, 1, 1, 1], [1, 1, 0, 0]]),
            ),
            name="padded on the left",
        ),
        Case(
            ([[2, 3], [2, 9, 3]], 512),
            expected=(np.array([[2, 3, 0], [2, 9, 3]]), np.array([[1, 1, 0], [1, 1, 1]])),
            name="filled up to max_length where nothing is that long",
        ),
        Case(
            ([[1, 4, 4, 1], [1, 6, 1]], 4, 4),
            expected=(np.array([[1, 4, 4, 1], [1, 6, 1, 4]]), np.array([[1, 1, 1, 1], [1, 1, 1, 0]])),
            name="a real id that equals pad masked out",
        ),
        Case(([], 8), raises=ValueError, name="an empty batch accepted"),
        Case(
            ([[101, 102]], 1),
            raises=ValueError,
            name="a max_length accepted that has no room for [CLS] and [SEP]",
        ),
    ),
    wrong={
        cuts_the_closing_id_away: 0,
        keeps_the_end_of_a_long_row: 0,
        closes_with_102_whatever_the_row: 0,
        pads_on_the_left: None,
        pads_to_max_length_always: 1,
        pads_to_the_longest_row_before_the_cut: 1,
        masks_by_the_id_that_pads: 2,
        always_pads_with_0: None,
        turns_the_mask_round: None,
        changes_the_rows: None,
        gives_no_rows_an_empty_array: 2,
        leaves_a_short_max_length_in_silence: None,
    },
    draw=draw_rows,
)

# 5.3.3 warm up, then cool down --------------------------------------------------------------------


def rate_factor(step, warmup, total):
    """What the learning rate is multiplied by: from 0 up to 1 at step `warmup`, then down to 0 at `total`.

    step, warmup, total: whole numbers, 0 <= warmup < total -> float. Raises ValueError for any other warmup.
    """
    # Common wrong turn: (total - step) / total falls from the first step on, so that the two lines do not
    # meet: at the end of the warm-up the rate jumps down.
    if not 0 <= warmup < total:
        raise ValueError(f"warmup {warmup} must lie in 0 … total - 1, total is {total}")
    if step < warmup:
        return step / warmup
    return max(0.0, (total - step) / (total - warmup))


def draw_step(rng):
    """Steps before, in and after a short schedule; no warm-up, of a single step, up to the last step."""
    total = int(rng.choice([1, 2, 3, 7, 10, 1_000]))
    if rng.random() < 0.1:
        return Case((int(rng.integers(0, 5)), total + int(rng.integers(0, 3)), total), raises=ValueError)
    if rng.random() < 0.1:
        return Case((int(rng.integers(0, 5)), -int(rng.integers(1, 4)), total), raises=ValueError)
    warmup = int(rng.choice([0, 1, total - 1, int(rng.integers(0, total))]))
    step = int(
        rng.choice([0, 1, warmup, warmup + 1, total - 1, total, total + 5, int(rng.integers(0, total))])
    )
    return step, min(warmup, total - 1), total


def _refuse_warmup(warmup, total):
    if not 0 <= warmup < total:
        raise ValueError("warmup")


def falls_from_the_first_step_on(step, warmup, total):
    _refuse_warmup(warmup, total)
    return step / warmup if step < warmup else max(0.0, (total - step) / total)


def rises_one_step_ahead(step, warmup, total):
    _refuse_warmup(warmup, total)
    return (step + 1) / warmup if step < warmup else rate_factor(step, warmup, total)


def rises_one_step_late(step, warmup, total):
    _refuse_warmup(warmup, total)
    return step / (warmup + 1) if step < warmup else rate_factor(step, warmup, total)


def stays_at_1_after_the_warm_up(step, warmup, total):
    _refuse_warmup(warmup, total)
    return step / warmup if step < warmup else float(step < total)


def goes_on_below_0(step, warmup, total):
    _refuse_warmup(warmup, total)
    return step / warmup if step < warmup else (total - step) / (total - warmup)


def begins_at_0_without_a_warm_up(step, warmup, total):
    _refuse_warmup(warmup, total)
    return rate_factor(step, max(1, warmup), total) if total > 1 else 0.0


def ends_at_0_one_step_early(step, warmup, total):
    _refuse_warmup(warmup, total)
    return step / warmup if step < warmup else max(0.0, (total - 1 - step) / max(1, total - 1 - warmup))


def divides_whole_numbers(step, warmup, total):
    _refuse_warmup(warmup, total)
    return float(step // warmup if step < warmup else max(0, (total - step) // (total - warmup)))


def accepts_a_warm_up_as_long_as_the_run(step, warmup, total):
    return 0.0 if warmup >= total else rate_factor(step, warmup, total)


def accepts_a_warm_up_below_0(step, warmup, total):
    return rate_factor(step, max(0, warmup), total)


warm_up = Exercise(
    "5.3.3",
    level=2,
    minutes=10,
    points=2,
    solution=rate_factor,
    cases=(
        Case(
            (6, 2, 10), expected=0.5, name="the fall spread over all steps, so that the two lines do not meet"
        ),
        Case((1, 2, 10), expected=0.5, name="the rise one step ahead"),
        Case((0, 5, 20), expected=0.0, name="a first step that is not 0"),
        Case((0, 0, 4), expected=1.0, name="no warm-up, and no full rate at the beginning"),
        Case((15, 10, 20), expected=0.5, name="no fall at all"),
        Case((25, 10, 20), expected=0.0, name="a rate below 0 after the end"),
        Case((1, 8, 8), raises=ValueError, name="a warm-up that never ends accepted"),
        Case((1, -1, 8), raises=ValueError, name="a warm-up below 0 accepted"),
    ),
    wrong={
        falls_from_the_first_step_on: 0,
        rises_one_step_ahead: 1,
        rises_one_step_late: 1,
        stays_at_1_after_the_warm_up: 0,
        goes_on_below_0: 2,
        begins_at_0_without_a_warm_up: 1,
        ends_at_0_one_step_early: 0,
        divides_whole_numbers: None,
        accepts_a_warm_up_as_long_as_the_run: 2,
        accepts_a_warm_up_below_0: 2,
    },
    draw=draw_step,
)

# 5.3.4 LoRA, folded in ----------------------------------------------------------------------------


def merge_lora(W, A, B, alpha):
    """The one matrix that does the work of a linear layer and its LoRA correction.

    W (out, in), A (r, in), B (out, r), alpha: a number -> a new array (out, in); the inputs stay as they are.
    """
    # Common wrong turn: W += ... writes into the weights that were given; another adapter, merged afterwards,
    # would start from the wrong place.
    return W + alpha / A.shape[0] * (B @ A)


def draw_layer(rng):
    """Any three small sizes, equal ones too; whole and broken numbers; alpha of any size and sign, 0 too."""
    outputs, inputs, rank = (int(size) for size in rng.integers(1, 4, size=3))
    W, A, B = (
        rng.integers(-3, 4, size=shape) / 2 for shape in ((outputs, inputs), (rank, inputs), (outputs, rank))
    )
    return W, A, B, rng.choice([1, 2, 8, 16, 0, 0.5, -3, 1.25]).item()


def leaves_the_scale_out(W, A, B, alpha):
    return W + B @ A


def does_not_divide_by_the_rank(W, A, B, alpha):
    return W + alpha * (B @ A)


def divides_by_the_number_of_inputs(W, A, B, alpha):
    return W + alpha / A.shape[1] * (B @ A)


def divides_by_the_number_of_outputs(W, A, B, alpha):
    return W + alpha / B.shape[0] * (B @ A)


def divides_by_the_root_of_the_rank(W, A, B, alpha):
    return W + alpha / A.shape[0] ** 0.5 * (B @ A)


def divides_alpha_as_a_whole_number(W, A, B, alpha):
    return W + alpha // A.shape[0] * (B @ A)


def turns_the_product_over(W, A, B, alpha):
    product = A.T @ B.T
    return W + alpha / A.shape[0] * (product if product.shape == W.shape else product.T)


def subtracts_the_correction(W, A, B, alpha):
    return W - alpha / A.shape[0] * (B @ A)


def writes_into_the_weights(W, A, B, alpha):
    W += alpha / A.shape[0] * (B @ A)
    return W


def gives_the_correction_alone(W, A, B, alpha):
    return alpha / A.shape[0] * (B @ A)


folded_in = Exercise(
    "5.3.4",
    level=3,
    minutes=10,
    points=2,
    solution=merge_lora,
    cases=(
        Case(
            (np.array([[1.0, 0.0]]), np.array([[2.0, 3.0]]), np.array([[10.0]]), 0.5),
            expected=np.array([[11.0, 15.0]]),
            name="the scale alpha / r left out",
        ),
        Case(
            (
                np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
                np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]),
                np.array([[1.0, 0.0], [2.0, 4.0]]),
                8,
            ),
            expected=np.array([[5.0, 8.0, 12.0], [8.0, 33.0, 8.0]]),
            name="alpha not divided by the rank",
        ),
        Case(
            (np.eye(2), np.array([[1.0, 2.0]]), np.array([[3.0], [0.0]]), 1),
            expected=np.array([[4.0, 6.0], [0.0, 1.0]]),
            name="the product turned over, which a square matrix hides",
        ),
        Case(
            (np.ones((3, 2)), np.array([[1.0, -1.0]]), np.array([[1.0], [2.0], [3.0]]), 2),
            expected=np.array([[3.0, -1.0], [5.0, -3.0], [7.0, -5.0]]),
            name="the weights that were given overwritten",
        ),
    ),
    wrong={
        leaves_the_scale_out: 1,
        does_not_divide_by_the_rank: 1,
        divides_by_the_number_of_inputs: 1,
        divides_by_the_number_of_outputs: 1,
        divides_by_the_root_of_the_rank: 1,
        divides_alpha_as_a_whole_number: None,
        turns_the_product_over: 0,
        subtracts_the_correction: None,
        writes_into_the_weights: 2,
        gives_the_correction_alone: None,
    },
    draw=draw_layer,
    new_result=True,
)

# 5.3.5 better, or lucky? --------------------------------------------------------------------------


def sign_test(right_a, right_b):
    """How often chance alone makes two equally good models differ at least this much on the same texts.

    right_a, right_b: N truth values each (lists or arrays): was the text judged rightly? -> float, the
    p-value. Raises ValueError when the two lengths differ.
    """
    # Common wrong turn: comparing the two accuracies as if they came from different texts. Most texts are
    # right with both models or wrong with both; they say nothing about which is better, and only blur the
    # comparison.
    if len(right_a) != len(right_b):
        raise ValueError(f"{len(right_a)} and {len(right_b)} judgements: the same texts for both models")
    only_a = sum(bool(a) and not b for a, b in zip(right_a, right_b, strict=True))
    only_b = sum(bool(b) and not a for a, b in zip(right_a, right_b, strict=True))
    n = only_a + only_b
    tail = sum(math.comb(n, i) for i in range(min(only_a, only_b) + 1)) / 2**n
    return min(1.0, 2 * tail)


def draw_judgements(rng):
    """Few texts or none, many of them judged alike; lists of numbers or arrays of truth values; a misfit."""
    n = int(rng.integers(0, 9))
    a = rng.integers(0, 2, size=n)
    b = np.where(rng.random(n) < rng.choice([0.3, 0.8]), a, rng.integers(0, 2, size=n))
    if rng.random() < 0.1:
        return Case((a.tolist(), [*b.tolist(), 1]), raises=ValueError)
    if rng.random() < 0.4:
        return a.astype(bool), b.astype(bool)
    return a.tolist(), b.tolist()


def _wins(right_a, right_b):
    """Texts that the first, and the second, model alone gets right; both as arrays."""
    if len(right_a) != len(right_b):
        raise ValueError("lengths")
    a, b = np.asarray(right_a, dtype=bool), np.asarray(right_b, dtype=bool)
    return int((a & ~b).sum()), int((b & ~a).sum()), a, b


def _tail(n, k):
    return sum(math.comb(n, i) for i in range(k + 1)) / 2**n


def looks_at_one_side_only(right_a, right_b):
    x, y, *_ = _wins(right_a, right_b)
    return min(1.0, _tail(x + y, min(x, y)))


def asks_only_whether_the_first_is_better(right_a, right_b):
    x, y, *_ = _wins(right_a, right_b)
    return min(1.0, 2 * _tail(x + y, y))


def lets_it_grow_beyond_1(right_a, right_b):
    x, y, *_ = _wins(right_a, right_b)
    return 2 * _tail(x + y, min(x, y))


def counts_every_text(right_a, right_b):
    *_, a, b = _wins(right_a, right_b)
    wins = int((a >= b).sum())
    return float(min(1.0, 2 * _tail(len(a), min(wins, len(a) - wins))))


def counts_ties_as_half_a_win_each(right_a, right_b):
    x, y, a, _ = _wins(right_a, right_b)
    return min(1.0, 2 * _tail(len(a), min(x, y) + (len(a) - x - y) // 2))


def sums_below_k_only(right_a, right_b):
    x, y, *_ = _wins(right_a, right_b)
    return min(1.0, 2 * _tail(x + y, min(x, y) - 1)) if x + y else 1.0


def takes_the_last_term_only(right_a, right_b):
    x, y, *_ = _wins(right_a, right_b)
    return min(1.0, 2 * math.comb(x + y, min(x, y)) / 2 ** (x + y))


def takes_a_bell_curve_for_the_coins(right_a, right_b):
    x, y, *_ = _wins(right_a, right_b)
    return math.erfc(abs(x - y) / math.sqrt(2 * (x + y))) if x + y else 1.0


def answers_0_where_nothing_differs(right_a, right_b):
    x, y, *_ = _wins(right_a, right_b)
    return sign_test(right_a, right_b) if x + y else 0.0


def takes_powers_of_2_as_floats(right_a, right_b):
    x, y, *_ = _wins(right_a, right_b)
    return min(1.0, 2 * sum(math.comb(x + y, i) for i in range(min(x, y) + 1)) / 2.0 ** (x + y))


def stops_at_the_shorter_list(right_a, right_b):
    n = min(len(right_a), len(right_b))
    return sign_test(list(right_a)[:n], list(right_b)[:n])


better_or_lucky = Exercise(
    "5.3.5",
    level=3,
    minutes=15,
    points=3,
    solution=sign_test,
    rtol=1e-9,
    cases=(
        Case(([1, 1, 1, 0], [0, 0, 0, 0]), expected=0.25, name="one side only"),
        Case(
            ([1] * 6 + [1] * 12, [0] * 6 + [1] * 12),
            expected=2 / 64,
            name="the texts on which both agree counted as well",
        ),
        Case(([1, 1, 0, 0], [0, 0, 1, 1]), expected=1.0, name="a p-value above 1"),
        Case(
            (np.array([1] * 9 + [0] * 2 + [1], dtype=bool), np.array([0] * 9 + [1] * 2 + [1], dtype=bool)),
            expected=2 * (1 + 11 + 55) / 2**11,
            args_text="np.array([1] * 9 + [0] * 2 + [1], dtype=bool), "
            "np.array([0] * 9 + [1] * 2 + [1], dtype=bool)",
            name="the split itself left out of the sum, or a bell curve in place of the coins",
        ),
        Case(
            ([0, 0, 0, 0, 0], [1, 1, 1, 1, 1]), expected=2 / 32, name="only a lead of the first model counts"
        ),
        Case(([1, 0, 1], [1, 0, 1]), expected=1.0, name="two models that never differ"),
        Case(
            ([1] * 640 + [0] * 560, [0] * 640 + [1] * 560),
            args_text="[1] * 640 + [0] * 560, [0] * 640 + [1] * 560",
            name="2.0 ** n overflows beyond n = 1023",
        ),
        Case(([1, 0, 1], [1, 0]), raises=ValueError, name="lists of different lengths accepted"),
    ),
    wrong={
        looks_at_one_side_only: 1,
        asks_only_whether_the_first_is_better: 1,
        lets_it_grow_beyond_1: 1,
        counts_every_text: 0,
        counts_ties_as_half_a_win_each: 0,
        sums_below_k_only: 1,
        takes_the_last_term_only: 1,
        takes_a_bell_curve_for_the_coins: None,
        answers_0_where_nothing_differs: 2,
        takes_powers_of_2_as_floats: None,
        stops_at_the_shorter_list: 2,
    },
    draw=draw_judgements,
)

# 5.3.6 windows over a long text -------------------------------------------------------------------


def window_starts(length, size, stride):
    """Where windows of `size` tokens begin, so that together they cover a text of `length` tokens.

    length, size, stride: whole numbers -> list of ints, rising; all windows lie inside the text, if it is
    as long as one. Raises ValueError for a stride below 1 or above size, which would leave tokens out.
    """
    # Common wrong turn: range(0, length, stride) begins windows that hang over the end, the last ones with a
    # handful of tokens that had their say already.
    if not 1 <= stride <= size:
        raise ValueError(f"stride {stride} must lie in 1 … {size}, the size of a window")
    starts = list(range(0, length - size + 1, stride)) or [0]
    if starts[-1] + size < length:
        starts.append(length - size)
    return starts


def draw_lengths(rng):
    """Short texts and small windows, so that ends fall everywhere: no token, exactly one window, one more."""
    size = int(rng.integers(1, 6))
    length = int(rng.choice([0, 1, size - 1, size, size + 1, int(rng.integers(0, 30))]))
    if rng.random() < 0.15:
        return Case((length, size, int(rng.choice([0, -1, size + 1, size + 5]))), raises=ValueError)
    return length, size, int(rng.integers(1, size + 1))


def _refuse_stride(size, stride):
    if not 1 <= stride <= size:
        raise ValueError("stride")


def begins_windows_that_hang_over_the_end(length, size, stride):
    _refuse_stride(size, stride)
    return list(range(0, length, stride)) or [0]


def drops_what_is_left_over(length, size, stride):
    _refuse_stride(size, stride)
    return list(range(0, length - size + 1, stride)) or [0]


def always_adds_a_last_window(length, size, stride):
    _refuse_stride(size, stride)
    return [*range(0, length - size + 1, stride), length - size] if length > size else [0]


def lets_the_last_window_follow_its_stride(length, size, stride):
    _refuse_stride(size, stride)
    starts = list(range(0, length - size + 1, stride)) or [0]
    return starts if starts[-1] + size >= length else [*starts, starts[-1] + stride]


def begins_before_a_short_text(length, size, stride):
    _refuse_stride(size, stride)
    return window_starts(length, size, stride) if length >= size else [length - size]


def has_no_window_for_an_empty_text(length, size, stride):
    return window_starts(length, size, stride) if length else _refuse_stride(size, stride) or []


def has_no_window_for_a_short_text(length, size, stride):
    return window_starts(length, size, stride) if length >= size else _refuse_stride(size, stride) or []


def moves_by_size_whatever_the_stride(length, size, stride):
    _refuse_stride(size, stride)
    return window_starts(length, size, size)


def refuses_a_stride_of_the_whole_window(length, size, stride):
    if not 1 <= stride < size:
        raise ValueError("stride")
    return window_starts(length, size, stride)


def accepts_a_stride_above_the_window(length, size, stride):
    return window_starts(length, size, min(stride, size))


def accepts_any_stride(length, size, stride):
    return window_starts(length, size, min(max(stride, 1), size))


windows_over_a_text = Exercise(
    "5.3.6",
    level=3,
    minutes=10,
    points=2,
    solution=window_starts,
    cases=(
        Case((10, 4, 3), expected=[0, 3, 6], name="a window too many at the end"),
        Case((12, 4, 3), expected=[0, 3, 6, 8], name="the end of the text lost"),
        Case((9, 3, 3), expected=[0, 3, 6], name="windows that do not overlap"),
        Case((2, 4, 2), expected=[0], name="a short text begins before its beginning"),
        Case((0, 4, 2), expected=[0], name="an empty text has no window"),
        Case((20, 4, 5), raises=ValueError, name="tokens skipped between two windows"),
        Case((20, 4, 0), raises=ValueError, name="a stride of 0 accepted"),
    ),
    wrong={
        begins_windows_that_hang_over_the_end: 0,
        drops_what_is_left_over: 1,
        always_adds_a_last_window: 1,
        lets_the_last_window_follow_its_stride: 1,
        begins_before_a_short_text: 2,
        has_no_window_for_an_empty_text: 2,
        has_no_window_for_a_short_text: 2,
        moves_by_size_whatever_the_stride: 0,
        refuses_a_stride_of_the_whole_window: None,
        accepts_a_stride_above_the_window: 2,
        accepts_any_stride: 2,
    },
    draw=draw_lengths,
)

# 5.3.7 two texts in one row ------------------------------------------------------------------------


def pack_pair(first, second, max_length):
    """Two texts as one row for BERT: the ids, and the types that say which text each id belongs to.

    first, second: lists of ids without special tokens -> ids, types: two lists of the same length, at most
    max_length. [CLS] is 101, [SEP] is 102. Raises ValueError for a max_length below 3.
    """
    # Common wrong turn: ids[:max_length] shortens the second text alone, and loses the closing [SEP].
    if max_length < 3:
        raise ValueError(f"max_length {max_length}: [CLS] and two [SEP] need 3 places")
    first, second = list(first), list(second)
    while len(first) + len(second) > max_length - 3:
        (first if len(first) > len(second) else second).pop()
    return [101, *first, 102, *second, 102], [0] * (len(first) + 2) + [1] * (len(second) + 1)


def draw_pair(rng):
    """Texts of 0 to 6 ids, some of equal length, with and without room for both."""
    first, second = (rng.integers(103, 130, size=int(rng.integers(0, 7))).tolist() for _ in range(2))
    if rng.random() < 0.1:
        return Case((first, second, int(rng.integers(-1, 3))), raises=ValueError)
    return first, second, int(rng.integers(3, 14))


def _packed(first, second, max_length, shorten):
    if max_length < 3:
        raise ValueError("max_length")
    first, second = list(first), list(second)
    while len(first) + len(second) > max_length - 3:
        shorten(first, second)
    return [101, *first, 102, *second, 102], [0] * (len(first) + 2) + [1] * (len(second) + 1)


def cuts_the_row_at_its_end(first, second, max_length):
    ids, types = _packed(first, second, max(3, len(first) + len(second) + 3), None)
    if max_length < 3:
        raise ValueError("max_length")
    return ids[:max_length], types[:max_length]


def shortens_the_second_first(first, second, max_length):
    return _packed(first, second, max_length, lambda a, b: (b or a).pop())


def shortens_the_first_first(first, second, max_length):
    return _packed(first, second, max_length, lambda a, b: (a or b).pop())


def shortens_the_first_of_equals(first, second, max_length):
    return _packed(first, second, max_length, lambda a, b: (a if len(a) >= len(b) else b).pop())


def loses_the_beginning(first, second, max_length):
    return _packed(first, second, max_length, lambda a, b: (a if len(a) > len(b) else b).pop(0))


def gives_the_first_sep_to_the_second_text(first, second, max_length):
    ids, types = pack_pair(first, second, max_length)
    border = ids.index(102)
    return ids, [0] * border + [1] * (len(types) - border)


def gives_the_last_sep_to_the_first_text(first, second, max_length):
    ids, types = pack_pair(first, second, max_length)
    return ids, [*types[:-1], 0]


def opens_the_second_text_too(first, second, max_length):
    ids, types = pack_pair(first, second, max_length)
    border = ids.index(102) + 1
    return [*ids[:border], 101, *ids[border:]], [*types, 1]


def separates_nothing(first, second, max_length):
    ids, types = pack_pair(first, second, max_length)
    border = ids.index(102)
    return ids[:border] + ids[border + 1 :], types[1:]


def counts_types_from_1(first, second, max_length):
    ids, types = pack_pair(first, second, max_length)
    return ids, [kind + 1 for kind in types]


def writes_into_the_texts(first, second, max_length):
    ids, types = pack_pair(first, second, max_length)
    first[:] = first[: types.count(0) - 2]
    second[:] = second[: types.count(1) - 1]
    return ids, types


def accepts_no_room(first, second, max_length):
    return pack_pair(first, second, max(3, max_length))


two_texts_in_one_row = Exercise(
    "5.3.7",
    level=2,
    minutes=10,
    points=2,
    solution=pack_pair,
    cases=(
        Case(
            ([111, 112, 113], [115], 6),
            expected=([101, 111, 112, 102, 115, 102], [0, 0, 0, 0, 1, 1]),
            name="the wrong text shortened",
        ),
        Case(
            ([111], [115, 116], 10),
            expected=([101, 111, 102, 115, 116, 102], [0, 0, 0, 1, 1, 1]),
            name="the types of a pair that fits",
        ),
        Case(
            ([111, 112], [115, 116], 6),
            expected=([101, 111, 112, 102, 115, 102], [0, 0, 0, 0, 1, 1]),
            name="the first of two equally long texts shortened",
        ),
        Case(
            ([111], [115, 116, 117, 118], 5),
            expected=([101, 111, 102, 115, 102], [0, 0, 0, 1, 1]),
            name="a long second text",
        ),
        Case(([], [], 3), expected=([101, 102, 102], [0, 0, 1]), name="two empty texts"),
        Case(([111], [115], 2), raises=ValueError, name="a max_length accepted without room for three ids"),
    ),
    wrong={
        cuts_the_row_at_its_end: 0,
        shortens_the_second_first: 0,
        shortens_the_first_first: 0,
        shortens_the_first_of_equals: 0,
        loses_the_beginning: 0,
        gives_the_first_sep_to_the_second_text: 1,
        gives_the_last_sep_to_the_first_text: 1,
        opens_the_second_text_too: 1,
        separates_nothing: 1,
        counts_types_from_1: 1,
        writes_into_the_texts: None,
        accepts_no_room: 2,
    },
    draw=draw_pair,
)

# 5.3.8 a label for each piece ----------------------------------------------------------------------


def align_labels(word_of, labels):
    """Labels of words, handed on to the pieces of a row: -100 where a piece has nothing to say.

    word_of: T entries, the number of the word that a piece belongs to, or None for a special token;
    labels: a whole number for each word -> a list of T whole numbers. Raises ValueError for a word without a
    label.
    """
    # Common wrong turn: if word: … takes word 0 for a special token, and the first word loses its label.
    row, before = [], None
    for word in word_of:
        if word is not None and word >= len(labels):
            raise ValueError(f"a piece belongs to word {word}, and there are {len(labels)} labels")
        row.append(-100 if word is None or word == before else labels[word])
        before = word
    return row


def draw_pieces(rng):
    """Up to five words of none to three pieces; some texts are cut, some labels are missing."""
    count = int(rng.integers(0, 6))
    pieces = [word for word in range(count) for _ in range(int(rng.choice([0, 1, 1, 2, 3])))]
    kept = pieces[: int(rng.integers(0, len(pieces) + 1))] if rng.random() < 0.3 else pieces
    word_of = [None, *kept, None, *[None] * int(rng.choice([0, 0, 2]))]
    labels = rng.integers(0, 3, size=count).tolist()
    if kept and rng.random() < 0.1:
        return Case((word_of, labels[: kept[-1]]), raises=ValueError)
    return word_of, labels


def _refuse_unlabelled(word_of, labels):
    if any(word is not None and word >= len(labels) for word in word_of):
        raise ValueError("labels")


def labels_every_piece(word_of, labels):
    _refuse_unlabelled(word_of, labels)
    return [-100 if word is None else labels[word] for word in word_of]


def takes_word_0_for_a_special_token(word_of, labels):
    return [
        label if word else -100 for word, label in zip(word_of, align_labels(word_of, labels), strict=True)
    ]


def gives_special_tokens_the_label_0(word_of, labels):
    return [
        0 if word is None else label
        for word, label in zip(word_of, align_labels(word_of, labels), strict=True)
    ]


def gives_what_continues_the_label_0(word_of, labels):
    row = align_labels(word_of, labels)
    return [
        0 if word is not None and label == -100 else label for word, label in zip(word_of, row, strict=True)
    ]


def labels_the_last_piece(word_of, labels):
    return align_labels(word_of[::-1], labels)[::-1]


def compares_labels_instead_of_words(word_of, labels):
    every = labels_every_piece(word_of, labels)
    return [-100 if i and label == every[i - 1] else label for i, label in enumerate(every)]


def takes_the_labels_in_their_order(word_of, labels):
    row, following = align_labels(word_of, labels), iter(labels)
    return [-100 if label == -100 else next(following) for label in row]


def ignores_with_minus_1(word_of, labels):
    return [-1 if label == -100 else label for label in align_labels(word_of, labels)]


def leaves_out_what_is_ignored(word_of, labels):
    return [label for label in align_labels(word_of, labels) if label != -100]


def refuses_a_text_that_was_cut(word_of, labels):
    if len({word for word in word_of if word is not None}) != len(labels):
        raise ValueError("labels")
    return align_labels(word_of, labels)


def accepts_a_word_without_a_label(word_of, labels):
    room = [*labels, *[-100] * len(word_of)]
    return [
        -100 if word is None else label
        for word, label in zip(word_of, align_labels(word_of, room), strict=True)
    ]


label_for_each_piece = Exercise(
    "5.3.8",
    level=2,
    minutes=10,
    points=2,
    solution=align_labels,
    cases=(
        Case(
            ([None, 0, 1, 1, 2, None], [5, 7, 3]),
            expected=[-100, 5, 7, -100, 3, -100],
            name="a piece that continues a word",
        ),
        Case(
            ([None, 0, 0, 1, None], [4, 4]),
            expected=[-100, 4, -100, 4, -100],
            name="two words with the same label side by side",
        ),
        Case(
            ([None, 0, 2, None], [1, 2, 3]),
            expected=[-100, 1, 3, -100],
            name="a word of which no piece is left",
        ),
        Case(([None, 0, 1, None], [1, 2, 3, 4]), expected=[-100, 1, 2, -100], name="a text that was cut"),
        Case(([None, None], []), expected=[-100, -100], name="a text without words"),
        Case(([None, 0, 1, None], [1]), raises=ValueError, name="a word without a label accepted"),
    ),
    wrong={
        labels_every_piece: 0,
        takes_word_0_for_a_special_token: 1,
        gives_special_tokens_the_label_0: 1,
        gives_what_continues_the_label_0: 0,
        labels_the_last_piece: 0,
        compares_labels_instead_of_words: 0,
        takes_the_labels_in_their_order: 2,
        ignores_with_minus_1: None,
        leaves_out_what_is_ignored: None,
        refuses_a_text_that_was_cut: 2,
        accepts_a_word_without_a_label: 2,
    },
    draw=draw_pieces,
)

# 5.3.9 right over all batches ----------------------------------------------------------------------


def share_right(batches):
    """The share of rows that are judged rightly, over all batches.

    batches: pairs of logits (B, C) and labels (B,), arrays; a label of -100 does not count -> float.
    Raises ValueError where no row counts.
    """
    # Common wrong turn: the mean of the batches' shares. The last batch is shorter, and each of its rows
    # would weigh more than the others.
    right = rows = 0
    for logits, labels in batches:
        counts = labels != -100
        right += int((logits.argmax(1) == labels)[counts].sum())
        rows += int(counts.sum())
    if rows == 0:
        raise ValueError("no row counts: there is no share")
    return right / rows


def draw_batches(rng):
    """One to three batches of unequal length, two or three classes, no ties; some rows do not count."""
    classes = int(rng.integers(2, 4))
    batches = []
    for _ in range(int(rng.integers(1, 4))):
        rows = int(rng.integers(1, 5))
        logits = np.array([rng.permutation(classes) for _ in range(rows)]) - 1.0
        labels = rng.integers(0, classes, size=rows)
        labels[rng.random(rows) < rng.choice([0, 0.3])] = -100
        batches.append((logits, labels))
    if all((labels == -100).all() for _, labels in batches):
        return Case((batches,), raises=ValueError)
    return (batches,)


def _refuse_nothing(batches):
    if not sum(int((labels != -100).sum()) for _, labels in batches):
        raise ValueError("rows")


def averages_the_batches(batches):
    _refuse_nothing(batches)
    shares = [share_right([batch]) for batch in batches if (batch[1] != -100).any()]
    return sum(shares) / len(shares)


def _of_last(batches):
    logits, labels = batches[-1]
    return int((logits.argmax(1) == labels).sum())


def counts_the_last_batch_and_divides_by_all(batches):
    _refuse_nothing(batches)
    return _of_last(batches) / sum(int((labels != -100).sum()) for _, labels in batches)


def judges_the_last_batch_alone(batches):
    _refuse_nothing(batches)
    rows = int((batches[-1][1] != -100).sum())
    return _of_last(batches) / rows if rows else 0.0


def divides_by_the_number_of_batches(batches):
    _refuse_nothing(batches)
    return sum(int((logits.argmax(1) == labels).sum()) for logits, labels in batches) / len(batches)


def counts_minus_100_as_wrong(batches):
    _refuse_nothing(batches)
    right = sum(int((logits.argmax(1) == labels).sum()) for logits, labels in batches)
    return right / sum(len(labels) for _, labels in batches)


def counts_the_mistakes(batches):
    return 1 - share_right(batches)


def takes_the_smallest_logit(batches):
    return share_right([(-logits, labels) for logits, labels in batches])


def answers_0_where_no_row_counts(batches):
    return share_right(batches) if any((labels != -100).any() for _, labels in batches) else 0.0


right_over_all_batches = Exercise(
    "5.3.9",
    level=2,
    minutes=10,
    points=2,
    solution=share_right,
    cases=(
        Case(
            (
                [
                    (np.array([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]]), np.array([0, 1, 0])),
                    (np.array([[1.0, 0.0]]), np.array([1])),
                ],
            ),
            expected=0.75,
            name="a last batch that is shorter",
        ),
        Case(
            ([(np.array([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0], [0.0, 0.5, 1.0]]), np.array([1, -100, 0]))],),
            expected=0.5,
            name="a label of -100 that counts as wrong",
        ),
        Case(
            (
                [
                    (np.array([[1.0, 0.0]]), np.array([0])),
                    (np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([-100, -100])),
                ],
            ),
            expected=1.0,
            name="a batch in which no row counts",
        ),
        Case(([],), raises=ValueError, name="no batch accepted"),
        Case(
            ([(np.array([[1.0, 0.0]]), np.array([-100]))],),
            raises=ValueError,
            name="a share of no row accepted",
        ),
    ),
    wrong={
        averages_the_batches: 0,
        counts_the_last_batch_and_divides_by_all: 0,
        judges_the_last_batch_alone: 0,
        divides_by_the_number_of_batches: 0,
        counts_minus_100_as_wrong: 1,
        counts_the_mistakes: None,
        takes_the_smallest_logit: None,
        answers_0_where_no_row_counts: 2,
    },
    draw=draw_batches,
)

# 5.3.10 names found, and names in all ---------------------------------------------------------------


def _names(tags):
    """The names in a list of tags: (first word, word behind the last, kind)."""
    names, first, kind = [], None, ""
    for place, tag in enumerate([*tags, "O"]):
        if first is not None and tag != f"I-{kind}":
            names.append((first, place, kind))
            first = None
        if first is None and tag != "O":
            first, kind = place, tag[2:]
    return names


def _same_lengths(true, found):
    if len(true) != len(found) or any(len(a) != len(b) for a, b in zip(true, found, strict=True)):
        raise ValueError("tags of true and found: a list for each text, a tag for each word")


def _three(right, found, true):
    precision, recall = right / found if found else 0.0, right / true if true else 0.0
    return precision, recall, 2 * right / (found + true) if found + true else 0.0


def _by(names_of, true, found):
    """The three numbers where names_of says which names a list of tags holds."""
    _same_lengths(true, found)
    sides = [
        {(text, *name) for text, tags in enumerate(side) for name in names_of(tags)} for side in (true, found)
    ]
    return _three(len(sides[0] & sides[1]), len(sides[1]), len(sides[0]))


def name_scores(true, found):
    """How many of the names that were found are right, how many of the true ones were found, and both in one.

    true, found: a list of tags for each text, "O", "B-PER", "I-PER", … -> precision, recall, F1, floats.
    Raises ValueError where a text, or the tag of a word, is missing on one side.
    """
    # Common wrong turn: counting words. A name of three words that is cut after the first would then be a
    # third right, and a long name would weigh more than a short one.
    return _by(_names, true, found)


TAGS = ("O", "O", "B-PER", "I-PER", "I-PER", "B-LOC", "I-LOC")


def draw_tags(rng):
    """One to three short texts; what was found is the truth, changed here and there, or nothing at all."""
    true = [rng.choice(TAGS, size=int(rng.integers(1, 6))).tolist() for _ in range(int(rng.integers(1, 4)))]
    change = rng.choice([0, 0.2, 0.5])
    found = [[str(rng.choice(TAGS)) if rng.random() < change else tag for tag in tags] for tags in true]
    fate = rng.random()
    if fate < 0.06:
        found = [["O"] * len(tags) for tags in true]
    elif fate < 0.12:
        true = [["O"] * len(tags) for tags in found]
    elif fate < 0.18:
        return Case((true, found[:-1]), raises=ValueError)
    elif fate < 0.24:
        return Case((true, [*found[:-1], found[-1][:-1]]), raises=ValueError)
    return true, found


def counts_words_instead_of_names(true, found):
    return _by(lambda tags: [(place, tag[2:]) for place, tag in enumerate(tags) if tag != "O"], true, found)


def leaves_the_kind_out(true, found):
    return _by(lambda tags: [name[:2] for name in _names(tags)], true, found)


def is_content_with_the_first_word(true, found):
    return _by(lambda tags: [(first, kind) for first, _, kind in _names(tags)], true, found)


def leaves_out_a_name_that_begins_with_i(true, found):
    return _by(lambda tags: [name for name in _names(tags) if tags[name[0]][0] == "B"], true, found)


def joins_two_names_side_by_side(true, found):
    return _by(lambda tags: _names([tag.replace("B-", "I-") for tag in tags]), true, found)


def goes_on_through_another_kind(true, found):
    def names_of(tags):
        names = []
        for place, tag in enumerate(tags):
            if tag[0] == "B" or (tag != "O" and (place == 0 or tags[place - 1] == "O")):
                names.append([place, place + 1, tag[2:]])
            elif tag != "O":
                names[-1][1] = place + 1
        return names

    return _by(names_of, true, found)


def loses_a_name_at_the_end(true, found):
    return _by(lambda tags: [name for name in _names(tags) if name[1] < len(tags)], true, found)


def forgets_which_text(true, found):
    _same_lengths(true, found)
    sides = [[name for tags in side for name in _names(tags)] for side in (true, found)]
    return _three(len(set(sides[0]) & set(sides[1])), len(sides[1]), len(sides[0]))


def averages_the_texts(true, found):
    _same_lengths(true, found)
    each = [name_scores([a], [b]) for a, b in zip(true, found, strict=True)]
    return tuple(sum(row[i] for row in each) / len(each) for i in range(3))


def swaps_precision_and_recall(true, found):
    precision, recall, f1 = name_scores(true, found)
    return recall, precision, f1


def takes_the_plain_mean(true, found):
    precision, recall, _ = name_scores(true, found)
    return precision, recall, (precision + recall) / 2


def divides_by_nothing(true, found):
    if not sum(map(len, map(_names, true))) or not sum(map(len, map(_names, found))):
        raise ZeroDivisionError("division by zero")
    return name_scores(true, found)


def stops_at_the_shorter_list(true, found):
    pairs = [(a[: len(b)], b[: len(a)]) for a, b in zip(true, found, strict=False)]
    return name_scores([a for a, _ in pairs], [b for _, b in pairs])


names_found = Exercise(
    "5.3.10",
    level=3,
    minutes=10,
    points=3,
    solution=name_scores,
    cases=(
        Case(
            ([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]]),
            expected=(0.5, 0.5, 0.5),
            name="half of a name counted as right",
        ),
        Case(
            ([["B-PER", "O", "B-LOC", "O", "O"]], [["B-PER", "O", "B-PER", "O", "B-LOC"]]),
            expected=(1 / 3, 0.5, 0.4),
            name="a name of another kind counted as right",
        ),
        Case(
            ([["B-PER", "B-PER", "I-PER"]], [["B-PER", "B-PER", "O"]]),
            expected=(0.5, 0.5, 0.5),
            name="two names side by side, the second at the end",
        ),
        Case(
            ([["O", "B-PER", "O"], ["B-LOC"]], [["O", "I-PER", "O"], ["O"]]),
            expected=(1.0, 0.5, 2 / 3),
            name="a name that begins with I",
        ),
        Case(
            ([["B-PER", "O"], ["O", "O"]], [["O", "O"], ["B-PER", "O"]]),
            expected=(0.0, 0.0, 0.0),
            name="the right words in the wrong text",
        ),
        Case(
            ([["O", "O"]], [["O", "O"]]),
            expected=(0.0, 0.0, 0.0),
            name="no name on either side",
        ),
        Case(([["O"], ["O"]], [["O"]]), raises=ValueError, name="a text that is missing accepted"),
        Case(([["O", "B-PER"]], [["O"]]), raises=ValueError, name="a tag that is missing accepted"),
    ),
    wrong={
        counts_words_instead_of_names: 0,
        leaves_the_kind_out: 1,
        is_content_with_the_first_word: 1,
        leaves_out_a_name_that_begins_with_i: 0,
        joins_two_names_side_by_side: 0,
        goes_on_through_another_kind: 0,
        loses_a_name_at_the_end: 0,
        forgets_which_text: 1,
        averages_the_texts: 2,
        swaps_precision_and_recall: 2,
        takes_the_plain_mean: 2,
        divides_by_nothing: 2,
        stops_at_the_shorter_list: None,
    },
    draw=draw_tags,
)

# 5.3.11 no film on both sides ------------------------------------------------------------------------


def split_by_film(films, order, count):
    """Rows to learn from and rows to judge by, so that no film stands on both sides.

    films: the film of each of N rows; order: the name of each film once, as they were drawn; count: rows
    to judge by, at least -> two rising lists of row numbers. Raises ValueError for a film that is missing
    in order, for a count below 1, and where nothing is left to learn from.
    """
    # Common wrong turn: stopping in the middle of a film as soon as there are enough rows. The rest of its
    # rows would then be learned from, and its title and its actors would be known.
    if count < 1 or set(films) - set(order):
        raise ValueError(f"count {count}, films without a place in the order: {set(films) - set(order)}")
    judging, rows = set(), 0
    for film in order:
        if rows >= count:
            break
        judging.add(film)
        rows += sum(name == film for name in films)
    learn = [row for row, film in enumerate(films) if film not in judging]
    if not learn:
        raise ValueError("no row is left to learn from")
    return learn, [row for row, film in enumerate(films) if film in judging]


def draw_films(rng):
    """Up to nine rows of up to four films, in a drawn order that may know films without a row."""
    names = ["a", "b", "c", "d"][: int(rng.integers(1, 5))]
    films = rng.choice(names, size=int(rng.integers(1, 10))).tolist()
    order = rng.permutation([*names, "e"][: len(names) + int(rng.integers(0, 2))]).tolist()
    if rng.random() < 0.07:
        order.remove(films[0])
        return Case((films, order, 1), raises=ValueError)
    count = int(rng.integers(-1, len(films) + 1))
    try:
        split_by_film(films, order, count)
    except ValueError:
        return Case((films, order, count), raises=ValueError)
    return films, order, count


def _refuse_split(films, order, count):
    split_by_film(films, order, count)


def _sides(films, judging):
    return [i for i, film in enumerate(films) if film not in judging], [
        i for i, film in enumerate(films) if film in judging
    ]


def cuts_the_last_film_in_two(films, order, count):
    _refuse_split(films, order, count)
    by_order = sorted(range(len(films)), key=lambda row: order.index(films[row]))
    return sorted(by_order[count:]), sorted(by_order[:count])


def leaves_out_the_film_that_goes_beyond(films, order, count):
    _refuse_split(films, order, count)
    judging, rows = [], 0
    for film in order:
        if rows + films.count(film) > count:
            break
        judging.append(film)
        rows += films.count(film)
    return _sides(films, judging)


def takes_one_film_more(films, order, count):
    _refuse_split(films, order, count)
    judging, rows = [], 0
    for film in order:
        if rows > count:
            break
        judging.append(film)
        rows += films.count(film)
    return _sides(films, judging)


def counts_films_instead_of_rows(films, order, count):
    _refuse_split(films, order, count)
    return _sides(films, order[:count])


def takes_rows_without_looking_at_films(films, order, count):
    _refuse_split(films, order, count)
    return list(range(count, len(films))), list(range(count))


def begins_at_the_end_of_the_order(films, order, count):
    _refuse_split(films, order, count)
    return split_by_film(films, order[::-1], count)


def goes_by_the_alphabet(films, order, count):
    _refuse_split(films, order, count)
    return split_by_film(films, sorted(order), count)


def swaps_the_two_sides(films, order, count):
    learn, judged = split_by_film(films, order, count)
    return judged, learn


def lists_rows_film_by_film(films, order, count):
    learn, judged = split_by_film(films, order, count)
    return learn, sorted(judged, key=lambda row: order.index(films[row]))


def takes_no_film_for_a_count_below_1(films, order, count):
    return (list(range(len(films))), []) if count < 1 else split_by_film(films, order, count)


def learns_from_films_that_have_no_place(films, order, count):
    return split_by_film(films, [*order, *(set(films) - set(order))], count)


def learns_from_nothing(films, order, count):
    if count < 1 or set(films) - set(order):
        raise ValueError("count or order")
    return split_by_film([*films, None], [*order, None], count)[0][:-1], split_by_film(
        [*films, None], [*order, None], count
    )[1]


no_film_on_both_sides = Exercise(
    "5.3.11",
    level=2,
    minutes=10,
    points=2,
    solution=split_by_film,
    cases=(
        Case((["b", "a", "b", "c"], ["a", "b", "c"], 2), expected=([3], [0, 1, 2]), name="a film cut in two"),
        Case((["a", "a", "b"], ["a", "b"], 2), expected=([2], [0, 1]), name="a film more than is needed"),
        Case(
            (["c", "a", "b"], ["c", "a", "b"], 1), expected=([1, 2], [0]), name="films taken by the alphabet"
        ),
        Case(
            (["a", "b", "c", "c"], ["c", "b", "a"], 3),
            expected=([0], [1, 2, 3]),
            name="rows that do not rise",
        ),
        Case((["a", "b"], ["a"], 1), raises=ValueError, name="a film without a place accepted"),
        Case((["a", "a"], ["a"], 1), raises=ValueError, name="nothing left to learn from accepted"),
        Case((["a", "b"], ["a", "b"], 0), raises=ValueError, name="a count of 0 accepted"),
    ),
    wrong={
        cuts_the_last_film_in_two: 0,
        leaves_out_the_film_that_goes_beyond: 0,
        takes_one_film_more: 1,
        counts_films_instead_of_rows: 1,
        takes_rows_without_looking_at_films: 0,
        begins_at_the_end_of_the_order: None,
        goes_by_the_alphabet: None,
        swaps_the_two_sides: None,
        lists_rows_film_by_film: 2,
        takes_no_film_for_a_count_below_1: 2,
        learns_from_films_that_have_no_place: 2,
        learns_from_nothing: 2,
    },
    draw=draw_films,
)

EXERCISES = (
    what_the_rule_hides,
    batch_of_unequal_rows,
    warm_up,
    folded_in,
    better_or_lucky,
    windows_over_a_text,
    two_texts_in_one_row,
    label_for_each_piece,
    right_over_all_batches,
    names_found,
    no_film_on_both_sides,
)
