"""Answers to the exercises of chapter 7, written from the statements alone."""

import itertools
import math
from fractions import Fraction

import numpy as np

# 7.1.1 sgd_step --------------------------------------------------------------------------------------------


def _error(p, q, user_bias, item_bias, rating, mean):
    return rating - (mean + user_bias + item_bias + np.dot(p, q))


def _moved(p, q, user_bias, item_bias, error, rate, reg):
    return (
        p + rate * (error * q - reg * p),
        q + rate * (error * p - reg * q),
        user_bias + rate * (error - reg * user_bias),
        item_bias + rate * (error - reg * item_bias),
    )


def wrong_7_1_1_whole_factors(p, q, user_bias, item_bias, rating, mean, rate, reg):
    e = _error(p, q, user_bias, item_bias, rating, mean)
    new_p, new_q = p.copy(), q.copy()
    moved = _moved(p, q, user_bias, item_bias, e, rate, reg)
    new_p[:], new_q[:] = moved[0], moved[1]
    return new_p, new_q, moved[2], moved[3]


def wrong_7_1_1_new_p_for_q(p, q, user_bias, item_bias, rating, mean, rate, reg):
    e = _error(p, q, user_bias, item_bias, rating, mean)
    new_p = p + rate * (e * q - reg * p)
    new_q = q + rate * (e * new_p - reg * q)
    return new_p, new_q, user_bias + rate * (e - reg * user_bias), item_bias + rate * (e - reg * item_bias)


def wrong_7_1_1_uphill(p, q, user_bias, item_bias, rating, mean, rate, reg):
    e = _error(p, q, user_bias, item_bias, rating, mean)
    return _moved(p, q, user_bias, item_bias, -e, rate, reg)


def wrong_7_1_1_penalty_grows(p, q, user_bias, item_bias, rating, mean, rate, reg):
    e = _error(p, q, user_bias, item_bias, rating, mean)
    return _moved(p, q, user_bias, item_bias, e, rate, -reg)


def wrong_7_1_1_biases_without_penalty(p, q, user_bias, item_bias, rating, mean, rate, reg):
    e = _error(p, q, user_bias, item_bias, rating, mean)
    new_p, new_q, *_ = _moved(p, q, user_bias, item_bias, e, rate, reg)
    return new_p, new_q, user_bias + rate * e, item_bias + rate * e


def wrong_7_1_1_biases_missing_in_the_error(p, q, user_bias, item_bias, rating, mean, rate, reg):
    return _moved(p, q, user_bias, item_bias, rating - mean - np.dot(p, q), rate, reg)


def wrong_7_1_1_twice_the_slope(p, q, user_bias, item_bias, rating, mean, rate, reg):
    e = _error(p, q, user_bias, item_bias, rating, mean)
    return _moved(p, q, user_bias, item_bias, 2 * e, rate, 2 * reg)


def wrong_7_1_1_in_place(p, q, user_bias, item_bias, rating, mean, rate, reg):
    e = _error(p, q, user_bias, item_bias, rating, mean)
    old = p.copy()
    p += (rate * (e * q - reg * p)).astype(p.dtype)
    q += (rate * (e * old - reg * q)).astype(q.dtype)
    return p, q, user_bias + rate * (e - reg * user_bias), item_bias + rate * (e - reg * item_bias)


def right_7_1_1_one_by_one(p, q, user_bias, item_bias, rating, mean, rate, reg):
    guess = mean + user_bias + item_bias + sum(float(a) * float(b) for a, b in zip(p, q, strict=True))
    slope = guess - rating
    new_p = [a - rate * (slope * b + reg * a) for a, b in zip(p, q, strict=True)]
    new_q = [b - rate * (slope * a + reg * b) for a, b in zip(p, q, strict=True)]
    biases = [bias - rate * (slope + reg * bias) for bias in (user_bias, item_bias)]
    return np.array(new_p, dtype=float), np.array(new_q, dtype=float), biases[0], biases[1]


# 7.1.2 shrunk_similarity -----------------------------------------------------------------------------------


def _common(x, y):
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape:
        raise ValueError(f"{len(x)} and {len(y)} ratings")
    both = ~np.isnan(x) & ~np.isnan(y)
    return x[both], y[both]


