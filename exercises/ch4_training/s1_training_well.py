"""Section 4.1, training well: code of its exercises. The words are in s1_training_well.en.md."""

import math

import numpy as np
from scipy.stats import binom

from exercises import Case, Exercise
from helpers.chapters.splits import best_columns, brighter_copies, nearest_label

# 4.1.1 every class in every fold --------------------------------------------------------------------


def stratified_folds(y, k):
    """The fold of every row, each class spread over all folds. y (N,) class numbers -> (N,) folds 0 … k-1

    The j-th row of a class, counted from 0 in the order of the rows, goes to fold j % k.
    Raises ValueError for a class that has fewer than k rows, and names the class and its number of rows.
    """
    fold = np.zeros(len(y), dtype=int)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        if len(rows) < k:
            raise ValueError(f"class {label} has {len(rows)} rows: too few for {k} folds; use fewer folds")
        fold[rows] = np.arange(len(rows)) % k
    return fold


def deals_all_rows_in_one_turn(y, k):
    stratified_folds(y, k)  # refuses what is to be refused
    return np.arange(len(y)) % k


def cuts_each_class_into_blocks(y, k):
    fold = stratified_folds(y, k)
    for label in np.unique(y):
        fold[y == label] = np.sort(fold[y == label])
    return fold


def counts_the_rows_from_one(y, k):
    return (stratified_folds(y, k) + 1) % k


def goes_on_counting_from_class_to_class(y, k):
    fold = stratified_folds(y, k)
    fold[np.argsort(y, kind="stable")] = np.arange(len(y)) % k
    return fold


def lets_a_small_class_through(y, k):
    fold = np.zeros(len(y), dtype=int)
    for label in np.unique(y):
        fold[y == label] = np.arange((y == label).sum()) % k
    return fold


def refuses_a_class_of_just_k_rows(y, k):
    for label in np.unique(y):
        if (y == label).sum() <= k:
            raise ValueError(f"class {label} has {(y == label).sum()} rows")
    return stratified_folds(y, k)


def draw_labels(rng):
    k, classes = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    labels = np.sort(rng.choice(10, size=classes, replace=False))
    counts = rng.integers(k - (rng.random() < 0.2), k + 5, size=classes)
    return rng.permutation(np.repeat(labels, counts)), k


# 4.1.2 a person is in one fold only -----------------------------------------------------------------


def group_folds(groups, k):
    """The fold of every row, each group whole in one fold. groups (N,) numbers -> (N,) folds 0 … k-1

    Groups are placed from the largest to the smallest (of equal ones the smaller number first), each into the
    fold that has the fewest rows so far (of equal ones the first). Raises ValueError for fewer groups than k.
    """
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < k:
        raise ValueError(f"{len(names)} groups cannot fill {k} folds: use at most {len(names)} folds")
    rows_in, fold = np.zeros(k, dtype=int), np.zeros(len(groups), dtype=int)
    for place in np.argsort(-sizes, kind="stable"):
        emptiest = rows_in.argmin()
        fold[groups == names[place]] = emptiest
        rows_in[emptiest] += sizes[place]
    return fold


def _group_folds(groups, k, *, order=lambda sizes: np.argsort(-sizes, kind="stable"), weight=None):
    """The same with another order of the groups, or another measure of what is in a fold."""
    group_folds(groups, k)
    names, sizes = np.unique(groups, return_counts=True)
    inside, fold = np.zeros(k, dtype=int), np.zeros(len(groups), dtype=int)
    for place in order(sizes):
        fold[groups == names[place]] = inside.argmin()
        inside[inside.argmin()] += weight or sizes[place]
    return fold


def deals_rows_and_not_groups(groups, k):
    group_folds(groups, k)
    return np.arange(len(groups)) % k


def takes_the_remainder_of_the_number(groups, k):
    group_folds(groups, k)
    return groups % k


def takes_the_groups_in_the_order_of_their_numbers(groups, k):
    return _group_folds(groups, k, order=lambda sizes: range(len(sizes)))


def takes_the_smallest_group_first(groups, k):
    return _group_folds(groups, k, order=lambda sizes: np.argsort(sizes, kind="stable"))


def counts_the_groups_in_a_fold_and_not_the_rows(groups, k):
    return _group_folds(groups, k, weight=1)


def takes_the_larger_number_first_among_equals(groups, k):
    return _group_folds(groups, k, order=lambda sizes: np.argsort(sizes, kind="stable")[::-1])


def leaves_folds_empty(groups, k):
    names = np.unique(groups)
    return group_folds(groups, k) if len(names) >= k else np.searchsorted(names, groups)


def draw_groups(rng):
    k = int(rng.integers(2, 5))
    names = rng.choice(30, size=int(rng.integers(k - (rng.random() < 0.2), k + 5)), replace=False)
    return rng.permutation(np.repeat(names, rng.integers(1, 5, size=len(names)))), k


# 4.1.3 an experiment with three flaws ---------------------------------------------------------------


