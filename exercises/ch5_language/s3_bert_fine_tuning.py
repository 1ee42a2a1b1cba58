"""Exercises of section 5.3, fine-tuning BERT: gaps, padding, warm-up, LoRA, a fair comparison, long texts."""

import math

import numpy as np

from exercises import Case, Exercise

# 5.3.1 what the rule hides ------------------------------------------------------------------------

SHOWN, COUNTED, UNTOUCHED = 480, 600, 60  # of 4,000 characters


def _place(index, number, sentence):
    """A check that knows one wrong number at one place of the answer, and where it comes from."""

    def look(answer):
        wrong = isinstance(answer, (tuple, list)) and len(answer) == 3 and answer[index] == number
        return sentence if wrong else None

    return look


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


def _padded(rows, max_length, pad=0, *, cut=None, left=False, full=False, mask_from_ids=False, guard=True):
    """pad_batch, with one of its decisions taken wrongly."""
    if guard and (not rows or max_length < 2):
        raise ValueError("rows")
    cut = cut or (lambda row: row if len(row) <= max_length else [*row[: max_length - 1], row[-1]])
    cut_rows = [cut(row) for row in rows]
    width = max_length if full else max((len(row) for row in cut_rows), default=0)
    ids = np.full((len(rows), width), pad)
    mask = np.zeros((len(rows), width), dtype=int)
    for i, row in enumerate(cut_rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[i, place] = row
        mask[i, place] = 1
    return ids, (ids != pad).astype(int) if mask_from_ids else mask


def changes_the_rows(rows, max_length, pad=0):
    if not rows or max_length < 2:
        raise ValueError("rows")
    for row in rows:
        if len(row) > max_length:
            row[max_length - 1 :] = row[-1:]
    width = max(len(row) for row in rows)
    for row in rows:
        row += [pad] * (width - len(row))
    return _padded(rows, max_length, pad)[0], _padded(rows, max_length, pad, mask_from_ids=True)[1]


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
        "row_max_length": (
            lambda rows, max_length, pad=0: _padded(rows, max_length, pad, cut=lambda row: row[:max_length]),
            0,
        ),
        "keeps_the_end_of_a_long_row_instead_of_its_beginning": (
            lambda rows, max_length, pad=0: _padded(
                rows, max_length, pad, cut=lambda row: row if len(row) <= max_length else row[-max_length:]
            ),
            0,
        ),
        "pads_on_the_left": (lambda rows, max_length, pad=0: _padded(rows, max_length, pad, left=True), 0),
        "pads_to_max_length_always": (
            lambda rows, max_length, pad=0: _padded(rows, max_length, pad, full=True),
            1,
        ),
        "mask_ids_pad": (
            lambda rows, max_length, pad=0: _padded(rows, max_length, pad, mask_from_ids=True),
            2,
        ),
        changes_the_rows: 0,
        "no_refusals": (lambda rows, max_length, pad=0: _padded(rows, max_length, pad, guard=False), 2),
    },
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


def _factor(rise, fall, *, guard=True):
    """A schedule from two lines, with the refusal."""

    def answer(step, warmup, total):
        if guard and not 0 <= warmup < total:
            raise ValueError("warmup")
        return rise(step, warmup, total) if step < warmup else fall(step, warmup, total)

    return answer


def _rise(step, warmup, total):
    return step / warmup


def _fall(step, warmup, total):
    return max(0.0, (total - step) / (total - warmup))


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
        "total_step_total": (_factor(_rise, lambda s, w, t: max(0.0, (t - s) / t)), None),
        "step_1_warmup": (_factor(lambda s, w, t: (s + 1) / w, _fall), 1),
        "stays_at_1_after_the_warm_up": (_factor(_rise, lambda s, w, t: 1.0 if s < t else 0.0), None),
        "goes_on_below_0": (_factor(_rise, lambda s, w, t: (t - s) / (t - w)), 2),
        "divides_by_warmup_1": (
            lambda step, warmup, total: _factor(lambda s, w, t: s / (w + 1), _fall)(step, warmup, total),
            1,
        ),
        "min_of_the_two_lines_divided_by_max_1_warmup": (
            lambda step, warmup, total: (
                _factor(_rise, _fall)(step, max(1, warmup), total)
                if 0 <= warmup < total
                else rate_factor(step, warmup, total)
            ),
            1,
        ),
        "no_refusals": (_factor(_rise, lambda s, w, t: max(0.0, (t - s) / max(1, t - w)), guard=False), 2),
    },
)

