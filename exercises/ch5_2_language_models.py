"""Exercises of section 5.2, language models: bits, smoothing, merges, comparing, sampling, mixing."""

import math

import numpy as np

from . import Case, Exercise

# 5.2.1 two bits -----------------------------------------------------------------------------------

TWO_THIRDS = (math.log2(4 / 3) + math.log2(3)) / 3  # p(a|b) = 1, p(n|a) = 3/4, p(d|n) = 1/3


def _is_not(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if np.isclose(float(answer), number, rtol=2e-3) else None


bits_by_hand = Exercise(
    number="5.2.1",
    title="Bits by hand",
    level=1,
    minutes=10,
    points=1,
    kind="predict",
    rtol=2e-3,
    statement="""\
A bigram model is counted from the eleven characters `banana band`. It is then asked to predict the word
`band`, whose first character is given. How many **bits per character** does it need for the three that it
has to predict?

Use the counts as they are, without smoothing. Write a number with at least three digits, or a formula such as
`math.log2(3) / 7` (after `import math`), instead of the three dots. An example to start with: for `ab`,
given `a`, a model with p(b | a) = 1/8 needs 3 bits for one character, so 3 bits per character.""",
    hints=(
        (
            "What follows an a?",
            "Go through the text and write down each character that stands right after an a, the space "
            "included. The last character of the text has no successor.",
        ),
        (
            "I have the three probabilities. What now?",
            "Each costs -log2 p bits. A certain character costs nothing, and still is one of those "
            "predicted.",
        ),
        (
            "Over how many characters is the mean?",
            "Over those that were predicted, so not over the first one, which was given.",
        ),
    ),
    solution=TWO_THIRDS,
    cases=(
        Case(
            "the sum instead of the mean",
            hint=2,
            check=_is_not(2.0, "These are the bits for the whole word; asked for is the mean per character."),
        ),
        Case(
            "the given character counted as predicted",
            hint=2,
            check=_is_not(0.5, "The first character is given: it is not among those that are predicted."),
        ),
        Case(
            "the natural logarithm",
            hint=1,
            check=_is_not(TWO_THIRDS * math.log(2), "This is in nats; bits take the logarithm to base 2."),
        ),
        Case(
            "the certain character left out of the mean",
            hint=1,
            check=_is_not(1.0, "The character that was certain costs 0 bits, and it was predicted too."),
        ),
        Case(
            "the perplexity",
            hint=1,
            check=_is_not(2**TWO_THIRDS, "This is the perplexity, 2 to the power of the bits."),
        ),
        Case(
            "how frequent the characters are, whatever comes before",
            hint=0,
            check=_is_not(
                -(math.log2(4 / 11) + math.log2(3 / 11) + math.log2(1 / 11)) / 3,
                "The context counts: not how often n is in the text, but how often it comes after an a.",
            ),
        ),
        Case("any other number"),
    ),
    wrong={
        "gives the sum": 2.0,
        "divides by four characters": 0.5,
        "takes the natural logarithm": TWO_THIRDS * math.log(2),
        "leaves the certain character out": 1.0,
        "gives the perplexity": 2**TWO_THIRDS,
        "ignores the context": -(math.log2(4 / 11) + math.log2(3 / 11) + math.log2(1 / 11)) / 3,
        "forgets the space after an a": (math.log2(3)) / 3,
        "forgets the minus sign": -TWO_THIRDS,
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


def _wb_without_lower(counts, lower):
    counts, lower = np.asarray(counts, dtype=float), np.asarray(lower, dtype=float)
    if counts.shape != lower.shape:
        raise ValueError("shapes")
    t = np.count_nonzero(counts)
    return (counts + t / len(counts)) / (counts.sum() + t) if t else lower.copy()


def _wb_unseen_only(counts, lower):
    """Hands t / (n + t) to the characters that were never seen, and nothing of it to the others."""
    counts, lower = np.asarray(counts, dtype=float), np.asarray(lower, dtype=float)
    if counts.shape != lower.shape:
        raise ValueError("shapes")
    t = np.count_nonzero(counts)
    return np.where(counts > 0, counts, t * lower) / (counts.sum() + t) if t else lower.copy()


def _wb_broadcasts(counts, lower):
    counts, lower = np.asarray(counts, dtype=float), np.asarray(lower, dtype=float)
    t = np.count_nonzero(counts)
    return (counts + t * lower) / (counts.sum() + t) if t else lower.copy()


another_way_to_share = Exercise(
    number="5.2.2",
    title="Another way to share",
    level=3,
    minutes=15,
    points=3,
    statement="""\
Kneser and Ney take the same discount from every count. Witten and Bell (1991) ask instead how often something
*new* has come after this context: if `t` different characters came in `n` occurrences, then `t` of them were
new when they came. So they set

$$p(c \\mid h) = \\frac{n(hc) + t(h)\\; p(c \\mid h')}{n(h) + t(h)}$$

with $h'$ the context shortened by its oldest character. Write `witten_bell` for one context and all
characters at once.

- `counts` `(V,)` holds $n(hc)$ for each character, `lower` `(V,)` the probabilities $p(c \\mid h')$; lists
  or arrays.
- The result is a float array `(V,)` that sums to 1 (if `lower` does).
- A context that was never seen (all counts 0) knows nothing: the result is then `lower`.
- Shapes that differ: `ValueError`.

By hand: `counts = [3, 1, 0, 0]`, `lower = [0.25] * 4`. Here n = 4 and t = 2, so
`[3.5, 1.5, 0.5, 0.5] / 6`.""",
    hints=(
        (
            "What is t?",
            "How many different characters came after the context: the entries of counts that are not 0. "
            "It is neither their sum nor the size of the alphabet.",
        ),
        (
            "My result does not sum to 1.",
            "Every character gets its part of the second term, those that were seen too; then the numerators "
            "add up to n + t.",
        ),
        (
            "I get nan, or an answer where an error is expected.",
            "0 / 0 is nan: treat the unseen context first. And NumPy stretches a shape (1,) to fit (4,) "
            "without a word: compare the shapes.",
        ),
    ),
    solution=witten_bell,
    cases=(
        Case(
            "t taken for something else",
            ([3, 1, 0, 0], [0.25] * 4),
            hint=0,
            expected=np.array([3.5, 1.5, 0.5, 0.5]) / 6,
        ),
        Case(
            "the shorter context replaced by equal chances",
            ([0, 5, 2], [0.7, 0.2, 0.1]),
            hint=1,
            expected=np.array([1.4, 5.4, 2.2]) / 9,
        ),
        Case(
            "only what was never seen gets a part",
            ([1, 1, 0], [0.5, 0.25, 0.25]),
            hint=1,
            expected=np.array([2.0, 1.5, 0.5]) / 4,
        ),
        Case(
            "a context that was never seen",
            ([0, 0, 0], [0.5, 0.3, 0.2]),
            hint=2,
            expected=np.array([0.5, 0.3, 0.2]),
        ),
        Case(
            "a single character always followed",
            ([7, 0], [0.5, 0.5]),
            hint=0,
            expected=np.array([7.5, 0.5]) / 8,
        ),
        Case("shapes that differ are stretched", ([1, 2, 3], [1.0]), hint=2, raises=ValueError),
    ),
    wrong={
        "takes the size of the alphabet for t": lambda counts, lower: _wb(counts, lower, len),
        "takes n for t": lambda counts, lower: _wb(counts, lower, np.sum),
        "counts what came exactly once (that is another smoothing)": lambda counts, lower: _wb(
            counts, lower, lambda c: np.sum(c == 1)
        ),
        "adds one, whatever was seen": lambda counts, lower: _wb(counts, lower, lambda c: 1),
        "ignores the shorter context": _wb_without_lower,
        "gives the unseen alone a part, so that the sum is not 1": _wb_unseen_only,
        "divides 0 by 0 for an unseen context": lambda counts, lower: _wb(
            counts, lower, np.count_nonzero, unseen=False
        ),
        "lets NumPy stretch a shape that does not fit": _wb_broadcasts,
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


def _merge_overlapping(ids, pair, new):
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


def _merge_again(ids, pair, new):
    """Looks back at what it has written, so that a new token can be merged once more."""
    merged = []
    for token in ids:
        if merged and (merged[-1], token) == tuple(pair):
            merged[-1] = new
        else:
            merged.append(token)
    return merged


def _merge_until_stable(ids, pair, new):
    before, after = None, list(ids)
    while before != after:
        before, after = after, merge_pair(after, pair, new)
    return after


def _merge_forgets_last(ids, pair, new):
    merged, i = [], 0
    while i < len(ids) - 1:
        two = (ids[i], ids[i + 1]) == tuple(pair)
        merged.append(new if two else ids[i])
        i += 1 + two
    return merged


def _merge_first_only(ids, pair, new):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == tuple(pair):
            return [*ids[:i], new, *ids[i + 2 :]]
    return list(ids)


def _merge_any_order(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        two = sorted(ids[i : i + 2]) == sorted(pair)
        merged.append(new if two else ids[i])
        i += 1 + two
    return merged


def _merge_in_place(ids, pair, new):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == tuple(pair):
            ids[i : i + 2] = [new]
        i += 1
    return ids


def _merge_from_right(ids, pair, new):
    return merge_pair(list(ids)[::-1], tuple(pair)[::-1], new)[::-1]


one_merge = Exercise(
    number="5.2.3",
    title="One merge",
    level=2,
    minutes=10,
    points=2,
    statement="""\
All of byte-pair encoding hangs on one small step. Write `merge_pair` for tokens that are numbers.

- `ids` is a list of whole numbers, `pair` a pair of them, `new` the number that replaces the pair.
- Go from left to right; a token that was merged is used up. So `[5, 5, 5]` with the pair `(5, 5)` has one
  merge.
- What has been written is not looked at again in the same call, even if `new` stands in the pair.
- The result is a new list. The input keeps its values.

By hand: `merge_pair([1, 2, 3, 1, 2], (1, 2), 9)` is `[9, 3, 9]`.""",
    hints=(
        (
            "How do I step over the second token of a pair?",
            "A for loop moves by one, always. With while and your own i you can move by one or by two.",
        ),
        (
            "What happens at the end of the list?",
            "The last token has no right neighbour, and still must be kept. A slice ids[i : i + 2] at the "
            "end is shorter, without an error.",
        ),
        (
            "The three equal tokens come out wrong, or too much is merged.",
            "Look at the input only, never at what you have already written, and start at the left.",
        ),
    ),
    solution=merge_pair,
    cases=(
        Case("only the first pair is merged", ([1, 2, 3, 1, 2], (1, 2), 9), hint=0, expected=[9, 3, 9]),
        Case("the last token is lost", ([1, 2, 3], (1, 2), 9), hint=1, expected=[9, 3]),
        Case("a token used twice, or merged from the right", ([5, 5, 5], (5, 5), 9), hint=2, expected=[9, 5]),
        Case("four equal tokens", ([5, 5, 5, 5], (5, 5), 9), hint=0, expected=[9, 9]),
        Case("the new token merged again", ([9, 1, 1], (9, 1), 9), hint=2, expected=[9, 1]),
        Case("the pair the other way round", ([2, 1, 2], (1, 2), 9), hint=0, expected=[2, 9]),
        Case("no pair at all", ([4], (1, 2), 9), hint=1, expected=[4]),
        Case("an empty list", ([], (1, 2), 9), hint=1, expected=[], why="a text without words has no tokens"),
    ),
    wrong={
        "uses a token twice": _merge_overlapping,
        "merges what it has just written": _merge_again,
        "repeats until nothing changes": _merge_until_stable,
        "loses the last token": _merge_forgets_last,
        "merges the first pair only": _merge_first_only,
        "takes the pair in either order": _merge_any_order,
        "changes its input": _merge_in_place,
        "goes from right to left": _merge_from_right,
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
    number="5.2.4",
    title="What may be compared",
    level=2,
    minutes=5,
    points=2,
    statement="""\
A paper says: "our model reaches a loss of 2.2", and means nats per token. Another one, with another
tokeniser, says 3.1. Neither number can be compared with the other before both are spread over the same
characters. Write `bits_per_character`.

- `loss` is the mean cross-entropy in nats (natural logarithm) per token; `tokens` and `characters` are the
  lengths of the text that was judged. The result is a `float`.
- A length below 1 or a loss below 0: `ValueError`.

By hand: a loss of ln 4 = 1.386 is 2 bits per token; 10 tokens for 40 characters make 20 / 40 = 0.5.""",
    hints=(
        (
            "How do nats become bits?",
            "-ln p and -log2 p differ by a constant factor: log2 p = ln p / ln 2.",
        ),
        (
            "How do tokens become characters?",
            "The whole text costs loss times tokens. The same total is then shared among the characters.",
        ),
        (
            "My result is too large where tokens are long.",
            "Four characters a token: the bits per character must be smaller than the bits per token.",
        ),
    ),
    solution=bits_per_character,
    cases=(
        Case("nats taken for bits, or tokens for characters", (math.log(4), 10, 40), hint=0, expected=0.5),
        Case("one character a token", (math.log(2), 7, 7), hint=0, expected=1.0),
        Case("the ratio the wrong way round", (2.0794415416798357, 3, 12), hint=2, expected=0.75),
        Case("bytes: more tokens than characters", (math.log(2), 30, 10), hint=1, expected=3.0),
        Case("a perfect model", (0.0, 5, 5), hint=1, expected=0.0, why="a loss of 0 is allowed"),
        Case("no characters, yet an answer or another error", (1.0, 5, 0), hint=1, raises=ValueError),
        Case("no tokens", (1.0, 0, 5), hint=1, raises=ValueError),
        Case("a loss below 0", (-0.5, 5, 5), hint=1, raises=ValueError),
    ),
    wrong={
        "forgets ln 2": _refusing(lambda loss, n, m: loss * n / m),
        "multiplies by ln 2": _refusing(lambda loss, n, m: loss * n / m * math.log(2)),
        "bits per token": _refusing(lambda loss, n, m: loss / math.log(2)),
        "the ratio the wrong way round": _refusing(lambda loss, n, m: loss * m / n / math.log(2)),
        "the sum over the text": _refusing(lambda loss, n, m: loss * n / math.log(2)),
        "the logarithm of the loss": _refusing(lambda loss, n, m: math.log2(loss) * n / m if loss else 0.0),
        "checks nothing": lambda loss, tokens, characters: (
            loss * tokens / characters / math.log(2) if characters else 0.0
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


def _mix_largest(p, q, shares):
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    if p.shape != q.shape or len(shares) == 0:
        raise ValueError("lengths")
    bits = [float(-np.log2(s * p + (1 - s) * q).mean()) for s in shares]
    best = int(np.argmax(bits))
    return float(shares[best]), bits[best]


def _mix_nats(p, q, shares):
    share, bits = best_mix(p, q, shares)
    return share, bits * math.log(2)


def _mix_stretches(p, q, shares):
    """A loop that keeps the best so far, and asks for nothing."""
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    best = (0.0, math.inf)
    with np.errstate(divide="ignore"):
        for s in shares:
            bits = float(-np.log2(s * p + (1 - s) * q).mean())
            best = (float(s), bits) if bits < best[1] else best
    return best


two_heads = Exercise(
    number="5.2.5",
    title="Two heads",
    level=4,
    minutes=20,
    points=3,
    statement="""\
The n-gram and the GPT err in different places: one knows rare names by heart, the other what fits. A
*mixture* gives every character the probability $s\\,p + (1 - s)\\,q$, which sums to 1 when $p$ and $q$ do,
so it is a language model too. Write `best_mix`, which tries several shares.

- `p` and `q` `(N,)` are the probabilities that the two models gave to the characters that really came;
  `shares` is a list of numbers from 0 to 1, each the share of `p`.
- The result is a pair of floats: the best share, and the bits per character of the mixture with it. If two
  shares are equally good, the first.
- A probability of 0 is allowed. (Its bits are infinite, and a mixture may repair that.)
- `p` and `q` of different lengths, or no shares: `ValueError`.

By hand: `p = [0.5, 0.125]`, `q = [0.125, 0.5]`. Each alone needs (1 + 3) / 2 = 2 bits. Half of each gives
0.3125 twice, so 1.678 bits: better than both. *Then try to find p and q for which no mixture helps, and say
why.*""",
    hints=(
        (
            "What is mixed: probabilities or bits?",
            "The probabilities, character by character; then bits of the mixture, then the mean.",
        ),
        (
            "My best share is always 0 or 1.",
            "Then you have mixed the bits, or logarithms. Minus the logarithm is a convex function: the "
            "bits of a mixture are never more than the mixture of the bits, and mostly fewer.",
        ),
        (
            "It fails with a probability of 0, or with unequal lengths.",
            "log2(0) is -inf with a warning, which is right for a share that leaves it at 0. Shapes such "
            "as (1,) and (3,) are stretched by NumPy without a word: compare them first.",
        ),
    ),
    solution=best_mix,
    cases=(
        Case(
            "bits mixed instead of probabilities",
            ([0.5, 0.125], [0.125, 0.5], [0.0, 0.5, 1.0]),
            hint=0,
            expected=(0.5, -math.log2(0.3125)),
        ),
        Case(
            "the share given to the other model",
            ([0.9, 0.8, 0.1], [0.2, 0.1, 0.3], [0.1, 0.8]),
            hint=0,
        ),
        Case(
            "the worst instead of the best",
            ([0.25, 0.25], [0.5, 0.5], [0.0, 0.5, 1.0]),
            hint=1,
            expected=(0.0, 1.0),
        ),
        Case(
            "one model is certain that it cannot come",
            ([0.0, 0.5], [0.5, 0.25], [0.5, 1.0]),
            hint=2,
            expected=(0.5, (2 - math.log2(0.375)) / 2),
        ),
        Case("nats", ([0.5], [0.5], [0.3]), hint=0, expected=(0.3, 1.0)),
        Case("two equally good shares", ([0.5, 0.5], [0.5, 0.5], [0.2, 0.7]), hint=1, expected=(0.2, 1.0)),
        Case("lengths that differ", ([0.5], [0.5, 0.5, 0.5], [0.5]), hint=2, raises=ValueError),
        Case("no shares", ([0.5], [0.5], []), hint=2, raises=ValueError),
    ),
    wrong={
        "mixes the bits": _mix_with(lambda p, q, s: -(s * np.log2(p) + (1 - s) * np.log2(q)).mean()),
        "gives the share to the other model": _mix_with(lambda p, q, s: -np.log2(s * q + (1 - s) * p).mean()),
        "takes the logarithm of the mean probability": _mix_with(
            lambda p, q, s: -np.log2((s * p + (1 - s) * q).mean())
        ),
        "adds up instead of averaging": _mix_with(lambda p, q, s: -np.log2(s * p + (1 - s) * q).sum()),
        "takes the largest": _mix_largest,
        "answers in nats": _mix_nats,
        "checks nothing, and lets NumPy stretch a length": _mix_stretches,
        "takes the better of the two at each place, which is no model": _mix_with(
            lambda p, q, s: -np.log2(np.maximum(p, q)).mean()
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


def _min_p_of_logits(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    return np.where(logits >= share * logits.max(axis=-1, keepdims=True), logits, -np.inf)


def _min_p_absolute(logits, share):
    _refuse_share(share)
    return np.where(_probabilities(logits) >= share, np.asarray(logits, dtype=float), -np.inf)


def _min_p_one_bar(logits, share):
    _refuse_share(share)
    p = _probabilities(logits)
    return np.where(p >= share * p.max(), np.asarray(logits, dtype=float), -np.inf)


def _min_p_strict(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    gap = logits - logits.max(axis=-1, keepdims=True)
    return np.where(gap > np.log(share), logits, -np.inf)


def _min_p_zero(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    gap = logits - logits.max(axis=-1, keepdims=True)
    return np.where(gap >= np.log(share), logits, 0.0)


def _min_p_probabilities(logits, share):
    _refuse_share(share)
    p = _probabilities(logits)
    return np.where(p >= share * p.max(axis=-1, keepdims=True), p, 0.0)


def _min_p_in_place(logits, share):
    _refuse_share(share)
    logits[logits - logits.max(axis=-1, keepdims=True) < np.log(share)] = -np.inf
    return logits


def _min_p_unchecked(logits, share):
    logits = np.asarray(logits, dtype=float)
    p = _probabilities(logits)
    return np.where(p >= share * p.max(axis=-1, keepdims=True), logits, -np.inf)


def _min_p_overflows(logits, share):
    _refuse_share(share)
    logits = np.asarray(logits, dtype=float)
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        return np.where(p >= share * p.max(axis=-1, keepdims=True), logits, -np.inf)


_LN = np.log(np.array([0.5, 0.3, 0.15, 0.05]))  # logits whose probabilities can be read off
_ROWS = np.log(np.array([[0.9, 0.06, 0.04], [0.4, 0.35, 0.25]]))

a_moving_bar = Exercise(
    number="5.2.6",
    title="A bar that moves with the model",
    level=3,
    minutes=15,
    points=3,
    statement="""\
Top-k keeps a fixed number of characters, top-p a fixed share of the probability. A third rule, *min-p*
(Nguyen and others, 2024), keeps what is not much less probable than the best: with `share = 0.1`, all that
is at least a tenth as probable as the most probable one. Where the model is sure, little passes; where it is
not, much. Write `min_p`.

- `logits` is an array `(..., V)`: one row, or many at once, each with a bar of its own. The result has the
  same shape: the logits that are kept, unchanged, and `-inf` for the others. The input keeps its values.
- What lies exactly on the bar is kept. The most probable one always is.
- `share` must be above 0 and at most 1; else `ValueError`. Logits may be large (1,000).

By hand: probabilities 0.5, 0.3, 0.15, 0.05 with `share = 0.2`: the bar is 0.1, so the last one goes.""",
    hints=(
        (
            "The input is logits. How do I get at the probabilities?",
            "Softmax; or notice that p / p_max = exp(z - z_max), so that no sum is needed at all.",
        ),
        (
            "It works for one row, and not for two.",
            "Each row has its own maximum: max(axis=-1, keepdims=True) keeps the axis, so that the shapes "
            "fit.",
        ),
        (
            "nan, or zeros where -inf is expected.",
            "exp(1000) overflows: subtract the row's maximum first. And a logit of 0 is no ban, it is "
            "exp(0) = 1 before the softmax divides; a ban is -inf.",
        ),
    ),
    solution=min_p,
    cases=(
        Case(
            "the bar laid on logits, or on probabilities without the maximum",
            (_LN.copy(), 0.2),
            hint=0,
            expected=np.array([*_LN[:3], -np.inf]),
        ),
        Case(
            "logits moved by a constant",
            (_LN + 10, 0.2),
            hint=0,
            expected=np.array([*(_LN[:3] + 10), -np.inf]),
        ),
        Case(
            "one bar for all rows",
            (_ROWS.copy(), 0.5),
            hint=1,
            expected=np.array([[_ROWS[0, 0], -np.inf, -np.inf], _ROWS[1]]),
        ),
        Case(
            "what lies on the bar is dropped",
            (np.array([2.0, 2.0, 1.0]), 1.0),
            hint=0,
            expected=np.array([2.0, 2.0, -np.inf]),
        ),
        Case(
            "large logits overflow",
            (np.array([1000.0, 999.0, 990.0]), 0.1),
            hint=2,
            expected=np.array([1000.0, 999.0, -np.inf]),
        ),
        Case("a share of 0 is accepted", (_LN.copy(), 0.0), hint=2, raises=ValueError),
        Case("a share above 1 is accepted", (_LN.copy(), 1.5), hint=2, raises=ValueError),
    ),
    wrong={
        "compares logits": _min_p_of_logits,
        "compares probabilities with the share itself": _min_p_absolute,
        "takes the largest probability of all rows": _min_p_one_bar,
        "drops what lies on the bar": _min_p_strict,
        "writes 0 instead of -inf": _min_p_zero,
        "returns probabilities": _min_p_probabilities,
        "changes its input": _min_p_in_place,
        "accepts any share": _min_p_unchecked,
        "lets exp overflow": _min_p_overflows,
    },
)

EXERCISES = [bits_by_hand, another_way_to_share, one_merge, what_may_be_compared, two_heads, a_moving_bar]