def _pearson(x, y):
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def wrong_7_1_2_std_equal_to_zero(x, y, shrink):
    x, y = _common(x, y)
    if len(x) < 2 or x.std() == 0 or y.std() == 0:
        return 0.0
    return float(((x - x.mean()) * (y - y.mean())).mean() / x.std() / y.std() * len(x) / (len(x) + shrink))


def wrong_7_1_2_means_over_all(x, y, shrink):
    a, b = _common(x, y)
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    a, b = a - np.nanmean(x), b - np.nanmean(y)
    return float(a @ b / np.sqrt(a @ a * (b @ b)) * len(a) / (len(a) + shrink)) if a @ a * (b @ b) else 0.0


def wrong_7_1_2_cosine(x, y, shrink):
    x, y = _common(x, y)
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(x @ y / np.sqrt(x @ x * (y @ y)) * len(x) / (len(x) + shrink))


def wrong_7_1_2_n_of_all_items(x, y, shrink):
    a, b = _common(x, y)
    return _pearson(a, b) * len(x) / (len(x) + shrink)


def wrong_7_1_2_no_shrinking(x, y, shrink):
    return _pearson(*_common(x, y))


def wrong_7_1_2_one_common_item_is_enough(x, y, shrink):
    a, b = _common(x, y)
    return 1.0 / (1 + shrink) if len(a) == 1 else _pearson(a, b) * len(a) / (len(a) + shrink)


def wrong_7_1_2_never_negative(x, y, shrink):
    a, b = _common(x, y)
    return max(_pearson(a, b), 0.0) * len(a) / (len(a) + shrink) if len(a) else 0.0


def wrong_7_1_2_message_without_lengths(x, y, shrink):
    if len(x) != len(y):
        raise ValueError("lengths differ")
    a, b = _common(x, y)
    return _pearson(a, b) * len(a) / (len(a) + shrink) if len(a) else 0.0


def wrong_7_1_2_nan_as_zero(x, y, shrink):
    if len(x) != len(y):
        raise ValueError(f"{len(x)} and {len(y)}")
    n = len(_common(x, y)[0])
    return _pearson(np.nan_to_num(x), np.nan_to_num(y)) * n / (n + shrink) if n else 0.0


def right_7_1_2_by_masks(x, y, shrink):
    if x.shape[0] != y.shape[0]:
        raise ValueError(f"rows of {x.shape[0]}x{y.shape[0]}")
    mask = np.isfinite(x) & np.isfinite(y)
    n = mask.sum()
    if n < 2 or len(set(x[mask].tolist())) == 1 or len(set(y[mask].tolist())) == 1:
        return 0.0
    dx, dy = x[mask] - x[mask].mean(), y[mask] - y[mask].mean()
    return (dx * dy).sum() / math.sqrt((dx**2).sum() * (dy**2).sum()) * n / (n + shrink)


# 7.1.3 pair_loss -------------------------------------------------------------------------------------------


def _penalty(p, liked, other, reg):
    return reg / 2 * (p @ p + liked @ liked + other @ other)


def wrong_7_1_3_overflows(p, liked, other, reg):
    with np.errstate(all="ignore"):
        return float(-np.log(1 / (1 + np.exp(-(p @ (liked - other))))) + _penalty(p, liked, other, reg))


def wrong_7_1_3_clipped(p, liked, other, reg):
    margin = np.clip(p @ (liked - other), -30, 30)
    return float(np.log1p(np.exp(-margin)) + _penalty(p, liked, other, reg))


def wrong_7_1_3_other_minus_liked(p, liked, other, reg):
    return float(np.logaddexp(0, p @ (liked - other)) + _penalty(p, liked, other, reg))


def wrong_7_1_3_whole_penalty(p, liked, other, reg):
    return float(np.logaddexp(0, -(p @ (liked - other))) + 2 * _penalty(p, liked, other, reg))


def wrong_7_1_3_lengths_not_squared(p, liked, other, reg):
    lengths = sum(np.linalg.norm(v) for v in (p, liked, other))
    return float(np.logaddexp(0, -(p @ (liked - other))) + reg / 2 * lengths)


def wrong_7_1_3_penalty_of_the_difference(p, liked, other, reg):
    difference = liked - other
    return float(np.logaddexp(0, -(p @ difference)) + reg / 2 * (p @ p + difference @ difference))


