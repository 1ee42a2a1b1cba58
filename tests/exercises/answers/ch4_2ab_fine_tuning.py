"""Answers to the exercises of 4.2a and 4.2b from outside: wrong in one thing, or written differently."""

import numpy as np


def right_4_2_1_row_by_row(y, classes, each, order):
    found = {label: [] for label in range(classes)}
    for row in order:
        if len(found[int(y[row])]) < each:
            found[int(y[row])].append(int(row))
    for label, rows in found.items():
        if len(rows) < each:
            raise ValueError(f"only {len(rows)} rows of class {label}")
    return np.array([row for rows in found.values() for row in rows])


def wrong_4_2_1_from_the_end(y, classes, each, order):
    right_4_2_1_row_by_row(y, classes, each, order)
    return np.concatenate([order[y[order] == label][-each:] for label in range(classes)])


def wrong_4_2_1_gives_labels(y, classes, each, order):
    return y[right_4_2_1_row_by_row(y, classes, each, order)]


def wrong_4_2_1_only_classes_that_occur(y, classes, each, order):
    return np.concatenate([order[y[order] == label][:each] for label in np.unique(y)])


def right_4_2_2_from_the_end(parts, top, factor=1, frozen=0):
    if frozen < 0 or frozen >= parts:
        raise ValueError(f"{frozen} of {parts}")
    rates = [float(top)]
    while len(rates) < parts:
        rates.insert(0, rates[0] / factor)
    return [0.0 if place < frozen else rate for place, rate in enumerate(rates)]


def wrong_4_2_2_one_power_too_many(parts, top, factor=1, frozen=0):
    rates = [top / factor ** (parts - part) for part in range(parts)]
    return [0.0] * frozen + rates[frozen:]


def wrong_4_2_2_counts_from_the_first_that_learns(parts, top, factor=1, frozen=0):
    if not 0 <= frozen < parts:
        raise ValueError(f"{frozen} of {parts}")
    return [0.0] * frozen + [top * factor**part for part in range(parts - frozen)]


def right_4_2_3_with_a_loop(before, after):
    total = 0
    for name in after:
        old, new = before.get(name), after[name]
        if old is None or old.shape != new.shape or (old != new).any():
            total += new.size * new.itemsize
    return total


def wrong_4_2_3_counts_what_is_no_longer_there(before, after):
    return right_4_2_3_with_a_loop(before, after) + sum(
        value.nbytes for name, value in before.items() if name not in after
    )


def wrong_4_2_3_bytes_of_before(before, after):
    return sum(
        before.get(name, value).nbytes
        for name, value in after.items()
        if name not in before or not np.array_equal(before[name], value)
    )


def wrong_4_2_3_looks_at_the_first_number(before, after):
    return sum(
        value.nbytes
        for name, value in after.items()
        if name not in before or before[name].shape != value.shape or before[name][0] != value[0]
    )


def right_4_2_4_by_einsum(weight, A, B, alpha):
    return weight + alpha / A.shape[0] * np.einsum("or,r...->o...", B, A)


def right_4_2_4_flat(weight, A, B, alpha):
    change = B @ A.reshape(len(A), -1)
    return weight + (alpha / len(A) * change).reshape(weight.shape)


def wrong_4_2_4_rank_from_the_outputs(weight, A, B, alpha):
    return weight + alpha / len(B) * np.tensordot(B, A, axes=1)


def wrong_4_2_4_subtracts(weight, A, B, alpha):
    return weight - alpha / len(A) * np.tensordot(B, A, axes=1)


def wrong_4_2_4_first_rank_only(weight, A, B, alpha):
    return weight + alpha / len(A) * np.tensordot(B[:, :1], A[:1], axes=1)


def right_4_2_5_with_loops(scores):
    T = len(scores)
    if T == 1:
        raise ValueError("T is 1: no earlier task")
    lost = [max(scores[i][j] for i in range(j, T - 1)) - scores[T - 1][j] for j in range(T - 1)]
    return float(sum(lost) / len(lost))


def wrong_4_2_5_the_worst_task(scores):
    right_4_2_5_with_loops(scores)
    return float((np.nanmax(scores[:-1, :-1], axis=0) - scores[-1, :-1]).max())


def wrong_4_2_5_share_of_the_best(scores):
    right_4_2_5_with_loops(scores)
    best = np.nanmax(scores[:-1, :-1], axis=0)
    return float(((best - scores[-1, :-1]) / np.maximum(best, 1e-9)).mean())


def wrong_4_2_5_zero_for_one_task(scores):
    return 0.0 if len(scores) == 1 else right_4_2_5_with_loops(scores)
