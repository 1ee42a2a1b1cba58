"""Exercises of section 5.2: bits, smoothing, merges, attention, sampling, mixing, a published model."""

import math

import numpy as np

from exercises import Case, Exercise

# 5.2.1 two bits -----------------------------------------------------------------------------------

TWO_THIRDS = (math.log2(4 / 3) + math.log2(3)) / 3  # p(a|b) = 1, p(n|a) = 3/4, p(d|n) = 1/3


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


def draw_context(rng):
    """Counts of one context, often zeros, ones or nothing at all; lists or arrays; at times a misfit."""
    size = int(rng.integers(1, 6))
    counts = rng.integers(0, 4, size=size) if rng.random() < 0.8 else rng.integers(0, 40, size=size)
    if rng.random() < 0.15:
        counts[:] = 0
    lower = rng.integers(0, 5, size=size) + 0.0
    lower = np.full(size, round(1 / size, 3)) if not lower.any() else np.round(lower / lower.sum(), 3)
    if rng.random() < 0.1:
        short = lower[:1] if size > 1 else np.array([0.5, 0.5])
        return Case((counts.tolist(), short.tolist()), raises=ValueError)
    return (counts.tolist(), lower.tolist()) if rng.random() < 0.5 else (counts, lower)


def _as_arrays(counts, lower):
    counts, lower = np.asarray(counts, dtype=float), np.asarray(lower, dtype=float)
    if counts.shape != lower.shape:
        raise ValueError(f"shapes {counts.shape} and {lower.shape}")
    return counts, lower


def _shared(counts, lower, t):
    """Witten and Bell's formula with another t."""
    return (counts + t * lower) / (counts.sum() + t) if counts.any() else lower.copy()


def takes_the_size_of_the_alphabet_for_t(counts, lower):
    counts, lower = _as_arrays(counts, lower)
    return _shared(counts, lower, len(counts))


def takes_n_for_t(counts, lower):
    counts, lower = _as_arrays(counts, lower)
    return _shared(counts, lower, counts.sum())


def counts_what_came_exactly_once(counts, lower):
    counts, lower = _as_arrays(counts, lower)
    return _shared(counts, lower, np.sum(counts == 1))


def adds_one_whatever_was_seen(counts, lower):
    counts, lower = _as_arrays(counts, lower)
    return _shared(counts, lower, 1)


def ignores_the_shorter_context(counts, lower):
    counts, lower = _as_arrays(counts, lower)
    t = np.count_nonzero(counts)
    return (counts + t / len(counts)) / (counts.sum() + t) if t else lower.copy()


def gives_a_part_to_the_unseen_alone(counts, lower):
    counts, lower = _as_arrays(counts, lower)
    t = np.count_nonzero(counts)
    return np.where(counts > 0, counts, t * lower) / (counts.sum() + t) if t else lower.copy()


def divides_0_by_0_for_an_unseen_context(counts, lower):
    counts, lower = _as_arrays(counts, lower)
    t = np.count_nonzero(counts)
    with np.errstate(all="ignore"):
        return (counts + t * lower) / (counts.sum() + t)


def answers_zeros_for_an_unseen_context(counts, lower):
    counts, lower = _as_arrays(counts, lower)
    return witten_bell(counts, lower) if counts.any() else np.zeros(len(counts))


def compares_only_the_number_of_axes(counts, lower):
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
        takes_the_size_of_the_alphabet_for_t: 0,
        takes_n_for_t: 0,
        counts_what_came_exactly_once: 0,
        adds_one_whatever_was_seen: 0,
        ignores_the_shorter_context: 1,
        gives_a_part_to_the_unseen_alone: 1,
        divides_0_by_0_for_an_unseen_context: 2,
        answers_zeros_for_an_unseen_context: 2,
        compares_only_the_number_of_axes: 2,
    },
    draw=draw_context,
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


def draw_tokens(rng):
    """Few kinds of tokens, so that pairs abound: 0 and tokens of several digits among them; often equal."""
    kinds = rng.choice([0, 1, 2, 12, 21, 112, 256], size=3, replace=False).tolist()
    ids = [kinds[place] for place in rng.integers(0, int(rng.integers(1, 4)), size=int(rng.integers(0, 8)))]
    pair = (kinds[int(rng.integers(0, 2))], kinds[int(rng.integers(0, 2))])
    new = int(rng.choice([*pair, 300, 0]))
    return ids, pair, new


def uses_a_token_twice(ids, pair, new):
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


def merges_what_it_has_just_written(ids, pair, new):
    merged = []
    for token in ids:
        if merged and (merged[-1], token) == tuple(pair):
            merged[-1] = new
        else:
            merged.append(token)
    return merged


def repeats_until_nothing_changes(ids, pair, new):
    before, after = None, list(ids)
    for _ in range(len(ids) + 1):
        if before == after:
            break
        before, after = after, merge_pair(after, pair, new)
    return after


def loses_the_last_token(ids, pair, new):
    merged, i = [], 0
    while i < len(ids) - 1:
        two = (ids[i], ids[i + 1]) == tuple(pair)
        merged.append(new if two else ids[i])
        i += 1 + two
    return merged


def merges_the_first_pair_only(ids, pair, new):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == tuple(pair):
            return [*ids[:i], new, *ids[i + 2 :]]
    return list(ids)