def wrong_7_1_3_without_the_user(p, liked, other, reg):
    return float(np.logaddexp(0, -(p @ (liked - other))) + reg / 2 * (liked @ liked + other @ other))


def wrong_7_1_3_hinge(p, liked, other, reg):
    return float(max(0.0, -(p @ (liked - other))) + _penalty(p, liked, other, reg))


def right_7_1_3_by_two_cases(p, liked, other, reg):
    margin = sum(float(a) * (float(b) - float(c)) for a, b, c in zip(p, liked, other, strict=True))
    loss = math.log1p(math.exp(-margin)) if margin > 0 else -margin + math.log1p(math.exp(margin))
    return loss + reg * sum(float(x) ** 2 for v in (p, liked, other) for x in v) / 2


# 7.1.4 ndcg ------------------------------------------------------------------------------------------------


def _gain(places):
    return sum(1 / math.log2(place + 1) for place in places)


def _hits(ranked, relevant, k):
    if not relevant or k < 1:
        raise ValueError("nothing relevant, or k below 1")
    return [place for place, item in enumerate(ranked[:k], 1) if item in relevant]


def wrong_7_1_4_ideal_by_the_hits(ranked, relevant, k):
    hits = _hits(ranked, relevant, k)
    return _gain(hits) / _gain(range(1, len(hits) + 1)) if hits else 0.0


def wrong_7_1_4_ideal_by_all_relevant(ranked, relevant, k):
    return _gain(_hits(ranked, relevant, k)) / _gain(range(1, len(relevant) + 1))


def wrong_7_1_4_ideal_by_k(ranked, relevant, k):
    return _gain(_hits(ranked, relevant, k)) / _gain(range(1, k + 1))


def wrong_7_1_4_ideal_by_the_list(ranked, relevant, k):
    hits = _hits(ranked, relevant, k)
    best = range(1, min(len(relevant), k, len(ranked)) + 1)
    return _gain(hits) / _gain(best) if len(ranked) else 0.0


def wrong_7_1_4_natural_logarithm(ranked, relevant, k):
    hits = _hits(ranked, relevant, k)
    return sum(1 / math.log(place + 1) for place in hits) / _gain(range(1, min(len(relevant), k) + 1))


def wrong_7_1_4_the_whole_list(ranked, relevant, k):
    _hits(ranked, relevant, k)
    hits = [place for place, item in enumerate(ranked, 1) if item in relevant]
    return _gain(hits) / _gain(range(1, min(len(relevant), k) + 1))


def wrong_7_1_4_not_divided(ranked, relevant, k):
    return float(_gain(_hits(ranked, relevant, k)))


def wrong_7_1_4_log_of_place(ranked, relevant, k):
    hits = _hits(ranked, relevant, k)
    gain = sum(1 / max(math.log2(place), 1.0) for place in hits)
    best = sum(1 / max(math.log2(place), 1.0) for place in range(1, min(len(relevant), k) + 1))
    return gain / best


def wrong_7_1_4_nothing_relevant_is_zero(ranked, relevant, k):
    if k < 1:
        raise ValueError("k")
    return _gain(_hits(ranked, relevant, k)) / _gain(range(1, min(len(relevant), k) + 1)) if relevant else 0.0


def right_7_1_4_with_numpy(ranked, relevant, k):
    if k < 1 or len(relevant) == 0:
        raise ValueError(f"k is {k}, {len(relevant)} relevant")
    weights = 1 / np.log2(np.arange(2, k + 2))
    hits = np.array([item in relevant for item in list(ranked)[:k]], dtype=float)
    return (weights[: len(hits)] * hits).sum() / weights[: len(relevant)].sum()


# 7.1.5 reasons ---------------------------------------------------------------------------------------------


def _vector(films, liked, alpha, reg):
    weight = np.ones(len(films))
    weight[liked] += alpha
    x = np.zeros(len(films))
    x[liked] = 1
    A = (films.T * weight) @ films + reg * np.eye(films.shape[1])
    return A, (films.T * weight) @ x


def wrong_7_1_5_dot_products(films, liked, new, alpha, reg):
    return (1 + alpha) * (films[liked] @ films[new])


def wrong_7_1_5_no_penalty(films, liked, new, alpha, reg):
    A, _ = _vector(films, liked, alpha, 0.0)
    return (1 + alpha) * films[liked] @ np.linalg.lstsq(A, films[new])[0]