def honest_score(X, y, k, keep):
    """Accuracy of the nearest row, by k folds without the three flaws. X (N, D), y (N,) 0 or 1 -> a float

    Row i is in fold i % k. The score is the mean over the folds. Raises ValueError, and names fold and class,
    if the training rows of a fold lack a class.
    """
    fold, scores = np.arange(len(y)) % k, []
    for n in range(k):
        train, test = fold != n, fold == n
        for label in (0, 1):
            if label not in y[train]:
                raise ValueError(f"fold {n}: its training rows hold no row of class {label}; use another k")
        columns = best_columns(X[train], y[train], keep)
        X_train, y_train = brighter_copies(X[train][:, columns], y[train])
        guesses = nearest_label(X_train, y_train, X[test][:, columns])
        scores.append((guesses == y[test]).mean())
    return float(np.mean(scores))


def _score(X, y, k, keep, *, choose="train", copies="train", of=np.mean):
    """The experiment with one step done differently; what the solution refuses is refused."""
    honest_score(X, y, k, keep)
    if choose == "all":
        X = X[:, best_columns(X, y, keep)]
    if copies == "before":
        X, y = brighter_copies(X, y)
    fold, scores = np.arange(len(y)) % k, []
    for n in range(k):
        (A, a), (B, b) = ((X[rows], y[rows]) for rows in (fold != n, fold == n))
        columns = best_columns(A, a, keep)
        if copies in ("train", "both"):
            A, a = brighter_copies(A, a)
        if copies == "both":
            B, b = brighter_copies(B, b)
        scores.append((nearest_label(A[:, columns], a, B[:, columns]) == b).mean())
    return float(of(scores))


def chooses_the_columns_with_all_rows(X, y, k, keep):
    return _score(X, y, k, keep, choose="all")


def makes_the_copies_before_the_split(X, y, k, keep):
    return _score(X, y, k, keep, copies="before")


def reports_the_best_fold(X, y, k, keep):
    return _score(X, y, k, keep, of=np.max)


def repeats_the_flawed_experiment(X, y, k, keep):
    return _score(X, y, k, keep, choose="all", copies="before", of=np.max)


def makes_no_copies_at_all(X, y, k, keep):
    return _score(X, y, k, keep, copies="none")


def tests_on_the_copies_too(X, y, k, keep):
    return _score(X, y, k, keep, copies="both")


def lets_a_missing_class_through(X, y, k, keep):
    try:
        return honest_score(X, y, k, keep)
    except ValueError:
        fold = np.arange(len(y)) % k
        guesses = np.concatenate([nearest_label(X[fold != n], y[fold != n], X[fold == n]) for n in range(k)])
        return float((guesses == np.concatenate([y[fold == n] for n in range(k)])).mean())


def draw_experiments(rng):
    k, rows, columns = (int(rng.integers(low, high)) for low, high in ((2, 5), (6, 11), (3, 5)))
    X = rng.normal(size=(rows, columns)).round(3)
    y = rng.permutation(np.arange(rows) % 2) if rng.random() < 0.9 else (np.arange(rows) == 1).astype(int)
    return X, y, k, int(rng.integers(1, 3))


# 4.1.13 the best of many equal ones -----------------------------------------------------------------


