"""Answers to the exercises of chapter 5, written from the statements alone."""

import math
import re
from fractions import Fraction

import numpy as np

# 5.2.2 witten_bell -----------------------------------------------------------------------------------------


def _two(counts, lower):
    counts, lower = np.asarray(counts, dtype=float), np.asarray(lower, dtype=float)
    if counts.shape != lower.shape:
        raise ValueError(f"{counts.shape} and {lower.shape}")
    return counts, lower


def wrong_5_2_2_t_counts_all_characters(counts, lower):
    counts, lower = _two(counts, lower)
    n, t = counts.sum(), len(counts)
    return lower if n == 0 else (counts + t * lower) / (n + t)


def wrong_5_2_2_unseen_gives_nan(counts, lower):
    counts, lower = _two(counts, lower)
    t = (counts > 0).sum()
    with np.errstate(all="ignore"):
        return (counts + t * lower) / (counts.sum() + t)


def wrong_5_2_2_seen_characters_get_no_share(counts, lower):
    counts, lower = _two(counts, lower)
    n, t = counts.sum(), (counts > 0).sum()
    return lower if n == 0 else np.where(counts > 0, counts, t * lower) / (n + t)


def wrong_5_2_2_one_for_t(counts, lower):
    counts, lower = _two(counts, lower)
    return lower if counts.sum() == 0 else (counts + lower) / (counts.sum() + 1)


def wrong_5_2_2_singletons_for_t(counts, lower):
    counts, lower = _two(counts, lower)
    n, t = counts.sum(), (counts == 1).sum()
    return lower if n == 0 else (counts + t * lower) / (n + t)


def wrong_5_2_2_unseen_is_uniform(counts, lower):
    counts, lower = _two(counts, lower)
    n, t = counts.sum(), (counts > 0).sum()
    return np.full(len(counts), 1 / len(counts)) if n == 0 else (counts + t * lower) / (n + t)


def wrong_5_2_2_shapes_are_broadcast(counts, lower):
    counts, lower = np.asarray(counts, dtype=float), np.asarray(lower, dtype=float)
    n, t = counts.sum(), (counts > 0).sum()
    return lower if n == 0 else (counts + t * lower) / (n + t)


def wrong_5_2_2_normalised_again(counts, lower):
    counts, lower = _two(counts, lower)
    n, t = counts.sum(), (counts > 0).sum()
    mixed = lower if n == 0 else (counts + t * lower) / (n + t)
    return np.round(mixed, 3)


def right_5_2_2_in_fractions(counts, lower):
    if len(counts) != len(lower):
        raise ValueError("one probability for each count")
    n, t = sum(map(int, counts)), sum(1 for count in counts if count)
    mixed = [Fraction(int(c)) + t * Fraction(float(p)) for c, p in zip(counts, lower, strict=True)]
    return np.array([float(share / (n + t)) for share in mixed] if n else [float(p) for p in lower])


# 5.2.3 merge_pair ------------------------------------------------------------------------------------------


def wrong_5_2_3_merges_again(ids, pair, new):
    out = []
    for token in ids:
        out.append(token)
        if tuple(out[-2:]) == tuple(pair):
            out[-2:] = [new]
    return out


def wrong_5_2_3_by_text(ids, pair, new):
    text = " ".join(map(str, ids)).replace(f"{pair[0]} {pair[1]}", str(new))
    return [int(token) for token in text.split()]


def wrong_5_2_3_by_characters(ids, pair, new):
    text = "".join(map(chr, ids)).replace(chr(pair[0]) + chr(pair[1]), chr(new))
    return [ord(token) for token in text[: len(text)]] if 0 not in ids else [t for t in ids if t]


def wrong_5_2_3_drops_the_last(ids, pair, new):
    out, i = [], 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == tuple(pair):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def wrong_5_2_3_first_only(ids, pair, new):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == tuple(pair):
            return [*ids[:i], new, *ids[i + 2 :]]
    return list(ids)


def wrong_5_2_3_from_the_right(ids, pair, new):
    out, i = [], len(ids) - 1
    while i >= 0:
        if i and (ids[i - 1], ids[i]) == tuple(pair):
            out.append(new)
            i -= 2
        else:
            out.append(ids[i])
            i -= 1
    return out[::-1]