def wrong_7_1_5_alpha_for_a_like(films, liked, new, alpha, reg):
    A, _ = _vector(films, liked, alpha, reg)
    return alpha * films[liked] @ np.linalg.solve(A, films[new])


def wrong_7_1_5_likes_not_in_the_matrix(films, liked, new, alpha, reg):
    A, _ = _vector(films, [], alpha, reg)
    return (1 + alpha) * films[liked] @ np.linalg.solve(A, films[new])


def wrong_7_1_5_the_sum(films, liked, new, alpha, reg):
    A, right = _vector(films, liked, alpha, reg)
    return float(films[new] @ np.linalg.solve(A, right))


def wrong_7_1_5_absolute_values(films, liked, new, alpha, reg):
    A, _ = _vector(films, liked, alpha, reg)
    return np.abs((1 + alpha) * films[liked] @ np.linalg.solve(A, films[new]))


def right_7_1_5_one_like_at_a_time(films, liked, new, alpha, reg):
    A, _ = _vector(films, liked, alpha, reg)
    inverse = np.linalg.inv(A)
    return np.array([(1 + alpha) * (films[j] @ inverse @ films[new]) for j in liked], dtype=float)


# 7.1.6 mixed_list ------------------------------------------------------------------------------------------


def _mix(scores, vectors, n, worth):
    if n < 1 or n > len(scores):
        raise ValueError(f"{n} of {len(scores)}")
    left, chosen = list(range(len(scores))), []
    for _ in range(n):
        best = max(left, key=lambda code: (worth(code, chosen) if chosen else scores[code], -code))
        left.remove(best)
        chosen.append(best)
    return chosen


def wrong_7_1_6_top_n(scores, vectors, n, weight):
    return _mix(scores, vectors, n, lambda code, chosen: scores[code])


def wrong_7_1_6_last_only(scores, vectors, n, weight):
    return _mix(
        scores, vectors, n, lambda code, chosen: scores[code] - weight * vectors[code] @ vectors[chosen[-1]]
    )


def wrong_7_1_6_mean_cosine(scores, vectors, n, weight):
    return _mix(
        scores,
        vectors,
        n,
        lambda code, chosen: scores[code] - weight * np.mean(vectors[chosen] @ vectors[code]),
    )


def wrong_7_1_6_share_of_both(scores, vectors, n, weight):
    return _mix(
        scores,
        vectors,
        n,
        lambda code, chosen: (1 - weight) * scores[code] - weight * np.max(vectors[chosen] @ vectors[code]),
    )


def wrong_7_1_6_ties_to_the_larger_code(scores, vectors, n, weight):
    if n < 1 or n > len(scores):
        raise ValueError(f"{n}")
    turned = right_7_1_6_by_loops(scores[::-1], vectors[::-1], n, weight)
    return [len(scores) - 1 - code for code in turned]


def wrong_7_1_6_no_check(scores, vectors, n, weight):
    return right_7_1_6_by_loops(scores, vectors, max(1, min(n, len(scores))), weight)


def right_7_1_6_by_loops(scores, vectors, n, weight):
    return _mix(
        scores,
        vectors,
        n,
        lambda code, chosen: scores[code] - weight * max(vectors[k] @ vectors[code] for k in chosen),
    )


# 7.1.7 content_vectors -------------------------------------------------------------------------------------


def _fit_content(features, vectors, new, reg, mean, middle):
    features, vectors, new = (np.array(part, dtype=float) for part in (features, vectors, new))
    if len(features) != len(vectors) or features.shape[1] != new.shape[1]:
        raise ValueError(f"{features.shape} and {vectors.shape}, {new.shape}")
    apart = features - mean
    left = apart.T @ apart
    left[np.diag_indices(len(left))] += reg
    return middle + (new - mean) @ np.linalg.solve(left, apart.T @ (vectors - middle))


def wrong_7_1_7_no_means(features, vectors, new, reg):
    return _fit_content(features, vectors, new, reg, 0.0, 0.0)


def wrong_7_1_7_mean_of_all_features(features, vectors, new, reg):
    return _fit_content(features, vectors, new, reg, np.mean(features), np.mean(vectors, axis=0))


