"""Exercises of section 5.2, language models: bits, smoothing, merges, comparing, sampling, mixing."""

import math

import numpy as np

from exercises import Case, Exercise

# 5.2.1 two bits -----------------------------------------------------------------------------------

TWO_THIRDS = (math.log2(4 / 3) + math.log2(3)) / 3  # p(a|b) = 1, p(n|a) = 3/4, p(d|n) = 1/3


def _is_not(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if np.isclose(float(answer), number, rtol=2e-3) else None


bits_by_hand = Exercise(
    "5.2.1",
    level=1,
    minutes=10,
    points=1,
    kind="predict",
    rtol=2e-3,
    solution=TWO_THIRDS,
    wrong={
        "gives_the_sum": (2.0, 2),
        "divides_by_four_characters": (0.5, 2),
        "takes_the_natural_logarithm": (TWO_THIRDS * math.log(2), 1),
        "leaves_the_certain_character_out": (1.0, 1),
        "gives_the_perplexity": (2**TWO_THIRDS, 1),
        "ignores_the_context": (-(math.log2(4 / 11) + math.log2(3 / 11) + math.log2(1 / 11)) / 3, 0),
        "forgets_the_space_after_an_a": ((math.log2(3)) / 3, None),
        "forgets_the_minus_sign": (-TWO_THIRDS, None),
    },
)

# 5.2.2 another way to share -----------------------------------------------------------------------


def witten_bell(counts, lower):
    """Witten and Bell's interpolation for one context.

    counts (V,): how often each character followed the context; lower (V,): what the shorter context says,
    probabilities -> (V,) probabilities. Raises ValueError when the two differ in shape.
    """
    # Common wrong turn: a context that was never seen has n = t = 0, and 0 / 0 is nan, which spreads to every
    # longer context. It knows nothing, so the shorter context has the word.
    counts, lower = np.asarray(counts, dtype=float), np.asarray(lower, dtype=float)
    if counts.shape != lower.shape:
        raise ValueError(f"counts {counts.shape} and lower {lower.shape} must have the same shape")
    kinds = np.count_nonzero(counts)
    if kinds == 0:
        return lower.copy()
    return (counts + kinds * lower) / (counts.sum() + kinds)


def _wb(counts, lower, kinds, unseen=True):
    """Witten and Bell's formula with another idea of t."""
    counts, lower = np.asarray(counts, dtype=float), np.asarray(lower, dtype=float)
    if counts.shape != lower.shape:
        raise ValueError("shapes")
    if unseen and not counts.any():
        return lower.copy()
    t = kinds(counts)
    with np.errstate(all="ignore"):
        return (counts + t * lower) / (counts.sum() + t)


def wb_without_lower(counts, lower):
    counts, lower = np.asarray(counts, dtype=float), np.asarray(lower, dtype=float)
    if counts.shape != lower.shape:
        raise ValueError("shapes")
    t = np.count_nonzero(counts)
    return (counts + t / len(counts)) / (counts.sum() + t) if t else lower.copy()


def wb_unseen_only(counts, lower):
    """Hands t / (n + t) to the characters that were never seen, and nothing of it to the others."""
    counts, lower = np.asarray(counts, dtype=float), np.asarray(lower, dtype=float)
    if counts.shape != lower.shape:
        raise ValueError("shapes")
    t = np.count_nonzero(counts)
    return np.where(counts > 0, counts, t * lower) / (counts.sum() + t) if t else lower.copy()


def wb_broadcasts(counts, lower):
    counts, lower = np.asarray(counts, dtype=float), np.asarray(lower, dtype=float)
    t = np.count_nonzero(counts)
    return (counts + t * lower) / (counts.sum() + t) if t else lower.copy()


another_way_to_share = Exercise(
    "5.2.2",
    level=3,
    minutes=15,
    points=3,
    solution=witten_bell,
    cases=(
        Case(
            ([3, 1, 0, 0], [0.25] * 4),
            expected=np.array([3.5, 1.5, 0.5, 0.5]) / 6,
            name="t taken for something else",
        ),
        Case(
            ([0, 5, 2], [0.7, 0.2, 0.1]),
            expected=np.array([1.4, 5.4, 2.2]) / 9,
            name="the shorter context replaced by equal chances",
        ),
        Case(
            ([1, 1, 0], [0.5, 0.25, 0.25]),
            expected=np.array([2.0, 1.5, 0.5]) / 4,
            name="only what was never seen gets a part",
        ),
        Case(
            ([0, 0, 0], [0.5, 0.3, 0.2]),
            expected=np.array([0.5, 0.3, 0.2]),
            name="a context that was never seen",
        ),
        Case(
            ([7, 0], [0.5, 0.5]), expected=np.array([7.5, 0.5]) / 8, name="a single character always followed"
        ),
        Case(([1, 2, 3], [1.0]), raises=ValueError, name="shapes that differ are stretched"),
    ),
    wrong={
        "takes_the_size_of_the_alphabet_for_t": (lambda counts, lower: _wb(counts, lower, len), 0),
        "takes_n_for_t": (lambda counts, lower: _wb(counts, lower, np.sum), 0),
        "counts_what_came_exactly_once_that_is_another_smoothing": (
            lambda counts, lower: _wb(counts, lower, lambda c: np.sum(c == 1)),
            0,
        ),
        "adds_one_whatever_was_seen": (lambda counts, lower: _wb(counts, lower, lambda c: 1), 0),
        wb_without_lower: 1,
        wb_unseen_only: 0,
        "divides_0_by_0_for_an_unseen_context": (
            lambda counts, lower: _wb(counts, lower, np.count_nonzero, unseen=False),
            2,
        ),
        wb_broadcasts: 2,
    },
)

# 5.2.3 one merge ----------------------------------------------------------------------------------


def merge_pair(ids, pair, new):
    """Replace each occurrence of the pair by one new token, from left to right.

    ids: list of whole numbers, pair: two of them, new: a whole number -> a new list; ids stays as it is.
    """
    # Common wrong turn: in 5 5 5 the pair (5, 5) is there twice, but the two share a token, and a token can
    # be used once. From left to right the first pair wins, and the third 5 is left over.
    merged, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == tuple(pair):
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def merge_overlapping(ids, pair, new):
    """Writes the new token for every place where the pair begins, then goes on by one."""
    merged, skip = [], False
    for i in range(len(ids)):
        if tuple(ids[i : i + 2]) == tuple(pair):
            merged.append(new)
            skip = True
        elif skip:
            skip = False
        else:
            merged.append(ids[i])
    return merged


def merge_again(ids, pair, new):
    """Looks back at what it has written, so that a new token can be merged once more."""
    merged = []
    for token in ids:
        if merged and (merged[-1], token) == tuple(pair):
            merged[-1] = new
        else:
            merged.append(token)
    return merged


def merge_until_stable(ids, pair, new):
    before, after = None, list(ids)
    while before != after:
        before, after = after, merge_pair(after, pair, new)
    return after


def merge_forgets_last(ids, pair, new):
    merged, i = [], 0
    while i < len(ids) - 1:
        two = (ids[i], ids[i + 1]) == tuple(pair)
        merged.append(new if two else ids[i])
        i += 1 + two
    return merged


def merge_first_only(ids, pair, new):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == tuple(pair):
            return [*ids[:i], new, *ids[i + 2 :]]
    return list(ids)


def merge_any_order(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        two = sorted(ids[i : i + 2]) == sorted(pair)
        merged.append(new if two else ids[i])
        i += 1 + two
    return merged


def merge_in_place(ids, pair, new):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == tuple(pair):
            ids[i : i + 2] = [new]
        i += 1
    return ids


def merge_from_right(ids, pair, new):
    return merge_pair(list(ids)[::-1], tuple(pair)[::-1], new)[::-1]


one_merge = Exercise(
    "5.2.3",
    level=2,
    minutes=10,
    points=2,
    solution=merge_pair,
    cases=(
        Case(([1, 2, 3, 1, 2], (1, 2), 9), expected=[9, 3, 9], name="only the first pair is merged"),
        Case(([1, 2, 3], (1, 2), 9), expected=[9, 3], name="the last token is lost"),
        Case(([5, 5, 5], (5, 5), 9), expected=[9, 5], name="a token used twice, or merged from the right"),
        Case(([5, 5, 5, 5], (5, 5), 9), expected=[9, 9], name="four equal tokens"),
        Case(([9, 1, 1], (9, 1), 9), expected=[9, 1], name="the new token merged again"),
        Case(([2, 1, 2], (1, 2), 9), expected=[2, 9], name="the pair the other way round"),
        Case(([4], (1, 2), 9), expected=[4], name="no pair at all"),
        Case(([], (1, 2), 9), expected=[], why="a text without words has no tokens", name="an empty list"),
    ),
    wrong={
        merge_overlapping: 2,
        merge_again: 2,
        merge_until_stable: 2,
        merge_forgets_last: 1,
        merge_first_only: 0,
        merge_any_order: 0,
        merge_in_place: 0,
        merge_from_right: 2,
    },
)

# 5.2.4 what may be compared -----------------------------------------------------------------------


def bits_per_character(loss, tokens, characters):
    """Bits per character of a text: loss, the mean in nats per token; tokens, characters: its lengths ->
    float.

    Raises ValueError for lengths below 1, or a loss below 0.
    """
    # Common wrong turn: loss / log(2) alone is bits per *token*. A model with longer tokens looks worse by
    # it, because each of its tokens holds more.
    if tokens < 1 or characters < 1 or loss < 0:
        raise ValueError(
            f"loss {loss}, {tokens} tokens, {characters} characters: lengths must be 1 or more, the loss 0 "
            f"or more"
        )
    return float(loss * tokens / characters / math.log(2))


def _refusing(formula):
    def answer(loss, tokens, characters):
        if tokens < 1 or characters < 1 or loss < 0:
            raise ValueError("out of range")
        return formula(loss, tokens, characters)

    return answer


what_may_be_compared = Exercise(
    "5.2.4",
    level=2,
    minutes=5,
    points=2,
    solution=bits_per_character,
    cases=(
        Case((math.log(4), 10, 40), expected=0.5, name="nats taken for bits, or tokens for characters"),
        Case((math.log(2), 7, 7), expected=1.0, name="one character a token"),
        Case((2.0794415416798357, 3, 12), expected=0.75, name="the ratio the wrong way round"),
        Case((math.log(2), 30, 10), expected=3.0, name="bytes: more tokens than characters"),
        Case((0.0, 5, 5), expected=0.0, why="a loss of 0 is allowed", name="a perfect model"),
        Case((1.0, 5, 0), raises=ValueError, name="no characters, yet an answer or another error"),
        Case((1.0, 0, 5), raises=ValueError, name="no tokens"),
        Case((-0.5, 5, 5), raises=ValueError, name="a loss below 0"),
    ),
    wrong={
        "forgets_ln_2": (_refusing(lambda loss, n, m: loss * n / m), 0),
        "multiplies_by_ln_2": (_refusing(lambda loss, n, m: loss * n / m * math.log(2)), 0),
        "bits_per_token": (_refusing(lambda loss, n, m: loss / math.log(2)), 0),
        "the_ratio_the_wrong_way_round": (_refusing(lambda loss, n, m: loss * m / n / math.log(2)), 0),
        "the_sum_over_the_text": (_refusing(lambda loss, n, m: loss * n / math.log(2)), 0),
        "the_logarithm_of_the_loss": (
            _refusing(lambda loss, n, m: math.log2(loss) * n / m if loss else 0.0),
            0,
        ),
        "checks_nothing": (
            lambda loss, tokens, characters: loss * tokens / characters / math.log(2) if characters else 0.0,
            1,
        ),
    },
)

# 5.2.5 two heads ----------------------------------------------------------------------------------


def best_mix(p, q, shares):
    """The share s of the first model for which s * p + (1 - s) * q needs the fewest bits per character.

    p, q (N,): the probabilities that two models gave to the true characters; shares: numbers in [0, 1] to try
    -> (best share, bits per character), floats. Raises ValueError when p and q differ in length, or for no
    shares.
    """
    # Common wrong turn: to mix the bits, s * bits(p) + (1 - s) * bits(q). That can never be better than the
    # better model, and the best share would always be 0 or 1.
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    if p.shape != q.shape or len(shares) == 0:
        raise ValueError(
            f"{p.shape} and {q.shape} probabilities, {len(shares)} shares: equal lengths, one share or more"
        )
    with np.errstate(divide="ignore"):
        bits = [float(-np.log2(s * p + (1 - s) * q).mean()) for s in shares]
    best = int(np.argmin(bits))
    return float(shares[best]), bits[best]


def _mix_with(bits_of):
    """best_mix with another idea of the bits of a mixture, or of which is best."""

    def answer(p, q, shares):
        p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
        if p.shape != q.shape or len(shares) == 0:
            raise ValueError("lengths")
        with np.errstate(all="ignore"):
            bits = [float(bits_of(p, q, s)) for s in shares]
        best = int(np.argmin(bits))
        return float(shares[best]), bits[best]

    return answer


def mix_largest(p, q, shares):
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    if p.shape != q.shape or len(shares) == 0:
        raise ValueError("lengths")
    bits = [float(-np.log2(s * p + (1 - s) * q).mean()) for s in shares]
    best = int(np.argmax(bits))
    return float(shares[best]), bits[best]


def mix_nats(p, q, shares):
    share, bits = best_mix(p, q, shares)
    return share, bits * math.log(2)


def mix_stretches(p, q, shares):
    """A loop that keeps the best so far, and asks for nothing."""
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    best = (0.0, math.inf)
    with np.errstate(divide="ignore"):
        for s in shares:
            bits = float(-np.log2(s * p + (1 - s) * q).mean())
            best = (float(s), bits) if bits < best[1] else best
    return best


two_heads = Exercise(
    "5.2.5",
    level=4,
    minutes=20,
    points=3,
    solution=best_mix,
    cases=(
        Case(
            ([0.5, 0.125], [0.125, 0.5], [0.0, 0.5, 1.0]),
            expected=(0.5, -math.log2(0.3125)),
            name="bits mixed instead of probabilities",
        ),
        Case(([0.9, 0.8, 0.1], [0.2, 0.1, 0.3], [0.1, 0.8]), name="the share given to the other model"),
        Case(
            ([0.25, 0.25], [0.5, 0.5], [0.0, 0.5, 1.0]),
            expected=(0.0, 1.0),
            name="the worst instead of the best",
        ),
        Case(
            ([0.0, 0.5], [0.5, 0.25], [0.5, 1.0]),
            expected=(0.5, (2 - math.log2(0.375)) / 2),
            name="one model is certain that it cannot come",
        ),
        Case(([0.5], [0.5], [0.3]), expected=(0.3, 1.0), name="nats"),
        Case(([0.5, 0.5], [0.5, 0.5], [0.2, 0.7]), expected=(0.2, 1.0), name="two equally good shares"),
        Case(([0.5], [0.5, 0.5, 0.5], [0.5]), raises=ValueError, name="lengths that differ"),
        Case(([0.5], [0.5], []), raises=ValueError, name="no shares"),
    ),
    wrong={
        "mixes_the_bits": (_mix_with(lambda p, q, s: -(s * np.log2(p) + (1 - s) * np.log2(q)).mean()), 0),
        "gives_the_share_to_the_other_model": (
            _mix_with(lambda p, q, s: -np.log2(s * q + (1 - s) * p).mean()),
            0,
        ),
        "takes_the_logarithm_of_the_mean_probability": (
            _mix_with(lambda p, q, s: -np.log2((s * p + (1 - s) * q).mean())),
            0,
        ),
        "adds_up_instead_of_averaging": (_mix_with(lambda p, q, s: -np.log2(s * p + (1 - s) * q).sum()), 0),
        mix_largest: 0,
        mix_nats: 0,
        mix_stretches: 2,
        "takes_the_better_of_the_two_at_each_place_which_is_no": (
            _mix_with(lambda p, q, s: -np.log2(np.maximum(p, q)).mean()),
            0,
        ),
    },
)

# 5.2.6 a bar that moves with the model ------------------------------------------------------------


def min_p(logits, share):
    """Keep what is at least `share` times as probable as the most probable character; the rest becomes -inf.

    logits (..., V), share in (0, 1] -> a new array (..., V). Raises ValueError for another share.
    """
    # Common wrong turn: to compare the logits instead of the probabilities. With z_max = 4 a bar at
    # 0.1 * z_max = 0.4 has no meaning: adding 10 to all logits changes no probability, but the bar.
    logits = np.asarray(logits, dtype=float)
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; it must be above 0 and at most 1, for example 0.1")
    gap = logits - logits.max(axis=-1, keepdims=True)  # log(p / p_max)
    return np.where(gap >= np.log(share), logits, -np.inf)


def _probabilities(logits):
    logits = np.asarray(logits, dtype=float)
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _refuse_share(share):
    if not 0 < share <= 1:
        raise ValueError(f"share {share}")


def min_p_of_logits(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    return np.where(logits >= share * logits.max(axis=-1, keepdims=True), logits, -np.inf)


def min_p_absolute(logits, share):
    _refuse_share(share)
    return np.where(_probabilities(logits) >= share, np.asarray(logits, dtype=float), -np.inf)


def min_p_one_bar(logits, share):
    _refuse_share(share)
    p = _probabilities(logits)
    return np.where(p >= share * p.max(), np.asarray(logits, dtype=float), -np.inf)


def min_p_strict(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    gap = logits - logits.max(axis=-1, keepdims=True)
    return np.where(gap > np.log(share), logits, -np.inf)


def min_p_zero(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    gap = logits - logits.max(axis=-1, keepdims=True)
    return np.where(gap >= np.log(share), logits, 0.0)


def min_p_probabilities(logits, share):
    _refuse_share(share)
    p = _probabilities(logits)
    return np.where(p >= share * p.max(axis=-1, keepdims=True), p, 0.0)


def min_p_in_place(logits, share):
    _refuse_share(share)
    logits[logits - logits.max(axis=-1, keepdims=True) < np.log(share)] = -np.inf
    return logits


def min_p_unchecked(logits, share):
    logits = np.asarray(logits, dtype=float)
    p = _probabilities(logits)
    return np.where(p >= share * p.max(axis=-1, keepdims=True), logits, -np.inf)


def min_p_overflows(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        return np.where(p >= share * p.max(axis=-1, keepdims=True), logits, -np.inf)


_LN = np.log(np.array([0.5, 0.3, 0.15, 0.05]))  # logits whose probabilities can be read off
_ROWS = np.log(np.array([[0.9, 0.06, 0.04], [0.4, 0.35, 0.25]]))

a_moving_bar = Exercise(
    "5.2.6",
    level=3,
    minutes=15,
    points=3,
    solution=min_p,
    cases=(
        Case(
            (_LN.copy(), 0.2),
            expected=np.array([*_LN[:3], -np.inf]),
            name="the bar laid on logits, or on probabilities without the maximum",
        ),
        Case(
            (_LN + 10, 0.2), expected=np.array([*(_LN[:3] + 10), -np.inf]), name="logits moved by a constant"
        ),
        Case(
            (_ROWS.copy(), 0.5),
            expected=np.array([[_ROWS[0, 0], -np.inf, -np.inf], _ROWS[1]]),
            name="one bar for all rows",
        ),
        Case(
            (np.array([2.0, 2.0, 1.0]), 1.0),
            expected=np.array([2.0, 2.0, -np.inf]),
            name="what lies on the bar is dropped",
        ),
        Case(
            (np.array([1000.0, 999.0, 990.0]), 0.1),
            expected=np.array([1000.0, 999.0, -np.inf]),
            name="large logits overflow",
        ),
        Case((_LN.copy(), 0.0), raises=ValueError, name="a share of 0 is accepted"),
        Case((_LN.copy(), 1.5), raises=ValueError, name="a share above 1 is accepted"),
    ),
    wrong={
        min_p_of_logits: 0,
        min_p_absolute: 0,
        min_p_one_bar: 1,
        min_p_strict: 0,
        min_p_zero: 0,
        min_p_probabilities: 0,
        min_p_in_place: 0,
        min_p_unchecked: 2,
        min_p_overflows: 2,
    },
)

EXERCISES = [bits_by_hand, another_way_to_share, one_merge, what_may_be_compared, two_heads, a_moving_bar]
