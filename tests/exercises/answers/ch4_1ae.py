"""Answers to the exercises of 4.1a and 4.1e from outside: wrong in one thing, or right in another way."""

from collections import Counter

import numpy as np
from scipy.stats import binom

from helpers.chapters.splits import best_columns, brighter_copies, nearest_label


def right_4_1_1_row_by_row(y, k):
    for label, rows in Counter(y.tolist()).items():
        if rows < k:
            raise ValueError(f"only {rows} rows of class {label}")
    seen, fold = Counter(), []
    for label in y.tolist():
        fold.append(seen[label] % k)
        seen[label] += 1
    return np.array(fold)


def right_4_1_1_by_comparing_all_pairs(y, k):
    earlier = (np.tril(np.ones((len(y), len(y)), dtype=int), -1) * (y[:, None] == y)).sum(axis=1)
    for label in set(y.tolist()):
        if (y == label).sum() < k:
            raise ValueError(f"class {label}: {(y == label).sum()} rows")
    return earlier % k


def wrong_4_1_1_backwards(y, k):
    return right_4_1_1_row_by_row(y[::-1], k)[::-1].copy()


def wrong_4_1_1_names_no_class(y, k):
    if min(Counter(y.tolist()).values()) < k:
        raise ValueError("a class is too small")
    return right_4_1_1_row_by_row(y, k)


def right_4_1_2_by_sorting(groups, k):
    sizes = Counter(groups.tolist())
    if len(sizes) < k:
        raise ValueError(f"{len(sizes)} groups for {k} folds")
    rows, home = [0] * k, {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        home[name] = rows.index(min(rows))
        rows[home[name]] += sizes[name]
    return np.array([home[name] for name in groups.tolist()])


def wrong_4_1_2_to_the_last_of_equal_folds(groups, k):
    return k - 1 - right_4_1_2_by_sorting(groups, k)


def wrong_4_1_2_refuses_as_many_groups_as_folds(groups, k):
    if len(set(groups.tolist())) <= k:
        raise ValueError(f"{len(set(groups.tolist()))} groups for {k} folds")
    return right_4_1_2_by_sorting(groups, k)


def right_4_1_3_with_the_copies_at_the_end(X, y, k, keep):
    scores = []
    for n in range(k):
        test = np.arange(n, len(y), k)
        train = np.setdiff1d(np.arange(len(y)), test)
        missing = {0, 1} - set(y[train].tolist())
        if missing:
            raise ValueError(f"fold {n} lacks class {missing.pop()}")
        columns = best_columns(X[train], y[train], keep)
        rows = X[np.ix_(train, columns)]
        guesses = nearest_label(
            np.concatenate([rows, 1.1 * rows]), np.tile(y[train], 2), X[np.ix_(test, columns)]
        )
        scores.append(np.mean(guesses == y[test]))
    return sum(scores) / k


def right_4_1_3_columns_after_the_copies(X, y, k, keep):
    fold, scores = np.arange(len(y)) % k, np.zeros(k)
    for n in range(k):
        for label in (0, 1):
            if not (y[fold != n] == label).any():
                raise ValueError(f"class {label} is missing outside fold {n}")
        A, a = brighter_copies(X[fold != n], y[fold != n])
        columns = best_columns(A, a, keep)
        scores[n] = (nearest_label(A[:, columns], a, X[fold == n][:, columns]) == y[fold == n]).mean()
    return float(scores.mean())


def wrong_4_1_3_all_answers_alike(X, y, k, keep):
    right_4_1_3_columns_after_the_copies(X, y, k, keep)
    fold, right = np.arange(len(y)) % k, []
    for n in range(k):
        A, a = brighter_copies(X[fold != n], y[fold != n])
        columns = best_columns(A, a, keep)
        right += (nearest_label(A[:, columns], a, X[fold == n][:, columns]) == y[fold == n]).tolist()
    return float(np.mean(right))


def wrong_4_1_3_blocks_for_folds(X, y, k, keep):
    order = np.argsort(np.arange(len(y)) % k, kind="stable")
    right_4_1_3_columns_after_the_copies(X, y, k, keep)
    return right_4_1_3_columns_after_the_copies(X[order], y[order], k, keep)


def right_4_1_13_by_the_distribution_of_the_best(p, n, k):
    if p < 0 or p > 1 or min(n, k) < 1:
        raise ValueError(f"not possible: p = {p}, n = {n}, k = {k}")
    best = binom.cdf(np.arange(n + 1), n, p) ** k
    return float(np.arange(n + 1) @ np.diff(best, prepend=0) / n)


def right_4_1_13_by_sums_of_probabilities(p, n, k):
    if not (0 <= p <= 1 and n >= 1 and k >= 1):
        raise ValueError(f"p {p}, n {n} or k {k} is out of range")
    below = np.cumsum(binom.pmf(range(n + 1), n, p))[:-1]
    return sum(1 - float(f) ** k for f in below) / n


def wrong_4_1_13_strictly_below(p, n, k):
    right_4_1_13_by_sums_of_probabilities(p, n, k)
    return float((1 - binom.cdf(np.arange(n) - 1, n, p) ** k).sum() / n)


def wrong_4_1_13_one_model_more(p, n, k):
    right_4_1_13_by_sums_of_probabilities(p, n, k)
    return right_4_1_13_by_sums_of_probabilities(p, n, k + 1)