# 5.3.4 LoRA, folded in ----------------------------------------------------------------------------


def merge_lora(W, A, B, alpha):
    """The one matrix that does the work of a linear layer and its LoRA correction.

    W (out, in), A (r, in), B (out, r), alpha: a number -> a new array (out, in); the inputs stay as they are.
    """
    # Common wrong turn: W += ... writes into the weights that were given; another adapter, merged afterwards,
    # would start from the wrong place.
    return W + alpha / A.shape[0] * (B @ A)


def in_place(W, A, B, alpha):
    W += alpha / A.shape[0] * (B @ A)
    return W


def square_guess(W, A, B, alpha):
    product = A.T @ B.T
    return W + alpha / A.shape[0] * (product if product.shape == W.shape else product.T)


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
        "w_b_a": (lambda W, A, B, alpha: W + B @ A, 1),
        "w_alpha_b_a": (lambda W, A, B, alpha: W + alpha * (B @ A), 1),
        "alpha_number_of_inputs": (lambda W, A, B, alpha: W + alpha / A.shape[1] * (B @ A), 1),
        square_guess: 0,
        in_place: 1,
        "the_correction_alone": (lambda W, A, B, alpha: alpha / A.shape[0] * (B @ A), 1),
    },
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


def _counts(right_a, right_b):
    if len(right_a) != len(right_b):
        raise ValueError("lengths")
    a, b = np.asarray(right_a, dtype=bool), np.asarray(right_b, dtype=bool)
    return int((a & ~b).sum()), int((b & ~a).sum()), a, b


def _tail(n, k):
    return sum(math.comb(n, i) for i in range(k + 1)) / 2**n


def one_sided(right_a, right_b):
    x, y, *_ = _counts(right_a, right_b)
    return min(1.0, _tail(x + y, min(x, y)))


def a_over_b(right_a, right_b):
    x, y, *_ = _counts(right_a, right_b)
    return min(1.0, 2 * _tail(x + y, y))


def without_a_limit(right_a, right_b):
    x, y, *_ = _counts(right_a, right_b)
    return 2 * _tail(x + y, min(x, y))


def all_texts(right_a, right_b):
    *_, a, b = _counts(right_a, right_b)
    wins = int((a >= b).sum())
    return float(min(1.0, 2 * _tail(len(a), min(wins, len(a) - wins))))


def below_only(right_a, right_b):
    x, y, *_ = _counts(right_a, right_b)
    return min(1.0, 2 * _tail(x + y, min(x, y) - 1)) if x + y else 1.0


def normal(right_a, right_b):
    x, y, *_ = _counts(right_a, right_b)
    return math.erfc(abs(x - y) / math.sqrt(2 * (x + y))) if x + y else 1.0


def zip_that_stops(right_a, right_b):
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
        Case(([1, 0, 1], [1, 0]), raises=ValueError, name="lists of different lengths accepted"),
    ),
    wrong={
        one_sided: 1,
        a_over_b: 1,
        without_a_limit: 1,
        all_texts: 1,
        below_only: 1,
        normal: 1,
        zip_that_stops: 2,
    },
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


def _refusing(starts):
    """A wrong rule for the starts, but with the refusal."""

    def answer(length, size, stride):
        if not 1 <= stride <= size:
            raise ValueError("stride")
        return starts(length, size, stride)

    return answer


def without_refusal(length, size, stride):
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
        "range_0_length_stride": (_refusing(lambda n, size, stride: list(range(0, n, stride)) or [0]), 1),
        "drops_what_is_left_over": (
            _refusing(lambda n, size, stride: list(range(0, n - size + 1, stride)) or [0]),
            1,
        ),
        "always_adds_a_last_window": (
            _refusing(
                lambda n, size, stride: [*range(0, n - size + 1, stride), n - size] if n > size else [0]
            ),
            1,
        ),
        "lays_the_last_window_flush_even_before_the_beginning": (
            _refusing(lambda n, size, stride: window_starts(n, size, stride) if n >= size else [n - size]),
            2,
        ),
        "no_window_for_an_empty_text": (
            _refusing(lambda n, size, stride: window_starts(n, size, stride) if n else []),
            2,
        ),
        "moves_by_size_whatever_the_stride": (
            _refusing(lambda n, size, stride: window_starts(n, size, size)),
            1,
        ),
        without_refusal: 2,
    },
)

EXERCISES = [
    what_the_rule_hides,
    batch_of_unequal_rows,
    warm_up,
    folded_in,
    better_or_lucky,
    windows_over_a_text,
]