def wrong_5_2_3_either_order(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) in (tuple(pair), tuple(pair)[::-1]):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def wrong_5_2_3_filters_zeros(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == tuple(pair):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return [token for token in out if token]


def right_5_2_3_with_an_iterator(ids, pair, new):
    out, skip = [], False
    for left, right in zip(ids, [*ids, None][1:], strict=True):
        if skip:
            skip = False
        elif (left, right) == tuple(pair):
            out.append(new)
            skip = True
        else:
            out.append(left)
    return out


# 5.2.4 bits_per_character ----------------------------------------------------------------------------------


def _valid(loss, tokens, characters):
    if loss < 0 or tokens < 1 or characters < 1:
        raise ValueError(f"{loss}, {tokens}, {characters}")


def wrong_5_2_4_perplexity_first(loss, tokens, characters):
    if tokens < 1 or characters < 1 or loss < 0:
        raise ValueError("out of range")
    return math.log2(math.exp(loss)) * tokens / characters


def wrong_5_2_4_rounds(loss, tokens, characters):
    _valid(loss, tokens, characters)
    return round(loss / math.log(2) * tokens / characters, 3)


def wrong_5_2_4_in_nats(loss, tokens, characters):
    _valid(loss, tokens, characters)
    return loss * tokens / characters


def wrong_5_2_4_upside_down(loss, tokens, characters):
    _valid(loss, tokens, characters)
    return loss / math.log(2) * characters / tokens


def wrong_5_2_4_refuses_a_loss_of_zero(loss, tokens, characters):
    if loss <= 0 or tokens < 1 or characters < 1:
        raise ValueError
    return loss / math.log(2) * tokens / characters


def wrong_5_2_4_refuses_more_tokens_than_characters(loss, tokens, characters):
    _valid(loss, tokens, characters)
    if tokens > characters:
        raise ValueError
    return loss / math.log(2) * tokens / characters


def wrong_5_2_4_whole_characters_per_token(loss, tokens, characters):
    _valid(loss, tokens, characters)
    return loss / math.log(2) / max(characters // tokens, 1)


def wrong_5_2_4_accepts_zero_tokens(loss, tokens, characters):
    if loss < 0 or characters < 1:
        raise ValueError
    return loss / math.log(2) * tokens / characters


def wrong_5_2_4_log_of_the_loss(loss, tokens, characters):
    _valid(loss, tokens, characters)
    return math.log2(max(loss, 1e-12)) * tokens / characters


def right_5_2_4_by_log2_e(loss, tokens, characters):
    for number, least in ((loss, 0), (tokens, 1), (characters, 1)):
        if number < least:
            raise ValueError(f"{number} is below {least}")
    return np.float64(tokens * loss * math.log2(math.e)) / characters


# 5.2.5 best_mix --------------------------------------------------------------------------------------------


def _bits(p, q, s):
    with np.errstate(divide="ignore"):
        return float(-np.log2(s * np.asarray(p, dtype=float) + (1 - s) * np.asarray(q, dtype=float)).mean())


def _lengths(p, q, shares):
    if len(p) != len(q) or len(shares) == 0:
        raise ValueError("lengths")


def wrong_5_2_5_the_last_of_equals(p, q, shares):
    _lengths(p, q, shares)
    return min(((float(s), _bits(p, q, s)) for s in reversed(shares)), key=lambda pair: pair[1])


def wrong_5_2_5_share_of_q(p, q, shares):
    _lengths(p, q, shares)
    return min(((float(s), _bits(q, p, s)) for s in shares), key=lambda pair: pair[1])


def wrong_5_2_5_mixes_logarithms(p, q, shares):
    _lengths(p, q, shares)
    scores = []
    with np.errstate(all="ignore"):
        for s in shares:
            logs = s * np.log2(np.asarray(p, float)) + (1 - s) * np.log2(np.asarray(q, float))
            scores.append((float(s), float(-np.nan_to_num(logs, nan=0.0).mean())))
    return min(scores, key=lambda pair: pair[1])


def wrong_5_2_5_the_sum_of_bits(p, q, shares):
    _lengths(p, q, shares)
    return min(((float(s), _bits(p, q, s) * len(p)) for s in shares), key=lambda pair: pair[1])


def wrong_5_2_5_logarithm_of_the_mean(p, q, shares):
    _lengths(p, q, shares)
    means = [s * np.mean(p) + (1 - s) * np.mean(q) for s in shares]
    with np.errstate(divide="ignore"):
        bits = -np.log2(means)
    return float(shares[int(bits.argmin())]), float(bits.min())


def wrong_5_2_5_adds_a_tiny_number(p, q, shares):
    _lengths(p, q, shares)
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    bits = [float(-np.log2(s * p + (1 - s) * q + 1e-6).mean()) for s in shares]
    return float(shares[int(np.argmin(bits))]), min(bits)


def wrong_5_2_5_refuses_zeros(p, q, shares):
    _lengths(p, q, shares)
    if min(p) <= 0 or min(q) <= 0:
        raise ValueError("zero")
    return min(((float(s), _bits(p, q, s)) for s in shares), key=lambda pair: pair[1])


def wrong_5_2_5_leaves_out_the_ends(p, q, shares):
    _lengths(p, q, shares)
    inner = [s for s in shares if 0 < s < 1] or shares
    return min(((float(s), _bits(p, q, s)) for s in inner), key=lambda pair: pair[1])


def right_5_2_5_by_argmin(p, q, shares):
    p, q, s = (np.array(x, dtype=np.float64) for x in (p, q, shares))
    if p.shape != q.shape or s.size == 0:
        raise ValueError("p, q or shares")
    with np.errstate(divide="ignore"):
        bits = -np.log2(np.outer(s, p) + np.outer(1 - s, q)).mean(axis=1)
    return s[bits.argmin()], bits.min()


# 5.2.6 min_p -----------------------------------------------------------------------------------------------


def _share(share):
    if not 0 < share <= 1:
        raise ValueError(f"share {share}")


def wrong_5_2_6_one_bar_for_all_rows(logits, share):
    _share(share)
    bar = logits.max() + math.log(share) - 1e-12
    return np.where(logits >= bar, logits, -np.inf)


def wrong_5_2_6_axis_1(logits, share):
    _share(share)
    axis = 1 if logits.ndim > 1 else 0
    bar = logits.max(axis=axis, keepdims=True) + math.log(share) - 1e-12
    return np.where(logits >= bar, logits, -np.inf)


def wrong_5_2_6_strictly_above(logits, share):
    _share(share)
    bar = logits.max(axis=-1, keepdims=True) + math.log(share) + 1e-9
    return np.where((logits > bar) | (logits == logits.max(axis=-1, keepdims=True)), logits, -np.inf)


def wrong_5_2_6_absolute_bar(logits, share):
    _share(share)
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return np.where(p >= share, logits, -np.inf)


def wrong_5_2_6_overflows(logits, share):
    _share(share)
    with np.errstate(all="ignore"):
        e = np.exp(logits)
        return np.where(e / e.max(axis=-1, keepdims=True) >= share * (1 - 1e-12), logits, -np.inf)


def wrong_5_2_6_logits_times_share(logits, share):
    _share(share)
    return np.where(logits >= logits.max(axis=-1, keepdims=True) * share, logits, -np.inf)


def wrong_5_2_6_in_place(logits, share):
    _share(share)
    logits[logits < logits.max(axis=-1, keepdims=True) + math.log(share) - 1e-12] = -np.inf
    return logits


def wrong_5_2_6_share_of_one_refused(logits, share):
    if not 0 < share < 1:
        raise ValueError(f"share {share}")
    return np.where(logits >= logits.max(axis=-1, keepdims=True) + math.log(share) - 1e-12, logits, -np.inf)


def right_5_2_6_by_ratios(logits, share):
    if share <= 0 or share > 1 or share != share:
        raise ValueError(f"{share} is outside (0, 1]")
    ratio = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    kept = logits.astype(float).copy()
    kept[ratio < share * (1 - 1e-9)] = -math.inf
    return kept


# 5.2.7 rate ------------------------------------------------------------------------------------------------


def right_5_2_7_in_two_branches(step, steps):
    warm = steps // 20 or 1
    fall = 0.1 + 0.9 * (1 + math.cos(math.pi * step / steps)) / 2
    return fall if step >= warm else min(fall, (step + 1) / warm)


def wrong_5_2_7_the_cosine_ends_at_the_last_step(step, steps):
    return min((step + 1) / max(1, steps // 20), 0.55 + 0.45 * math.cos(math.pi * step / max(1, steps - 1)))


def wrong_5_2_7_in_degrees(step, steps):
    return min((step + 1) / max(1, steps // 20), 0.55 + 0.45 * math.cos(180 * step / steps))


# 5.2.8 gain ------------------------------------------------------------------------------------------------


def right_5_2_8_by_hand(before, after):
    if len(before) != len(after) or len(before) < 2:
        raise ValueError("two or more losses on both sides")
    brought = [b - a for b, a in zip(before, after, strict=True)]
    mean = sum(brought) / len(brought)
    squares = sum((x - mean) ** 2 for x in brought)
    return mean, math.sqrt(squares / (len(brought) - 1) / len(brought))


def wrong_5_2_8_twice_the_error(before, after):
    mean, error = right_5_2_8_by_hand(before, after)
    return mean, 2 * error


def wrong_5_2_8_size_of_the_gain(before, after):
    mean, error = right_5_2_8_by_hand(before, after)
    return abs(mean), error


# 5.3.2 pad_batch -------------------------------------------------------------------------------------------


def _cut(row, max_length):
    return list(row) if len(row) <= max_length else [*row[: max_length - 1], row[-1]]


def _pad(rows, max_length, pad, cut=_cut, left=False, width=None):
    if not rows or max_length < 2:
        raise ValueError("no row, or too short")
    rows = [cut(row, max_length) for row in rows]
    width = width or max(map(len, rows))
    ids, mask = np.full((len(rows), width), pad), np.zeros((len(rows), width), dtype=int)
    for i, row in enumerate(rows):
        part = slice(width - len(row), width) if left else slice(0, len(row))
        ids[i, part], mask[i, part] = row, 1
    return ids, mask


def wrong_5_3_2_appends_102(rows, max_length, pad=0):
    return _pad(rows, max_length, pad, lambda row, n: list(row) if len(row) <= n else [*row[: n - 1], 102])


def wrong_5_3_2_cuts_the_end_off(rows, max_length, pad=0):
    return _pad(rows, max_length, pad, lambda row, n: list(row)[:n])


def wrong_5_3_2_pads_left(rows, max_length, pad=0):
    return _pad(rows, max_length, pad, left=True)


def wrong_5_3_2_always_max_length(rows, max_length, pad=0):
    if not rows or max_length < 2:
        raise ValueError
    return _pad(rows, max_length, pad, width=max_length)


def wrong_5_3_2_mask_from_the_ids(rows, max_length, pad=0):
    ids, _ = _pad(rows, max_length, pad)
    return ids, (ids != pad).astype(int)


def wrong_5_3_2_keeps_the_last_tokens(rows, max_length, pad=0):
    return _pad(
        rows, max_length, pad, lambda row, n: list(row) if len(row) <= n else [row[0], *row[-n + 1 :]]
    )


def wrong_5_3_2_pads_with_zero(rows, max_length, pad=0):
    return _pad(rows, max_length, 0)


def wrong_5_3_2_boolean_mask(rows, max_length, pad=0):
    ids, mask = _pad(rows, max_length, pad)
    return ids, mask.astype(bool)


def wrong_5_3_2_max_length_of_two_refused(rows, max_length, pad=0):
    if max_length < 3:
        raise ValueError
    return _pad(rows, max_length, pad)


def right_5_3_2_by_lists(rows, max_length, pad=0):
    if len(rows) == 0 or max_length < 2:
        raise ValueError(f"{len(rows)} rows of at most {max_length}")
    cut = [row if len(row) <= max_length else row[: max_length - 1] + row[-1:] for row in rows]
    longest = max(len(row) for row in cut)
    ids = [row + [pad] * (longest - len(row)) for row in cut]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in cut]
    return np.array(ids), np.array(mask)


# 5.3.3 rate_factor -----------------------------------------------------------------------------------------


def _warm(warmup, total):
    if not 0 <= warmup < total:
        raise ValueError(f"warmup {warmup} of {total}")


def wrong_5_3_3_one_step_late(step, warmup, total):
    _warm(warmup, total)
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (total - step) / (total - warmup))


def wrong_5_3_3_negative_after_the_end(step, warmup, total):
    _warm(warmup, total)
    return step / warmup if step < warmup else (total - step) / (total - warmup)


def wrong_5_3_3_falls_over_the_whole(step, warmup, total):
    _warm(warmup, total)
    return step / warmup if step < warmup else max(0.0, (total - step) / total)


def wrong_5_3_3_cosine(step, warmup, total):
    _warm(warmup, total)
    if step < warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / (total - warmup))))


def wrong_5_3_3_no_rise(step, warmup, total):
    _warm(warmup, total)
    return 0.0 if step < warmup else max(0.0, (total - step) / (total - warmup))


def wrong_5_3_3_an_integer_at_the_ends(step, warmup, total):
    _warm(warmup, total)
    return step // max(warmup, 1) if step < warmup else max(0.0, (total - step) / (total - warmup))


def wrong_5_3_3_warmup_of_zero_refused(step, warmup, total):
    if not 0 < warmup < total:
        raise ValueError
    return step / warmup if step < warmup else max(0.0, (total - step) / (total - warmup))


def wrong_5_3_3_warmup_equal_to_total(step, warmup, total):
    if not 0 <= warmup <= total:
        raise ValueError
    return step / warmup if step < warmup else max(0.0, (total - step) / max(total - warmup, 1))


def right_5_3_3_by_interpolation(step, warmup, total):
    if warmup < 0 or warmup >= total:
        raise ValueError(f"warmup {warmup} does not fit {total} steps")
    places, heights = ([0, warmup, total], [0, 1, 0]) if warmup else ([0, total], [1, 0])
    return float(np.interp(step, places, heights))


# 5.3.4 merge_lora ------------------------------------------------------------------------------------------


def wrong_5_3_4_no_rank(W, A, B, alpha):
    return W + alpha * B @ A


def wrong_5_3_4_rank_of_the_input(W, A, B, alpha):
    return W + alpha / A.shape[1] * B @ A


def wrong_5_3_4_rank_of_the_output(W, A, B, alpha):
    return W + alpha / B.shape[0] * B @ A


def wrong_5_3_4_root_of_the_rank(W, A, B, alpha):
    return W + alpha / math.sqrt(len(A)) * B @ A


def wrong_5_3_4_in_place(W, A, B, alpha):
    W += alpha / len(A) * B @ A
    return W


def wrong_5_3_4_scales_w_too(W, A, B, alpha):
    return alpha / len(A) * (W + B @ A)


def wrong_5_3_4_whole_alpha(W, A, B, alpha):
    return W + alpha // len(A) * B @ A


def wrong_5_3_4_transposed(W, A, B, alpha):
    update = (B @ A).T
    return W + alpha / len(A) * (update if update.shape == W.shape else B @ A)


def right_5_3_4_by_loops(W, A, B, alpha):
    merged = W.astype(float).copy()
    r = B.shape[1]
    for i in range(W.shape[0]):
        for j in range(W.shape[1]):
            merged[i, j] += alpha * sum(B[i, k] * A[k, j] for k in range(r)) / r
    return merged


def right_5_3_4_by_the_columns_of_the_identity(W, A, B, alpha):
    eye = np.eye(W.shape[1])
    return np.stack([W @ x + alpha / len(A) * (B @ (A @ x)) for x in eye], axis=1)


# 5.3.5 sign_test -------------------------------------------------------------------------------------------


def _alone(right_a, right_b):
    if len(right_a) != len(right_b):
        raise ValueError("lengths")
    a = sum(bool(x) and not y for x, y in zip(right_a, right_b, strict=True))
    b = sum(bool(y) and not x for x, y in zip(right_a, right_b, strict=True))
    return a, b


def _tail(k, n):
    return sum(math.comb(n, i) for i in range(k + 1))


def wrong_5_3_5_floats(right_a, right_b):
    a, b = _alone(right_a, right_b)
    n = a + b
    return float(min(1.0, 2 * sum(math.comb(n, i) * 0.5**n for i in range(min(a, b) + 1))))


def wrong_5_3_5_one_sided(right_a, right_b):
    a, b = _alone(right_a, right_b)
    return float(Fraction(_tail(min(a, b), a + b), 2 ** (a + b)))


def wrong_5_3_5_above_one(right_a, right_b):
    a, b = _alone(right_a, right_b)
    return float(Fraction(2 * _tail(min(a, b), a + b), 2 ** (a + b)))


def wrong_5_3_5_the_larger_side(right_a, right_b):
    a, b = _alone(right_a, right_b)
    return float(min(Fraction(1), Fraction(2 * _tail(max(a, b), a + b), 2 ** (a + b))))


def wrong_5_3_5_all_texts(right_a, right_b):
    a, b = _alone(right_a, right_b)
    n = len(right_a)
    return float(min(Fraction(1), Fraction(2 * _tail(min(a, b), n), 2**n)))


def wrong_5_3_5_without_the_last_term(right_a, right_b):
    a, b = _alone(right_a, right_b)
    return float(min(Fraction(1), Fraction(2 * _tail(min(a, b) - 1, a + b), 2 ** (a + b)))) if a + b else 1.0


def wrong_5_3_5_normal_approximation(right_a, right_b):
    a, b = _alone(right_a, right_b)
    return math.erfc(abs(a - b) / math.sqrt(a + b) / math.sqrt(2)) if a + b else 1.0


def wrong_5_3_5_nothing_is_zero(right_a, right_b):
    a, b = _alone(right_a, right_b)
    return float(min(Fraction(1), Fraction(2 * _tail(min(a, b), a + b), 2 ** (a + b)))) if a + b else 0.0


def right_5_3_5_by_scipy(right_a, right_b):
    from scipy import stats

    a, b = np.array(right_a, dtype=bool), np.array(right_b, dtype=bool)
    if a.shape != b.shape:
        raise ValueError(f"{a.shape} and {b.shape}")
    n, k = int((a ^ b).sum()), int(min((a & ~b).sum(), (b & ~a).sum()))
    return min(1.0, float(2 * stats.binom.cdf(k, n, 0.5))) if n else 1.0


# 5.3.6 window_starts ---------------------------------------------------------------------------------------


def _strides(size, stride):
    if not 1 <= stride <= size:
        raise ValueError(f"stride {stride}")


def wrong_5_3_6_no_last_window(length, size, stride):
    _strides(size, stride)
    return list(range(0, max(length - size, 0) + 1, stride))


def wrong_5_3_6_last_window_by_the_stride(length, size, stride):
    _strides(size, stride)
    starts = list(range(0, max(length - size, 0) + 1, stride))
    return [*starts, starts[-1] + stride] if starts[-1] + size < length else starts


def wrong_5_3_6_last_window_twice(length, size, stride):
    _strides(size, stride)
    return [*range(0, max(length - size, 0) + 1, stride), max(length - size, 0)]


def wrong_5_3_6_by_steps(length, size, stride):
    _strides(size, stride)
    return list(range(0, max(length, 1), stride))


def wrong_5_3_6_short_text_has_none(length, size, stride):
    _strides(size, stride)
    starts = list(range(0, length - size + 1, stride))
    return [*starts, length - size] if starts and starts[-1] + size < length else starts


def wrong_5_3_6_stride_of_size_refused(length, size, stride):
    if not 1 <= stride < size:
        raise ValueError
    return right_5_3_6_step_by_step(length, size, stride)


def wrong_5_3_6_one_token_left_is_ignored(length, size, stride):
    _strides(size, stride)
    starts = list(range(0, max(length - size, 0) + 1, stride))
    return [*starts, length - size] if starts[-1] + size < length - 1 else starts


def right_5_3_6_step_by_step(length, size, stride):
    if stride < 1 or stride > size:
        raise ValueError(f"stride {stride} for windows of {size}")
    starts, start = [0], 0
    while start + size < length:
        start = min(start + stride, length - size)
        starts.append(start)
    return starts


# 5.3.7 pack_pair -------------------------------------------------------------------------------------------


def right_5_3_7_by_slices(first, second, max_length):
    if max_length < 3:
        raise ValueError(f"no room in {max_length}")
    room, a, b = max_length - 3, len(first), len(second)
    while a + b > room:
        if a > b:
            a -= 1
        else:
            b -= 1
    ids = [101, *first[:a], 102, *second[:b], 102]
    return ids, [int(place > a + 1) for place in range(len(ids))]


def wrong_5_3_7_types_by_halves(first, second, max_length):
    ids, _ = right_5_3_7_by_slices(first, second, max_length)
    return ids, [int(place >= len(ids) / 2) for place in range(len(ids))]


def wrong_5_3_7_room_for_two(first, second, max_length):
    ids, types = right_5_3_7_by_slices(first, second, max_length + 1)
    return ids, types


def wrong_5_3_7_half_for_each(first, second, max_length):
    right_5_3_7_by_slices(first, second, max_length)
    room = max_length - 3
    if len(first) + len(second) > room:
        first, second = first[: room - room // 2], second[: room // 2]
    return right_5_3_7_by_slices(first, second, max_length)


# 5.2.9 look_back ------------------------------------------------------------------------------------------


def right_5_2_9_one_position_after_the_other(q, k, v):
    answers = []
    for i in range(len(q)):
        scores = k[: i + 1] @ q[i] / len(q[i]) ** 0.5
        weights = np.exp(scores - scores.max())
        answers.append(weights @ v[: i + 1] / weights.sum())
    return np.array(answers)


def right_5_2_9_with_a_mask_of_numbers(q, k, v):
    scores = q @ k.T * q.shape[-1] ** -0.5 + np.triu(np.full((len(q), len(q)), -1e30), 1)
    scores -= scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    return (weights / weights.sum(axis=-1)[:, None]) @ v


def wrong_5_2_9_a_mask_too_small(q, k, v):
    scores = q @ k.T / np.sqrt(q.shape[1]) - 10 * np.triu(np.ones((len(q), len(q))), 1)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ v


def wrong_5_2_9_one_maximum_for_all_rows(q, k, v):
    scores = q @ k.T / np.sqrt(q.shape[1])
    weights = np.tril(np.exp(scores - scores.max()))
    with np.errstate(invalid="ignore"):
        return weights / weights.sum(axis=1, keepdims=True) @ v


def wrong_5_2_9_maximum_before_the_mask(q, k, v):
    scores = q @ k.T / np.sqrt(q.shape[1])
    weights = np.tril(np.exp(scores - scores.max(axis=1, keepdims=True)))
    with np.errstate(invalid="ignore"):
        return weights / weights.sum(axis=1, keepdims=True) @ v


def wrong_5_2_9_root_of_the_values(q, k, v):
    scores = np.where(np.tri(len(q)) > 0, q @ k.T / np.sqrt(v.shape[1]), -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ v


def wrong_5_2_9_weights_of_the_transposed_table(q, k, v):
    scores = np.where(np.tri(len(q)) > 0, q @ k.T / np.sqrt(q.shape[1]), -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (weights / weights.sum(axis=1, keepdims=True)).T @ v


# 5.3.8 align_labels ----------------------------------------------------------------------------------------


def right_5_3_8_by_first_places(word_of, labels):
    words = [word for word in word_of if word is not None]
    if words and max(words) > len(labels) - 1:
        raise ValueError(f"{len(labels)} labels for word {max(words)}")
    row = [-100] * len(word_of)
    for word in set(words):
        row[word_of.index(word)] = labels[word]
    return row


def right_5_3_8_with_a_set_of_what_was_seen(word_of, labels):
    seen, row = {None}, []
    for word in word_of:
        try:
            row.append(-100 if word in seen else labels[word])
        except IndexError as error:
            raise ValueError("a word without a label") from error
        seen.add(word)
    return row


def wrong_5_3_8_index_error_passes_through(word_of, labels):
    row, before = [], None
    for word in word_of:
        row.append(-100 if word is None or word == before else labels[word])
        before = word
    return row


def wrong_5_3_8_first_label_everywhere(word_of, labels):
    row = right_5_3_8_by_first_places(word_of, labels)
    return [label if label == -100 else labels[0] for label in row]


def wrong_5_3_8_ends_only(word_of, labels):
    row = right_5_3_8_by_first_places(word_of, labels)
    return [-100, *[labels[w] for w in word_of[1:-1] if w is not None], -100] if len(row) > 2 else row


def wrong_5_3_8_none_instead_of_minus_100(word_of, labels):
    return [None if label == -100 else label for label in right_5_3_8_by_first_places(word_of, labels)]


def wrong_5_3_8_does_not_remember_after_the_first(word_of, labels):
    row = right_5_3_8_by_first_places(word_of, labels)
    for i in range(2, len(row)):  # a third piece is compared with the first that was ignored
        if word_of[i] is not None and row[i - 1] == -100 and word_of[i] == word_of[i - 2]:
            row[i] = labels[word_of[i]]
    return row


# 5.3.9 share_right -----------------------------------------------------------------------------------------


def right_5_3_9_all_rows_in_one(batches):
    if not batches:
        raise ValueError("no batch")
    labels = np.concatenate([part for _, part in batches])
    found = np.concatenate([part.argmax(axis=-1) for part, _ in batches])
    if (labels == -100).all():
        raise ValueError("no row")
    return float((found == labels)[labels != -100].mean())


def right_5_3_9_row_by_row(batches):
    hits = [
        max(range(len(row)), key=row.__getitem__) == label
        for logits, labels in batches
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
        if label != -100
    ]
    if not hits:
        raise ValueError("no row")
    return sum(hits) / len(hits)


def wrong_5_3_9_percent(batches):
    return 100 * right_5_3_9_row_by_row(batches)


def wrong_5_3_9_division_by_zero_passes_through(batches):
    hits = [
        row.argmax() == label
        for logits, labels in batches
        for row, label in zip(logits, labels, strict=True)
        if label != -100
    ]
    return sum(hits) / len(hits)


def wrong_5_3_9_first_batch_size_for_all(batches):
    right_5_3_9_row_by_row(batches)
    right = sum(int((logits.argmax(1) == labels).sum()) for logits, labels in batches)
    return right / (len(batches) * len(batches[0][1]))


def wrong_5_3_9_minus_100_as_right(batches):
    right_5_3_9_row_by_row(batches)
    hits = [
        row.argmax() == label or label == -100
        for logits, labels in batches
        for row, label in zip(logits, labels, strict=True)
    ]
    return float(np.mean(hits))


def wrong_5_3_9_refuses_a_batch_without_rows_that_count(batches):
    right_5_3_9_row_by_row(batches)
    if any((labels == -100).all() for _, labels in batches):
        raise ValueError("a batch without rows")
    return right_5_3_9_row_by_row(batches)


# 5.2.10 unpack_packet --------------------------------------------------------------------------------------


def right_5_2_10_byte_by_byte(packet):
    if len(packet) != 20:
        raise ValueError(f"{len(packet)} bytes")
    scale, lowest = (float(value) for value in np.frombuffer(packet.tobytes()[:4], dtype="<f2"))
    whole = [int(byte) & 15 for byte in packet[4:]] + [int(byte) >> 4 for byte in packet[4:]]
    return np.array([scale * value + lowest for value in whole])


def right_5_2_10_as_one_reshape(packet):
    if packet.shape != (20,):
        raise ValueError(f"shape {packet.shape}")
    scale, lowest = np.ascontiguousarray(packet[:4]).view(np.float16).astype(np.float64)
    return lowest + scale * (packet[4:] >> np.array([[0], [4]], dtype=np.uint8) & 15).ravel()


def wrong_5_2_10_keeps_16_bits(packet):
    if len(packet) != 20:
        raise ValueError(f"{len(packet)} bytes")
    scale, lowest = packet[:4].copy().view("<f2")
    return (scale * 100 * np.concatenate([packet[4:] % 16, packet[4:] // 16]) + lowest).astype(np.float16)


def wrong_5_2_10_divides_by_15(packet):
    return (right_5_2_10_byte_by_byte(packet) - 1) / 15 + 1


def wrong_5_2_10_shifts_only_three(packet):
    right_5_2_10_byte_by_byte(packet)
    scale, lowest = packet[:4].copy().view("<f2").astype(float)
    return scale * np.concatenate([packet[4:] & 15, packet[4:] >> 3]) + lowest


# 5.2.11 render ---------------------------------------------------------------------------------------------

SYSTEM_5_2_11 = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def right_5_2_11_piece_by_piece(messages, answer=True):
    pieces = []
    for place, message in enumerate(messages):
        if message["role"] not in {"system", "user", "assistant"}:
            raise ValueError("role")
        if place == 0 and message["role"] != "system":
            pieces += ["<|im_start|>system\n", SYSTEM_5_2_11, "<|im_end|>\n"]
        pieces += ["<|im_start|>", message["role"], "\n", message["content"], "<|im_end|>", "\n"]
    if answer:
        pieces.append("<|im_start|>assistant\n")
    return "".join(pieces)


def wrong_5_2_11_system_message_only_without_any(messages, answer=True):
    right_5_2_11_piece_by_piece(messages)
    text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return text + "<|im_start|>assistant\n" * answer


def wrong_5_2_11_upper_case_roles(messages, answer=True):
    return right_5_2_11_piece_by_piece(messages, answer).replace("<|im_start|>user", "<|im_start|>User")


def wrong_5_2_11_skips_empty_messages(messages, answer=True):
    right_5_2_11_piece_by_piece(messages)
    kept = [m for m in messages if m["content"] or m is messages[0]]
    return right_5_2_11_piece_by_piece(kept, answer)


def wrong_5_2_11_key_error_for_a_role(messages, answer=True):
    marks = {"system": "system", "user": "user", "assistant": "assistant"}
    [marks[m["role"]] for m in messages]
    return right_5_2_11_piece_by_piece(messages, answer)


# 5.3.10 name_scores ---------------------------------------------------------------------------------------


def _lengths_agree(true, found):
    if [len(tags) for tags in true] != [len(tags) for tags in found]:
        raise ValueError("lengths")


def _by_pattern(tags, pattern=r"[BI]-(\w+)(?: I-\1)*"):
    line = " ".join(tags)
    return {
        (name.group(1), *(line[:end].count(" ") for end in name.span()))
        for name in re.finditer(pattern, line)
    }


def _from_counts(true, found, names):
    _lengths_agree(true, found)
    sides = [[names(tags) for tags in side] for side in (true, found)]
    right = sum(len(a & b) for a, b in zip(*sides, strict=True))
    wanted, said = (sum(map(len, side)) for side in sides)
    return right / max(said, 1), right / max(wanted, 1), 2 * right / max(said + wanted, 1)


def right_5_3_10_by_a_pattern(true, found):
    return _from_counts(true, found, _by_pattern)


def right_5_3_10_f1_from_the_two_shares(true, found):
    precision, recall, _ = _from_counts(true, found, _by_pattern)
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def wrong_5_3_10_only_names_that_begin_with_b(true, found):
    return _from_counts(true, found, lambda tags: _by_pattern(tags, r"B-(\w+)(?: I-\1)*"))


def wrong_5_3_10_any_i_goes_on(true, found):
    return _from_counts(true, found, lambda tags: _by_pattern(tags, r"[BI]-(\w+)(?: I-\w+)*"))


def wrong_5_3_10_in_percent(true, found):
    return tuple(100 * share for share in right_5_3_10_by_a_pattern(true, found))


def wrong_5_3_10_a_name_by_its_last_word(true, found):
    return _from_counts(true, found, lambda tags: {(kind, end) for kind, _, end in _by_pattern(tags)})


def wrong_5_3_10_no_name_is_perfect(true, found):
    _lengths_agree(true, found)
    if not any(tag != "O" for side in (true, found) for tags in side for tag in tags):
        return 1.0, 1.0, 1.0
    return right_5_3_10_by_a_pattern(true, found)


# 5.3.11 split_by_film -------------------------------------------------------------------------------------


def _films_in_order(films, order, count):
    if count < 1 or any(film not in order for film in films):
        raise ValueError("count or order")
    rows_of = {film: [row for row, name in enumerate(films) if name == film] for film in order}
    return [rows_of[film] for film in order]


def right_5_3_11_by_running_sums(films, order, count):
    before, judged = 0, []
    for rows in _films_in_order(films, order, count):
        judged += rows if before < count else []
        before += len(rows)
    learn = sorted(set(range(len(films))) - set(judged))
    if not learn:
        raise ValueError("nothing left")
    return learn, sorted(judged)


def right_5_3_11_from_a_queue(films, order, count):
    queue, judged = _films_in_order(films, order, count), []
    while queue and len(judged) < count:
        judged.extend(queue.pop(0))
    if not any(queue):
        raise ValueError("nothing left")
    return sorted(row for rows in queue for row in rows), sorted(judged)


def wrong_5_3_11_every_other_film(films, order, count):
    right_5_3_11_from_a_queue(films, order, count)
    judged = [row for rows in _films_in_order(films, order, count)[::2] for row in rows]
    return sorted(set(range(len(films))) - set(judged)), sorted(judged)


def wrong_5_3_11_rows_from_1(films, order, count):
    return tuple([row + 1 for row in rows] for rows in right_5_3_11_from_a_queue(films, order, count))


def wrong_5_3_11_names_instead_of_rows(films, order, count):
    return tuple([films[row] for row in rows] for rows in right_5_3_11_from_a_queue(films, order, count))


def wrong_5_3_11_refuses_a_film_without_a_row(films, order, count):
    if set(order) - set(films):
        raise ValueError("a film without a row")
    return right_5_3_11_from_a_queue(films, order, count)


def wrong_5_3_11_counts_to_the_side_of_learning(films, order, count):
    right_5_3_11_from_a_queue(films, order, count)
    queue, learn = _films_in_order(films, order, count), []
    while queue and len(learn) < count:
        learn.extend(queue.pop(0))
    return sorted(learn), sorted(row for rows in queue for row in rows)