def takes_the_pair_in_either_order(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        two = sorted(ids[i : i + 2]) == sorted(pair)
        merged.append(new if two else ids[i])
        i += 1 + two
    return merged


def changes_its_input(ids, pair, new):
    ids[:] = merge_pair(ids, pair, new)
    return ids


def goes_from_right_to_left(ids, pair, new):
    return merge_pair(list(ids)[::-1], tuple(pair)[::-1], new)[::-1]


def replaces_in_the_text_of_the_list(ids, pair, new):
    """Tokens written one after the other as text: 12 1 holds the digits of the pair 2 1."""
    text = " ".join(map(str, ids)).replace(f"{pair[0]} {pair[1]}", str(new))
    return [int(token) for token in text.split()]


def takes_token_0_for_nothing(ids, pair, new):
    return [token for token in merge_pair(ids, pair, new) if token]


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
        uses_a_token_twice: 2,
        merges_what_it_has_just_written: 2,
        repeats_until_nothing_changes: 2,
        loses_the_last_token: 1,
        merges_the_first_pair_only: 0,
        takes_the_pair_in_either_order: 0,
        changes_its_input: None,
        goes_from_right_to_left: 2,
        replaces_in_the_text_of_the_list: None,
        takes_token_0_for_nothing: None,
    },
    draw=draw_tokens,
    new_result=True,
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


def draw_text(rng):
    """A loss with many digits, lengths that do not divide each other; edges: 0 loss, length 1, bad values."""
    loss = float(rng.choice([0.0, 0.5, 1.0, 2.2, 3.1, 7.0, 1e-7, round(float(rng.random() * 5), 4)]))
    tokens, characters = (int(length) for length in rng.choice([1, 2, 3, 7, 10, 33, 1_000, 65_537], size=2))
    bad = int(rng.integers(0, 20))
    if bad == 0:
        return Case((loss, int(rng.integers(-3, 1)), characters), raises=ValueError)
    if bad == 1:
        return Case((loss, tokens, int(rng.integers(-3, 1))), raises=ValueError)
    if bad == 2:
        return Case((-loss - 0.1, tokens, characters), raises=ValueError)
    return loss, tokens, characters


def _refuse_lengths(loss, tokens, characters):
    if tokens < 1 or characters < 1 or loss < 0:
        raise ValueError("out of range")


def forgets_ln_2(loss, tokens, characters):
    _refuse_lengths(loss, tokens, characters)
    return loss * tokens / characters


def multiplies_by_ln_2(loss, tokens, characters):
    _refuse_lengths(loss, tokens, characters)
    return loss * tokens / characters * math.log(2)


def gives_bits_per_token(loss, tokens, characters):
    _refuse_lengths(loss, tokens, characters)
    return loss / math.log(2)


def turns_the_ratio_round(loss, tokens, characters):
    _refuse_lengths(loss, tokens, characters)
    return loss * characters / tokens / math.log(2)


def gives_the_bits_of_the_whole_text(loss, tokens, characters):
    _refuse_lengths(loss, tokens, characters)
    return loss * tokens / math.log(2)


def takes_the_logarithm_of_the_loss(loss, tokens, characters):
    _refuse_lengths(loss, tokens, characters)
    return math.log2(loss) * tokens / characters if loss else 0.0


def rounds_the_result(loss, tokens, characters):
    return round(bits_per_character(loss, tokens, characters), 2)


def rounds_the_characters_per_token(loss, tokens, characters):
    _refuse_lengths(loss, tokens, characters)
    return loss / math.log(2) / max(1, round(characters / tokens))


def refuses_a_loss_of_0(loss, tokens, characters):
    if loss <= 0:
        raise ValueError("the loss must be above 0")
    return bits_per_character(loss, tokens, characters)


def checks_nothing(loss, tokens, characters):
    return loss * tokens / characters / math.log(2) if characters else 0.0


def forgets_to_look_at_the_loss(loss, tokens, characters):
    _refuse_lengths(0, tokens, characters)
    return loss * tokens / characters / math.log(2)


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
        Case(
            (1_000.0, 1, 100),
            expected=14.426950408889635,
            why="exp(1000) overflows",
            name="the perplexity computed first",
        ),
        Case((0.0, 5, 5), expected=0.0, why="a loss of 0 is allowed", name="a perfect model"),
        Case((1.0, 5, 0), raises=ValueError, name="no characters, yet an answer or another error"),
        Case((1.0, 0, 5), raises=ValueError, name="no tokens"),
        Case((-0.5, 5, 5), raises=ValueError, name="a loss below 0"),
    ),
    wrong={
        forgets_ln_2: 0,
        multiplies_by_ln_2: 0,
        gives_bits_per_token: 1,
        turns_the_ratio_round: 2,
        gives_the_bits_of_the_whole_text: 1,
        takes_the_logarithm_of_the_loss: 0,
        rounds_the_result: None,
        rounds_the_characters_per_token: 1,
        refuses_a_loss_of_0: None,
        checks_nothing: None,
        forgets_to_look_at_the_loss: None,
    },
    draw=draw_text,
)

# 5.2.5 a mixture of two models --------------------------------------------------------------------


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


def draw_models(rng):
    """Two models' probabilities in eighths, 0 and 1 among them; shares in any order, ends included."""
    size, some = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    p, q = rng.integers(1, 9, size=(2, size)) / 8
    if rng.random() < 0.3:
        (p if rng.random() < 0.5 else q)[int(rng.integers(0, size))] = 0.0
    shares = rng.choice([0.0, 0.1, 0.25, 0.5, 0.6, 0.9, 1.0], size=some, replace=False).tolist()
    if rng.random() < 0.1:
        shares = [float(rng.integers(0, 2))]  # one model alone: its zeros cost infinitely many bits
    bad = int(rng.integers(0, 16))
    if bad == 0:
        return Case((p.tolist(), [0.5] * (size + 1), shares), raises=ValueError)
    if bad == 1:
        return Case((p.tolist(), q.tolist(), []), raises=ValueError)
    if bad == 2 and size > 1:
        return Case((p[:1].tolist(), q.tolist(), shares), raises=ValueError)
    return (p.tolist(), q.tolist(), shares) if rng.random() < 0.5 else (p, q, shares)


