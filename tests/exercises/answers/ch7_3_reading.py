"""Answers to 7.3.9 and 7.3.11, written from the statements alone."""

import numpy as np

# 7.3.9 read_for --------------------------------------------------------------------------------------------


def _dots(history, candidate, rows):
    return (rows[history] * rows[candidate][:, None, :]).sum(axis=2)


def wrong_7_3_9_empty_counts(history, candidate, rows, empty):
    return np.einsum("nl,nlk->nk", _dots(history, candidate, rows), rows[history]).astype(float)


def wrong_7_3_9_softmax(history, candidate, rows, empty):
    weights = np.where(history == empty, -np.inf, _dots(history, candidate, rows))
    top = np.where(np.isfinite(weights), weights, -1e9).max(axis=1, keepdims=True)
    e = np.exp(weights - top)
    weights = e / np.maximum(e.sum(axis=1, keepdims=True), 1e-12)
    return np.einsum("nl,nlk->nk", weights, rows[history])


def wrong_7_3_9_relu(history, candidate, rows, empty):
    weights = np.maximum(_dots(history, candidate, rows), 0) * (history != empty)
    return np.einsum("nl,nlk->nk", weights, rows[history]).astype(float)


def wrong_7_3_9_a_mean(history, candidate, rows, empty):
    there = history != empty
    total = np.einsum("nl,nlk->nk", _dots(history, candidate, rows) * there, rows[history])
    return total / np.maximum(there.sum(axis=1), 1)[:, None]


def wrong_7_3_9_cosine(history, candidate, rows, empty):
    lengths = np.linalg.norm(rows, axis=1)
    scale = np.maximum(lengths[history] * lengths[candidate][:, None], 1e-12)
    weights = _dots(history, candidate, rows) / scale * (history != empty)
    return np.einsum("nl,nlk->nk", weights, rows[history])


def wrong_7_3_9_first_candidate_for_all(history, candidate, rows, empty):
    weights = _dots(history, np.full(len(candidate), candidate[0]), rows) * (history != empty)
    return np.einsum("nl,nlk->nk", weights, rows[history]).astype(float)


def wrong_7_3_9_the_row_of_the_candidate(history, candidate, rows, empty):
    weights = _dots(history, candidate, rows) * (history != empty)
    return (weights.sum(axis=1)[:, None] * rows[candidate]).astype(float)


def wrong_7_3_9_each_item_once(history, candidate, rows, empty):
    found = np.zeros((len(history), rows.shape[1]))
    for n, codes in enumerate(history):
        for code in set(codes.tolist()) - {empty}:
            found[n] += (rows[code] @ rows[candidate[n]]) * rows[code]
    return found


def wrong_7_3_9_stops_before_the_last(history, candidate, rows, empty):
    weights = _dots(history, candidate, rows) * (history != empty)
    return np.einsum("nl,nlk->nk", weights[:, :-1], rows[history][:, :-1]).astype(float)


def right_7_3_9_one_history_after_the_other(history, candidate, rows, empty):
    found = []
    for codes, wanted in zip(history, candidate, strict=True):
        seen = rows[codes[codes != empty]].astype(float)
        found.append(seen.T @ (seen @ rows[wanted]))
    return np.array(found)


def right_7_3_9_only_what_is_there(history, candidate, rows, empty):
    weights = np.where(history == empty, 0.0, _dots(history, candidate, rows))
    return np.matmul(weights[:, None, :], rows[history].astype(float))[:, 0]


# 7.3.11 bias_by_distance -----------------------------------------------------------------------------------


def _refused(far, t):
    if t > len(far):
        raise ValueError(f"t is {t}, and there are {len(far)} distances")


def wrong_7_3_11_transposed(far, t):
    _refused(far, t)
    return np.array([[far[j - i] if j >= i else -np.inf for j in range(t)] for i in range(t)]).reshape(t, t)


def wrong_7_3_11_zero_ahead(far, t):
    _refused(far, t)
    return np.array([[far[i - j] if j <= i else 0.0 for j in range(t)] for i in range(t)]).reshape(t, t)


def wrong_7_3_11_negative_places(far, t):
    _refused(far, t)
    return np.asarray(far, dtype=float)[np.arange(t)[:, None] - np.arange(t)]


def wrong_7_3_11_a_large_negative_number(far, t):
    _refused(far, t)
    return np.array([[far[i - j] if j <= i else -1e9 for j in range(t)] for i in range(t)]).reshape(t, t)


def wrong_7_3_11_all_distances(far, t):
    _refused(far, t)
    n = len(far)
    return np.array([[far[i - j] if j <= i else -np.inf for j in range(n)] for i in range(n)])


def wrong_7_3_11_without_the_diagonal(far, t):
    _refused(far, t)
    return np.array([[far[i - j] if j < i else -np.inf for j in range(t)] for i in range(t)]).reshape(t, t)


def wrong_7_3_11_refuses_as_many_as_there_are(far, t):
    if t >= len(far):
        raise ValueError(f"t is {t}")
    return np.array([[far[i - j] if j <= i else -np.inf for j in range(t)] for i in range(t)]).reshape(t, t)


def right_7_3_11_row_by_row(far, t):
    if len(far) < t:
        raise ValueError(f"{t} plays are too many")
    found = np.full((t, t), -np.inf)
    for i in range(t):
        found[i, : i + 1] = np.asarray(far)[i::-1] if i else far[0]
    return found


def right_7_3_11_diagonal_by_diagonal(far, t):
    if len(far) < t:
        raise ValueError(f"no distance {t - 1} for t = {t}")
    found = np.triu(np.full((t, t), -np.inf), 1)
    return found + sum((np.diag(np.full(t - d, float(far[d])), -d) for d in range(t)), np.zeros((t, t)))
