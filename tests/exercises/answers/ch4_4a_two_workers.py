"""Answers to the exercises of 4.4a from outside: wrong in one thing, or right and written differently."""

import numpy as np


def right_4_4_1_by_a_loop(gradients, sizes):
    total, rows = 0.0, 0
    for gradient, size in zip(gradients, sizes, strict=True):
        if size:
            total, rows = total + size * gradient, rows + size
    if not rows:
        raise ValueError("no rows")
    return np.asarray(total / rows)


def right_4_4_1_by_average(gradients, sizes):
    if not np.any(sizes):
        raise ValueError("no rows")
    return np.average(np.nan_to_num(gradients), axis=0, weights=sizes)


def wrong_4_4_1_answers_nothing_with_nan(gradients, sizes):
    with np.errstate(invalid="ignore"):
        return sizes[sizes > 0] @ gradients[sizes > 0] / sizes.sum()


def wrong_4_4_1_nan_rows_are_zeros_of_a_plain_mean(gradients, sizes):
    if not np.any(sizes):
        raise ValueError("no rows")
    return np.nan_to_num(gradients).mean(axis=0)


def right_4_4_2_by_rolling(chunks, step):
    workers = len(chunks)
    rows = np.arange(workers)
    columns = (rows - step) % workers
    after = chunks.copy()
    sent = chunks[rows, columns]
    receivers = np.roll(rows, -1)
    after[receivers, columns] = sent + (after[receivers, columns] if step < workers - 1 else 0)
    return after


def right_4_4_2_one_after_the_other(chunks, step):
    """No chunk is both sent and received in one step, so that the order does not matter."""
    after = np.array(chunks)
    for worker in range(len(chunks)):
        chunk, other = (worker - step) % len(chunks), (worker + 1) % len(chunks)
        after[other, chunk] = after[worker, chunk] + (after[other, chunk] if step + 1 < len(chunks) else 0)
    return after


def wrong_4_4_2_changes_its_input(chunks, step):
    after = right_4_4_2_by_rolling(chunks, step)
    chunks[:] = after
    return chunks


def wrong_4_4_2_jumps_to_the_end(chunks, step):
    return np.tile(chunks.sum(axis=0), (len(chunks), 1))


def wrong_4_4_2_the_second_round_begins_again(chunks, step):
    workers = len(chunks)
    after, late = np.array(chunks), step >= workers - 1
    for worker in range(workers):
        chunk = (worker - (step - workers + 1 if late else step)) % workers
        other = (worker + 1) % workers
        after[other, chunk] = chunks[worker, chunk] + (0 if late else chunks[other, chunk])
    return after


def right_4_4_3_by_mean_squares(means, variances, sizes):
    shares = (sizes / sizes.sum())[:, None]
    mean = (shares * means).sum(axis=0)
    return mean, (shares * (variances + means**2)).sum(axis=0) - mean**2


def wrong_4_4_3_forgets_to_subtract_the_square(means, variances, sizes):
    shares = (sizes / sizes.sum())[:, None]
    mean = (shares * means).sum(axis=0)
    return mean, (shares * (variances + means**2)).sum(axis=0)


def wrong_4_4_3_the_distance_between_workers_counts_each_alike(means, variances, sizes):
    shares = sizes / sizes.sum()
    mean = shares @ means
    return mean, shares @ variances + ((means - mean) ** 2).mean(axis=0)


def wrong_4_4_3_averages_the_spreads(means, variances, sizes):
    shares = sizes / sizes.sum()
    mean = shares @ means
    return mean, (shares @ np.sqrt(variances)) ** 2 + shares @ (means - mean) ** 2