def _best(p, q, shares, bits_of, first=np.argmin):
    """best_mix with another idea of the bits of a mixture, or of which one is best."""
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    if p.shape != q.shape or len(shares) == 0:
        raise ValueError("lengths")
    with np.errstate(all="ignore"):
        bits = [float(bits_of(p, q, s)) for s in shares]
    best = int(first(bits))
    return float(shares[best]), bits[best]


def _bits(p, q, s):
    return -np.log2(s * p + (1 - s) * q).mean()


def mixes_the_bits(p, q, shares):
    return _best(p, q, shares, lambda p, q, s: -(s * np.log2(p) + (1 - s) * np.log2(q)).mean())


def gives_the_share_to_the_other_model(p, q, shares):
    return _best(p, q, shares, lambda p, q, s: _bits(q, p, s))


def takes_the_logarithm_of_the_mean_probability(p, q, shares):
    return _best(p, q, shares, lambda p, q, s: -np.log2((s * p + (1 - s) * q).mean()))


def adds_up_instead_of_averaging(p, q, shares):
    return _best(p, q, shares, lambda p, q, s: _bits(p, q, s) * len(p))


def takes_the_worst_share(p, q, shares):
    return _best(p, q, shares, _bits, np.argmax)


def answers_in_nats(p, q, shares):
    share, bits = best_mix(p, q, shares)
    return share, bits * math.log(2)


def takes_the_last_of_equally_good_shares(p, q, shares):
    return _best(p, q, shares, _bits, lambda bits: len(bits) - 1 - np.argmin(bits[::-1]))


def leaves_characters_of_probability_0_out(p, q, shares):
    return _best(p, q, shares, lambda p, q, s: _bits(p[(p > 0) & (q > 0)], q[(p > 0) & (q > 0)], s))


def lifts_a_probability_of_0(p, q, shares):
    return _best(p, q, shares, lambda p, q, s: _bits(np.maximum(p, 1e-9), np.maximum(q, 1e-9), s))


def gives_the_place_of_the_share(p, q, shares):
    share, bits = best_mix(p, q, shares)
    return float(list(shares).index(share)), bits


def takes_the_better_of_the_two_at_each_place(p, q, shares):
    return _best(p, q, shares, lambda p, q, s: -np.log2(np.maximum(p, q)).mean())


def stretches_a_length_of_1(p, q, shares):
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    if len(shares) == 0:
        raise ValueError("no shares")
    return _best(*np.broadcast_arrays(p, q), shares, _bits)


def makes_up_an_answer_where_there_are_no_shares(p, q, shares):
    return best_mix(p, q, shares) if len(shares) else (0.0, math.inf)


a_mixture = Exercise(
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
        mixes_the_bits: 0,
        gives_the_share_to_the_other_model: None,
        takes_the_logarithm_of_the_mean_probability: 0,
        adds_up_instead_of_averaging: 0,
        takes_the_worst_share: None,
        answers_in_nats: None,
        takes_the_last_of_equally_good_shares: None,
        leaves_characters_of_probability_0_out: 2,
        lifts_a_probability_of_0: 2,
        gives_the_place_of_the_share: None,
        takes_the_better_of_the_two_at_each_place: 0,
        stretches_a_length_of_1: 2,
        makes_up_an_answer_where_there_are_no_shares: None,
    },
    draw=draw_models,
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


def draw_logits(rng):
    """One row or many, on up to three axes; halves, so that only equal ones lie on a bar; some are huge."""
    axes = int(rng.integers(0, 3))
    shape = (*rng.integers(1, 3, size=axes).tolist(), int(rng.integers(1, 5)))
    logits = rng.integers(-6, 7, size=shape) / 2
    logits = logits + float(rng.choice([0.0, 0.0, 100.0, -100.0, 2_000.0, -2_000.0]))
    if rng.random() < 0.15:
        logits = logits.astype(int)
    if rng.random() < 0.1:
        return Case((logits, float(rng.choice([0.0, -0.1, 1.01, 2.0]))), raises=ValueError)
    return logits, float(rng.choice([1.0, 0.9, 0.5, 0.2, 0.1, 0.01]))


def _probabilities(logits):
    logits = np.asarray(logits, dtype=float)
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _refuse_share(share):
    if not 0 < share <= 1:
        raise ValueError(f"share {share}")