def wrong_7_1_7_one_mean_for_all_factors(features, vectors, new, reg):
    return _fit_content(features, vectors, new, reg, np.mean(features, axis=0), np.mean(vectors))


def wrong_7_1_7_medians(features, vectors, new, reg):
    return _fit_content(features, vectors, new, reg, np.median(features, axis=0), np.median(vectors, axis=0))


def wrong_7_1_7_root_of_reg(features, vectors, new, reg):
    return right_7_1_7_by_stacked_rows(features, vectors, new, reg**2)


def wrong_7_1_7_divided_by_n(features, vectors, new, reg):
    return right_7_1_7_by_stacked_rows(features, vectors, new, reg / max(len(features), 1))


def wrong_7_1_7_features_in_units_of_their_spread(features, vectors, new, reg):
    spread = np.std(features, axis=0)
    spread = np.where(spread == 0, 1, spread)
    return right_7_1_7_by_stacked_rows(np.asarray(features) / spread, vectors, np.asarray(new) / spread, reg)


def wrong_7_1_7_message_without_numbers(features, vectors, new, reg):
    if len(features) != len(vectors) or np.shape(features)[1] != np.shape(new)[1]:
        raise ValueError("these do not fit")
    return right_7_1_7_by_stacked_rows(features, vectors, new, reg)


def right_7_1_7_by_stacked_rows(features, vectors, new, reg):
    if len(features) != len(vectors):
        raise ValueError(f"{len(features)} rows and {len(vectors)}")
    if np.shape(features)[1] != np.shape(new)[1]:
        raise ValueError(f"{np.shape(features)[1]} columns and {np.shape(new)[1]}")
    mean, wide = np.mean(features, axis=0), np.shape(features)[1]
    tall = np.concatenate([np.asarray(features) - mean, math.sqrt(reg) * np.eye(wide)])
    right = np.concatenate(
        [vectors, np.zeros((wide, np.shape(vectors)[1]))]
    )  # the mean drops out of the sums
    return np.mean(vectors, axis=0) + (np.asarray(new) - mean) @ np.linalg.lstsq(tall, right, rcond=None)[0]


# 7.3.2 sampled_hit_rate ------------------------------------------------------------------------------------


def _hypergeometric(better, others, sampled, most):
    ways = sum(
        math.comb(better, drawn) * math.comb(others - better, sampled - drawn)
        for drawn in range(min(most, sampled, better) + 1)
    )
    return float(Fraction(ways, math.comb(others, sampled)))


def _binomial(share, n, most):
    return float(sum(math.comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(min(most, n) + 1)))


def _placed(place, n_items, m):
    if not 1 <= place <= n_items:
        raise ValueError(f"place {place}")
    if not m <= n_items - 1:
        raise ValueError(f"m {m}")


def wrong_7_3_2_target_among_the_drawn(place, n_items, m, k=10):
    _placed(place, n_items, m)
    return _hypergeometric(place - 1, n_items, m, k - 1)


def wrong_7_3_2_one_too_many(place, n_items, m, k=10):
    _placed(place, n_items, m)
    return _hypergeometric(place - 1, n_items - 1, m, k)


def wrong_7_3_2_place_counts_itself(place, n_items, m, k=10):
    _placed(place, n_items, m)
    return _hypergeometric(min(place, n_items - 1), n_items - 1, m, k - 1)


def wrong_7_3_2_floats(place, n_items, m, k=10):
    _placed(place, n_items, m)
    better, worse = place - 1, n_items - place
    ways = [math.comb(better, i) * math.comb(worse, m - i) for i in range(min(k - 1, m) + 1)]
    try:
        return float(sum(map(float, ways)) / float(math.comb(n_items - 1, m)))
    except OverflowError:
        return 0.0


def wrong_7_3_2_with_repetition(place, n_items, m, k=10):
    _placed(place, n_items, m)
    return _binomial((place - 1) / max(n_items - 1, 1), m, k - 1)


def wrong_7_3_2_expected_rank(place, n_items, m, k=10):
    _placed(place, n_items, m)
    return float(1 + (place - 1) * m / max(n_items - 1, 1) <= k)


def wrong_7_3_2_ignores_k(place, n_items, m, k=10):
    _placed(place, n_items, m)
    return _hypergeometric(place - 1, n_items - 1, m, 9)