def expected_best(p, n, k):
    """Expected best score of k equal models, each right with probability p on n rows of its own. -> a float

    Raises ValueError, which names the value, for p outside 0 … 1, or n or k below 1.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}: a probability is between 0 and 1")
    if n < 1 or k < 1:
        raise ValueError(f"n is {n}, k is {k}: at least one row and one model are needed")
    at_most = binom.cdf(np.arange(n), n, p)  # P(at most 0, 1, …, n - 1 right answers) of one model
    return float((1 - at_most**k).sum() / n)


def forgets_that_there_are_k(p, n, k):
    expected_best(p, n, k)
    return float(p)


def expects_the_worst(p, n, k):
    expected_best(p, n, k)
    return float(((1 - binom.cdf(np.arange(n), n, p)) ** k).sum() / n)


def sums_that_all_are_at_most_j(p, n, k):
    expected_best(p, n, k)
    return float((binom.cdf(np.arange(n), n, p) ** k).sum() / n)


def takes_one_right_answer_for_all(p, n, k):
    expected_best(p, n, k)
    return float(1 - (1 - p) ** k)


def multiplies_by_k(p, n, k):
    expected_best(p, n, k)
    return float((1 - k * binom.cdf(np.arange(n), n, p)).sum() / n)


def begins_the_sum_at_one(p, n, k):
    expected_best(p, n, k)
    return float((1 - binom.cdf(np.arange(1, n + 1), n, p) ** k).sum() / n)


def returns_right_answers_and_no_share(p, n, k):
    return n * expected_best(p, n, k)


def adds_two_sigma(p, n, k):
    expected_best(p, n, k)
    return float(p + 2 * np.sqrt(p * (1 - p) / n))


def lets_bad_numbers_through(p, n, k):
    return expected_best(min(max(p, 0.0), 1.0), max(n, 1), max(k, 1))


def draw_contests(rng):
    p = float(rng.choice([0.0, 1.0]) if rng.random() < 0.1 else np.round(rng.random(), 2))
    n, k = int(rng.integers(1, 60)), int(rng.integers(1, 30))
    return (p, 0, k) if rng.random() < 0.05 else (p, n, k)


LINE = np.array([[0.0], [0.8], [2.0], [6.0]])
TWO_COLUMNS = np.array([[1.0, 0.2], [2.1, 0.1], [1.4, 0.8], [3.0, 1.1], [0.6, 0.5], [2.5, 0.6]])

# 4.1.9 average precision ----------------------------------------------------------------------------


def average_precision(y, scores):
    """Area under the steps of precision over recall, for y (N,) of 0 and 1 and scores (N,). -> float

    Equal scores are claimed together. Raises ValueError when y has no 1.
    """
    found, claimed = _falling_threshold(y, scores)
    return float(np.diff(found, prepend=0) @ (found / claimed) / found[-1])


def _falling_threshold(y, scores, ties=True, sign=-1):
    """How many rows are found and how many claimed, as the threshold falls past each score."""
    if not np.any(y):
        raise ValueError("y has no 1: recall is a share of the positives, and there is none")
    order = np.argsort(sign * scores, kind="stable")
    found, claimed = np.cumsum(y[order]), np.arange(1, len(y) + 1)
    ends = np.append(np.diff(scores[order]) != 0, True) if ties else np.full(len(y), True)
    return found[ends], claimed[ends]


def lets_equal_scores_fall_one_by_one(y, scores):
    found, claimed = _falling_threshold(y, scores, ties=False)
    return float(np.diff(found, prepend=0) @ (found / claimed) / found[-1])


def joins_the_points_by_straight_lines(y, scores):
    found, claimed = _falling_threshold(y, scores)
    recall, precision = np.append(0, found / found[-1]), np.append(1, found / claimed)
    return float(np.trapezoid(precision, recall))


def averages_precision_over_all_thresholds(y, scores):
    found, claimed = _falling_threshold(y, scores)
    return float((found / claimed).mean())


def begins_with_the_lowest_score(y, scores):
    found, claimed = _falling_threshold(y, scores, sign=1)
    return float(np.diff(found, prepend=0) @ (found / claimed) / found[-1])


def divides_by_the_number_of_rows(y, scores):
    return average_precision(y, scores) * float(np.sum(y)) / len(y)


def takes_the_precision_before_the_step(y, scores):
    found, claimed = _falling_threshold(y, scores)
    before = np.append(1, (found / claimed)[:-1])
    return float(np.diff(found, prepend=0) @ before / found[-1])


def gives_zero_where_there_is_no_positive(y, scores):
    return average_precision(y, scores) if np.any(y) else 0.0


def draw_scores(rng):
    n = int(rng.integers(1, 9))
    y, scores = rng.integers(0, 2, size=n), rng.integers(1, 1 + int(rng.integers(1, 8)), size=n) / 10
    return (y, scores) if y.any() else Case((y, scores), raises=ValueError)


# 4.1.10 the cheapest threshold ----------------------------------------------------------------------


def cheapest_threshold(y, scores, miss, alarm):
    """The largest t with which claiming `scores >= t` costs least: one of the scores, or np.inf. -> float

    y (N,) of 0 and 1, scores (N,); miss and alarm: what one mistake of each kind costs.
    """
    return _cheapest(y, scores, miss, alarm)


def _cheapest(y, scores, miss, alarm, *, nothing=True, largest=True, strictly=False):
    candidates = np.unique(scores)[::-1]
    if nothing:
        candidates = np.append(np.inf, candidates)
    if not largest:
        candidates = candidates[::-1]
    costs = []
    for t in candidates:
        claimed = scores > t if strictly else scores >= t
        costs.append(miss * (y[~claimed] == 1).sum() + alarm * (y[claimed] == 0).sum())
    return float(candidates[int(np.argmin(costs))])


def swaps_the_two_costs(y, scores, miss, alarm):
    return _cheapest(y, scores, alarm, miss)


def counts_every_mistake_once(y, scores, miss, alarm):
    return _cheapest(y, scores, 1, 1)


def never_claims_nothing(y, scores, miss, alarm):
    return _cheapest(y, scores, miss, alarm, nothing=False)


def takes_the_smallest_of_equally_cheap_ones(y, scores, miss, alarm):
    return _cheapest(y, scores, miss, alarm, largest=False)


def claims_only_what_is_above_the_threshold(y, scores, miss, alarm):
    return _cheapest(y, scores, miss, alarm, strictly=True)


def tries_the_hundredths_from_zero_to_one(y, scores, miss, alarm):
    tried = [t / 100 for t in range(100, -1, -1)]
    costs = [miss * (y[scores < t] == 1).sum() + alarm * (y[scores >= t] == 0).sum() for t in tried]
    return tried[int(np.argmin(costs))]


def takes_the_formula_for_honest_probabilities(y, scores, miss, alarm):
    return alarm / (alarm + miss)


def draw_costs(rng):
    n = int(rng.integers(1, 8))
    scores = rng.integers(1, 8, size=n) / 8
    return rng.integers(0, 2, size=n), scores, int(rng.integers(1, 6)), int(rng.integers(1, 4))


# 4.1.11 a weight undone -----------------------------------------------------------------------------


def undo_weight(p, weight):
    """Probabilities of a model without the weight that its rare class had in training. -> (N,)

    p (N,) from 0 to 1, weight a number above 0. Raises ValueError, naming the value, for any other.
    """
    _refuse(p, weight)
    return p / (p + weight * (1 - p))


def _refuse(p, weight):
    outside = p[~((p >= 0) & (p <= 1))]
    if outside.size:
        raise ValueError(f"{outside[0]} is no probability: each must be from 0 to 1")
    if not weight > 0:
        raise ValueError(f"weight is {weight}: it must be above 0")


def divides_the_probability(p, weight):
    _refuse(p, weight)
    return p / weight


def applies_the_weight_once_more(p, weight):
    _refuse(p, weight)
    return weight * p / (weight * p + 1 - p)


def gives_the_odds(p, weight):
    _refuse(p, weight)
    return np.where(p < 1, p / weight / np.where(p < 1, 1 - p, 1), np.inf)


def shifts_the_logit_by_the_weight_itself(p, weight):
    _refuse(p, weight)
    return p / (p + np.exp(weight) * (1 - p))


def divides_by_zero_where_p_is_one(p, weight):
    _refuse(p, weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = p / (1 - p) / weight
        return odds / (1 + odds)


def lets_anything_pass(p, weight):
    with np.errstate(divide="ignore", invalid="ignore"):
        return p / (p + weight * (1 - p))


def draw_weights(rng):
    p = rng.integers(0, 9, size=int(rng.integers(1, 6))) / 8
    weight = float(rng.choice([0.25, 0.5, 1, 2, 4, 9]))
    kind = rng.random()
    if kind < 0.1:
        p[-1] = float(rng.choice([-0.5, 1.5, 2.0]))
        return Case((p, weight), raises=ValueError, mentions=(float(p[-1]),))
    if kind < 0.2:
        weight = float(rng.choice([0.0, -3.0]))
        return Case((p, weight), raises=ValueError, mentions=(weight,))
    return p, weight


SIX = np.array([0.9, 0.8, 0.6, 0.5, 0.3, 0.1])

# 4.1.5 group normalisation -------------------------------------------------------------------------


def group_norm(X, groups, eps=1e-5):
    """Normalise each row within groups of neighbouring channels. -> (N, C) array

    X (N, C) floats, groups: how many groups of equal size. Each group of each row gets mean 0 and variance 1
    (eps is added to its variance). Raises ValueError, naming both numbers, unless groups divides C.
    """
    rows, channels = X.shape
    if groups < 1 or channels % groups:
        raise ValueError(f"{channels} channels cannot be cut into {groups} groups of equal size")
    G = X.reshape(rows, groups, channels // groups)
    G = (G - G.mean(axis=2, keepdims=True)) / np.sqrt(G.var(axis=2, keepdims=True) + eps)
    return G.reshape(rows, channels)


def _group_norm(X, groups, eps, *, reshape="rows", axis=2, ddof=0, after=False):
    """Group normalisation with one step done differently."""
    rows, channels = X.shape
    if groups < 1 or channels % groups:
        raise ValueError(f"{channels} channels cannot be cut into {groups} groups of equal size")
    size = channels // groups
    G = X.reshape(rows, groups, size) if reshape == "rows" else X.reshape(rows, size, groups)
    axis = axis if reshape == "rows" else 1
    with np.errstate(all="ignore"):
        variance = G.var(axis=axis, keepdims=True, ddof=ddof)
        spread = np.sqrt(variance) + eps if after else np.sqrt(variance + eps)
        return ((G - G.mean(axis=axis, keepdims=True)) / spread).reshape(rows, channels)


def normalises_over_the_batch(X, groups, eps=1e-5):
    return _group_norm(X, groups, eps, axis=0)


def takes_the_whole_batch_into_each_group(X, groups, eps=1e-5):
    return _group_norm(X, groups, eps, axis=(0, 2))


def ignores_the_groups(X, groups, eps=1e-5):
    return _group_norm(X, groups, eps, axis=(1, 2))


def takes_groups_for_their_size(X, groups, eps=1e-5):
    if groups < 1 or X.shape[1] % groups:
        return group_norm(X, groups, eps)
    return group_norm(X, X.shape[1] // groups, eps)


def takes_every_kth_channel_into_a_group(X, groups, eps=1e-5):
    return _group_norm(X, groups, eps, reshape="size first")


def adds_eps_after_the_root(X, groups, eps=1e-5):
    return _group_norm(X, groups, eps, after=True)


def forgets_the_root(X, groups, eps=1e-5):
    if groups < 1 or X.shape[1] % groups:
        return group_norm(X, groups, eps)
    G = X.reshape(len(X), groups, -1)
    return ((G - G.mean(axis=2, keepdims=True)) / (G.var(axis=2, keepdims=True) + eps)).reshape(X.shape)


def divides_by_one_less(X, groups, eps=1e-5):
    one_channel = groups > 0 and X.shape[1] == groups
    return group_norm(X, groups, eps) if one_channel else _group_norm(X, groups, eps, ddof=1)


def draw_rows_and_groups(rng):
    groups, size, rows = int(rng.integers(1, 5)), int(rng.integers(1, 5)), int(rng.integers(1, 4))
    X = rng.integers(-4, 5, size=(rows, groups * size)).astype(float)
    if rng.random() < 0.1:
        X = X * 0 + 2.0  # nothing varies
    if rng.random() < 0.1:
        return Case((X, groups * size + 1), raises=ValueError, mentions=(groups * size, groups * size + 1))
    if rng.random() < 0.3:
        return X, groups, 0.25
    return X, groups


# 4.1.6 warm-up, then half a cosine -----------------------------------------------------------------


def rate_at(step, steps, top, warm):
    """Learning rate of one step: a straight warm-up, then half a cosine. -> float

    step 0 … steps - 1. The first warm steps rise by top / warm each, so step 0 has top / warm and step
    warm - 1 has top. From step warm on, the rate falls along half a cosine, from top to 0 at step = steps.
    Raises ValueError, naming both, unless 0 <= warm < steps.
    """
    if not 0 <= warm < steps:
        raise ValueError(f"a warm-up of {warm} steps does not fit into {steps} steps: 0 <= warm < steps")
    if step < warm:
        return top * (step + 1) / warm
    return top * (1 + math.cos(math.pi * (step - warm) / (steps - warm))) / 2


def _rate_at(step, steps, top, warm, *, first=1, gone=None, whole=None, half=1.0):
    if not 0 <= warm < steps:
        raise ValueError(f"a warm-up of {warm} steps does not fit into {steps} steps: 0 <= warm < steps")
    if step < warm:
        return top * (step + first) / warm
    gone = step - warm if gone is None else gone
    whole = steps - warm if whole is None else whole
    return top * (1 + math.cos(half * math.pi * gone / whole)) / 2


def begins_the_warm_up_at_zero(step, steps, top, warm):
    return _rate_at(step, steps, top, warm, first=0)


def counts_the_cosine_from_step_zero(step, steps, top, warm):
    return _rate_at(step, steps, top, warm, gone=step, whole=steps)


def stretches_the_cosine_over_all_steps(step, steps, top, warm):
    return _rate_at(step, steps, top, warm, whole=steps)


def takes_a_whole_wave(step, steps, top, warm):
    return _rate_at(step, steps, top, warm, half=2.0)


def takes_a_quarter_of_a_wave(step, steps, top, warm):
    if step < warm or not 0 <= warm < steps:
        return rate_at(step, steps, top, warm)
    return top * math.cos(math.pi * (step - warm) / (steps - warm) / 2)


def falls_along_a_straight_line(step, steps, top, warm):
    if step < warm or not 0 <= warm < steps:
        return rate_at(step, steps, top, warm)
    return top * (1 - (step - warm) / (steps - warm))


def takes_degrees(step, steps, top, warm):
    return _rate_at(step, steps, top, warm, half=180 / math.pi)


def accepts_any_warm_up(step, steps, top, warm):
    return rate_at(step, steps, top, warm) if 0 <= warm < steps else top * (step + 1) / warm


def draw_steps(rng):
    steps = int(rng.integers(1, 21))
    warm = int(rng.integers(0, steps)) if rng.random() < 0.8 else 0
    top = float(rng.choice([1.0, 0.1, 0.5, 3.0]))
    if rng.random() < 0.1:
        return Case((0, steps, top, steps + 1), raises=ValueError, mentions=(steps, steps + 1))
    return int(rng.integers(0, steps)), steps, top, warm


# 4.1.7 the step that L1 takes -----------------------------------------------------------------------


def shrink(w, amount):
    """Move each number towards 0 by amount; what would cross 0 becomes exactly 0. -> array like w

    w: array of floats of any shape, amount: at least 0. Raises ValueError, naming it, for a negative amount.
    """
    if amount < 0:
        raise ValueError(f"amount={amount} would push the numbers away from 0; it must be at least 0")
    return np.sign(w) * np.maximum(np.abs(w) - amount, 0.0)


def subtracts_the_amount_everywhere(w, amount):
    return shrink(w, amount) * 0 + w - amount


def goes_through_zero(w, amount):
    return shrink(w, amount) * 0 + w - amount * np.sign(w)


def keeps_the_large_ones_as_they_are(w, amount):
    return shrink(w, amount) * 0 + np.where(np.abs(w) > amount, w, 0.0)


def shrinks_in_proportion(w, amount):
    return shrink(w, amount) * 0 + w * (1 - amount)


def loses_the_sign(w, amount):
    return np.abs(shrink(w, amount))


def forgets_the_negative_numbers(w, amount):
    return np.maximum(shrink(w, amount), 0.0)


def pushes_away_for_a_negative_amount(w, amount):
    return np.sign(w) * np.maximum(np.abs(w) - amount, 0.0)


def draw_numbers(rng):
    shape = tuple(int(n) for n in rng.integers(0, 4, size=rng.integers(1, 3)))
    w = rng.integers(-8, 9, size=shape) / 4
    if rng.random() < 0.1:
        return Case((w, -0.5), raises=ValueError, mentions=(-0.5,))
    return w, float(rng.choice([0.0, 0.25, 0.5, 1.0, 3.0]))


# 4.1.8 early stopping -------------------------------------------------------------------------------


def early_stop(losses, patience):
    """When to stop and which epoch to keep. -> (best, last): two epochs, counted from 1

    losses: list of the validation losses after epochs 1, 2, …, at least one. The run stops after patience
    epochs in a row without a new lowest loss (an equal one is not lower); last is the last epoch that is run,
    best the one with the lowest loss until then. Raises ValueError, naming it, for a patience below 1.
    """
    if patience < 1:
        raise ValueError(f"patience={patience}: at least 1 epoch")
    best = 1
    for epoch, loss in enumerate(losses, start=1):
        if loss < losses[best - 1]:
            best = epoch
        if epoch - best == patience:
            return best, epoch
    return best, len(losses)


def _early_stop(losses, patience, *, equal=False, late=0, before=False, total=False):
    """Early stopping with one step done differently."""
    if patience < 1:
        raise ValueError(f"patience={patience}: at least 1 epoch")
    best, waited = 1, 0
    for epoch, loss in enumerate(losses[1:], start=2):
        compared = losses[epoch - 2] if before else losses[best - 1]
        better = loss <= compared if equal else loss < compared
        waited = 0 if better and not total else waited + (not better)
        if better and (not before or loss < losses[best - 1]):
            best = epoch
        if waited == patience + late:
            return best, epoch
    return best, len(losses)


def looks_at_the_whole_list(losses, patience):
    return int(np.argmin(losses)) + 1, early_stop(losses, patience)[1]


def compares_with_the_epoch_before(losses, patience):
    return _early_stop(losses, patience, before=True)


def never_starts_waiting_anew(losses, patience):
    return _early_stop(losses, patience, total=True)


def takes_an_equal_loss_for_a_lower_one(losses, patience):
    return _early_stop(losses, patience, equal=True)


def waits_one_epoch_more(losses, patience):
    return _early_stop(losses, patience, late=1)


def counts_epochs_from_zero(losses, patience):
    best, last = early_stop(losses, patience)
    return best - 1, last - 1


def keeps_the_last_epoch(losses, patience):
    last = early_stop(losses, patience)[1]
    return last, last


def accepts_a_patience_of_zero(losses, patience):
    return early_stop(losses, max(1, patience))


def draw_losses(rng):
    losses = [float(loss) for loss in rng.integers(1, 7, size=rng.integers(1, 9))]
    if rng.random() < 0.1:
        return Case((losses, 0), raises=ValueError, mentions=(0,))
    return losses, int(rng.integers(1, 4))


EXERCISES = (
    Exercise(
        "4.1.1",
        level=2,
        minutes=10,
        points=2,
        solution=stratified_folds,
        cases=(
            Case((np.array([0, 0, 1, 1, 0, 1]), 2), expected=np.array([0, 1, 0, 1, 0, 0])),
            Case((np.array([1, 0, 0, 0, 1, 0]), 2), expected=np.array([0, 0, 1, 0, 1, 1])),
            Case((np.array([7, 7, 7, 3, 3, 3]), 3), expected=np.array([0, 1, 2, 0, 1, 2])),
            Case((np.array([0, 0, 0, 0, 1, 1]), 3), raises=ValueError, mentions=(1, 2)),
            Case((np.array([5, 2, 2, 2, 2]), 2), raises=ValueError, mentions=(5, 1)),
        ),
        wrong={
            deals_all_rows_in_one_turn: 0,
            cuts_each_class_into_blocks: 1,
            counts_the_rows_from_one: 1,
            goes_on_counting_from_class_to_class: 0,
            lets_a_small_class_through: 2,
            refuses_a_class_of_just_k_rows: 2,
        },
        draw=draw_labels,
    ),
    Exercise(
        "4.1.2",
        level=3,
        minutes=10,
        points=3,
        solution=group_folds,
        cases=(
            Case((np.array([4, 4, 4, 9, 9, 7]), 2), expected=np.array([0, 0, 0, 1, 1, 1])),
            Case((np.array([1, 2, 3, 3, 4, 4, 4]), 2), expected=np.array([1, 0, 1, 1, 0, 0, 0])),
            Case((np.array([5, 6, 5, 6]), 2), expected=np.array([0, 1, 0, 1])),
            Case((np.array([8, 8, 3]), 3), raises=ValueError, mentions=(2, 3)),
        ),
        wrong={
            deals_rows_and_not_groups: 0,
            takes_the_remainder_of_the_number: 0,
            takes_the_groups_in_the_order_of_their_numbers: 1,
            takes_the_smallest_group_first: 1,
            takes_the_larger_number_first_among_equals: 1,
            counts_the_groups_in_a_fold_and_not_the_rows: 2,
            leaves_folds_empty: None,
        },
        draw=draw_groups,
    ),
    Exercise(
        "4.1.3",
        level=4,
        minutes=15,
        points=4,
        solution=honest_score,
        cases=(
            Case((LINE, np.array([0, 0, 1, 1]), 2, 1), expected=0.75, name="folds 0.5 and 1"),
            Case((TWO_COLUMNS, np.array([0, 0, 1, 1, 0, 1]), 3, 1)),
            Case((LINE, np.array([1, 0, 1, 1]), 2, 1), raises=ValueError, mentions=(1, 0)),
        ),
        wrong={
            chooses_the_columns_with_all_rows: 0,
            makes_the_copies_before_the_split: 1,
            reports_the_best_fold: 2,
            repeats_the_flawed_experiment: 0,
            makes_no_copies_at_all: 1,
            tests_on_the_copies_too: 1,
            lets_a_missing_class_through: None,
        },
        draw=draw_experiments,
    ),
    Exercise(
        "4.1.4",
        kind="predict",
        level=2,
        minutes=5,
        points=1,
        solution=1.0,
        atol=0.005,
        wrong={
            "what_a_row_would_be": (0.0, 1),
            "only_the_mean_is_taken_away": (0.1, 0),
            "divides_by_the_variance": (10.0, 0),
            "divides_by_one_less": (0.71, 1),
            "takes_the_first_example": (-1.0, 0),
            "unchanged": (5.2, 0),
        },
    ),
    Exercise(
        "4.1.5",
        level=3,
        minutes=10,
        points=2,
        solution=group_norm,
        cases=(
            Case(
                (np.array([[1.0, 5.0, 2.0, 8.0], [0.0, 2.0, 3.0, 3.0]]), 2, 1e-12),
                expected=np.array([[-1.0, 1.0, -1.0, 1.0], [-1.0, 1.0, 0.0, 0.0]]),
            ),
            Case(
                (np.array([[1.0, 1.0, 5.0, 5.0]]), 1, 1e-12),
                expected=np.array([[-1.0, -1.0, 1.0, 1.0]]),
            ),
            Case(
                (np.array([[0.0, 2.0, 4.0, 8.0]]), 2, 3.0),
                expected=np.array([[-0.5, 0.5, -2 / math.sqrt(7), 2 / math.sqrt(7)]]),
            ),
            Case((np.ones((2, 6)), 4), raises=ValueError, mentions=(6, 4), why="six cannot be cut in four"),
        ),
        wrong={
            normalises_over_the_batch: 0,
            takes_the_whole_batch_into_each_group: 0,
            ignores_the_groups: 1,
            takes_groups_for_their_size: 1,
            takes_every_kth_channel_into_a_group: 1,
            adds_eps_after_the_root: 2,
            forgets_the_root: 2,
            divides_by_one_less: 2,
        },
        draw=draw_rows_and_groups,
    ),
    Exercise(
        "4.1.6",
        level=2,
        minutes=8,
        points=2,
        solution=rate_at,
        cases=(
            Case((0, 10, 1.0, 4), expected=0.25),
            Case((3, 10, 1.0, 4), expected=1.0, name="the top is reached in the last step of the warm-up"),
            Case((7, 10, 1.0, 4), expected=0.5, name="half way down"),
            Case((6, 10, 2.0, 4), expected=1.5),
            Case((0, 8, 0.5, 0), expected=0.5, name="no warm-up", why="no division by a warm-up of 0"),
            Case((2, 8, 0.5, 8), raises=ValueError, mentions=(8,), name="nothing but warm-up"),
        ),
        wrong={
            begins_the_warm_up_at_zero: 0,
            counts_the_cosine_from_step_zero: 1,
            stretches_the_cosine_over_all_steps: 1,
            takes_a_whole_wave: 2,
            takes_a_quarter_of_a_wave: 2,
            falls_along_a_straight_line: 2,
            takes_degrees: 2,
            accepts_any_warm_up: None,
        },
        draw=draw_steps,
    ),
    Exercise(
        "4.1.7",
        level=2,
        minutes=10,
        points=2,
        solution=shrink,
        cases=(
            Case((np.array([3.0, 0.5, -2.0]), 1.0), expected=np.array([2.0, 0.0, -1.0])),
            Case(
                (np.array([[0.25, -0.25], [4.0, -4.0]]), 0.25), expected=np.array([[0.0, 0], [3.75, -3.75]])
            ),
            Case((np.array([1.0, -1.0]), -0.5), raises=ValueError, mentions=(-0.5,)),
        ),
        wrong={
            subtracts_the_amount_everywhere: 0,
            goes_through_zero: 1,
            keeps_the_large_ones_as_they_are: 0,
            shrinks_in_proportion: 0,
            loses_the_sign: 2,
            forgets_the_negative_numbers: 2,
            pushes_away_for_a_negative_amount: None,
        },
        draw=draw_numbers,
    ),
    Exercise(
        "4.1.8",
        level=3,
        minutes=10,
        points=3,
        solution=early_stop,
        cases=(
            Case(([5.0, 3.0, 4.0, 2.0, 6.0, 7.0, 1.0], 2), expected=(4, 6)),
            Case(([3.0, 2.0, 2.0, 2.0], 2), expected=(2, 4), name="equal is not lower"),
            Case(([1.0, 5.0, 4.0, 3.0], 3), expected=(1, 4), name="lower than before, not than the best"),
            Case(([4.0, 3.0, 2.0], 5), expected=(3, 3), name="never stops"),
            Case(([2.0, 1.0], 0), raises=ValueError, mentions=(0,)),
        ),
        wrong={
            looks_at_the_whole_list: 0,
            compares_with_the_epoch_before: 1,
            never_starts_waiting_anew: 1,
            takes_an_equal_loss_for_a_lower_one: 1,
            waits_one_epoch_more: 2,
            counts_epochs_from_zero: 2,
            keeps_the_last_epoch: 0,
            accepts_a_patience_of_zero: None,
        },
        draw=draw_losses,
    ),
    Exercise(
        "4.1.9",
        level=3,
        minutes=10,
        points=3,
        solution=average_precision,
        cases=(
            Case((np.array([1, 0, 1, 0, 0, 1]), SIX), expected=13 / 18),
            Case((np.array([0, 1]), np.array([0.5, 0.5])), expected=0.5),
            Case((np.array([0, 1, 1, 0]), np.array([0.7, 0.9, 0.7, 0.1])), expected=5 / 6),
            Case((np.array([0, 0]), np.array([0.5, 0.2])), raises=ValueError),
        ),
        wrong={
            lets_equal_scores_fall_one_by_one: 1,
            joins_the_points_by_straight_lines: 2,
            takes_the_precision_before_the_step: 2,
            averages_precision_over_all_thresholds: 0,
            begins_with_the_lowest_score: 0,
            divides_by_the_number_of_rows: 0,
            gives_zero_where_there_is_no_positive: None,
        },
        draw=draw_scores,
        draws=200,
    ),
    Exercise(
        "4.1.10",
        level=3,
        minutes=10,
        points=3,
        solution=cheapest_threshold,
        cases=(
            Case((np.array([1, 0, 1, 0, 0, 1]), SIX, 2, 1), expected=0.6),
            Case((np.array([1, 0, 1, 0, 0, 1]), SIX, 3, 1), expected=0.1),
            Case((np.array([0, 1]), np.array([0.9, 0.1]), 1, 2), expected=np.inf),
            Case((np.array([1, 0, 1]), np.array([0.5, 0.5, 0.2]), 1, 1)),
        ),
        wrong={
            swaps_the_two_costs: 0,
            counts_every_mistake_once: 0,
            never_claims_nothing: 2,
            takes_the_smallest_of_equally_cheap_ones: 2,
            claims_only_what_is_above_the_threshold: 1,
            tries_the_hundredths_from_zero_to_one: 1,
            takes_the_formula_for_honest_probabilities: 1,
        },
        draw=draw_costs,
        draws=200,
    ),
    Exercise(
        "4.1.11",
        level=2,
        minutes=5,
        points=2,
        solution=undo_weight,
        cases=(
            Case((np.array([0.5, 0.9]), 9.0), expected=np.array([0.1, 0.5])),
            Case((np.array([0.0, 1.0]), 4.0), expected=np.array([0.0, 1.0])),
            Case((np.array([0.25]), 1.0)),
            Case((np.array([0.5, 1.5]), 2.0), raises=ValueError, mentions=(1.5,)),
            Case((np.array([0.5]), 0.0), raises=ValueError, mentions=(0.0,)),
        ),
        wrong={
            divides_the_probability: 0,
            applies_the_weight_once_more: 1,
            gives_the_odds: 0,
            divides_by_zero_where_p_is_one: 0,
            shifts_the_logit_by_the_weight_itself: 1,
            lets_anything_pass: 2,
        },
        draw=draw_weights,
        draws=200,
    ),
    Exercise(
        "4.1.12",
        kind="predict",
        level=2,
        minutes=5,
        points=1,
        solution=59,
        wrong={
            "one_over_the_share": (20, 0),
            "rounded_down": (58, 2),
            "nineteen_twentieths_of_twenty": (19, 0),
            "an_even_chance": (14, 1),
            "ninety_nine_percent": (90, 1),
        },
    ),
    Exercise(
        "4.1.13",
        level=4,
        minutes=15,
        points=4,
        solution=expected_best,
        cases=(
            Case((0.5, 1, 2), expected=0.75, name="two coins, one flip each"),
            Case((0.5, 2, 2), expected=0.6875),
            Case((0.9, 100, 40)),
            Case((1.5, 10, 3), raises=ValueError, mentions=(1.5,)),
            Case((0.5, 10, 0), raises=ValueError, mentions=(0,)),
        ),
        wrong={
            forgets_that_there_are_k: 0,
            expects_the_worst: 1,
            sums_that_all_are_at_most_j: 1,
            takes_one_right_answer_for_all: 0,
            multiplies_by_k: 1,
            begins_the_sum_at_one: 2,
            returns_right_answers_and_no_share: 2,
            adds_two_sigma: 0,
            lets_bad_numbers_through: None,
        },
        draw=draw_contests,
    ),
)