def compares_logits(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    return np.where(logits >= share * logits.max(axis=-1, keepdims=True), logits, -np.inf)


def compares_probabilities_with_the_share_itself(logits, share):
    _refuse_share(share)
    return np.where(_probabilities(logits) >= share, np.asarray(logits, dtype=float), -np.inf)


def lays_one_bar_for_all_rows(logits, share):
    _refuse_share(share)
    p = _probabilities(logits)
    return np.where(p >= share * p.max(), np.asarray(logits, dtype=float), -np.inf)


def drops_what_lies_on_the_bar(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    gap = logits - logits.max(axis=-1, keepdims=True)
    return np.where(gap > np.log(share), logits, -np.inf)


def writes_0_instead_of_minus_infinity(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    gap = logits - logits.max(axis=-1, keepdims=True)
    return np.where(gap >= np.log(share), logits, 0.0)


def returns_probabilities(logits, share):
    _refuse_share(share)
    p = _probabilities(logits)
    return np.where(p >= share * p.max(axis=-1, keepdims=True), p, 0.0)


def writes_into_its_input(logits, share):
    _refuse_share(share)
    logits[logits - logits.max(axis=-1, keepdims=True) < np.log(share)] = -np.inf
    return logits


def accepts_any_share(logits, share):
    logits = np.asarray(logits, dtype=float)
    p = _probabilities(logits)
    return np.where(p >= share * p.max(axis=-1, keepdims=True), logits, -np.inf)


def lets_exp_overflow(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        return np.where(p >= share * p.max(axis=-1, keepdims=True), logits, -np.inf)


def takes_the_maximum_over_axis_1(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    gap = logits - logits.max(axis=min(1, logits.ndim - 1), keepdims=True)
    return np.where(gap >= np.log(share), logits, -np.inf)


def refuses_a_share_of_1(logits, share):
    if share == 1:
        raise ValueError("share must be below 1")
    return min_p(logits, share)


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
            (np.array([0.0, np.log(0.5), -3.0]), 0.5),
            expected=np.array([0.0, np.log(0.5), -np.inf]),
            name="half as probable as the best, which is on the bar",
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
        compares_logits: 0,
        compares_probabilities_with_the_share_itself: 0,
        lays_one_bar_for_all_rows: 1,
        drops_what_lies_on_the_bar: None,
        writes_0_instead_of_minus_infinity: 2,
        returns_probabilities: None,
        writes_into_its_input: None,
        accepts_any_share: None,
        lets_exp_overflow: 2,
        takes_the_maximum_over_axis_1: 1,
        refuses_a_share_of_1: None,
    },
    draw=draw_logits,
    new_result=True,
)

# 5.2.7 the learning rate of a step ----------------------------------------------------------------


def rate(step, steps):
    """Factor of the learning rate at a step, step = 0, 1, … steps - 1 -> float.

    It rises in equal parts to 1 over w = steps // 20 steps, at least one: (step + 1) / w. After that it falls
    along 0.55 + 0.45 cos(pi step / steps). Always the smaller of the two.
    """
    # Common wrong turn: step / w, by which the first step has the rate 0: a whole batch is computed for
    # nothing.
    warm = max(1, steps // 20)
    return min((step + 1) / warm, 0.55 + 0.45 * math.cos(math.pi * step / steps))


def draw_step(rng):
    """A run of any length, short ones often; its first and last steps, and those about the warm-up, often."""
    steps = int(rng.choice([1, 2, 7, 19, 20, 21, 39, 40, 100, 250, 2_000]))
    warm = max(1, steps // 20)
    step = int(rng.choice([0, warm - 1, warm, warm + 1, steps // 2, steps - 1, int(rng.integers(0, steps))]))
    return min(step, steps - 1), steps


def _cosine(step, steps):
    return 0.55 + 0.45 * math.cos(math.pi * step / steps)


def begins_at_rate_0(step, steps):
    return min(step / max(1, steps // 20), _cosine(step, steps))


def forgets_the_warm_up(step, steps):
    return _cosine(step, steps)


def falls_along_a_straight_line(step, steps):
    return min((step + 1) / max(1, steps // 20), 1 - 0.9 * step / steps)


def falls_to_0(step, steps):
    return min((step + 1) / max(1, steps // 20), 0.5 + 0.5 * math.cos(math.pi * step / steps))


def takes_the_larger(step, steps):
    return max((step + 1) / max(1, steps // 20), _cosine(step, steps))


def multiplies_the_two(step, steps):
    return min(1, (step + 1) / max(1, steps // 20)) * _cosine(step, steps)


def begins_the_cosine_after_the_warm_up(step, steps):
    warm = max(1, steps // 20)
    return (step + 1) / warm if step < warm else _cosine(step - warm, max(1, steps - warm))


def divides_by_0_in_a_short_run(step, steps):
    return min((step + 1) / (steps // 20), _cosine(step, steps))


def switches_after_the_warm_up(step, steps):
    warm = max(1, steps // 20)
    return (step + 1) / warm if step < warm else _cosine(step, steps)


def takes_a_twentieth_that_is_not_whole(step, steps):
    return min((step + 1) / max(1, steps / 20), _cosine(step, steps))


the_rate_of_a_step = Exercise(
    "5.2.7",
    level=2,
    minutes=10,
    points=2,
    solution=rate,
    cases=(
        Case((0, 40), expected=0.5, name="the first step has the rate 0, or the full one"),
        Case((20, 40), expected=0.55, name="half-way: a larger one of the two, or a straight line"),
        Case((30, 40), expected=0.55 - 0.45 * math.sqrt(0.5), name="three quarters of the way: down to 0"),
        Case((1, 40), name="the end of the warm-up"),
        Case((4, 200), expected=0.5, name="both factors at once"),
        Case((0, 10), expected=1.0, name="a run so short that a twentieth is no step"),
        Case((0, 59), expected=0.5, name="a twentieth that is no whole number"),
    ),
    wrong={
        begins_at_rate_0: 0,
        forgets_the_warm_up: 0,
        falls_along_a_straight_line: 1,
        falls_to_0: 1,
        takes_the_larger: 1,
        multiplies_the_two: 1,
        begins_the_cosine_after_the_warm_up: 1,
        divides_by_0_in_a_short_run: 2,
        switches_after_the_warm_up: 1,
        takes_a_twentieth_that_is_not_whole: 2,
    },
    draw=draw_step,
)

# 5.2.8 gain or luck -------------------------------------------------------------------------------


def gain(before, after):
    """What a change brought, from losses of the same S random starts without and with it -> (mean, error).

    before, after: S losses each, S at least 2. mean: of the S differences, positive if the loss fell. error:
    its standard error, the standard deviation of the differences (S - 1 below) divided by the root of S.
    Raises ValueError for lists of different lengths, or of fewer than two.
    """
    # Common wrong turn: the spread of each list by itself. Starts that are good without the change are often
    # good with it; in the differences that is gone.
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if before.shape != after.shape or len(before) < 2:
        raise ValueError(f"{len(before)} and {len(after)} losses: give equally many, two or more")
    brought = before - after
    return float(brought.mean()), float(brought.std(ddof=1) / len(brought) ** 0.5)


def draw_losses(rng):
    """Losses of two to five starts, in hundredths; at times a misfit, or a single start."""
    starts = int(rng.integers(2, 6))
    before, after = (np.round(2 + rng.random((2, starts)), 2)).tolist()
    bad = int(rng.integers(0, 12))
    if bad == 0:
        return Case((before, after[:-1]), raises=ValueError)
    if bad == 1:
        return Case((before[:1], after[:1]), raises=ValueError)
    return before, after


def _refuse_losses(before, after):
    if len(before) != len(after) or len(before) < 2:
        raise ValueError("lengths")
    return np.asarray(before, dtype=float), np.asarray(after, dtype=float)


def turns_the_sign_round(before, after):
    mean, error = gain(before, after)
    return -mean, error


def divides_the_squares_by_the_number_of_starts(before, after):
    before, after = _refuse_losses(before, after)
    brought = before - after
    return float(brought.mean()), float(brought.std() / len(brought) ** 0.5)


def gives_the_standard_deviation(before, after):
    before, after = _refuse_losses(before, after)
    return float((before - after).mean()), float((before - after).std(ddof=1))


def divides_by_the_number_not_its_root(before, after):
    before, after = _refuse_losses(before, after)
    return float((before - after).mean()), float((before - after).std(ddof=1) / len(before))


def forgets_that_the_starts_are_the_same(before, after):
    before, after = _refuse_losses(before, after)
    error = math.sqrt((before.var(ddof=1) + after.var(ddof=1)) / len(before))
    return float((before - after).mean()), error


def takes_the_median(before, after):
    before, after = _refuse_losses(before, after)
    return float(np.median(before - after)), gain(before, after)[1]


def gives_the_share_that_was_saved(before, after):
    before, after = _refuse_losses(before, after)
    return float(1 - after.mean() / before.mean()), gain(before, after)[1]


def answers_for_a_single_start(before, after):
    return gain(before, after) if len(before) > 1 or len(after) > 1 else (before[0] - after[0], 0.0)


def stretches_a_list_of_one_entry(before, after):
    brought = np.subtract(before, after)
    if len(brought) < 2:
        raise ValueError("fewer than two starts")
    return float(brought.mean()), float(brought.std(ddof=1) / len(brought) ** 0.5)


def pairs_as_many_as_there_are(before, after):
    return gain(before[: len(after)], after[: len(before)])


gain_or_luck = Exercise(
    "5.2.8",
    level=2,
    minutes=10,
    points=2,
    solution=gain,
    cases=(
        Case(([2.0, 2.2], [1.9, 2.0]), expected=(0.15, 0.05), name="two starts"),
        Case(
            ([3.0, 4.0, 5.0], [2.0, 3.0, 4.0]),
            expected=(1.0, 0.0),
            name="the same gain from every start: the spread of the starts themselves does not count",
        ),
        Case(([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 2.0]), name="a loss that rose, four starts"),
        Case(([2.0, 2.0, 2.0], [1.0, 1.0, 0.4]), expected=(1.2, 0.2), name="the mean, not the median"),
        Case(([2.0], [1.0]), raises=ValueError, name="one start has no spread"),
        Case(([2.0, 2.1, 2.2], [1.0, 1.1]), raises=ValueError, name="starts that are missing"),
        Case(([2.0, 2.2], [1.0]), raises=ValueError, name="a list of one entry, stretched"),
    ),
    wrong={
        turns_the_sign_round: 0,
        divides_the_squares_by_the_number_of_starts: 1,
        gives_the_standard_deviation: 1,
        divides_by_the_number_not_its_root: 1,
        forgets_that_the_starts_are_the_same: 0,
        takes_the_median: None,
        gives_the_share_that_was_saved: None,
        answers_for_a_single_start: 2,
        stretches_a_list_of_one_entry: 2,
        pairs_as_many_as_there_are: 2,
    },
    draw=draw_losses,
)

# 5.2.9 looking back ---------------------------------------------------------------------------------------


def look_back(q, k, v):
    """Causal attention of one head: each row looks at itself and at the rows before it.

    queries q (T, d), keys k (T, d), values v (T, e), arrays -> (T, e). Weights: softmax of q · k / sqrt(d).
    """
    # Common wrong turn: to set weights to 0 after the softmax. The rest of a row then no longer sums to 1.
    scores = q @ k.T / np.sqrt(q.shape[1])
    scores[np.triu_indices(len(q), 1)] = -np.inf
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ v


def draw_qkv(rng):
    """One to four positions, small whole numbers; sometimes scores too large for exp."""
    T, d, e = (int(n) for n in rng.integers(1, 5, size=3))
    q, k, v = (rng.integers(-2, 3, size=(T, n)).astype(float) for n in (d, d, e))
    return (500 * q, 2 * k, v) if rng.random() < 0.15 else (q, k, v)


def _attend(q, k, v, hidden=None, root=None, axis=1, after=False):
    """look_back with other hidden scores, another divisor, another axis, or the mask after the softmax."""
    scores = q @ k.T / (np.sqrt(q.shape[1]) if root is None else root)
    hidden = np.triu(np.ones(scores.shape, dtype=bool), 1) if hidden is None else hidden
    if not after:
        scores = np.where(hidden, -np.inf, scores)
    with np.errstate(invalid="ignore"):
        weights = np.exp(scores - scores.max(axis=axis, keepdims=True))
        weights = weights / weights.sum(axis=axis, keepdims=True)
    return (np.where(hidden, 0, weights) if after else weights) @ v


def sees_what_comes_later(q, k, v):
    return _attend(q, k, v, hidden=np.zeros((len(q), len(q)), dtype=bool))


def sees_only_what_comes_later(q, k, v):
    return _attend(q, k, v, hidden=np.tril(np.ones((len(q), len(q)), dtype=bool), -1))


def hides_each_position_from_itself(q, k, v):
    return _attend(q, k, v, hidden=np.triu(np.ones((len(q), len(q)), dtype=bool)))


def masks_after_the_softmax(q, k, v):
    return _attend(q, k, v, after=True)


def sets_later_scores_to_0(q, k, v):
    scores = np.tril(q @ k.T / np.sqrt(q.shape[1]))
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ v


def forgets_the_root(q, k, v):
    return _attend(q, k, v, root=1)


def divides_by_d_itself(q, k, v):
    return _attend(q, k, v, root=q.shape[1])


def divides_by_the_root_of_the_positions(q, k, v):
    return _attend(q, k, v, root=np.sqrt(len(q)))


def divides_by_the_root_of_the_size_of_the_values(q, k, v):
    return _attend(q, k, v, root=np.sqrt(v.shape[1]))


def subtracts_one_maximum_from_all_rows(q, k, v):
    scores = np.where(np.tri(len(q), dtype=bool), q @ k.T / np.sqrt(q.shape[1]), -np.inf)
    weights = np.exp(scores - scores.max())
    with np.errstate(invalid="ignore"):
        return weights / weights.sum(axis=1, keepdims=True) @ v


def takes_the_softmax_of_each_column(q, k, v):
    return _attend(q, k, v, axis=0)


def lets_the_exponential_overflow(q, k, v):
    with np.errstate(over="ignore", invalid="ignore"):
        weights = np.tril(np.exp(q @ k.T / np.sqrt(q.shape[1])))
        return weights / weights.sum(axis=1, keepdims=True) @ v


def asks_with_the_keys(q, k, v):
    return _attend(k, q, v)


def leaves_the_softmax_out(q, k, v):
    return np.tril(q @ k.T / np.sqrt(q.shape[1])) @ v


looking_back = Exercise(
    "5.2.9",
    level=2,
    minutes=10,
    points=2,
    solution=look_back,
    cases=(
        Case(
            (np.zeros((2, 1)), np.ones((2, 1)), np.array([[4.0], [8.0]])),
            expected=np.array([[4.0], [6.0]]),
            name="two positions, equal scores: the first sees itself only",
        ),
        Case(
            (
                np.array([[0.0], [math.log(3)]]),
                np.array([[1.0], [0.0]]),
                np.array([[4.0, 0.0], [8.0, 4.0]]),
            ),
            expected=np.array([[4.0, 0.0], [5.0, 1.0]]),
            name="scores log 3 and 0: weights 3/4 and 1/4",
        ),
        Case(
            (
                np.array([[0.0, 0, 0, 0], [2 * math.log(3), 0, 0, 0]]),
                np.array([[1.0, 0, 0, 0], [0, 0, 0, 0]]),
                np.array([[4.0], [8.0]]),
            ),
            expected=np.array([[4.0], [5.0]]),
            name="four numbers per query: scores are divided by 2",
        ),
        Case(
            (np.full((3, 1), 1000.0), np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [3.0]])),
            expected=np.array([[1.0], [2.0], [3.0]]),
            name="scores of thousands",
        ),
        Case(
            (np.array([[1.0], [2.0]]), np.array([[3.0], [1.0]]), np.array([[0.0], [1.0]])),
            name="queries and keys in their places",
        ),
    ),
    wrong={
        sees_what_comes_later: 0,
        sees_only_what_comes_later: 0,
        hides_each_position_from_itself: 0,
        masks_after_the_softmax: 1,
        sets_later_scores_to_0: 1,
        forgets_the_root: None,
        divides_by_d_itself: None,
        divides_by_the_root_of_the_positions: None,
        divides_by_the_root_of_the_size_of_the_values: None,
        subtracts_one_maximum_from_all_rows: 2,
        takes_the_softmax_of_each_column: 2,
        lets_the_exponential_overflow: 2,
        asks_with_the_keys: None,
        leaves_the_softmax_out: 2,
    },
    draw=draw_qkv,
)

# 5.2.10 four bits and a scale ---------------------------------------------------------------------


def unpack_packet(packet):
    """The 32 weights of a packet of kind Q4_1.

    packet: 20 bytes, uint8: scale and lowest value, float16 each, then 16 bytes of two whole numbers each,
    from 0 to 15 -> (32,) floats. Raises ValueError for another number of bytes.
    """
    # Common wrong turn: the halves of a byte are not neighbours; the low ones are weights 0 to 15, the high
    # ones 16 to 31.
    if len(packet) != 20:
        raise ValueError(f"{len(packet)} bytes; a packet has 20")
    scale, lowest = packet[:4].copy().view("<f2").astype(np.float32)
    whole = np.concatenate([packet[4:] % 16, packet[4:] // 16])
    return scale * whole + lowest


def _packet(scale, lowest, bytes_):
    """A packet of 20 bytes from its scale, its lowest value and its 16 bytes."""
    two = np.array([scale, lowest], dtype="<f2").view(np.uint8)
    return np.concatenate([two, np.array(bytes_, dtype=np.uint8)])


def draw_packet(rng):
    """A packet with round numbers, at times all bytes equal, scale 0, or the wrong number of bytes."""
    scale, lowest = rng.integers(0, 9) / 8, rng.integers(-16, 9) / 8
    bytes_ = rng.integers(0, 256, size=16)
    if rng.random() < 0.2:
        bytes_[:] = bytes_[0]
    packet = _packet(scale, lowest, bytes_)
    if rng.random() < 0.1:
        size = int(rng.choice([4, 6, 18, 19, 21, 40]))
        return Case((np.resize(packet, size),), raises=ValueError)
    return (packet,)


def _parts(packet):
    """Scale, lowest, low halves, high halves of 20 bytes."""
    if len(packet) != 20:
        raise ValueError(f"{len(packet)} bytes")
    scale, lowest = packet[:4].copy().view("<f2").astype(np.float32)
    return scale, lowest, packet[4:] % 16, packet[4:] // 16


def takes_the_high_halves_first(packet):
    scale, lowest, low, high = _parts(packet)
    return scale * np.concatenate([high, low]) + lowest


def puts_the_halves_of_a_byte_side_by_side(packet):
    scale, lowest, low, high = _parts(packet)
    return scale * np.stack([low, high], axis=1).ravel() + lowest


def scales_the_lowest_too(packet):
    scale, lowest, low, high = _parts(packet)
    return scale * (np.concatenate([low, high]) + lowest)


def subtracts_8_instead(packet):
    scale, _, low, high = _parts(packet)
    return scale * (np.concatenate([low, high]).astype(np.float32) - 8)


def exchanges_scale_and_lowest(packet):
    lowest, scale, low, high = _parts(packet)
    return scale * np.concatenate([low, high]) + lowest


def leaves_the_lowest_out(packet):
    scale, _, low, high = _parts(packet)
    return scale * np.concatenate([low, high])


def leaves_the_scale_out(packet):
    _, lowest, low, high = _parts(packet)
    return np.concatenate([low, high]) + lowest


def reads_halves_above_7_as_negative(packet):
    scale, lowest, low, high = _parts(packet)
    whole = np.concatenate([low, high]).astype(int)
    return scale * np.where(whole > 7, whole - 16, whole) + lowest


def reads_the_two_bytes_the_other_way_round(packet):
    _, _, low, high = _parts(packet)
    scale, lowest = packet[:4].copy().view(">f2").astype(np.float32)
    return scale * np.concatenate([low, high]) + lowest


def answers_for_any_number_of_bytes(packet):
    scale, lowest = packet[:4].copy().view("<f2").astype(np.float32)
    return scale * np.concatenate([packet[4:] % 16, packet[4:] // 16]) + lowest


def computes_in_16_bits(packet):
    _, _, low, high = _parts(packet)
    scale, lowest = packet[:4].copy().view("<f2")
    return scale * np.concatenate([low, high]) + lowest


def reads_the_bytes_as_signed(packet):
    scale, lowest, _, _ = _parts(packet)
    signed = packet[4:].view(np.int8)
    return scale * np.concatenate([signed % 16, signed // 16]) + lowest


four_bits_and_a_scale = Exercise(
    "5.2.10",
    level=2,
    minutes=10,
    points=2,
    solution=unpack_packet,
    cases=(
        Case(
            (_packet(0.5, -1, [49] + [0] * 15),),
            expected=np.array([-0.5] + [-1.0] * 15 + [0.5] + [-1.0] * 15),
            name="the packet of the statement",
        ),
        Case(
            (_packet(1, 0, range(16)),),
            expected=np.array([float(j) for j in range(16)] + [0.0] * 16),
            name="bytes below 16: only low halves",
        ),
        Case(
            (_packet(0.25, 2, [16 * j for j in range(16)]),),
            expected=np.array([2.0] * 16 + [2 + j / 4 for j in range(16)]),
            name="multiples of 16: only high halves",
        ),
        Case(
            (_packet(0.1268, 0.7305, range(3, 243, 15)),),
            name="a scale that is no round number: 32-bit arithmetic",
        ),
        Case((np.zeros(18, dtype=np.uint8),), raises=ValueError, name="18 bytes"),
    ),
    wrong={
        takes_the_high_halves_first: 1,
        puts_the_halves_of_a_byte_side_by_side: 1,
        scales_the_lowest_too: 2,
        subtracts_8_instead: 2,
        exchanges_scale_and_lowest: None,
        leaves_the_lowest_out: 2,
        leaves_the_scale_out: 2,
        reads_halves_above_7_as_negative: 0,
        computes_in_16_bits: 2,
        reads_the_bytes_as_signed: 0,
        reads_the_two_bytes_the_other_way_round: None,
        answers_for_any_number_of_bytes: None,
    },
    draw=draw_packet,
)

# 5.2.11 a conversation is a text ------------------------------------------------------------------

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
ROLES = ("system", "user", "assistant")


def render(messages, answer=True):
    """The text that a chat model reads.

    messages: a list of {"role": "system", "user" or "assistant", "content": text}. answer: whether the model
    has the word at the end -> text. Raises ValueError for another role.
    """
    # Common wrong turn: without the opened answer the model goes on with the question, or ends at once.
    for message in messages:
        if message["role"] not in ROLES:
            raise ValueError(f"role {message['role']!r}; known are {ROLES}")
    if messages and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": SYSTEM}, *messages]
    text = "".join(f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in messages)
    return text + "<|im_start|>assistant\n" * answer


def draw_conversation(rng):
    """One to four short messages, the first or the last at times the system's; at times an unknown role."""
    words = ["Hi", "Why?", "", " two  words ", "line\n", "1 + 1", "system", "Be brief.", "a <|im_end|> b"]
    count = int(rng.integers(1, 5))
    roles = [("user", "assistant")[place % 2] for place in range(count)]
    if rng.random() < 0.4:
        roles[0] = "system"
    if rng.random() < 0.2:
        roles[-1] = "system"
    messages = [{"role": role, "content": words[rng.integers(len(words))]} for role in roles]
    if rng.random() < 0.1:
        messages[rng.integers(count)]["role"] = ("bot", "User", "")[rng.integers(3)]
        return Case((messages,), raises=ValueError)
    return (messages, bool(rng.random() < 0.5))


def _checked(messages):
    for message in messages:
        if message["role"] not in ROLES:
            raise ValueError(f"role {message['role']!r}")
    return messages


def _with_system(messages):
    first = {"role": "system", "content": SYSTEM}
    return messages if _checked(messages)[0]["role"] == "system" else [first, *messages]


def _joined(messages, after_role="\n", after="\n"):
    return "".join(
        f"<|im_start|>{each['role']}{after_role}{each['content']}<|im_end|>{after}" for each in messages
    )


def forgets_the_system_message(messages, answer=True):
    return _joined(_checked(messages)) + "<|im_start|>assistant\n" * answer


def always_puts_a_system_message_first(messages, answer=True):
    first = {"role": "system", "content": SYSTEM}
    return _joined([first, *_checked(messages)]) + "<|im_start|>assistant\n" * answer


def forgets_the_line_break_after_the_role(messages, answer=True):
    return _joined(_with_system(messages), after_role="") + "<|im_start|>assistant\n" * answer


def forgets_the_line_break_after_a_message(messages, answer=True):
    return _joined(_with_system(messages), after="") + "<|im_start|>assistant\n" * answer


def does_not_give_the_model_the_word(messages, answer=True):
    return _joined(_with_system(messages))


def always_gives_the_model_the_word(messages, answer=True):
    return render(messages, True)


def ends_the_answer_before_it_begins(messages, answer=True):
    return _joined(_with_system(messages)) + "<|im_start|>assistant\n<|im_end|>\n" * answer


def forgets_the_last_line_break(messages, answer=True):
    return _joined(_with_system(messages)) + "<|im_start|>assistant" * answer


def strips_the_contents(messages, answer=True):
    stripped = [each | {"content": each["content"].strip()} for each in messages]
    return render(stripped, answer)


def accepts_any_role(messages, answer=True):
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": SYSTEM}, *messages]
    return _joined(messages) + "<|im_start|>assistant\n" * answer


def changes_the_list_it_got(messages, answer=True):
    if _checked(messages)[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": SYSTEM})
    return _joined(messages) + "<|im_start|>assistant\n" * answer


def looks_for_a_system_message_anywhere(messages, answer=True):
    found = any(each["role"] == "system" for each in _checked(messages))
    return _joined(messages if found else _with_system(messages)) + "<|im_start|>assistant\n" * answer


def gives_the_word_only_after_the_user(messages, answer=True):
    asked = answer and _checked(messages)[-1]["role"] == "user"
    return _joined(_with_system(messages)) + "<|im_start|>assistant\n" * asked


def ends_without_a_line_break_where_no_answer_follows(messages, answer=True):
    text = _joined(_with_system(messages))
    return text + "<|im_start|>assistant\n" if answer else text[:-1]


HI = {"role": "user", "content": "Hi"}
OPENED = "<|im_start|>assistant\n"

a_conversation_is_a_text = Exercise(
    "5.2.11",
    level=2,
    minutes=10,
    points=2,
    solution=render,
    cases=(
        Case(
            ([{"role": "system", "content": "Be brief."}, HI],),
            expected="<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n" + OPENED,
            name="the conversation of the statement",
        ),
        Case(
            ([HI],),
            expected=f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n" + OPENED,
            name="no system message",
        ),
        Case(
            (
                [
                    {"role": "system", "content": "Be brief."},
                    HI,
                    {"role": "assistant", "content": " Yes? \n"},
                ],
                False,
            ),
            expected="<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n Yes? \n<|im_end|>\n",
            name="no answer wanted, and an answer with blanks",
        ),
        Case(
            ([HI, {"role": "system", "content": "Be brief."}],),
            expected=f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>system\nBe brief.<|im_end|>\n" + OPENED,
            name="a system message, but not the first",
        ),
        Case(([{"role": "bot", "content": "Hi"}],), raises=ValueError, name="an unknown role"),
    ),
    wrong={
        forgets_the_system_message: 1,
        always_puts_a_system_message_first: 1,
        forgets_the_line_break_after_the_role: 0,
        forgets_the_line_break_after_a_message: 0,
        does_not_give_the_model_the_word: 2,
        always_gives_the_model_the_word: 2,
        ends_the_answer_before_it_begins: 2,
        forgets_the_last_line_break: 2,
        strips_the_contents: None,
        accepts_any_role: None,
        changes_the_list_it_got: 1,
        looks_for_a_system_message_anywhere: 1,
        gives_the_word_only_after_the_user: 2,
        ends_without_a_line_break_where_no_answer_follows: 0,
    },
    draw=draw_conversation,
)

EXERCISES = (
    bits_by_hand,
    another_way_to_share,
    one_merge,
    what_may_be_compared,
    a_mixture,
    a_moving_bar,
    the_rate_of_a_step,
    gain_or_luck,
    looking_back,
    four_bits_and_a_scale,
    a_conversation_is_a_text,
)