def wrong_7_3_2_m_of_all_is_too_many(place, n_items, m, k=10):
    if not 1 <= place <= n_items:
        raise ValueError(f"place {place}")
    if m >= n_items - 1:
        raise ValueError(f"m {m}")
    return _hypergeometric(place - 1, n_items - 1, m, k - 1)


def right_7_3_2_by_logarithms(place, n_items, m, k=10):
    if place < 1 or place > n_items:
        raise ValueError(f"there is no place {place} among {n_items}")
    if m > n_items - 1:
        raise ValueError(f"{m} others of {n_items - 1}")

    def log_comb(n, r):
        return math.lgamma(n + 1) - math.lgamma(r + 1) - math.lgamma(n - r + 1)

    better, worse = place - 1, n_items - place
    logs = [
        log_comb(better, i) + log_comb(worse, m - i) - log_comb(n_items - 1, m)
        for i in range(max(0, m - worse), min(better, m, k - 1) + 1)
    ]
    return math.fsum(map(math.exp, logs))


# 7.3.3 in_batch_loss ---------------------------------------------------------------------------------------


def _mean_loss(z):
    z = z - z.max(axis=1, keepdims=True)
    return float((np.log(np.exp(z).sum(axis=1)) - np.diag(z)).mean())


def wrong_7_3_3_adds_log_q(scores, log_q):
    return _mean_loss(scores + log_q)


def wrong_7_3_3_listeners_for_items(scores, log_q):
    return _mean_loss(scores - np.asarray(log_q)[:, None])


def wrong_7_3_3_positive_not_corrected(scores, log_q):
    return _mean_loss(scores - log_q + np.diag(log_q))


def wrong_7_3_3_only_the_positive(scores, log_q):
    return _mean_loss(scores - np.diag(log_q))


def wrong_7_3_3_over_columns(scores, log_q):
    return _mean_loss((scores - log_q).T)


def wrong_7_3_3_the_sum(scores, log_q):
    return _mean_loss(scores - log_q) * len(scores)


def wrong_7_3_3_overflows(scores, log_q):
    with np.errstate(all="ignore"):
        e = np.exp(scores - log_q)
        return float(-np.log(np.diag(e) / e.sum(axis=1)).mean())


def wrong_7_3_3_without_the_positive_below(scores, log_q):
    z = np.asarray(scores, dtype=float) - log_q
    positive = np.diag(z).copy()
    z = z + np.where(np.eye(len(z)) == 1, -1e9, 0.0)
    top = z.max(axis=1)
    return float((top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - positive).mean())


def right_7_3_3_row_by_row(scores, log_q):
    total = 0.0
    for b in range(len(scores)):
        row = [float(scores[b][c]) - float(log_q[c]) for c in range(len(log_q))]
        top = max(row)
        total += top + math.log(sum(math.exp(score - top) for score in row)) - row[b]
    return total / len(scores)


# 7.3.4 next_item_rows --------------------------------------------------------------------------------------


def _plays(history, pad):
    history = [int(code) for code in history]
    if len(history) < 2:
        raise ValueError("fewer than two plays")
    if pad in history:
        raise ValueError(f"pad {pad} occurs")
    return history


def _rows(history, length, pad):
    padded = [pad] * length + history
    return np.array([padded[t : t + length] for t in range(1, len(history))], dtype=int).reshape(-1, length)


def wrong_7_3_4_target_in_its_row(history, length, pad):
    plays = _plays(history, pad)
    padded = [pad] * length + plays
    return np.array([padded[t + 1 : t + 1 + length] for t in range(1, len(plays))]), np.array(plays[1:])


def wrong_7_3_4_pads_right(history, length, pad):
    plays = _plays(history, pad)
    rows = [plays[max(0, t - length) : t] for t in range(1, len(plays))]
    return np.array([row + [pad] * (length - len(row)) for row in rows]), np.array(plays[1:])


def wrong_7_3_4_newest_left(history, length, pad):
    plays = _plays(history, pad)
    return _rows(plays, length, pad)[:, ::-1].copy(), np.array(plays[1:])


def wrong_7_3_4_full_rows_only(history, length, pad):
    plays = _plays(history, pad)
    return _rows(plays, length, pad)[length - 1 :], np.array(plays[1:])[length - 1 :]


