"""Exercises of section 5.3, fine-tuning BERT: gaps, padding, warm-up, LoRA, a fair comparison, long texts."""

import math

import numpy as np

from . import Case, Exercise

# 5.3.1 what the rule hides ------------------------------------------------------------------------

SHOWN, COUNTED, UNTOUCHED = 480, 600, 60  # of 4,000 characters


def _place(index, number, sentence):
    """A check that knows one wrong number at one place of the answer, and where it comes from."""

    def look(answer):
        wrong = isinstance(answer, (tuple, list)) and len(answer) == 3 and answer[index] == number
        return sentence if wrong else None

    return look


what_the_rule_hides = Exercise(
    number="5.3.1",
    title="What the rule hides",
    level=1,
    minutes=5,
    points=1,
    kind="predict",
    statement="""\
A batch holds 4,000 characters, not counting `[CLS]`, `[SEP]` and `[PAD]`. BERT's rule chooses 15 % of them;
of the chosen, 80 % become `[MASK]`, 10 % another character, 10 % stay. How many characters, on average,

1. are shown as `[MASK]`,
2. count in the loss,
3. count in the loss although the model sees the true character?

Write three whole numbers in round brackets instead of the three dots. With 1,000 characters and a rule that
chooses 20 % and masks half of them, the first two numbers would be 100 and 200.""",
    hints=(
        (
            "Of what are the 80 %?",
            "Of the chosen characters, not of all. First find how many are chosen.",
        ),
        (
            "Which characters are predicted?",
            "All that were chosen, whatever was done to them: the model is not told which of the three it"
            " was.",
        ),
    ),
    solution=(SHOWN, COUNTED, UNTOUCHED),
    cases=(
        Case(
            "80 % of all characters",
            hint=0,
            check=_place(0, 3200, "80 % of the chosen characters become [MASK], not 80 % of all."),
        ),
        Case(
            "every chosen character shown as [MASK]",
            hint=0,
            check=_place(0, 600, "Not every chosen character becomes [MASK]: a fifth of them does not."),
        ),
        Case(
            "the loss taken at the [MASK] places only",
            hint=1,
            check=_place(1, 480, "Characters that were replaced or left as they were count in the loss too."),
        ),
        Case(
            "the loss taken everywhere",
            hint=1,
            check=_place(1, 4000, "Characters that were not chosen have no part in the loss."),
        ),
        Case(
            "10 % of all characters left as they were",
            hint=0,
            check=_place(2, 400, "10 % of the chosen characters stay, not 10 % of all."),
        ),
        Case(
            "a character that stays is not predicted",
            hint=1,
            check=_place(2, 0, "Some chosen characters stay as they are, and are predicted all the same."),
        ),
        Case("any other answer"),
    ),
    wrong={
        "takes the shares of all characters": (3200, 600, 400),
        "masks every chosen character": (600, 600, 0),
        "predicts what is masked, and nothing else": (480, 480, 0),
        "predicts everything": (480, 4000, 60),
        "does not predict what stays": (480, 600, 0),
        "swaps the second and the third": (480, 60, 600),
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


def _changes_the_rows(rows, max_length, pad=0):
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
    number="5.3.2",
    title="A batch of unequal rows",
    level=2,
    minutes=10,
    points=2,
    statement="""\
A tokenizer pads and cuts so quietly that one forgets how much can go wrong. Write `pad_batch`.

- `rows` is a list of N lists of ids; each row begins with the id of `[CLS]` and ends with that of `[SEP]`.
- A row longer than `max_length` loses what stands before its last id, so that it still ends in `[SEP]`.
- Shorter rows are filled **on the right** with `pad`, up to the longest row there is: not further.
- The mask is 1 for a real id and 0 for a filled place. A text may hold the number `pad` itself.
- Both results are NumPy arrays of integers `(N, T)`. The lists given stay as they are.
- No row, or `max_length` below 2: `ValueError`.

By hand: rows `[[101, 7, 102], [101, 7, 8, 9, 102]]` and `max_length` 4 make the ids `[[101, 7, 102, 0],
[101, 7, 8, 102]]` and the mask `[[1, 1, 1, 0], [1, 1, 1, 1]]`.""",
    hints=(
        (
            "What is left of a row that is too long?",
            "Its first max_length - 1 ids, then its own last id. A plain row[:max_length] loses the [SEP].",
        ),
        (
            "How wide is the result?",
            "As wide as the longest row after the cut. Padding up to max_length computes nothing but zeros.",
        ),
        (
            "Where does the mask come from?",
            "From the length of each row, not from its values. And begin with the refusals: an empty list "
            "has no longest row.",
        ),
    ),
    solution=pad_batch,
    cases=(
        Case(
            "the closing [SEP] cut away",
            ([[101, 7, 102], [101, 7, 8, 9, 102]], 4),
            hint=0,
            expected=(
                np.array([[101, 7, 102, 0], [101, 7, 8, 102]]),
                np.array([[1, 1, 1, 0], [1, 1, 1, 1]]),
            ),
        ),
        Case(
            "padded on the left",
            ([[101, 5, 6, 102], [101, 102]], 8),
            hint=1,
            expected=(
                np.array([[101, 5, 6, 102], [101, 102, 0, 0]]),
                np.array([[1, 1, 1, 1], [1, 1, 0, 0]]),
            ),
        ),
        Case(
            "filled up to max_length where nothing is that long",
            ([[2, 3], [2, 9, 3]], 512),
            hint=1,
            expected=(np.array([[2, 3, 0], [2, 9, 3]]), np.array([[1, 1, 0], [1, 1, 1]])),
        ),
        Case(
            "a real id that equals pad masked out",
            ([[1, 4, 4, 1], [1, 6, 1]], 4, 4),
            hint=2,
            expected=(np.array([[1, 4, 4, 1], [1, 6, 1, 4]]), np.array([[1, 1, 1, 1], [1, 1, 1, 0]])),
        ),
        Case("an empty batch accepted", ([], 8), hint=2, raises=ValueError),
        Case(
            "a max_length accepted that has no room for [CLS] and [SEP]",
            ([[101, 102]], 1),
            hint=2,
            raises=ValueError,
        ),
    ),
    wrong={
        "row[:max_length]": lambda rows, max_length, pad=0: _padded(
            rows, max_length, pad, cut=lambda row: row[:max_length]
        ),
        "keeps the end of a long row instead of its beginning": lambda rows, max_length, pad=0: _padded(
            rows, max_length, pad, cut=lambda row: row if len(row) <= max_length else row[-max_length:]
        ),
        "pads on the left": lambda rows, max_length, pad=0: _padded(rows, max_length, pad, left=True),
        "pads to max_length always": lambda rows, max_length, pad=0: _padded(
            rows, max_length, pad, full=True
        ),
        "mask = ids != pad": lambda rows, max_length, pad=0: _padded(
            rows, max_length, pad, mask_from_ids=True
        ),
        "changes the lists it was given": _changes_the_rows,
        "no refusals": lambda rows, max_length, pad=0: _padded(rows, max_length, pad, guard=False),
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
    number="5.3.3",
    title="Warm up, then cool down",
    level=2,
    minutes=10,
    points=2,
    statement="""\
A new head on trained weights sends wild gradients into them at first. So fine-tuning begins with small steps:
the learning rate rises in a straight line over the first `warmup` steps, then falls in a straight line to 0.
Write `rate_factor`, the number that the highest rate is multiplied by.

- At step 0 it is 0 if there is a warm-up; at step `warmup` it is 1; at step `total` it is 0, and
  afterwards too.
- Without a warm-up (`warmup` 0) it begins at 1.
- The result is a `float`. A `warmup` below 0, or not below `total`: `ValueError`.

By hand, `warmup` 2 and `total` 10: step 1 gives 0.5, step 2 gives 1, step 6 is half the way down: 0.5.""",
    hints=(
        (
            "How long is the way down?",
            "It begins at step warmup and ends at step total, so it takes total - warmup steps.",
        ),
        (
            "My first step, or a run without warm-up, is off.",
            "Step 0 of a warm-up is 0 / warmup. With warmup 0 no step lies before it: ask step < warmup "
            "first, and nothing is divided by 0.",
        ),
        (
            "What should happen outside?",
            "After total the line goes on below 0, and the optimiser would climb: stop at 0. And look at "
            "warmup before anything else.",
        ),
    ),
    solution=rate_factor,
    cases=(
        Case("the fall spread over all steps, so that the two lines do not meet", (6, 2, 10), expected=0.5),
        Case("the rise one step ahead", (1, 2, 10), hint=1, expected=0.5),
        Case("a first step that is not 0", (0, 5, 20), hint=1, expected=0.0),
        Case("no warm-up, and no full rate at the beginning", (0, 0, 4), hint=1, expected=1.0),
        Case("no fall at all", (15, 10, 20), hint=0, expected=0.5),
        Case("a rate below 0 after the end", (25, 10, 20), hint=2, expected=0.0),
        Case("a warm-up that never ends accepted", (1, 8, 8), hint=2, raises=ValueError),
        Case("a warm-up below 0 accepted", (1, -1, 8), hint=2, raises=ValueError),
    ),
    wrong={
        "(total - step) / total": _factor(_rise, lambda s, w, t: max(0.0, (t - s) / t)),
        "(step + 1) / warmup": _factor(lambda s, w, t: (s + 1) / w, _fall),
        "stays at 1 after the warm-up": _factor(_rise, lambda s, w, t: 1.0 if s < t else 0.0),
        "goes on below 0": _factor(_rise, lambda s, w, t: (t - s) / (t - w)),
        "divides by warmup + 1": lambda step, warmup, total: _factor(lambda s, w, t: s / (w + 1), _fall)(
            step, warmup, total
        ),
        "min of the two lines, divided by max(1, warmup)": lambda step, warmup, total: (
            _factor(_rise, _fall)(step, max(1, warmup), total)
            if 0 <= warmup < total
            else rate_factor(step, warmup, total)
        ),
        "no refusals": _factor(_rise, lambda s, w, t: max(0.0, (t - s) / max(1, t - w)), guard=False),
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


def _in_place(W, A, B, alpha):
    W += alpha / A.shape[0] * (B @ A)
    return W


def _square_guess(W, A, B, alpha):
    product = A.T @ B.T
    return W + alpha / A.shape[0] * (product if product.shape == W.shape else product.T)


folded_in = Exercise(
    number="5.3.4",
    title="LoRA, folded in",
    level=3,
    minutes=10,
    points=2,
    statement="""\
While it is trained, a LoRA layer computes $Wx + \\frac{\\alpha}{r} BAx$: three products instead of one.
Afterwards nobody needs the three. Write `merge_lora`, which folds the correction into a single matrix
$W'$ with $W'x$ equal to the sum, for every $x$.

- `W` is `(out, in)`, `A` is `(r, in)`, `B` is `(out, r)`, all NumPy arrays of floats; `alpha` is a number.
- The rank `r` is read from the shapes. The result is a new array; `W`, `A` and `B` stay as they are.

By hand: `W = [[1.0, 0.0]]`, `A = [[2.0, 3.0]]`, `B = [[10.0]]`, `alpha = 1`: the rank is 1, so
`[[1 + 20, 0 + 30]]`.""",
    hints=(
        (
            "In which order are A and B multiplied?",
            "x goes through A first: (in) → (r). Then through B: (r) → (out). As matrices that is B @ A, of "
            "shape (out, in). A square W hides a product the wrong way round; try out = 2, in = 3.",
        ),
        (
            "The direction is right, the size is not.",
            "The correction is scaled by alpha / r. r is the small side: the rows of A, the columns of B.",
        ),
        (
            "What is W after the call?",
            "Unchanged: W += … writes into the caller's weights. W = W + … makes a new array.",
        ),
    ),
    solution=merge_lora,
    cases=(
        Case(
            "the scale alpha / r left out",
            (np.array([[1.0, 0.0]]), np.array([[2.0, 3.0]]), np.array([[10.0]]), 0.5),
            hint=1,
            expected=np.array([[11.0, 15.0]]),
        ),
        Case(
            "alpha not divided by the rank",
            (
                np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
                np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]),
                np.array([[1.0, 0.0], [2.0, 4.0]]),
                8,
            ),
            hint=1,
            expected=np.array([[5.0, 8.0, 12.0], [8.0, 33.0, 8.0]]),
        ),
        Case(
            "the product turned over, which a square matrix hides",
            (np.eye(2), np.array([[1.0, 2.0]]), np.array([[3.0], [0.0]]), 1),
            hint=0,
            expected=np.array([[4.0, 6.0], [0.0, 1.0]]),
        ),
        Case(
            "the weights that were given overwritten",
            (np.ones((3, 2)), np.array([[1.0, -1.0]]), np.array([[1.0], [2.0], [3.0]]), 2),
            hint=2,
            expected=np.array([[3.0, -1.0], [5.0, -3.0], [7.0, -5.0]]),
        ),
    ),
    wrong={
        "W + B @ A": lambda W, A, B, alpha: W + B @ A,
        "W + alpha * B @ A": lambda W, A, B, alpha: W + alpha * (B @ A),
        "alpha / (number of inputs)": lambda W, A, B, alpha: W + alpha / A.shape[1] * (B @ A),
        "A and B the wrong way round where the shapes allow it": _square_guess,
        "adds to W in place": _in_place,
        "the correction alone": lambda W, A, B, alpha: alpha / A.shape[0] * (B @ A),
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


def _one_sided(right_a, right_b):
    x, y, *_ = _counts(right_a, right_b)
    return min(1.0, _tail(x + y, min(x, y)))


def _a_over_b(right_a, right_b):
    x, y, *_ = _counts(right_a, right_b)
    return min(1.0, 2 * _tail(x + y, y))


def _without_a_limit(right_a, right_b):
    x, y, *_ = _counts(right_a, right_b)
    return 2 * _tail(x + y, min(x, y))


def _all_texts(right_a, right_b):
    *_, a, b = _counts(right_a, right_b)
    wins = int((a >= b).sum())
    return float(min(1.0, 2 * _tail(len(a), min(wins, len(a) - wins))))


def _below_only(right_a, right_b):
    x, y, *_ = _counts(right_a, right_b)
    return min(1.0, 2 * _tail(x + y, min(x, y) - 1)) if x + y else 1.0


def _normal(right_a, right_b):
    x, y, *_ = _counts(right_a, right_b)
    return math.erfc(abs(x - y) / math.sqrt(2 * (x + y))) if x + y else 1.0


def _zip_that_stops(right_a, right_b):
    n = min(len(right_a), len(right_b))
    return sign_test(list(right_a)[:n], list(right_b)[:n])


better_or_lucky = Exercise(
    number="5.3.5",
    title="Better, or lucky?",
    level=3,
    minutes=15,
    points=3,
    statement="""\
Two models judge the same texts. Texts on which both are right, or both wrong, do not tell them apart;
what counts are those that **one of them alone** gets right. If the models were equally good, each such
text would fall to one or the other like a coin. Write `sign_test`: the probability that n fair coins
split at least as unevenly as these did.

- `right_a` and `right_b` hold N truth values each, in lists or arrays: was this text judged rightly?
- With n texts on which one model alone is right, and k of them won by the model that wins fewer, the
  p-value is $2 \\sum_{i=0}^{k} \\binom{n}{i} / 2^n$: both sides count, since either model might have been
  the lucky one.
- It is never above 1; if nothing tells the models apart, it is 1. The result is a `float`.
- Lists of different lengths: `ValueError`.

By hand: A alone is right three times, B alone never. n = 3, k = 0, so 2 · 1 / 8 = 0.25: three texts prove
little.""",
    hints=(
        (
            "Which texts do I count?",
            "Those where exactly one of the two is right: a and not b, b and not a. The others drop out.",
        ),
        (
            "My number is half, or twice, what is expected.",
            "Sum from i = 0 up to and including k, the smaller count, then double, because either side "
            "might have won. For an even split the doubled sum goes beyond 1: cut it there.",
        ),
        (
            "What about odd input?",
            "zip stops at the shorter list without a word: compare the lengths first. Without any "
            "differing text, n is 0, the sum has one term and the answer is 1.",
        ),
    ),
    solution=sign_test,
    rtol=1e-9,
    cases=(
        Case("one side only", ([1, 1, 1, 0], [0, 0, 0, 0]), hint=1, expected=0.25),
        Case(
            "the texts on which both agree counted as well",
            ([1] * 6 + [1] * 12, [0] * 6 + [1] * 12),
            hint=0,
            expected=2 / 64,
        ),
        Case("a p-value above 1", ([1, 1, 0, 0], [0, 0, 1, 1]), hint=1, expected=1.0),
        Case(
            "the split itself left out of the sum, or a bell curve in place of the coins",
            (np.array([1] * 9 + [0] * 2 + [1], dtype=bool), np.array([0] * 9 + [1] * 2 + [1], dtype=bool)),
            hint=1,
            expected=2 * (1 + 11 + 55) / 2**11,
            args_text="np.array([1] * 9 + [0] * 2 + [1], dtype=bool), "
            "np.array([0] * 9 + [1] * 2 + [1], dtype=bool)",
        ),
        Case(
            "only a lead of the first model counts",
            ([0, 0, 0, 0, 0], [1, 1, 1, 1, 1]),
            hint=1,
            expected=2 / 32,
        ),
        Case("two models that never differ", ([1, 0, 1], [1, 0, 1]), hint=2, expected=1.0),
        Case("lists of different lengths accepted", ([1, 0, 1], [1, 0]), hint=2, raises=ValueError),
    ),
    wrong={
        "one-sided": _one_sided,
        "asks only whether the first is better": _a_over_b,
        "twice the sum, beyond 1": _without_a_limit,
        "counts every text": _all_texts,
        "sums below k only": _below_only,
        "the bell curve instead of the coins": _normal,
        "zip stops at the shorter list": _zip_that_stops,
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


def _without_refusal(length, size, stride):
    return window_starts(length, size, min(max(stride, 1), size))


windows_over_a_text = Exercise(
    number="5.3.6",
    title="Windows over a long text",
    level=3,
    minutes=10,
    points=2,
    statement="""\
A text longer than the model can read is read through a window that moves. Write `window_starts`: at which
tokens do the windows begin?

- The first window begins at 0, each next one `stride` tokens further, as long as it fits entirely into
  the text.
- If tokens are left over at the end, one more window is laid flush with the end of the text.
- A text no longer than `size` has one window, which begins at 0.
- The result is a list of whole numbers. A `stride` below 1 or above `size`: `ValueError`.

By hand, windows of 4: 10 tokens with stride 3 give `[0, 3, 6]`, which ends exactly at token 9. With 12
tokens two are left over: `[0, 3, 6, 8]`, the last flush with the end.""",
    hints=(
        (
            "Where is the last place at which a window fits?",
            "At length - size. So the regular ones are range(0, length - size + 1, stride).",
        ),
        (
            "Which tokens are left over?",
            "Those behind starts[-1] + size. If there are any, add length - size; if there are none, add "
            "nothing.",
        ),
        (
            "What about short texts and odd strides?",
            "A text of at most size tokens has the one start 0, never a negative one. A stride above size "
            "skips tokens between two windows; a stride of 0 never arrives.",
        ),
    ),
    solution=window_starts,
    cases=(
        Case("a window too many at the end", (10, 4, 3), hint=1, expected=[0, 3, 6]),
        Case("the end of the text lost", (12, 4, 3), hint=1, expected=[0, 3, 6, 8]),
        Case("windows that do not overlap", (9, 3, 3), hint=0, expected=[0, 3, 6]),
        Case("a short text begins before its beginning", (2, 4, 2), hint=2, expected=[0]),
        Case("an empty text has no window", (0, 4, 2), hint=2, expected=[0]),
        Case("tokens skipped between two windows", (20, 4, 5), hint=2, raises=ValueError),
        Case("a stride of 0 accepted", (20, 4, 0), hint=2, raises=ValueError),
    ),
    wrong={
        "range(0, length, stride)": _refusing(lambda n, size, stride: list(range(0, n, stride)) or [0]),
        "drops what is left over": _refusing(
            lambda n, size, stride: list(range(0, n - size + 1, stride)) or [0]
        ),
        "always adds a last window": _refusing(
            lambda n, size, stride: [*range(0, n - size + 1, stride), n - size] if n > size else [0]
        ),
        "lays the last window flush even before the beginning": _refusing(
            lambda n, size, stride: window_starts(n, size, stride) if n >= size else [n - size]
        ),
        "no window for an empty text": _refusing(
            lambda n, size, stride: window_starts(n, size, stride) if n else []
        ),
        "moves by size, whatever the stride": _refusing(lambda n, size, stride: window_starts(n, size, size)),
        "no refusals": _without_refusal,
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