def wrong_7_3_4_first_plays(history, length, pad):
    plays = _plays(history, pad)
    rows = [plays[:t][:length] for t in range(1, len(plays))]
    return np.array([[pad] * (length - len(row)) + row for row in rows]), np.array(plays[1:])


def wrong_7_3_4_zero_is_no_track(history, length, pad):
    plays = _plays(history, pad)
    rows = _rows(plays, length, pad)
    return np.where(rows == 0, pad, rows), np.array(plays[1:])


def wrong_7_3_4_pads_with_zero(history, length, pad):
    plays = _plays(history, pad)
    return _rows(plays, length, 0), np.array(plays[1:])


def wrong_7_3_4_pad_may_be_the_last_play(history, length, pad):
    plays = [int(code) for code in history]
    if len(plays) < 2 or pad in plays[:-1]:
        raise ValueError(f"pad {pad} occurs, or too few")
    return _rows(plays, length, pad), np.array(plays[1:])


def wrong_7_3_4_floats(history, length, pad):
    plays = _plays(history, pad)
    return _rows(plays, length, pad).astype(float), np.array(plays[1:])


def right_7_3_4_filled_in(history, length, pad):
    history = np.asarray(history)
    n = len(history)
    if n < 2:
        raise ValueError(f"{n} plays")
    if (history == pad).any():
        raise ValueError(f"the history holds {pad}")
    inputs = np.full((n - 1, length), pad)
    for t in range(n - 1):
        for back in range(min(length, t + 1)):
            inputs[t, length - 1 - back] = history[t - back]
    return inputs, history[1:].copy()


# 7.3.8 all_pairs -------------------------------------------------------------------------------------------


def _weighted(x, V):
    return np.asarray(x, dtype=float)[:, :, None] * np.asarray(V, dtype=float)[None]


def wrong_7_3_8_in_the_dtype_given(x, V):
    return 0.5 * ((x @ V) ** 2 - x**2 @ V**2).sum(axis=1)


def wrong_7_3_8_pairs_with_itself(x, V):
    w = _weighted(x, V)
    return 0.5 * (w.sum(axis=1) ** 2).sum(axis=1)


def wrong_7_3_8_every_pair_twice(x, V):
    w = _weighted(x, V)
    return (w.sum(axis=1) ** 2 - (w**2).sum(axis=1)).sum(axis=1)


def wrong_7_3_8_present_or_not(x, V):
    w = _weighted(np.asarray(x) != 0, V)
    return 0.5 * (w.sum(axis=1) ** 2 - (w**2).sum(axis=1)).sum(axis=1)


def wrong_7_3_8_values_not_squared(x, V):
    w = _weighted(x, V)
    squares = np.asarray(x, dtype=float) @ (np.asarray(V, dtype=float) ** 2)
    return 0.5 * (w.sum(axis=1) ** 2 - squares).sum(axis=1)


def wrong_7_3_8_neighbours_only(x, V):
    w = _weighted(x, V)
    return (w[:, :-1] * w[:, 1:]).sum(axis=(1, 2))


def wrong_7_3_8_whole_numbers(x, V):
    w = np.asarray(x)[:, :, None] * np.asarray(V)[None]
    return (w.sum(axis=1) ** 2 - (w**2).sum(axis=1)).sum(axis=1) // 2


def wrong_7_3_8_absolute_values(x, V):
    w = _weighted(np.abs(x), V)
    return 0.5 * (w.sum(axis=1) ** 2 - (w**2).sum(axis=1)).sum(axis=1)


def wrong_7_3_8_a_column(x, V):
    w = _weighted(x, V)
    return 0.5 * (w.sum(axis=1) ** 2 - (w**2).sum(axis=1)).sum(axis=1, keepdims=True)


def right_7_3_8_pair_by_pair(x, V):
    x, V = np.asarray(x, dtype=float), np.asarray(V, dtype=float)
    total = np.zeros(len(x))
    for a, b in itertools.combinations(range(x.shape[1]), 2):
        total += x[:, a] * x[:, b] * float(V[a] @ V[b])
    return total


def right_7_3_8_by_the_gram_matrix(x, V):
    x, V = np.asarray(x, dtype=float), np.asarray(V, dtype=float)
    gram = np.triu(V @ V.T, 1)
    return np.einsum("na,ab,nb->n", x, gram, x)
